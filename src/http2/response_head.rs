//! The head of a response that a hijacking application has written by hand for HTTP/1.1, as one
//! of HTTP/2 (contract, rule 32).

use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Most fields of a head.
const MAX_FIELDS: usize = 128;

/// What the application has written is no head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbage;

/// A head whose end has come.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: StatusCode,
    /// Without those that speak of a connection (RFC 9110 section 7.6.1).
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// What a 101 switches to, and its answer to the client's key.
    pub(super) upgrade: Option<HeaderValue>,
    pub(super) accept: Option<HeaderValue>,
}

/// What ends a body of HTTP/1.1 (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// A last chunk.
    Chunked,
    /// So many bytes.
    Length(u64),
    /// The end of the connection.
    Close,
}

impl ResponseHead {
    /// Takes a head off `bytes`; `None`: it has not come whole.
    ///
    /// # Errors
    /// It is none, or is larger than `limit` bytes.
    pub(super) fn take(bytes: &mut BytesMut, limit: usize) -> Result<Option<Self>, Garbage> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut fields);
        let length = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= limit => length,
            Ok(httparse::Status::Partial) if bytes.len() < limit => return Ok(None),
            _ => return Err(Garbage),
        };
        let status = StatusCode::from_u16(parsed.code.ok_or(Garbage)?).map_err(|_| Garbage)?;
        let mut headers = HeaderMap::with_capacity(parsed.headers.len());
        for field in parsed.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Garbage)?;
            let value = HeaderValue::from_bytes(field.value).map_err(|_| Garbage)?;
            headers.append(name, value);
        }
        let framing = framing(&headers)?;
        let upgrade = headers.get(header::UPGRADE).cloned();
        let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT).cloned();
        remove_connection_fields(&mut headers);
        if framing == Framing::Chunked {
            // It overrules a length (RFC 9112 section 6.3).
            headers.remove(header::CONTENT_LENGTH);
        }
        bytes.advance(length);
        Ok(Some(Self {
            status,
            headers,
            framing,
            upgrade,
            accept,
        }))
    }
}

fn framing(headers: &HeaderMap) -> Result<Framing, Garbage> {
    if let Some(coding) = headers.get(header::TRANSFER_ENCODING) {
        // The only one that is decoded here.
        let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        return if is_chunked {
            Ok(Framing::Chunked)
        } else {
            Err(Garbage)
        };
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok(Framing::Close);
    };
    if lengths.any(|other| other != first) {
        return Err(Garbage);
    }
    let digits = first.to_str().map_err(|_| Garbage)?;
    // `parse` would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Garbage);
    }
    digits.parse().map(Framing::Length).map_err(|_| Garbage)
}

fn remove_connection_fields(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    let known = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    for name in named.iter().chain(&known) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<Option<ResponseHead>, Garbage> {
        ResponseHead::take(&mut BytesMut::from(text), 1000)
    }

    #[test]
    fn leaves_what_follows_the_head() {
        let mut bytes = BytesMut::from("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        let head = ResponseHead::take(&mut bytes, 1000).unwrap().unwrap();
        assert_eq!(
            (head.status, head.framing),
            (StatusCode::OK, Framing::Length(3))
        );
        assert_eq!(&bytes[..], b"abc");
    }

    #[test]
    fn keeps_repeated_fields_and_drops_those_of_the_connection() {
        let head = take(
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close, X-Hop\r\n\
             X-Hop: 1\r\nKeep-Alive: 5\r\nTransfer-Encoding: Chunked\r\n\r\n",
        );
        let head = head.unwrap().unwrap();
        assert_eq!(head.framing, Framing::Chunked);
        assert_eq!(head.headers.len(), 2);
        assert_eq!(head.headers.get_all(header::SET_COOKIE).iter().count(), 2);
    }

    #[test]
    fn waits_for_the_rest_of_a_head_up_to_the_limit() {
        assert!(take("HTTP/1.1 200 OK\r\nA: ").unwrap().is_none());
        let long = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(1000));
        assert_eq!(take(&long).unwrap_err(), Garbage);
    }

    #[test]
    fn refuses_what_is_no_head() {
        for text in [
            "hello\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        ] {
            assert_eq!(take(text).unwrap_err(), Garbage, "{text:?}");
        }
    }
}
