//! How a connection leaves hyper's hands: taken over by the application, or while its response rests.

use std::sync::Arc;

use super::{Connection, Takeover};
use crate::{exchange::Inner, http1::Content, response::Head, server::Permit, socket::Socket};

/// The content of a response whose hyper is let go.
pub(super) enum Left {
    /// It stays hyper's.
    Not,
    /// It is to be kept when hyper drops it.
    Wanted,
    /// Here it is.
    Here(Box<Content>),
}

impl Connection {
    /// The application wants the socket.
    pub(crate) fn want_hijack(&self) {
        let mut state = self.state.lock();
        state.takeover.get_or_insert(Takeover::Hijack);
    }

    /// Takes the socket from the thread of the application, which then need not wait for the task.
    /// The task, which has nothing left to do, ends soon. `None`: it has something to see to first.
    pub(crate) fn hand_over(&self) -> Option<(Socket, Permit)> {
        let mut state = self.state.lock();
        if state.takeover.is_some() || !state.interim.is_empty() || state.permit.is_none() {
            return None;
        }
        let socket = self.io.take_clear_socket()?;
        state.handed_over = true;
        let permit = state.permit.take()?;
        // Dropped outside of the lock.
        let _current = state.current.take();
        let task = state.waker.take();
        drop(state);
        if let Some(task) = task {
            self.server.closing.end_task(task, &self.server.wakeups);
        }
        Some((socket, permit))
    }

    /// Whether [`Connection::hand_over`] has given the socket away.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.state.lock().handed_over
    }

    /// The connection is somebody else's to count.
    pub(crate) fn take_permit(&self) -> Option<Permit> {
        self.state.lock().permit.take()
    }

    /// The application answers 101.
    pub(crate) fn want_upgrade(&self, head: Head) {
        self.state.lock().takeover = Some(Takeover::Upgrade(head));
    }

    /// Why hyper had to let go, and for which exchange.
    pub(crate) fn take_takeover(&self) -> Option<(Takeover, Option<Arc<Inner>>)> {
        let mut state = self.state.lock();
        let takeover = state.takeover.take()?;
        Some((takeover, state.current.take()))
    }

    /// Whether the response is a stream that waits for the next write, and hyper has nothing left to
    /// do for it or its request.
    pub(crate) fn is_stream_at_rest(&self) -> bool {
        let current = {
            let state = self.state.lock();
            let only_streams = state.outlasts && !state.uploading;
            state.current.clone().filter(|_| only_streams)
        };
        // Without the lock, which a body's end takes under that of its reader.
        current.is_some_and(|current| {
            self.io.is_flushed() && current.outbox.is_at_rest() && current.reader.is_complete()
        })
    }

    /// hyper is let go: the content of a response under way is kept, for
    /// [`Connection::take_content`].
    pub(crate) fn leave_hyper(&self) {
        self.state.lock().left = Left::Wanted;
    }

    /// Keeps the content of a response that hyper drops, or gives it back.
    pub(crate) fn keep_content(&self, content: Content) -> Option<Content> {
        let mut state = self.state.lock();
        if !matches!(state.left, Left::Wanted) {
            return Some(content);
        }
        state.left = Left::Here(Box::new(content));
        None
    }

    /// The content of the response that was under way when hyper was let go.
    pub(crate) fn take_content(&self) -> Option<Box<Content>> {
        match std::mem::replace(&mut self.state.lock().left, Left::Not) {
            Left::Here(content) => Some(content),
            Left::Not | Left::Wanted => None,
        }
    }
}
