//! One client connection: what its task and its requests know together.

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use http::StatusCode;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    config::RATE_GRACE, exchange::Inner, io, outgoing::Report, response::Head, server::Shared,
    socket::Address, stats::Counters, stream::Gone, wakeups::Wakeups,
};

/// How long a connection is idle before hyper's state, and with it some 10 KB, is let go.
const REST_AFTER: Duration = Duration::from_secs(1);

/// A client connection.
pub(crate) struct Connection {
    pub(crate) io: Arc<io::Shared>,
    pub(crate) peer: Address,
    pub(crate) local: Address,
    pub(crate) server: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Bytes received when the phase began.
    received_before: u64,
    current: Option<Arc<Inner>>,
    takeover: Option<Takeover>,
    /// The task of the connection.
    waker: Option<Waker>,
    order: Order,
    requests: u64,
    interim: Vec<u8>,
    /// The head of a streaming response is out: a FIN from now on means that the client left.
    fin_is_gone: bool,
    /// Something of the request may still be on its way: a plain close would reset.
    linger: bool,
    reset_on_close: bool,
    /// hyper's state is gone until the client speaks.
    resting: bool,
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The first byte.
    Fresh,
    /// The rest of a head.
    Head,
    /// The rest of a body that is received before the application is called.
    Body,
    /// A thread.
    Queued,
    /// The application, or the client that reads its response.
    Busy,
    /// The next request.
    Idle,
}

/// What the server wants of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Go on.
    Serve,
    /// End after the request under way.
    Drain,
    /// End now.
    Stop,
}

/// Why a connection leaves hyper's hands.
pub(crate) enum Takeover {
    /// For the application's own HTTP/1.1.
    Hijack,
    /// For another protocol, behind this 101.
    Upgrade(Head),
}

/// A time-out that has struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// Nobody is owed an answer.
    Silently,
    /// The client is told.
    With(StatusCode),
    /// The client takes nothing.
    Stalled,
    /// The exchange waited too long for a thread.
    InQueue,
    /// Nothing has come for a while, and hyper can rest.
    Idle,
}

impl Connection {
    pub(crate) fn new(
        io: Arc<io::Shared>,
        peer: Address,
        local: Address,
        server: Arc<Shared>,
    ) -> Self {
        let state = State {
            phase: Phase::Fresh,
            since: Instant::now(),
            received_before: 0,
            current: None,
            takeover: None,
            waker: None,
            order: Order::Serve,
            requests: 0,
            interim: Vec::new(),
            fin_is_gone: false,
            linger: false,
            reset_on_close: false,
            resting: true,
        };
        Self {
            io,
            peer,
            local,
            server,
            state: Mutex::new(state),
        }
    }

    /// Enters a phase.
    pub(crate) fn enter(&self, phase: Phase) {
        self.state.lock().enter(phase, &self.io);
    }

    /// hyper's state is gone until the client speaks.
    pub(crate) fn set_resting(&self) {
        self.state.lock().resting = true;
        self.server.note_rested();
    }

    /// A head was parsed. Returns whether the connection ends with this request.
    pub(crate) fn request_begins(&self) -> bool {
        let mut state = self.state.lock();
        state.requests += 1;
        state.resting = false;
        state.enter(Phase::Body, &self.io);
        let max = self.server.config.max_requests_per_connection;
        max.is_some_and(|max| state.requests >= max) || state.order >= Order::Drain
    }

    /// From now on the connection works for `exchange`.
    pub(crate) fn set_current(&self, exchange: Arc<Inner>) {
        let mut state = self.state.lock();
        state.current = Some(exchange);
        state.enter(Phase::Queued, &self.io);
    }

    /// A thread has claimed the exchange.
    pub(crate) fn claimed(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Queued {
            state.phase = Phase::Busy;
        }
    }

    /// The head of the answer goes out.
    pub(crate) fn answering(&self, fin_is_gone: bool) {
        let mut state = self.state.lock();
        // A FIN from before the head is a half close, for the whole of the response.
        state.fin_is_gone = fin_is_gone && !self.io.is_eof();
        state.phase = Phase::Busy;
        // An interim response that the task has not seen yet: its turn is before the head.
        let interim = std::mem::take(&mut state.interim);
        if !interim.is_empty() {
            self.io
                .send_interim(&interim, &mut Context::from_waker(Waker::noop()));
        }
    }

