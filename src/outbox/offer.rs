//! A message of a group to one of its members: taken whole and without a wait, or not at all.

use std::{
    io,
    task::{Context, Poll, Waker},
};

use super::{Outbox, state::Reading};
use crate::{
    config::SlowConsumer, group::SlowMember, io::Bypassed, message::Message, stream::Gone,
};

/// Up to so many bytes go past the reader: of more the socket often takes a part, and the rest of it
/// would be a copy for each member.
const LARGEST_BYPASS: usize = 16 * 1024;

/// What became of a message.
pub(crate) enum Offered {
    /// It went past the reader.
    Sent,
    /// It was taken, in whole or in part for the reader, who has to be woken where there is one.
    Taken(Option<Waker>),
    /// It was not: the stream has ended, or the client is too slow.
    Refused,
}

impl Outbox {
    /// Takes `message` where there is room. `slow`: what is done where there is none; `None`: what
    /// the stream's own policy says.
    ///
    /// Where the reader rests, `bypass` sends it past the reader. Else it is appended, by reference
    /// where nothing waits before it. Before the response has begun it is taken too, as far as there
    /// is room, and sent when the body is open.
    pub(crate) fn offer(
        &self,
        message: &Message,
        slow: Option<SlowMember>,
        bypass: impl FnOnce() -> io::Result<Bypassed>,
    ) -> Offered {
        let mut state = self.state.lock();
        if state.is_ended() || state.full {
            return Offered::Refused;
        }
        let length = message.data().len();
        if length == 0 {
            return Offered::Sent;
        }
        // Under the lock: nothing else is written, and the reader takes nothing, meanwhile. Who
        // stands in line has half of a write behind it.
        let is_alone = state.reading == Reading::Rests && state.line.is_empty();
        if is_alone && length <= LARGEST_BYPASS {
            let bypassed = bypass();
            if matches!(bypassed, Ok(Bypassed::All | Bypassed::Part)) {
                state.bypassed += length as u64;
            }
            match bypassed {
                Ok(Bypassed::All) => return Offered::Sent,
                Ok(Bypassed::Part) => return Offered::Taken(state.reader_to_wake()),
                Ok(Bypassed::Not) => {}
                Err(_) => {
                    self.end(state, None, Some(Gone::Reset));
                    return Offered::Refused;
                }
            }
        }
        let fits = length <= state.room() || state.is_drained();
        if state.line.is_empty() && fits {
            state.append_shared(message.data());
            return Offered::Taken(state.reader_to_wake());
        }
        let slow = match (slow, state.policy) {
            // Not the client's fault.
            _ if !state.open => SlowMember::Drop,
            (Some(slow), _) => slow,
            (None, SlowConsumer::Raise) => SlowMember::Drop,
            (None, SlowConsumer::Block | SlowConsumer::Disconnect) => SlowMember::Disconnect,
        };
        if slow == SlowMember::Disconnect {
            self.end(state, None, Some(Gone::TimedOut));
        }
        Offered::Refused
    }

    /// Reads what [`Outbox::offer`] is going to.
    pub(crate) fn look_ahead(&self) -> bool {
        self.state.is_locked()
    }

    /// The reader makes chunks of what it takes (RFC 9112 section 7.1) on a plain connection: while
    /// it rests, whole chunks may go past it. (An encrypted connection may keep what it has taken,
    /// until its task flushes it.)
    pub(crate) fn allow_bypass(&self) {
        self.state.lock().allows_bypass = true;
    }

    /// Behind a turn of the reader; `flushed`: the kernel has all that it has taken so far. Where it
    /// has found nothing more it rests until it is given something. Ready as
    /// [`Outbox::poll_gone`].
    pub(crate) fn poll_turn(&self, cx: &mut Context<'_>, flushed: bool) -> Poll<Gone> {
        let mut state = self.state.lock();
        if flushed && state.allows_bypass && state.reading == Reading::Waits {
            state.reading = Reading::Rests;
        }
        state.poll_gone(cx)
    }

    /// Why the client has gone, if it has, and how many bytes of messages went past the reader.
    pub(crate) fn account(&self) -> (Option<Gone>, u64) {
        let state = self.state.lock();
        (state.gone, state.bypassed)
    }
}
