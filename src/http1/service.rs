//! One request on a connection of HTTP/1: judge the head, hand it to the queue, and turn the
//! application's answer into hyper's.

use std::{convert::Infallible, future::poll_fn, pin::Pin, sync::Arc};

use http::{HeaderValue, Method, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::response_body::{Report, ResponseBody};
use crate::{
    arrival::{Arrival, Refused},
    carrier::Carrier,
    connection::{Connection, Phase},
    exchange::{Inner, Reply},
    input::{BodyReader, Input, Limits},
    log::AccessEntry,
    outgoing::Outgoing,
    request,
    request_body::RequestBody,
    response::{Body, Head, length_value},
    stats::Counters,
};

/// Answers one request; a connection that the application takes over is never answered here.
/// What can be done at once is done before the future is made, which every connection keeps
/// room for.
pub(super) fn handle(
    connection: &Arc<Connection>,
    request: http::Request<Incoming>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> + use<> {
    let received = Instant::now();
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let (number, last) = connection.request_begins(has_body, received);
    let last = last || request::asks_for_close(&parts.headers);
    let version = parts.version;
    let is_head = parts.method == Method::HEAD;
    let server = &connection.server;
    let checked = request::check(&parts, &server.config);
    let arrival = Arrival {
        access: AccessEntry::of(&parts, connection.peer, &server.log),
        carrier: Carrier::Http1(connection.clone()),
        parts,
        received,
    };
    let begun = match checked {
        Err(status) => Begun::Now(Err(arrival.refused(status, has_body))),
        Ok(()) if has_body => {
            let body = RequestBody::of_http1(body, number, connection.clone());
            Begun::Later(Box::pin(arrival.receive(body)))
        }
        Ok(()) => {
            let reader = BodyReader::ended(Limits::new(&server.config));
            Begun::Now(arrival.queue(Input::Empty, reader, received))
        }
    };
    let connection = connection.clone();
    async move {
        let inner = match begun {
            Begun::Now(inner) => inner,
            Begun::Later(receiving) => receiving.await,
        };
        Ok(match inner {
            Ok(inner) => answer(connection, inner, last).await,
            Err(refused) => refuse(connection, version, refused, is_head),
        })
    }
}

/// How far a request has come without waiting.
enum Begun<F> {
    Now(Result<Arc<Inner>, Refused>),
    /// Its body has to be received first.
    Later(Pin<Box<F>>),
}

/// Waits for what the application answers.
async fn answer(
    connection: Arc<Connection>,
    inner: Arc<Inner>,
    last: bool,
) -> Response<ResponseBody> {
    match poll_fn(|cx| inner.poll_reply(cx)).await {
        Reply::Hijack => connection.want_hijack(),
        Reply::Answer(head, body) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
            if !matches!(body, Body::Stream) {
                inner.outbox.finish();
            }
            connection.want_upgrade(head);
        }
        Reply::Answer(head, body) => return respond(connection, inner, head, body, last),
    }
    // The connection leaves hyper's hands before it asks again.
    std::future::pending().await
}

fn refuse(
    connection: Arc<Connection>,
    version: Version,
    refused: Refused,
    is_head: bool,
) -> Response<ResponseBody> {
    Counters::add(&connection.server.counters.refused);
    if refused.unread {
        connection.linger_on_close();
    }
    connection.enter(Phase::Busy);
    let (head, body) = Head::error(refused.status);
    let report = Report {
        connection,
        access: refused.access,
        status: refused.status.as_u16(),
        close_delimited: false,
        close: true,
    };
    let outgoing = Outgoing::new(&head, body, None, is_head);
    build(version, head, outgoing, report)
}

fn respond(
    connection: Arc<Connection>,
    exchange: Arc<Inner>,
    mut head: Head,
    body: Body,
    last: bool,
) -> Response<ResponseBody> {
    head.close |= last;
    let version = exchange.version;
    // A body that is unread when the answer is there may still be on its way.
    if !exchange.reader.is_complete() {
        connection.linger_on_close();
    }
    let unknown_length =
        head.content_length.is_none() && (head.chunked || matches!(body, Body::Stream));
    // HTTP/1.0 has no chunks: the end of the connection is the end of the body.
    let close_delimited = unknown_length && version == Version::HTTP_10;
    head.close |= close_delimited;
    let chunked = unknown_length && !head.chunked && !close_delimited;
    let is_plain = connection.security.is_none();
    let is_stream = matches!(body, Body::Stream);
    let outlasts = is_stream && unknown_length && !head.headers.contains_key(header::TRAILER);
    connection.answering(is_stream && exchange.is_interactive(), outlasts);
    let report = Report {
        connection,
        close_delimited,
        close: head.close,
        access: None,
        status: head.status.as_u16(),
    };
    let is_head = exchange.is_head;
    let outgoing = Outgoing::new(&head, body, Some(exchange), is_head);
    if chunked
        && is_plain
        && !outgoing.is_bodiless()
        && let Some(exchange) = outgoing.exchange()
    {
        exchange.outbox.allow_bypass();
    }
    build(version, head, outgoing, report)
}

fn build(
    version: Version,
    head: Head,
    outgoing: Outgoing,
    report: Report,
) -> Response<ResponseBody> {
    let Head {
        status,
        mut headers,
        content_length,
        close,
        ..
    } = head;
    if close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(length) = content_length.filter(|_| status != StatusCode::NO_CONTENT) {
        headers.insert(header::CONTENT_LENGTH, length_value(length));
    }
    let mut response = Response::new(ResponseBody::new(outgoing, report));
    // hyper overrules "close" towards HTTP/1.0, unless the answer says HTTP/1.0 too.
    if close {
        *response.version_mut() = version;
    }
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
