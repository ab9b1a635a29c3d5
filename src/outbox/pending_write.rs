//! A write for which there is no room yet.

use std::task::{Context, Poll};

use bytes::{Buf, Bytes};

use super::Outbox;
use crate::error::Result;

/// A write that waits for room. Dropping it gives its place in the line up; what was appended
/// stays.
pub struct PendingWrite<'a> {
    pub(super) outbox: &'a Outbox,
    pub(super) data: Bytes,
    pub(super) ticket: u64,
}

impl PendingWrite<'_> {
    /// Appends as room comes; ready when all was appended.
    ///
    /// # Errors
    /// The stream ended, or the client went, before all was appended.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.outbox.state.lock();
        if let Err(error) = state.check() {
            return Poll::Ready(Err(error));
        }
        if state.full {
            self.data.clear();
        }
        if state.line.is_first(self.ticket) {
            let length = self.data.len().min(state.room());
            state.append(&self.data[..length]);
            self.data.advance(length);
        }
        if self.data.is_empty() {
            self.outbox.wake_reader(state);
            return Poll::Ready(Ok(()));
        }
        state.line.set_waker(self.ticket, cx);
        self.outbox.wake_reader(state);
        Poll::Pending
    }
}

impl Drop for PendingWrite<'_> {
    fn drop(&mut self) {
        let mut state = self.outbox.state.lock();
        let next = state.line.leave(self.ticket);
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
    }
}
