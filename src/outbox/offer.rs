//! A message of a group to one of its members: taken whole and without a wait, or not at all.

use std::task::Waker;

use super::Outbox;
use crate::{config::SlowConsumer, group::SlowMember, message::Message, stream::Gone};

/// What became of a message.
pub(crate) enum Offered {
    /// It was taken. The reader has to be woken, where there is one.
    Taken(Option<Waker>),
    /// It was not: the stream has ended, or the client is too slow.
    Refused,
}

impl Outbox {
    /// Appends `message` where it fits, by reference where nothing waits before it. `slow`: what
    /// is done where it does not; `None`: what the stream's own policy says.
    ///
    /// Before the response has begun it is taken too, and sent when the body is open.
    pub(crate) fn offer(&self, message: &Message, slow: Option<SlowMember>) -> Offered {
        let mut state = self.state.lock();
        if state.is_ended() || state.full {
            return Offered::Refused;
        }
        let length = message.data().len();
        if length == 0 {
            return Offered::Taken(None);
        }
        let fits = length <= state.room() || state.is_drained();
        if state.line.is_empty() && fits {
            state.append_shared(message.data());
            return Offered::Taken(state.reader_to_wake());
        }
        let slow = slow.unwrap_or(match state.policy {
            SlowConsumer::Raise => SlowMember::Drop,
            SlowConsumer::Block | SlowConsumer::Disconnect => SlowMember::Disconnect,
        });
        if slow == SlowMember::Disconnect {
            self.end(state, None, Some(Gone::TimedOut));
        }
        Offered::Refused
    }
}
