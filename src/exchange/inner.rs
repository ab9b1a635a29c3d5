//! The half of an exchange that the I/O thread and the application's thread share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use http::{Method, StatusCode, Version};
use parking_lot::Mutex;

use super::Exchange;
use crate::{
    carrier::Carrier,
    error::Result,
    group::SlowMember,
    hijack::Hijacked,
    input::{BodyReader, Input},
    log::AccessEntry,
    message::Message,
    outbox::{Offered, Outbox},
    request::Request,
    response::{Body, Head},
    server::Shared,
    stats::Counters,
    stream::Gone,
};

/// Numbers exchanges, of all servers of the process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The half that both sides share. It is made for every request: glibc has what it needs at hand up
/// to 1,032 bytes, and searches for more.
pub(crate) struct Inner {
    pub(crate) server: Arc<Shared>,
    pub(crate) carrier: Carrier,
    pub(crate) outbox: Outbox,
    pub(crate) reader: BodyReader,
    pub(crate) version: Version,
    pub(crate) is_head: bool,
    /// A streaming body (`call`, a partial hijack), not an enumerable one: see
    /// [`Exchange::set_interactive`].
    pub(super) interactive: AtomicBool,
    /// Empty unless there is an access log.
    pub(crate) access: Mutex<Option<Box<AccessEntry>>>,
    received: Instant,
    pub(super) state: Mutex<State>,
}

/// What changes of an exchange.
pub(super) struct State {
    pub(super) stage: Stage,
    pub(super) input: Input,
    pub(super) answer: Answer,
    /// The answer's body is what is written to the outbox.
    pub(super) streams: bool,
    pub(super) hijack: Hijack,
    pub(super) service: Option<Waker>,
    /// A write time-out of this stream's own.
    pub(super) write_timeout: Option<Option<Duration>>,
    pub(super) claimed: Option<Instant>,
    pub(super) released: Option<Instant>,
}

/// Whose an exchange is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Queued,
    Claimed,
    Withdrawn,
}

/// What the application has answered.
pub(super) enum Answer {
    /// Nothing yet, to the request, which is here until the application takes it. In one place with
    /// the answer, since there is never both.
    Awaited(Option<Request>),
    Given(Head, Body),
    Taken,
}

/// What an application does about a request.
pub(crate) enum Reply {
    /// It answers.
    Answer(Head, Body),
    /// It wants the socket, which [`Inner::give_hijacked`] hands over.
    Hijack,
}

/// How far a full hijack has come.
pub(super) enum Hijack {
    None,
    Wanted,
    Given(Box<Result<Hijacked>>),
    Waiting(Waker),
    Taken,
}

