//! What an outbox holds, behind its lock.

use std::{
    sync::Weak,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::Written;
use crate::{
    config::SlowConsumer,
    error::{Error, Kind, Result},
    group::Group,
    line::Line,
    stream::Gone,
};

/// By how many bytes a buffer grows at least that has something in it.
const GROWTH: usize = 1024;

/// What changes of an outbox.
pub(super) struct State {
    /// What waits first: a message that other streams have too.
    pub(super) shared: Bytes,
    /// What waits behind it.
    pub(super) buffer: BytesMut,
    pub(super) capacity: usize,
    pub(super) policy: SlowConsumer,
    pub(super) end: Option<End>,
    pub(super) gone: Option<Gone>,
    /// The task of the connection, until the end.
    pub(super) reader: Option<Waker>,
    pub(super) reading: Reading,
    pub(super) line: Line,
    pub(super) watched: bool,
    /// The response has begun, and its body is what is written here.
    pub(super) open: bool,
    /// Nothing more is taken: see [`Outbox::overflow`].
    pub(super) full: bool,
    /// What follows the last byte.
    pub(super) trailers: Option<Box<HeaderMap>>,
    /// Something was written that is not sent, because the response is full; told once.
    pub(super) cut: bool,
    /// The groups of which the stream is a member; empty once it has ended.
    pub(super) groups: Vec<Weak<Group>>,
    /// The application refers to the stream no longer.
    pub(super) orphaned: bool,
    /// Whether messages may go past the reader while it rests.
    pub(super) allows_bypass: bool,
    /// Bytes of those that did.
    pub(super) bypassed: u64,
}

/// What the reader does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// It comes by itself, or has been woken.
    Busy,
    /// It has found nothing to take.
    Waits,
    /// And all that it has taken is with the kernel: see [`Outbox::poll_turn`](super::Outbox::poll_turn).
    Rests,
}

/// How this side has ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Aborted,
}

impl State {
    pub(super) fn set_reader(&mut self, cx: &Context<'_>) {
        match &mut self.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.waiting())
    }

    /// How many bytes the reader has not taken.
    pub(super) fn waiting(&self) -> usize {
        self.shared.len() + self.buffer.len()
    }

    /// Whether the reader has taken everything.
    pub(super) fn is_drained(&self) -> bool {
        self.waiting() == 0
    }

    /// Takes the piece that waits first, with its whole allocation: a stream at rest keeps none.
    pub(super) fn take(&mut self) -> Bytes {
        if self.shared.is_empty() {
            std::mem::take(&mut self.buffer).freeze()
        } else {
            std::mem::take(&mut self.shared)
        }
    }

    pub(super) fn append(&mut self, data: &[u8]) {
        // One write is the rule, and takes what it needs. Where a second one comes before the
        // reader there will be more: each growth is a search for memory and a copy.
        if !self.buffer.is_empty() && self.buffer.capacity() - self.buffer.len() < data.len() {
            self.buffer.reserve(data.len().max(GROWTH));
        }
        self.buffer.extend_from_slice(data);
    }

    /// Appends by reference where nothing waits before it.
    pub(super) fn append_shared(&mut self, data: &Bytes) {
        if self.is_drained() {
            self.shared = data.clone();
        } else {
            self.append(data);
        }
    }

    /// The reader, where it has found nothing and now there is something.
    pub(super) fn reader_to_wake(&mut self) -> Option<Waker> {
        match std::mem::replace(&mut self.reading, Reading::Busy) {
            Reading::Busy => None,
            Reading::Waits | Reading::Rests => self.reader.clone(),
        }
    }

    pub(super) fn poll_gone(&mut self, cx: &Context<'_>) -> Poll<Gone> {
        if let Some(gone) = self.gone {
            return Poll::Ready(gone);
        }
        // Behind a local close no write gives the client up any more.
        if self.end.is_none() {
            self.set_reader(cx);
        }
        Poll::Pending
    }

    pub(super) fn is_ended(&self) -> bool {
        self.end.is_some() || self.gone.is_some()
    }

    /// What ended the stream: a client that went before the local close.
    pub(super) fn reason(&self) -> Option<Gone> {
        if self.end == Some(End::Finished) {
            None
        } else {
            self.gone
        }
    }

    /// Whether this is the first time that bytes of the application are not sent.
    pub(super) fn cut(&mut self) -> bool {
        !std::mem::replace(&mut self.cut, true)
    }

    pub(super) fn dropped<'a>(&mut self) -> Written<'a> {
        if self.cut() {
            Written::Cut
        } else {
            Written::All
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        match (self.end, self.gone) {
            (Some(_), _) => Err(Error::new(Kind::Closed, "closed stream")),
            (None, Some(gone)) => Err(gone.to_error()),
            (None, None) if !self.open => Err(Error::new(
                Kind::Misuse,
                "nothing can be written before the response has begun with a streaming body; \
                 return a body that responds to call, or a rack.hijack header",
            )),
            (None, None) => Ok(()),
        }
    }
}
