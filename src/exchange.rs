//! A request with its responder: the one thing that is queued.
//!
//! The I/O thread keeps the shared half until the response is through; the thread that calls
//! the application owns the [`Exchange`]. Whatever becomes of that thread, its exchange is
//! answered: dropped without an answer it is a 500, and dropped with its stream open it is a
//! broken response.

mod hijack;
mod inner;

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};

use self::inner::{Answer, Hijack, Stage};
pub(crate) use self::inner::{Inner, Reply};
use crate::{
    connection::Connection,
    error::{Error, Kind, Result},
    input::{Input, without_control_fields},
    outbox::{Outbox, PendingWrite, Written},
    request::Request,
    response::{self, Body, Head},
    socket::Address,
};

/// The application's half of an exchange.
pub struct Exchange {
    pub(crate) inner: Arc<Inner>,
    /// Since when it waits for a thread. In the order of the queue, since the I/O thread alone takes
    /// the time and pushes, in one turn.
    pub(crate) queued: tokio::time::Instant,
}

impl Exchange {
    /// Makes the exchange the caller's; `false`: the client or the queue's time-out was
    /// faster, and there is nothing to do.
    pub fn claim(&self) -> bool {
        let mut state = self.inner.state.lock();
        if state.stage != Stage::Queued {
            return false;
        }
        state.stage = Stage::Claimed;
        state.claimed = Some(Instant::now());
        true
    }

    /// The number of the exchange, under which its end is told.
    pub fn id(&self) -> u64 {
        self.inner.outbox.id()
    }

    /// The request head; the first call takes it, and there is none behind the answer.
    pub fn take_request(&self) -> Option<Request> {
        match &mut self.inner.state.lock().answer {
            Answer::Awaited(request) => request.take(),
            Answer::Given(..) | Answer::Taken => None,
        }
    }

    /// The request body; the first call takes it, later ones find it empty.
    pub fn take_input(&self) -> Input {
        std::mem::replace(&mut self.inner.state.lock().input, Input::Empty)
    }

    fn connection(&self) -> &Connection {
        self.inner.carrier.connection()
    }

    /// The client's address.
    pub fn peer(&self) -> Address {
        self.connection().peer
    }

    /// The address at which the client was received.
    pub fn local(&self) -> Address {
        self.connection().local()
    }

