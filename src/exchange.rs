//! A request with its responder: the one thing that is queued.
//!
//! The I/O thread keeps the shared half until the response is through; the thread that calls
//! the application owns the [`Exchange`]. Whatever becomes of that thread, its exchange is
//! answered: dropped without an answer it is a 500, and dropped with its stream open it is a
//! broken response.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use parking_lot::Mutex;

use crate::{
    connection::Connection,
    error::{Error, Kind, Result},
    hijack::Hijacked,
    input::{BodyReader, Input},
    log::AccessEntry,
    outbox::{Outbox, PendingWrite, Written},
    request::Request,
    response::{self, Body, Head},
    server::Shared,
    socket::Address,
    stream::Gone,
};

/// Numbers exchanges, of all servers of the process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The application's half of an exchange.
pub struct Exchange {
    pub(crate) inner: Arc<Inner>,
}

/// The half that both sides share.
pub(crate) struct Inner {
    pub(crate) server: Arc<Shared>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) outbox: Outbox,
    pub(crate) reader: BodyReader,
    pub(crate) version: Version,
    pub(crate) is_head: bool,
    /// A streaming body (`call`, a partial hijack), not an enumerable one: see
    /// [`Exchange::set_interactive`].
    interactive: AtomicBool,
    /// Empty unless there is an access log.
    pub(crate) access: Mutex<Option<Box<AccessEntry>>>,
    received: Instant,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    request: Option<Request>,
    input: Input,
    answer: Answer,
    /// The answer's body is what is written to the outbox.
    streams: bool,
    hijack: Hijack,
    service: Option<Waker>,
    /// A write time-out of this stream's own.
    write_timeout: Option<Option<Duration>>,
    claimed: Option<Instant>,
    released: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Claimed,
    Withdrawn,
}

enum Answer {
    None,
    Given(Head, Body),
    Taken,
}

enum Hijack {
    None,
    Wanted,
    Given(Result<Hijacked>),
    Waiting(Waker),
    Taken,
}