    /// The response is through, or broken off.
    pub(crate) fn response_done(&self, report: &mut Report, sent: u64, complete: bool) {
        let mut state = self.state.lock();
        let gone = report
            .exchange
            .as_ref()
            .and_then(|exchange| exchange.outbox.gone());
        state.current = None;
        state.fin_is_gone = false;
        state.enter(Phase::Idle, &self.io);
        drop(state);
        if let Some(exchange) = &report.exchange {
            if !complete {
                // hyper lost the connection while it was writing.
                exchange.set_gone(Gone::Reset);
            } else if !exchange.streams() {
                // Nobody else ends the stream of a response that was whole. Its reader is the
                // task that runs.
                exchange.outbox.forget_reader();
                exchange.outbox.finish();
            }
        }
        let entry = report.access.take().or_else(|| {
            report
                .exchange
                .as_ref()
                .and_then(|exchange| exchange.access.lock().take())
        });
        if let Some(entry) = entry {
            let (queue, ruby) = match &report.exchange {
                Some(exchange) => exchange.times(),
                None => (Duration::ZERO, Duration::ZERO),
            };
            let left = !complete && gone != Some(Gone::Stopped);
            let status = if left { 499 } else { report.status };
            self.server
                .log
                .access(entry.line(Some(status), sent, queue, ruby));
        }
    }

    /// The application wants the socket.
    pub(crate) fn want_hijack(&self) {
        let mut state = self.state.lock();
        state.takeover.get_or_insert(Takeover::Hijack);
    }

    /// The application answers 101.
    pub(crate) fn want_upgrade(&self, head: Head) {
        self.state.lock().takeover = Some(Takeover::Upgrade(head));
    }

    /// Has the task of the connection send an interim response.
    pub(crate) fn send_interim(&self, head: Vec<u8>, wakeups: &Wakeups) {
        let waker = {
            let mut state = self.state.lock();
            state.interim.extend_from_slice(&head);
            state.waker.clone()
        };
        if let Some(waker) = waker {
            wakeups.wake(waker);
        }
    }

    /// Gives an order; one that was given before is not taken back.
    pub(crate) fn order(&self, order: Order) {
        {
            let mut state = self.state.lock();
            state.order = state.order.max(order);
        }
        self.look_again();
    }

    /// Has the task look at its order and its time-outs again.
    pub(crate) fn look_again(&self) {
        let waker = self.state.lock().waker.clone();
        if let Some(waker) = waker {
            self.server.wakeups.wake(waker);
        }
    }

    /// Something of the request may still be on its way when the connection closes.
    pub(crate) fn linger_on_close(&self) {
        self.state.lock().linger = true;
    }

    /// The client must see a reset when the connection closes.
    pub(crate) fn reset_on_close(&self) {
        self.state.lock().reset_on_close = true;
    }

    /// How the connection is to be closed: lingering, by a reset.
    pub(crate) fn closing(&self) -> (bool, bool) {
        let state = self.state.lock();
        (state.linger, state.reset_on_close)
    }

    /// What the task has to see to before hyper: an interim response, and the order.
    pub(crate) fn attend(&self, cx: &mut Context<'_>) -> Order {
        let mut state = self.state.lock();
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        if !state.interim.is_empty() {
            let head = std::mem::take(&mut state.interim);
            self.io.send_interim(&head, cx);
        }
        // A head that has half come is a request that is under way.
        if state.order == Order::Drain && state.phase == Phase::Head {
            Order::Serve
        } else {
            state.order
        }
    }

    /// Whether hyper has to let go.
    pub(crate) fn wants_takeover(&self) -> bool {
        self.state.lock().takeover.is_some()
    }

    /// Why hyper had to let go, and for which exchange.
    pub(crate) fn take_takeover(&self) -> Option<(Takeover, Option<Arc<Inner>>)> {
        let mut state = self.state.lock();
        let takeover = state.takeover.take()?;
        Some((takeover, state.current.take()))
    }

    /// Whether a FIN that was just seen means that the client left.
    pub(crate) fn is_fin_gone(&self) -> bool {
        self.state.lock().fin_is_gone
    }

