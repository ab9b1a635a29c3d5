//! One request on a connection: judge the head, receive the body where it has to be whole,
//! queue the exchange, and turn the application's answer into hyper's.

use std::{convert::Infallible, future::poll_fn, pin::Pin, sync::Arc};

use http::{HeaderValue, Response, StatusCode, Version, header, request::Parts};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

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

/// A response that the server gives itself, instead of the application's.
type Refusal = Box<Response<Outgoing>>;

/// Answers one request; a connection that the application takes over is never answered here.
/// What can be done at once is done before the future is made, which every connection keeps
/// room for.
pub(crate) fn handle(
    connection: &Arc<Connection>,
    request: http::Request<Incoming>,
) -> impl Future<Output = Result<Response<Outgoing>, Infallible>> + use<> {
    let received = Instant::now();
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let (number, last) = connection.request_begins(has_body, received);
    let server = &connection.server;
    let access = server.log.has_access().then(|| {
        let Parts { method, uri, .. } = &parts;
        Box::new(AccessEntry::new(
            connection.peer,
            method,
            uri,
            parts.version,
        ))
    });
    let checked = request::check(&parts, &server.config);
    let arrival = Arrival {
        connection: connection.clone(),
        parts,
        access,
        received,
    };
    let begun = match checked {
        Err(status) => Begun::Now(Err(arrival.refuse(status, has_body))),
        Ok(()) if has_body => {
            let body = RequestBody::new(body, number, connection.clone());
            Begun::Later(Box::pin(arrival.receive(body)))
        }
        Ok(()) => {
            let reader = BodyReader::ended(Limits::new(&server.config));
            Begun::Now(arrival.queue(Input::Empty, reader, received))
        }
    };
    async move {
        let inner = match begun {
            Begun::Now(inner) => inner,
            Begun::Later(receiving) => receiving.await,
        };
        Ok(match inner {
            Ok(inner) => answer(inner, last).await,
            Err(refusal) => *refusal,
        })
    }
}

/// How far a request has come without waiting.
enum Begun<F> {
    Now(Result<Arc<Inner>, Refusal>),
    /// Its body has to be received first.
    Later(Pin<Box<F>>),
}

/// A request that no exchange was made of yet.
struct Arrival {
    connection: Arc<Connection>,
    parts: Parts,
    access: Option<Box<AccessEntry>>,
    received: Instant,
}

impl Arrival {
    /// Receives the body, as far as the application does not read it itself, and queues.
    async fn receive(self, body: RequestBody) -> Result<Arc<Inner>, Refusal> {
        match receive_body(&self.connection, &self.parts, body).await {
            Ok((input, reader)) => self.queue(input, reader, Instant::now()),
            Err(status) => Err(self.refuse(status, true)),
        }
    }

    /// Puts the request into the queue for the application, just `now`.
    fn queue(self, input: Input, reader: BodyReader, now: Instant) -> Result<Arc<Inner>, Refusal> {
        let Self {
            connection,
            parts,
            access,
            received,
        } = self;
        let server = connection.server.clone();
        let version = parts.version;
        let request = Request::new(parts);
        let received = received.into_std();
        let inner = Inner::new(connection, request, input, reader, access, received);
        inner.connection.set_current(inner.clone(), now);
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
                let connection = inner.connection.clone();
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Err(refuse(connection, version, access, status, unread));
            }
        }
        Ok(inner)
    }

    fn refuse(self, status: StatusCode, unread: bool) -> Refusal {
        let version = self.parts.version;
        refuse(self.connection, version, self.access, status, unread)
    }
}

/// Waits for what the application answers.
async fn answer(inner: Arc<Inner>, last: bool) -> Response<Outgoing> {
    let (head, body) = poll_fn(|cx| inner.poll_answer(cx)).await;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        if !matches!(body, Body::Stream) {
            inner.outbox.finish();
        }
        inner.connection.want_upgrade(head);
        // The connection leaves hyper's hands before it asks again.
        return std::future::pending().await;
    }
    respond(inner, head, body, last)
}

fn refuse(
    connection: Arc<Connection>,
    version: Version,
    access: Option<Box<AccessEntry>>,
    status: StatusCode,
    unread: bool,
) -> Refusal {
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
    Box::new(build(version, head, body, report))
}

fn respond(exchange: Arc<Inner>, mut head: Head, body: Body, last: bool) -> Response<Outgoing> {
    let connection = exchange.connection.clone();
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
async fn receive_body(
    connection: &Connection,
    parts: &Parts,
    mut body: RequestBody,
) -> Result<(Input, BodyReader), StatusCode> {
    let config = &connection.server.config;
    let limits = Limits::new(config);
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
