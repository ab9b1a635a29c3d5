//! One request on a connection: judge the head, receive the body where it has to be whole,
//! queue the exchange, and turn the application's answer into hyper's.

use std::{future::poll_fn, sync::Arc, time::Instant};

use http::{HeaderValue, Response, StatusCode, Version, header, request::Parts};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    connection::{Connection, Phase},
    exchange::{Exchange, Inner},
    input::{BodyReader, Input, Limits},
    log::AccessEntry,
    outgoing::{Outgoing, Report},
    queue::PushError,
    request::{self, Request},
    request_body::RequestBody,
    response::{Body, Head},
    spool::Spool,
    stats::Counters,
};

/// Answers one request; a connection that the application takes over is never answered here.
pub(crate) async fn handle(
    connection: Arc<Connection>,
    request: http::Request<Incoming>,
) -> Response<Outgoing> {
    let received = Instant::now();
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let last = connection.request_begins(has_body);
    let body = has_body.then(|| RequestBody::new(body, connection.clone()));
    let server = connection.server.clone();
    let version = parts.version;
    let access = server.log.has_access().then(|| {
        let Parts { method, uri, .. } = &parts;
        Box::new(AccessEntry::new(connection.peer, method, uri, version))
    });
    if let Err(status) = request::check(&parts, &server.config) {
        return refuse(connection, version, access, status, has_body);
    }
    let (input, reader) = match receive(&connection, &parts, body).await {
        Ok(input) => input,
        Err(status) => return refuse(connection, version, access, status, true),
    };
    let request = Request::new(parts);
    let inner = Inner::new(
        server.clone(),
        connection.clone(),
        request,
        input,
        reader,
        access,
        received,
    );
    connection.set_current(inner.clone());
    Counters::add(&server.counters.requests);
    let exchange = Exchange {
        inner: inner.clone(),
    };
    match server.queue.push_quietly(exchange) {
        // Woken behind the tasks that are ready now: they may have more for it.
        Ok(Some(worker)) => server.wakeups.wake(worker),
        Ok(None) => {}
        Err(PushError::Full(exchange) | PushError::Closed(exchange)) => {
            exchange.inner.withdraw();
            let access = inner.access.lock().take();
            let unread = !inner.reader.is_complete();
            return refuse(
                connection,
                version,
                access,
                StatusCode::SERVICE_UNAVAILABLE,
                unread,
            );
        }
    }
    let (head, body) = poll_fn(|cx| inner.poll_answer(cx)).await;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        if !matches!(body, Body::Stream) {
            inner.outbox.finish();
        }
        connection.want_upgrade(head);
        // The connection leaves hyper's hands before it asks again.
        return std::future::pending().await;
    }
    respond(connection, inner, head, body, last)
}

fn refuse(
    connection: Arc<Connection>,
    version: Version,
    access: Option<Box<AccessEntry>>,
    status: StatusCode,
    unread: bool,
) -> Response<Outgoing> {
    Counters::add(&connection.server.counters.refused);
    if unread {
        connection.linger_on_close();
    }
    connection.enter(Phase::Busy);
    let (head, body) = Head::error(status);
    let report = Report {
        connection,
        exchange: None,
        access,
        status: status.as_u16(),
        close_delimited: false,
    };
    build(version, head, body, report)
}

fn respond(
    connection: Arc<Connection>,
    exchange: Arc<Inner>,
    mut head: Head,
    body: Body,
    last: bool,
) -> Response<Outgoing> {
    head.close |= last;
    let version = exchange.version;
    // A body that is unread when the answer is there may still be on its way.
    if !exchange.reader.is_complete() {
        connection.linger_on_close();
    }
    connection.answering(matches!(body, Body::Stream) && exchange.is_interactive());
    let unknown_length =
        head.content_length.is_none() && (head.chunked || matches!(body, Body::Stream));
    // HTTP/1.0 has no chunks: the end of the connection is the end of the body.
    let close_delimited = unknown_length && version == Version::HTTP_10;
    head.close |= close_delimited;
    let report = Report {
        connection,
        close_delimited,
        exchange: Some(exchange),
        access: None,
        status: head.status.as_u16(),
    };
    build(version, head, body, report)
}

fn build(version: Version, head: Head, body: Body, report: Report) -> Response<Outgoing> {
    let Head {
        status,
        mut headers,
        content_length,
        chunked,
        close,
        ..
    } = head;
    if close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(length) = content_length.filter(|_| status != StatusCode::NO_CONTENT) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let mut response = Response::new(Outgoing::new(body, content_length, chunked, report));
    // hyper overrules "close" towards HTTP/1.0, unless the answer says HTTP/1.0 too.
    if close {
        *response.version_mut() = version;
    }
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Where the application is called with the body whole, it is received here; where waiting
/// would be wrong, the application reads it as it comes, on one of the threads that may wait.
async fn receive(
    connection: &Connection,
    parts: &Parts,
    body: Option<RequestBody>,
) -> Result<(Input, BodyReader), StatusCode> {
    let limits = Limits::new(&connection.server.config);
    let Some(body) = body else {
        return Ok((Input::Empty, BodyReader::ended(limits)));
    };
    // In a box: most requests have no body, and what it takes would make every task larger.
    Box::pin(receive_body(connection, parts, body, limits)).await
}

async fn receive_body(
    connection: &Connection,
    parts: &Parts,
    mut body: RequestBody,
    limits: Limits,
) -> Result<(Input, BodyReader), StatusCode> {
    let server = &connection.server;
    let config = &server.config;
    let expects_continue = parts
        .headers
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let length = body.length();
    if length.is_some_and(|length| limits.is_exceeded_by(length)) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let streams = length.is_none() || expects_continue || !config.request_buffering;
    let mut spool = Spool::new(limits, config.body_memory_bytes);
    if streams {
        if let Some(permit) = await_place(connection, &mut spool, &mut body).await? {
            let early = spool.into_early();
            let reader = BodyReader::new(early, body, limits, permit, expects_continue);
            return Ok((Input::Streaming, reader));
        }
    }
    spool.receive(&mut body).await?;
    Ok((spool.finish().await?, BodyReader::ended(limits)))
}

/// A place among the exchanges with unfinished bodies; meanwhile the body is received, and
/// when that was faster, or memory does not suffice, no place is needed any more.
async fn await_place(
    connection: &Connection,
    spool: &mut Spool,
    body: &mut RequestBody,
) -> Result<Option<OwnedSemaphorePermit>, StatusCode> {
    let places = connection.server.streaming_places.clone();
    if let Ok(permit) = places.clone().try_acquire_owned() {
        return Ok(Some(permit));
    }
    tokio::select! {
        biased;
        permit = places.acquire_owned() => Ok(permit.ok()),
        received = spool.fill(body) => received.map(|_| None),
    }
}