    /// The exchange under way.
    pub(crate) fn current(&self) -> Option<Arc<Inner>> {
        self.state.lock().current.clone()
    }

    /// The exchange under way learns why its client has gone.
    pub(crate) fn tell_gone(&self, gone: Gone) {
        let current = self.state.lock().current.clone();
        if let Some(current) = current {
            current.set_gone(gone);
        }
    }

    /// The connection is over: an exchange that is still under way has lost its client.
    pub(crate) fn lost(&self, gone: Gone) {
        let current = {
            let mut state = self.state.lock();
            // The task is over; an exchange may keep the connection for long.
            state.waker = None;
            state.current.take()
        };
        if let Some(current) = current {
            current.set_gone(gone);
            self.log_unanswered(&current);
        }
    }

    /// A request whose answer never began is logged all the same.
    fn log_unanswered(&self, exchange: &Inner) {
        let entry = exchange.access.lock().take();
        if let Some(entry) = entry {
            let (queue, ruby) = exchange.times();
            self.server
                .log
                .access(entry.line(Some(499), 0, queue, ruby));
        }
    }

    /// Notes bytes that have come while nothing was under way: the next head has begun.
    pub(crate) fn note_received(&self) {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Fresh | Phase::Idle)
            && self.io.received() > state.received_before
        {
            state.enter(Phase::Head, &self.io);
            state.resting = false;
        }
    }

    /// When to look at the time-outs again.
    ///
    /// # Errors
    /// One has struck.
    pub(crate) fn next_deadline(&self, now: Instant) -> Result<Option<Instant>, Expired> {
        let config = &self.server.config;
        let (phase, since, received_before, resting, current) = {
            let state = self.state.lock();
            (
                state.phase,
                state.since,
                state.received_before,
                state.resting,
                state.current.clone(),
            )
        };
        let write_timeout = match &current {
            Some(exchange) => exchange.write_timeout(),
            None => config.write_timeout,
        };
        let stalled = self.io.stalled(now, write_timeout, config.min_write_rate);
        let stalled = stalled.map_err(|()| Expired::Stalled)?;
        let (timeout, expired, from) = match phase {
            Phase::Fresh => (config.first_byte_timeout, Expired::Silently, since),
            Phase::Idle => (config.keep_alive_timeout, Expired::Silently, since),
            Phase::Head => (
                config.header_timeout,
                Expired::With(StatusCode::REQUEST_TIMEOUT),
                since,
            ),
            Phase::Body => (
                config.body_timeout,
                Expired::With(StatusCode::REQUEST_TIMEOUT),
                since.max(self.io.last_received()),
            ),
            Phase::Queued => (config.queue_timeout, Expired::InQueue, since),
            Phase::Busy => return Ok(stalled),
        };
        let mut deadline = timeout.map(|timeout| from + timeout);
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(expired);
        }
        if phase == Phase::Idle && !resting {
            let rest = since + REST_AFTER;
            if now >= rest && self.io.is_flushed() {
                return Err(Expired::Idle);
            }
            deadline = Some(deadline.map_or(rest, |deadline| deadline.min(rest)));
        }
        if phase == Phase::Body
            && let Some(rate) = config.min_body_rate
        {
            let elapsed = now - since;
            let received = self.io.received() - received_before;
            if elapsed >= RATE_GRACE && (received as f64) < rate as f64 * elapsed.as_secs_f64() {
                return Err(expired);
            }
            let look = if elapsed < RATE_GRACE {
                since + RATE_GRACE
            } else {
                now + Duration::from_secs(1)
            };
            deadline = Some(deadline.map_or(look, |deadline| deadline.min(look)));
        }
        Ok(match (deadline, stalled) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        })
    }

    /// Answers the exchange that waited too long, unless a thread was faster.
    pub(crate) fn withdraw_from_queue(&self) {
        let current = self.state.lock().current.clone();
        if let Some(current) = current
            && current.withdraw()
        {
            Counters::add(&self.server.counters.refused);
            current.answer_withdrawn(StatusCode::SERVICE_UNAVAILABLE);
        }
        self.enter(Phase::Busy);
    }
}

impl State {
    fn enter(&mut self, phase: Phase, io: &io::Shared) {
        self.phase = phase;
        self.since = Instant::now();
        self.received_before = io.received();
    }
}
