//! From a request's head to the queue: receives the body where it has to be whole, and makes the
//! exchange. The same for all protocols.

use std::sync::Arc;

use http::{StatusCode, header, request::Parts};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use crate::{
    carrier::Carrier,
    exchange::{Exchange, Inner},
    input::{BodyReader, Input, Limits},
    log::AccessEntry,
    queue::PushError,
    request::Request,
    request_body::RequestBody,
    server::Shared,
    spool::Spool,
    stats::Counters,
};

/// A request of which no exchange was made yet. Its head has passed
/// [`check`](crate::request::check).
pub(crate) struct Arrival {
    pub(crate) carrier: Carrier,
    pub(crate) parts: Parts,
    /// Empty unless there is an access log.
    pub(crate) access: Option<Box<AccessEntry>>,
    pub(crate) received: Instant,
}

/// Why a request never reaches the application.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) access: Option<Box<AccessEntry>>,
    /// Something of its body may still be on its way.
    pub(crate) unread: bool,
}

impl Arrival {
    /// Receives the body, as far as the application does not read it itself, and queues.
    ///
    /// # Errors
    /// The body is broken or too large, or the queue is full.
    pub(crate) async fn receive(self, body: RequestBody) -> Result<Arc<Inner>, Refused> {
        match receive_body(&self.carrier.connection().server, &self.parts, body).await {
            Ok((input, reader)) => self.queue(input, reader, Instant::now()),
            Err(status) => Err(self.refused(status, true)),
        }
    }

    /// Puts the request into the queue for the application, just `now`.
    ///
    /// # Errors
    /// The queue is full.
    pub(crate) fn queue(
        self,
        input: Input,
        reader: BodyReader,
        now: Instant,
    ) -> Result<Arc<Inner>, Refused> {
        let Self {
            carrier,
            parts,
            access,
            received,
        } = self;
        let server = carrier.connection().server.clone();
        let request = Request::new(parts);
        let received = received.into_std();
        let inner = Inner::new(carrier, request, input, reader, access, received);
        inner.carrier.queued(&inner);
        Counters::add(&server.counters.requests);
        let exchange = Exchange {
            inner: inner.clone(),
            queued: now,
        };
        match server.queue.push_quietly(exchange) {
            // Woken behind the tasks that are ready now: they may have more for it.
            Ok(Some(worker)) => server.wakeups.wake(worker),
            Ok(None) => {}
            Err(PushError::Full(exchange) | PushError::Closed(exchange)) => {
                exchange.inner.withdraw();
                let access = inner.access.lock().take();
                return Err(Refused {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    access,
                    unread: !inner.reader.is_complete(),
                });
            }
        }
        Ok(inner)
    }

    /// The client has given it up before it was queued.
    pub(crate) fn withdrawn(self) {
        let server = &self.carrier.connection().server;
        Counters::add(&server.counters.requests);
        if let Some(access) = &self.access {
            access.write(499, 0, &server.log);
        }
    }

    /// `unread`: something of the body may still be on its way.
    pub(crate) fn refused(self, status: StatusCode, unread: bool) -> Refused {
        Refused {
            status,
            access: self.access,
            unread,
        }
    }
}

/// Where the application is called with the body whole, it is received here; where waiting
/// would be wrong, the application reads it as it comes, on one of the threads that may wait.
async fn receive_body(
    server: &Shared,
    parts: &Parts,
    mut body: RequestBody,
) -> Result<(Input, BodyReader), StatusCode> {
    let config = &server.config;
    let limits = Limits::new(config);
    let expects_continue = expects_continue(parts);
    let length = body.length();
    if length.is_some_and(|length| limits.is_exceeded_by(length)) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let streams = length.is_none() || expects_continue || !config.request_buffering;
    let mut spool = Spool::new(limits, config.body_memory_bytes);
    if streams {
        if let Some(permit) = await_place(server, &mut spool, &mut body).await? {
            let early = spool.into_early();
            let reader = BodyReader::new(early, body, limits, permit, expects_continue);
            return Ok((Input::Streaming, reader));
        }
    }
    spool.receive(&mut body).await?;
    Ok((spool.finish().await?, BodyReader::ended(limits)))
}

/// Whether the client waits for a 100 before it sends the body (RFC 9110 section 10.1.1).
pub(crate) fn expects_continue(parts: &Parts) -> bool {
    let expect = parts.headers.get(header::EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// A place among the exchanges with unfinished bodies; meanwhile the body is received, and
/// when that was faster, or memory does not suffice, no place is needed any more.
async fn await_place(
    server: &Shared,
    spool: &mut Spool,
    body: &mut RequestBody,
) -> Result<Option<OwnedSemaphorePermit>, StatusCode> {
    let places = server.streaming_places.clone();
    if let Ok(permit) = places.clone().try_acquire_owned() {
        return Ok(Some(permit));
    }
    tokio::select! {
        biased;
        permit = places.acquire_owned() => Ok(permit.ok()),
        received = spool.fill(body) => received.map(|_| None),
    }
}
