//! The turn of one who writes to a group: all members get all messages in the same order.

use std::task::{Context, Poll, ready};

use super::Group;
use crate::message::Message;

/// A place in the line of those who write to a group. Dropped, it is given up; what was not handed
/// out by then reaches nobody.
pub struct Turn<'a> {
    group: &'a Group,
    ticket: u64,
}

impl Group {
    /// Takes a place in the line of those who write.
    pub fn turn(&self) -> Turn<'_> {
        let ticket = self.line.lock().enter();
        Turn {
            group: self,
            ticket,
        }
    }

    /// Hands `message` to each member, as [`Turn::poll_write`], unless that has to wait: then `None`.
    pub fn try_write(&self, message: &Message) -> Option<usize> {
        let turn = {
            let mut line = self.line.lock();
            line.is_empty().then(|| line.enter())
        };
        let turn = Turn {
            group: self,
            ticket: turn?,
        };
        let written = self
            .has_caught_up(message, None)
            .then(|| self.hand_out(message));
        drop(turn);
        written
    }
}

impl Turn<'_> {
    /// Hands `message` to each member, whole, and says to how many. Members that join meanwhile may
    /// get it or not. Waits for those who stand before it in the line, and for the I/O thread, as far
    /// as that has not come yet to what was written before; not for clients. To be called until it
    /// is ready, and not again.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, message: &Message) -> Poll<usize> {
        ready!(self.poll_first(cx));
        if self.group.has_caught_up(message, Some(cx)) {
            Poll::Ready(self.group.hand_out(message))
        } else {
            Poll::Pending
        }
    }

    /// Ends the stream of each member as it should end, and takes no more of them. A message that
    /// stands before it in the line reaches all.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_first(cx).map(|()| self.group.end_members())
    }

    fn poll_first(&self, cx: &Context<'_>) -> Poll<()> {
        let mut line = self.group.line.lock();
        if line.is_first(self.ticket) {
            return Poll::Ready(());
        }
        line.set_waker(self.ticket, cx);
        Poll::Pending
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let next = self.group.line.lock().leave(self.ticket);
        if let Some(next) = next {
            next.wake();
        }
    }
}
