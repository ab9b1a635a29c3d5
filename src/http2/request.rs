//! The head of a request of HTTP/2 as one of HTTP/1.1, which is what applications know (contract,
//! section 7), and what h2 leaves to us of its rules.

use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, header,
    request::Parts,
    uri::{self, PathAndQuery},
};

use super::websocket;
use crate::{config::Config, request};

/// Judges a head and makes it one of HTTP/1.1; `has_body`: one follows. Whether it is an extended
/// CONNECT (RFC 8441), which has become a GET that asks for an upgrade: then its key.
///
/// # Errors
/// The status that refuses it.
pub(super) fn translate(
    parts: &mut Parts,
    has_body: bool,
    config: &Config,
) -> Result<Option<HeaderValue>, StatusCode> {
    if is_padded(&parts.headers) {
        return Err(StatusCode::BAD_REQUEST);
    }
    check_count(&parts.headers, config.max_header_fields)?;
    if let Some(authority) = parts.uri.authority() {
        // It overrules a Host field (RFC 9113 section 8.3.1).
        if let Ok(host) = authority.as_str().parse() {
            parts.headers.insert(header::HOST, host);
        }
    }
    let protocol = parts.extensions.remove::<h2::ext::Protocol>();
    let mut key = None;
    if let Some(protocol) = protocol {
        if !protocol.as_str().eq_ignore_ascii_case("websocket") {
            return Err(StatusCode::NOT_IMPLEMENTED);
        }
        parts.method = Method::GET;
        key = Some(websocket::ask(&mut parts.headers)?);
    } else if has_body && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        // Applications take a body with neither for none (contract, rule 5).
        let chunked = HeaderValue::from_static("chunked");
        parts.headers.insert(header::TRANSFER_ENCODING, chunked);
    }
    check_target(&parts.method, &parts.uri)?;
    // Its authority is judged as the Host field.
    let uri = std::mem::take(&mut parts.uri);
    parts.uri = without_authority(uri);
    request::check(parts, config)?;
    Ok(key)
}

/// How many bytes of payload a head is.
pub(super) fn size(parts: &Parts) -> usize {
    request::size_of_fields(&parts.headers)
        + parts.uri.path().len()
        + parts.uri.query().map_or(0, str::len)
}

/// Whether a field value has white space at its edges, where none may be (RFC 9113 section 8.2.1).
pub(super) fn is_padded(fields: &HeaderMap) -> bool {
    let is_padded =
        |value: &HeaderValue| matches!(value.as_bytes(), [b' ' | b'\t', ..] | [.., b' ' | b'\t']);
    fields.values().any(is_padded)
}

/// `*` is the path of OPTIONS alone (RFC 9113 section 8.3.1), and what is served has one of two
/// schemes.
fn check_target(method: &Method, uri: &Uri) -> Result<(), StatusCode> {
    let is_served = matches!(uri.scheme_str(), None | Some("http" | "https"));
    if !is_served || (uri.path() == "*" && *method != Method::OPTIONS) {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

/// The crumbs of a Cookie field are one field (RFC 9113 section 8.2.3).
fn check_count(headers: &HeaderMap, most: usize) -> Result<(), StatusCode> {
    if headers.len() <= most {
        return Ok(());
    }
    let crumbs = headers.get_all(header::COOKIE).iter().count();
    if headers.len() - crumbs.saturating_sub(1) <= most {
        return Ok(());
    }
    Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

/// Path and query: the target as HTTP/1.1 has it.
fn without_authority(uri: Uri) -> Uri {
    let mut target = uri::Parts::default();
    let path = uri.into_parts().path_and_query;
    target.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
    Uri::from_parts(target).unwrap_or_default()
}
