//! Heads of responses as HTTP/2 has them.

use http::{
    HeaderMap, Response, StatusCode,
    header::{self, Entry},
};

use super::date;
use crate::{
    outgoing::Outgoing,
    response::{Head, length_value},
};

/// A head of HTTP/2: without the fields that speak of a connection (RFC 9113 section 8.2.2).
/// `is_accepted`: of a tunnel, by a 101.
pub(super) fn to_response(head: Head, outgoing: &Outgoing, is_accepted: bool) -> Response<()> {
    let Head {
        mut status,
        mut headers,
        content_length,
        ..
    } = head;
    if is_accepted {
        // RFC 8441 section 5: what an upgrade says by a 101.
        status = StatusCode::OK;
        headers.remove(header::SEC_WEBSOCKET_ACCEPT);
    } else if status != StatusCode::NO_CONTENT
        && let Some(length) = content_length.or_else(|| outgoing.length_to_announce())
    {
        headers.insert(header::CONTENT_LENGTH, length_value(length));
    }
    finish_head(status, headers)
}

/// A head with the fields that every response has, and without those that none may have.
pub(super) fn finish_head(status: StatusCode, mut headers: HeaderMap) -> Response<()> {
    if let Entry::Vacant(vacant) = headers.entry(header::DATE)
        && let Some(date) = date::now()
    {
        vacant.insert(date);
    }
    bare_head(status, headers)
}

/// A head without the fields that none may have.
pub(super) fn bare_head(status: StatusCode, mut headers: HeaderMap) -> Response<()> {
    headers.remove(header::UPGRADE);
    headers.remove(header::TE);
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