    /// Whether whoever opened the connection is one of `trusted_proxies`: what its fields say of
    /// its own client counts.
    pub fn is_from_trusted_proxy(&self) -> bool {
        self.connection().is_trusted
    }

    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.connection().security.is_some()
    }

    /// The certificate of the client in DER, which was verified: `Some(None)` where it has none,
    /// and `None` where it was not asked for.
    pub fn client_verified(&self) -> Option<Option<&[u8]>> {
        let security = self.connection().security.as_ref()?;
        let asked = security.asks_for_certificate;
        asked.then_some(security.client_certificate.as_deref())
    }

    /// How long the exchange has waited for a thread.
    pub fn queue_time(&self) -> Duration {
        self.inner.queue_time()
    }

    /// Whether interim responses can reach the client: HTTP/1.0 has none.
    pub fn allows_interim(&self) -> bool {
        self.inner.version != Version::HTTP_10
    }

    /// Whether the request is a HEAD, whose response has no body.
    pub fn is_head(&self) -> bool {
        self.inner.is_head
    }

    /// Answers.
    ///
    /// # Errors
    /// There is an answer already, or the socket was hijacked.
    pub fn respond(&self, head: Head, body: Body) -> Result<()> {
        let mut state = self.inner.state.lock();
        if state.is_answered() {
            return Err(Error::new(Kind::Misuse, "the response was already begun"));
        }
        if !matches!(state.hijack, Hijack::None) {
            return Err(Error::new(Kind::Misuse, "the connection was hijacked"));
        }
        state.streams = matches!(body, Body::Stream);
        if state.streams {
            self.inner.outbox.open();
        }
        // A stream of HTTP/2 goes on as it is.
        if head.status == StatusCode::SWITCHING_PROTOCOLS && self.inner.version != Version::HTTP_2 {
            // Now, since the application may read before the I/O thread has seen the answer.
            self.inner.reader.switch();
        }
        state.answer = Answer::Given(head, body);
        let service = state.service.take();
        drop(state);
        if let Some(service) = service {
            self.inner.server.wakeups.wake(service);
        }
        Ok(())
    }

    /// Says that the body that follows is a streaming one: a client that ends its side behind
    /// the head has left. Without it a FIN is a half close, and everything is sent.
    pub fn set_interactive(&self) {
        self.inner.interactive.store(true, Ordering::Relaxed);
    }

    /// Whether an answer was given.
    pub fn is_answered(&self) -> bool {
        self.inner.state.lock().is_answered()
    }

    /// Whether the socket was asked for.
    pub fn is_hijacked(&self) -> bool {
        self.inner.state.lock().is_hijacked()
    }

    /// Sends a 103 with `fields`, before there is an answer; else nothing.
    pub fn early_hints<'a>(&self, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        if self.allows_interim() && !self.is_answered() && !self.is_hijacked() {
            self.inner.carrier.send_interim(response::fields(fields));
        }
    }

    /// Writes to the client, of a response whose body is [`Body::Stream`]; `Some` is what must
    /// wait for room.
    ///
    /// # Errors
    /// The stream is not open, the client has gone, or the buffer is full and the policy is not
    /// to wait. Then nothing of `data` is sent.
    pub fn write(&self, data: &[u8]) -> Result<Option<PendingWrite<'_>>> {
        match self.inner.outbox.write(data)? {
            Written::All => Ok(None),
            Written::Waits(pending) => Ok(Some(pending)),
            Written::Cut => {
                self.inner.tell_cut();
                Ok(None)
            }
        }
    }

    /// Writes as many bytes of `data` as there is room for, and says how many that were.
    ///
    /// # Errors
    /// The stream is not open, or the client has gone.
    pub fn write_some(&self, data: &[u8]) -> Result<usize> {
        let (length, written) = self.inner.outbox.write_some(data)?;
        if matches!(written, Written::Cut) {
            self.inner.tell_cut();
        }
        Ok(length)
    }

    /// The stream of a response whose body is [`Body::Stream`].
    pub fn outbox(&self) -> &Outbox {
        &self.inner.outbox
    }

    /// The next piece of a streaming request body, or of what comes behind a 101; `None` at
    /// its end.
    ///
    /// # Errors
    /// The client broke its body off, or exceeded a limit.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        self.inner
            .reader
            .poll_receive(cx, &self.inner.server.wakeups)
    }

    /// Gives up a wait of [`Exchange::poll_receive`] that ended without anything.
    pub fn cancel_receive(&self) {
        self.inner.reader.cancel_receive();
    }

    /// The longest silence that a reader has to bear.
    pub fn receive_timeout(&self) -> Option<Duration> {
        self.inner.reader.silence()
    }

    /// Counts a wait for the client; `silent`: it lasted as long as the time-out.
    ///
    /// # Errors
    /// The client was too slow. Its body has ended for good.
    pub fn waited(&self, time: Duration, silent: bool) -> Result<()> {
        self.inner.reader.waited(time, silent)
    }

    /// The trailers of the request, once its body was read to the end.
    pub fn trailers(&self) -> Option<HeaderMap> {
        self.inner.reader.trailers()
    }

    /// Has trailers follow the last byte of the response, in place of those that were set before.
    /// Those that cannot be sent, or may not be trailers (RFC 9110 section 6.5.1), are left out.
    ///
    /// # Errors
    /// This side has closed the stream.
    pub fn set_trailers<'a>(
        &self,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<()> {
        let head = response::fields(fields);
        self.inner
            .outbox
            .set_trailers(without_control_fields(head.headers))
    }

    /// The status with which a broken request body is answered, if it broke.
    pub fn input_failure(&self) -> Option<u16> {
        self.inner.reader.failure().map(|error| match () {
            () if error.is_timed_out() => 408,
            () if error.is_too_large() => 413,
            () => 400,
        })
    }

    /// Sets how long a client may take nothing before the stream is given up; `None`: for ever.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.inner.state.lock().write_timeout = Some(timeout);
        self.inner.carrier.look_again();
    }

    /// The application's `call` is over and its thread is free. What is unread of the request
    /// is discarded, unless a stream is still open and may read it. A stream whose socket was
    /// taken over has ended: whoever waits for its end is told. Returns what may come yet.
    pub fn release(&self) -> Rest {
        let (answered, hijacked, is_wanted, streams, unclaimed) = {
            let mut state = self.inner.state.lock();
            let hijacked = state.is_hijacked();
            if hijacked || self.inner.server.log.has_access() {
                state.released = Some(Instant::now());
            }
            // A socket for which nobody waits any more: dropped, so that the client sees an end.
            let unclaimed = matches!(state.hijack, Hijack::Given(_))
                .then(|| std::mem::replace(&mut state.hijack, Hijack::Taken));
            let is_wanted = matches!(state.hijack, Hijack::Wanted | Hijack::Waiting(_));
            (
                state.is_answered(),
                hijacked,
                is_wanted,
                state.streams,
                unclaimed,
            )
        };
        let is_handed_over = hijacked && !is_wanted;
        drop(unclaimed);
        self.inner.reader.release();
        if hijacked {
            self.inner.outbox.finish();
        }
        let streaming = streams && !self.inner.outbox.is_closed();
        if !streaming {
            self.discard_input();
        }
        if is_handed_over && !self.inner.reader.is_live() && !self.inner.outbox.is_watched() {
            Rest::Socket
        } else if streaming || hijacked {
            Rest::Open
        } else if answered && !streams && !self.inner.outbox.is_watched() {
            Rest::Nothing
        } else {
            Rest::End
        }
    }

    /// Gives the rest of the request body up.
    pub fn discard_input(&self) {
        self.inner.discard_input();
    }
}

/// What may come of an exchange when the application's `call` is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It is streaming, or its connection was taken over.
    Open,
    /// Its connection was taken over, and of the exchange nothing comes any more. A body that was
    /// received before may still be read.
    Socket,
    /// Its end is still to be told.
    End,
    /// It was answered with a whole body, and nobody has asked to be told of the end.
    Nothing,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (answered, hijacked, streams) = {
            let state = self.inner.state.lock();
            // Withdrawn, and answered by who did that; or the server stops. Who takes an exchange from
            // the queue claims it.
            if state.stage != Stage::Claimed {
                return;
            }
            (state.is_answered(), state.is_hijacked(), state.streams)
        };
        if !answered && !hijacked {
            let (head, body) = Head::error(StatusCode::INTERNAL_SERVER_ERROR);
            // Answered in between: then there is nothing to say.
            let _ = self.respond(head, body);
        } else if streams && !self.inner.outbox.is_closed() {
            if self.inner.outbox.orphan() {
                // The group closes it, or loses it.
                self.discard_input();
                return;
            }
            self.inner.lose();
        }
        // Whoever waits for the end of a stream that was never one, behind a hijack, is told; of
        // a whole body the connection tells.
        if !answered || streams || hijacked {
            self.inner.outbox.finish();
        }
        self.discard_input();
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