impl Inner {
    pub(crate) fn new(
        carrier: Carrier,
        request: Request,
        input: Input,
        reader: BodyReader,
        access: Option<Box<AccessEntry>>,
        received: Instant,
    ) -> Arc<Self> {
        let server = carrier.connection().server.clone();
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
                input,
                answer: Answer::Awaited(Some(request)),
                streams: false,
                hijack: Hijack::None,
                service: None,
                write_timeout: None,
                claimed: None,
                released: None,
            }),
            server,
            carrier,
        })
    }

    /// What the application does about the request, for the protocol.
    pub(crate) fn poll_reply(&self, cx: &mut Context<'_>) -> Poll<Reply> {
        let mut state = self.state.lock();
        if let Answer::Given(..) = state.answer {
            let Answer::Given(head, body) = std::mem::replace(&mut state.answer, Answer::Taken)
            else {
                unreachable!("looked at under the same lock");
            };
            return Poll::Ready(Reply::Answer(head, body));
        }
        if matches!(state.hijack, Hijack::Wanted | Hijack::Waiting(_)) {
            return Poll::Ready(Reply::Hijack);
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
        state.answer = Answer::Awaited(None);
        state.input = Input::Empty;
        drop(state);
        // Its places are others' now.
        self.reader.release();
        let queued = |exchange: &Exchange| std::ptr::eq(&*exchange.inner, self);
        drop(self.server.queue.remove(queued));
        true
    }

    /// Answers 503 in the place of a thread that has not come in time, unless one just has.
    pub(crate) fn give_up_waiting(&self) {
        if !self.withdraw() {
            return;
        }
        Counters::add(&self.server.counters.refused);
        let (head, body) = Head::error(StatusCode::SERVICE_UNAVAILABLE);
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

    /// Counts and logs that the socket leaves the server.
    pub(crate) fn note_hijack(&self) {
        Counters::add(&self.server.counters.hijacked);
        self.log_access(None, 0);
    }

    /// Hands over the socket that was asked for. The task of the connection does not come again.
    pub(crate) fn give_hijacked(&self, hijacked: Result<Hijacked>) {
        self.outbox.forget_reader();
        let waiter = {
            let mut state = self.state.lock();
            state.service = None;
            match std::mem::replace(&mut state.hijack, Hijack::None) {
                // Who asked for it was interrupted, and has given up.
                Hijack::Wanted if state.released.is_some() => {
                    state.hijack = Hijack::Taken;
                    None
                }
                Hijack::Wanted => {
                    state.hijack = Hijack::Given(Box::new(hijacked));
                    None
                }
                Hijack::Waiting(waker) => {
                    state.hijack = Hijack::Given(Box::new(hijacked));
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

    /// The response is through (`complete`), or broken off, behind `sent` bytes of its body that
    /// went through the protocol.
    pub(crate) fn response_done(&self, status: u16, sent: u64, complete: bool) {
        let (gone, bypassed) = self.outbox.account();
        if !complete {
            // The protocol lost the client while it was writing.
            self.set_gone(Gone::Reset);
        } else if !self.streams() {
            // Nobody else ends the stream of a response that was whole. Its reader is the task
            // that runs.
            self.outbox.forget_reader();
            self.outbox.finish();
        }
        let left = !complete && gone != Some(Gone::Stopped);
        self.log_access(Some(if left { 499 } else { status }), sent + bypassed);
    }

    /// Hands a message of a group over; `slow`: what is done where it does not fit.
    pub(crate) fn offer(&self, message: &Message, slow: Option<SlowMember>) -> Offered {
        self.outbox
            .offer(message, slow, || self.carrier.bypass(message))
    }

    /// Reads what [`Inner::offer`] is going to. Of many streams the processor has that fetched at the
    /// same time; between two system calls it would wait for each.
    pub(crate) fn look_ahead(&self) {
        std::hint::black_box(self.outbox.look_ahead() & self.carrier.look_ahead());
    }

    /// Breaks a stream off that nobody can close any more.
    pub(crate) fn lose(&self) {
        self.server.log.warn(
            "a stream was lost: nothing refers to it any more and it was not closed; \
             its response was broken off",
        );
        self.outbox.abort();
    }

    /// Gives the rest of the request body up.
    pub(crate) fn discard_input(&self) {
        if !self.reader.is_live() {
            return;
        }
        if let Some(runtime) = self.server.runtime() {
            self.reader
                .discard(&runtime, self.server.config.linger_timeout);
        }
    }

    /// Writes the line of the access log, once; `status` is empty for a connection that was taken
    /// over, and `sent` bytes of the body.
    pub(crate) fn log_access(&self, status: Option<u16>, sent: u64) {
        let entry = self.access.lock().take();
        if let Some(entry) = entry {
            let (queue, ruby) = self.times();
            self.server
                .log
                .access(entry.line(status, sent, queue, ruby));
        }
    }

    /// Lets go of what a stream at rest does not need.
    pub(crate) fn rest(&self) {
        if let Some(entry) = &mut *self.access.lock() {
            entry.detach();
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

    /// How long the exchange has waited for a thread; zero before one has claimed it.
    pub(super) fn queue_time(&self) -> Duration {
        let claimed = self.state.lock().claimed;
        claimed.map_or(Duration::ZERO, |claimed| {
            claimed.saturating_duration_since(self.received)
        })
    }

    /// Seconds of waiting for a thread, and in the application's hands, as far as they have run.
    fn times(&self) -> (Duration, Duration) {
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

impl State {
    pub(super) fn is_answered(&self) -> bool {
        !matches!(self.answer, Answer::Awaited(_))
    }

    pub(super) fn is_hijacked(&self) -> bool {
        !matches!(self.hijack, Hijack::None)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Inner;

    #[test]
    fn is_of_a_size_that_the_allocator_has_at_hand() {
        let counts = 2 * size_of::<usize>();
        assert!(size_of::<Inner>() + counts <= 1032);
    }
}
