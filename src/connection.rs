//! One client connection: what its task and its requests know together.

mod leaving;
mod phase;

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use parking_lot::Mutex;
use tokio::time::Instant;

use self::leaving::Left;
pub(crate) use self::phase::{Look, Order, Phase, Takeover};
use crate::{
    exchange::Inner,
    http1::Report,
    io,
    progress::Progress,
    server::{Permit, Shared},
    socket::{Address, Ends, Security, Socket},
    stats::Counters,
    stream::Gone,
};

/// A client connection.
pub(crate) struct Connection {
    pub(crate) io: Arc<io::Shared>,
    pub(crate) peer: Address,
    /// Where the client was received, where somebody else than the socket knows.
    local: Option<Address>,
    /// Whether whoever opened the connection is one of `trusted_proxies`.
    pub(crate) is_trusted: bool,
    /// Empty for a plain connection.
    pub(crate) security: Option<Box<Security>>,
    pub(crate) server: Arc<Shared>,
    pub(crate) state: Mutex<State>,
}

/// What changes of a connection.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) since: Instant,
    /// Bytes received when the phase began.
    pub(crate) received_before: u64,
    /// Of the body that is received before the application is called.
    pub(crate) body: Progress,
    pub(crate) current: Option<Arc<Inner>>,
    takeover: Option<Takeover>,
    /// The application has the socket, and the task has nothing left to do.
    handed_over: bool,
    /// Until the connection is over, or somebody else's.
    permit: Option<Permit>,
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
    pub(crate) resting: bool,
    /// The response is a stream that goes on without hyper once it rests.
    pub(crate) outlasts: bool,
    left: Left,
    /// hyper is in the middle of a request body.
    uploading: bool,
}

impl Connection {
    pub(crate) fn new(
        io: Arc<io::Shared>,
        ends: Ends,
        security: Option<Box<Security>>,
        server: Arc<Shared>,
        permit: Permit,
    ) -> Self {
        let state = State {
            phase: Phase::Fresh,
            since: Instant::now(),
            received_before: 0,
            body: Progress::new(0, Instant::now()),
            current: None,
            takeover: None,
            handed_over: false,
            permit: Some(permit),
            waker: None,
            order: Order::Serve,
            requests: 0,
            interim: Vec::new(),
            fin_is_gone: false,
            linger: false,
            reset_on_close: false,
            resting: true,
            outlasts: false,
            left: Left::Not,
            uploading: false,
        };
        Self {
            io,
            peer: ends.peer,
            local: ends.local,
            is_trusted: ends.is_trusted,
            security,
            server,
            state: Mutex::new(state),
        }
    }

    /// Where the client was received; of a connection that is over nobody can say.
    pub(crate) fn local(&self) -> Address {
        self.local.unwrap_or_else(|| self.io.local_address())
    }

    /// The same where the socket was taken out.
    pub(crate) fn local_of(&self, socket: &Socket) -> Address {
        self.local.unwrap_or_else(|| socket.local_address())
    }

    /// Enters a phase.
    pub(crate) fn enter(&self, phase: Phase) {
        self.state.lock().enter(phase, &self.io, Instant::now());
    }

    /// When the phase began.
    pub(crate) fn phase_since(&self) -> Instant {
        self.state.lock().since
    }

    /// hyper's state is gone until the client speaks.
    pub(crate) fn set_resting(&self) {
        self.state.lock().resting = true;
        Counters::add(&self.server.counters.rested);
    }

    /// A head was parsed, just `now`; `has_body`: a body follows, whose end is told by
    /// [`Connection::body_ended`]. Returns the number of the request, and whether the connection
    /// ends with it.
    pub(crate) fn request_begins(&self, has_body: bool, now: Instant) -> (u64, bool) {
        let mut state = self.state.lock();
        state.requests += 1;
        state.resting = false;
        state.uploading = has_body;
        state.enter(Phase::Body, &self.io, now);
        let max = self.server.config.max_requests_per_connection;
        let last = max.is_some_and(|max| state.requests >= max) || state.order >= Order::Drain;
        (state.requests, last)
    }

