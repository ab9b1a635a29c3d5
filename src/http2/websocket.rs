//! WebSockets over HTTP/2 (RFC 8441) for applications that know those of HTTP/1.1 (RFC 6455).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ring::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, digest},
    rand::{SecureRandom as _, SystemRandom},
};

/// RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const KEY: HeaderName = header::SEC_WEBSOCKET_KEY;

/// Adds the fields by which a client of HTTP/1.1 asks for the upgrade. The key is made here, since
/// an extended CONNECT has none (RFC 8441 section 5). The key.
///
/// # Errors
/// The system gives no random numbers.
pub(super) fn ask(headers: &mut HeaderMap) -> Result<HeaderValue, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let mut nonce = [0; 16];
    SystemRandom::new().fill(&mut nonce).map_err(failed)?;
    let key = HeaderValue::try_from(STANDARD.encode(nonce))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(KEY, key.clone());
    headers
        .entry(header::SEC_WEBSOCKET_VERSION)
        .or_insert(HeaderValue::from_static("13"));
    Ok(key)
}

/// What the server's side must answer to `key` (RFC 6455 section 4.2.2).
pub(super) fn accept(key: &[u8]) -> String {
    let text = [key, GUID].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_the_example_of_rfc_6455() {
        let accept = accept(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn keys_are_16_bytes_and_never_the_same() {
        let key = || {
            let mut headers = HeaderMap::new();
            let key = ask(&mut headers).unwrap();
            assert_eq!(headers[KEY], key);
            key
        };
        let first = key();
        assert_eq!(STANDARD.decode(first.as_bytes()).unwrap().len(), 16);
        assert_ne!(first, key());
    }
}
