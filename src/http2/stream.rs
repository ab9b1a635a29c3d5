//! One stream, as its exchange and its parts know it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Waker},
};

use http::{HeaderMap, Response, StatusCode};
use parking_lot::Mutex;

use super::{OpenStream, Shared, response::bare_head, sender::Sender};
use crate::{connection::Connection, response::Head, stream::Gone};

/// A stream, as its exchange knows it.
pub(crate) struct Stream {
    shared: Arc<Shared>,
    /// Bytes of the request body.
    received: AtomicU64,
    /// Bytes of the response body that flow control has let through.
    sent: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Interim responses that wait for the task.
    interim: Vec<Response<()>>,
    /// The task.
    waker: Option<Waker>,
}

impl Stream {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// The connection.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.shared.connection
    }

    /// Sends an interim response, unless the final one is out.
    pub(crate) fn send_interim(&self, head: Head) {
        self.push_interim(bare_head(head.status, head.headers));
    }

    /// Asks the client for the body that it holds back (RFC 9110 section 10.1.1).
    pub(super) fn send_continue(&self) {
        self.push_interim(bare_head(StatusCode::CONTINUE, HeaderMap::new()));
    }

    fn push_interim(&self, response: Response<()>) {
        self.state.lock().interim.push(response);
        self.look_again();
    }

    /// Has the task look at what it has to do, and at its time-outs.
    pub(crate) fn look_again(&self) {
        let waker = self.state.lock().waker.clone();
        if let Some(waker) = waker {
            self.connection().server.wakeups.wake(waker);
        }
    }

    /// Why the client has gone when the connection has.
    pub(super) fn connection_gone(&self) -> Gone {
        self.shared.gone()
    }

    /// The task does not come again: a waker that is kept would keep it.
    pub(super) fn forget_task(&self) {
        self.state.lock().waker = None;
    }

    /// Bytes of the request body so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// What the connection and its streams share.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn note_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
        self.add_payload(bytes);
    }

    pub(super) fn note_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
        self.add_payload(bytes);
    }

    /// One more direction that is not through.
    pub(super) fn open(&self) -> OpenStream {
        OpenStream::new(&self.shared)
    }

    pub(super) fn add_payload(&self, bytes: usize) {
        self.shared.add_payload(bytes);
    }

    /// Bytes of the response body that flow control has let through.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Notes the task, and has it send the interim responses that wait.
    pub(super) fn attend(&self, cx: &Context<'_>, sender: &mut Sender) {
        let mut state = self.state.lock();
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        for response in state.interim.drain(..) {
            sender.send_interim(response);
        }
    }
}