    /// The connection works for `exchange`, which is the application's.
    pub(crate) fn set_current(&self, exchange: Arc<Inner>) {
        // Whatever is dropped here ends outside of the lock, which its body's end takes.
        let _before = {
            let mut state = self.state.lock();
            state.phase = Phase::Busy;
            state.current.replace(exchange)
        };
    }

    /// The head of the answer goes out; `outlasts`: of a stream that needs hyper for no more than
    /// that.
    pub(crate) fn answering(&self, fin_is_gone: bool, outlasts: bool) {
        let mut state = self.state.lock();
        state.outlasts = outlasts;
        // A FIN from before the head is a half close, for the whole of the response.
        state.fin_is_gone = fin_is_gone && !self.io.has_ended();
        // An interim response that the task has not seen yet: its turn is before the head.
        let interim = std::mem::take(&mut state.interim);
        if !interim.is_empty() {
            self.io
                .send_interim(&interim, &mut Context::from_waker(Waker::noop()));
        }
    }

    /// The response is through, or broken off.
    pub(crate) fn response_done(
        &self,
        report: &mut Report,
        exchange: Option<Arc<Inner>>,
        sent: u64,
        complete: bool,
    ) {
        let mut state = self.state.lock();
        // Dropped outside of the lock, which its body's end takes.
        let _current = state.current.take();
        state.fin_is_gone = false;
        state.outlasts = false;
        if state.uploading {
            state.phase = Phase::Upload;
        } else {
            state.enter(Phase::Idle, &self.io, Instant::now());
        }
        drop(state);
        if let Some(exchange) = exchange {
            exchange.response_done(report.status, sent, complete);
        } else if let Some(entry) = report.access.take() {
            let status = if complete { report.status } else { 499 };
            entry.write(status, sent, &self.server.log);
        }
    }

    /// hyper has no more to do with the body of request `number`: it was read to its end
    /// (`complete`), or given up. From any thread. Where the response was faster, the wait for
    /// the next request begins only now: before, what comes is this body's. It may not be the
    /// last request any more: hyper can be through with a body that nobody has read to the end.
    pub(crate) fn body_ended(&self, number: u64, complete: bool) {
        let waker = {
            let mut state = self.state.lock();
            if state.requests != number {
                return;
            }
            state.uploading = false;
            state.linger &= !complete;
            if state.phase != Phase::Upload {
                return;
            }
            state.enter(Phase::Idle, &self.io, Instant::now());
            state.waker.clone()
        };
        if let Some(waker) = waker {
            self.server.wakeups.wake(waker);
        }
    }

    /// Has the task of the connection send an interim response.
    pub(crate) fn send_interim(&self, head: &[u8]) {
        let waker = {
            let mut state = self.state.lock();
            state.interim.extend_from_slice(head);
            state.waker.clone()
        };
        if let Some(waker) = waker {
            self.server.wakeups.wake(waker);
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
        if state.handed_over {
            return Order::Stop;
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
        let (current, _permit) = {
            let mut state = self.state.lock();
            // The task is over; an exchange may keep the connection for long.
            state.waker = None;
            (state.current.take(), state.permit.take())
        };
        if let Some(current) = current {
            current.set_gone(gone);
            // A request whose answer never began is logged all the same.
            current.log_access(Some(499), 0);
        }
    }

    /// What has become of the connection at hyper's turn. Bytes that have come while nothing was
    /// under way are the next head, which has begun.
    pub(crate) fn look(&self) -> Look {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Fresh | Phase::Idle)
            && self.io.received() > state.received_before
        {
            state.enter(Phase::Head, &self.io, Instant::now());
            state.resting = false;
        }
        if state.takeover.is_some() {
            Look::Takeover
        } else {
            Look::Exchange(state.current.clone())
        }
    }
}

impl State {
    fn enter(&mut self, phase: Phase, io: &io::Shared, now: Instant) {
        self.phase = phase;
        self.since = now;
        self.received_before = io.received();
        self.body = Progress::new(self.received_before, now);
    }
}