impl Inner {
    #[allow(
        clippy::too_many_arguments,
        reason = "the one place where an exchange is put together"
    )]
    pub(crate) fn new(
        server: Arc<Shared>,
        connection: Arc<Connection>,
        request: Request,
        input: Input,
        reader: BodyReader,
        access: Option<Box<AccessEntry>>,
        received: Instant,
    ) -> Arc<Self> {
        let config = &server.config;
        let outbox = Outbox::new(
            NEXT_ID.fetch_add(1, Ordering::Relaxed),
            config.send_buffer_bytes,
            config.slow_consumer,
            server.wakeups.clone(),
            server.ended.clone(),
        );
        Arc::new(Self {
            outbox,
            reader,
            version: request.version,
            is_head: request.method == Method::HEAD,
            interactive: AtomicBool::new(false),
            access: Mutex::new(access),
            received,
            state: Mutex::new(State {
                stage: Stage::Queued,
                request: Some(request),
                input,
                answer: Answer::None,
                streams: false,
                hijack: Hijack::None,
                service: None,
                write_timeout: None,
                claimed: None,
                released: None,
            }),
            server,
            connection,
        })
    }

    /// The answer, for the service; a wanted hijack is passed on to the connection.
    pub(crate) fn poll_answer(&self, cx: &mut Context<'_>) -> Poll<(Head, Body)> {
        let mut state = self.state.lock();
        if let Answer::Given(..) = state.answer {
            let Answer::Given(head, body) = std::mem::replace(&mut state.answer, Answer::Taken)
            else {
                unreachable!("looked at under the same lock");
            };
            return Poll::Ready((head, body));
        }
        if matches!(state.hijack, Hijack::Wanted | Hijack::Waiting(_)) {
            self.connection.want_hijack();
        }
        state.service = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes the exchange back from the queue, if no thread has claimed it.
    pub(crate) fn withdraw(&self) -> bool {
        let mut state = self.state.lock();
        if state.stage != Stage::Queued {
            return false;
        }
        state.stage = Stage::Withdrawn;
        state.request = None;
        state.input = Input::Empty;
        drop(state);
        // Its places are others' now.
        self.reader.release();
        let queued = |exchange: &Exchange| std::ptr::eq(&*exchange.inner, self);
        drop(self.server.queue.remove(queued));
        true
    }

    /// Answers for a queue in which the exchange has waited too long.
    pub(crate) fn answer_withdrawn(&self, status: StatusCode) {
        let (head, body) = Head::error(status);
        let service = {
            let mut state = self.state.lock();
            state.answer = Answer::Given(head, body);
            state.service.take()
        };
        if let Some(service) = service {
            service.wake();
        }
    }

    /// Notes that the client has gone, on every side that may wait for it.
    pub(crate) fn set_gone(&self, gone: Gone) {
        self.outbox.set_gone(gone);
        self.withdraw();
        self.give_hijacked(Err(gone.to_error()));
    }

    /// Hands over the socket that was asked for. The task of the connection does not come again.
    pub(crate) fn give_hijacked(&self, hijacked: Result<Hijacked>) {
        self.outbox.forget_reader();
        let waiter = {
            let mut state = self.state.lock();
            state.service = None;
            match std::mem::replace(&mut state.hijack, Hijack::None) {
                Hijack::Wanted => {
                    state.hijack = Hijack::Given(hijacked);
                    None
                }
                Hijack::Waiting(waker) => {
                    state.hijack = Hijack::Given(hijacked);
                    Some(waker)
                }
                other => {
                    state.hijack = other;
                    None
                }
            }
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Logs that the application wrote more than its content-length announced.
    pub(crate) fn tell_cut(&self) {
        self.server
            .log
            .warn("the application's response was cut: it is longer than its content-length");
    }

    /// Whether the answer's body is what is written to the outbox.
    pub(crate) fn streams(&self) -> bool {
        self.state.lock().streams
    }

    /// Whether a FIN behind the head means that the client has left.
    pub(crate) fn is_interactive(&self) -> bool {
        self.interactive.load(Ordering::Relaxed)
    }

    /// How long a write may make no progress.
    pub(crate) fn write_timeout(&self) -> Option<Duration> {
        self.state
            .lock()
            .write_timeout
            .unwrap_or(self.server.config.write_timeout)
    }

    /// Seconds of waiting for a thread, and in the application's hands, as far as they have run.
    pub(crate) fn times(&self) -> (Duration, Duration) {
        let state = self.state.lock();
        let now = Instant::now();
        let claimed = state.claimed.unwrap_or(now);
        let released = state.released.unwrap_or(now);
        (
            claimed.saturating_duration_since(self.received),
            released.saturating_duration_since(claimed),
        )
    }
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
        drop(state);
        self.inner.connection.claimed();
        true
    }

    /// The number of the exchange, under which its end is told.
    pub fn id(&self) -> u64 {
        self.inner.outbox.id()
    }

    /// The request head; the first call takes it.
    pub fn take_request(&self) -> Option<Request> {
        self.inner.state.lock().request.take()
    }

    /// The request body; the first call takes it, later ones find it empty.
    pub fn take_input(&self) -> Input {
        std::mem::replace(&mut self.inner.state.lock().input, Input::Empty)
    }

    /// The client's address.
    pub fn peer(&self) -> Address {
        self.inner.connection.peer
    }

    /// The address at which the client was received.
    pub fn local(&self) -> Address {
        self.inner.connection.local
    }

    /// How long the exchange has waited for a thread.
    pub fn queue_time(&self) -> Duration {
        self.inner.times().0
    }

    /// Whether interim responses can reach the client: HTTP/1.0 has none.
    pub fn allows_interim(&self) -> bool {
        self.inner.version == Version::HTTP_11
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
        if !matches!(state.answer, Answer::None) {
            return Err(Error::new(Kind::Misuse, "the response was already begun"));
        }
        if !matches!(state.hijack, Hijack::None) {
            return Err(Error::new(Kind::Misuse, "the connection was hijacked"));
        }
        state.streams = matches!(body, Body::Stream);
        if state.streams {
            self.inner.outbox.open();
        }
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
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
        !matches!(self.inner.state.lock().answer, Answer::None)
    }

    /// Whether the socket was asked for.
    pub fn is_hijacked(&self) -> bool {
        !matches!(self.inner.state.lock().hijack, Hijack::None)
    }

    /// Sends a 103 with `fields`, before there is an answer; else nothing.
    pub fn early_hints<'a>(&self, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        if self.allows_interim() && !self.is_answered() && !self.is_hijacked() {
            let head = response::early_hints(fields);
            self.inner
                .connection
                .send_interim(head, &self.inner.server.wakeups);
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
        self.inner.connection.look_again();
    }

    /// Asks for the socket. The request body must have been read to its end.
    ///
    /// # Errors
    /// There is an answer, or the client has gone.
    pub fn want_hijack(&self) -> Result<()> {
        let mut state = self.inner.state.lock();
        if !matches!(state.answer, Answer::None) {
            return Err(Error::new(Kind::Misuse, "the response was already begun"));
        }
        if let Some(gone) = self.inner.outbox.gone() {
            return Err(gone.to_error());
        }
        if matches!(state.hijack, Hijack::None) {
            state.hijack = Hijack::Wanted;
        }
        let service = state.service.take();
        drop(state);
        if let Some(service) = service {
            self.inner.server.wakeups.wake(service);
        }
        Ok(())
    }

    /// The socket, after [`Exchange::want_hijack`].
    ///
    /// # Errors
    /// The client went before it could be handed over.
    pub fn poll_hijacked(&self, cx: &mut Context<'_>) -> Poll<Result<Hijacked>> {
        let mut state = self.inner.state.lock();
        match std::mem::replace(&mut state.hijack, Hijack::Taken) {
            Hijack::Given(hijacked) => Poll::Ready(hijacked),
            Hijack::Wanted | Hijack::Waiting(_) => {
                state.hijack = Hijack::Waiting(cx.waker().clone());
                Poll::Pending
            }
            other @ (Hijack::None | Hijack::Taken) => {
                state.hijack = other;
                Poll::Ready(Err(Error::new(
                    Kind::Misuse,
                    "the socket was not asked for",
                )))
            }
        }
    }

    /// The application's `call` is over and its thread is free. What is unread of the request
    /// is discarded, unless a stream is still open and may read it. A stream whose socket was
    /// taken over has ended: whoever waits for its end is told.
    pub fn release(&self) {
        self.inner.state.lock().released = Some(Instant::now());
        self.inner.reader.release();
        if self.is_hijacked() {
            self.inner.outbox.finish();
        }
        if !self.is_streaming() {
            self.discard_input();
        }
    }

    /// Gives the rest of the request body up.
    pub fn discard_input(&self) {
        let server = &self.inner.server;
        if let Some(runtime) = server.runtime() {
            self.inner
                .reader
                .discard(&runtime, server.config.linger_timeout);
        }
    }

    /// Whether nothing more can come of the exchange for the application: it has answered with
    /// a whole body, and nobody has asked to be told of the end.
    pub fn is_over(&self) -> bool {
        self.is_answered()
            && !self.inner.streams()
            && !self.is_hijacked()
            && !self.inner.outbox.is_watched()
    }

    /// Whether a streaming response is under way.
    pub fn is_streaming(&self) -> bool {
        self.inner.streams() && !self.inner.outbox.is_closed()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.inner.state.lock().stage != Stage::Claimed {
            return;
        }
        if !self.is_answered() && !self.is_hijacked() {
            let (head, body) = Head::error(StatusCode::INTERNAL_SERVER_ERROR);
            // Answered in between: then there is nothing to say.
            let _ = self.respond(head, body);
        } else if self.is_streaming() && !self.inner.outbox.is_full() {
            self.inner.server.log.warn(
                "a stream was lost: nothing refers to it any more and it was not closed; \
                 its response was broken off",
            );
            self.inner.outbox.abort();
        }
        // Whoever waits for the end of a stream that was never one, behind a hijack, is told.
        if !self.is_over() {
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

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}
