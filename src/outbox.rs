//! Bytes of a streaming body from the application to the client, bounded in bytes.
//!
//! Writers are any threads; the reader is the task of the connection. One write is contiguous:
//! writers that must wait stand in line, and only the first may append.

mod membership;
mod offer;
mod pending_write;
mod state;

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use parking_lot::Mutex;

pub(crate) use self::offer::Offered;
pub use self::pending_write::PendingWrite;
use self::state::{End, Reading, State};
use crate::{
    config::SlowConsumer,
    error::{Error, Kind, Result},
    line::Line,
    stream::{Ended, EndedQueue, Gone},
    wakeups::Wakeups,
};

/// What the reader of an [`Outbox`] receives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// What was written, or a first piece of it.
    Data(Bytes),
    /// The end, as the application wanted it.
    Finished,
    /// The application broke off: the client must see it.
    Aborted,
}

/// Bytes on their way from the application to the client.
pub struct Outbox {
    id: u64,
    state: Mutex<State>,
    wakeups: Arc<Wakeups>,
    ended: Arc<EndedQueue>,
}

/// What became of a write.
pub(crate) enum Written<'a> {
    /// All of it was appended.
    All,
    /// The rest must wait for room.
    Waits(PendingWrite<'a>),
    /// It was dropped, as the first one behind a response that is full.
    Cut,
}

impl Outbox {
    pub(crate) fn new(
        id: u64,
        capacity: usize,
        policy: SlowConsumer,
        wakeups: Arc<Wakeups>,
        ended: Arc<EndedQueue>,
    ) -> Self {
        let state = State {
            shared: Bytes::new(),
            buffer: BytesMut::new(),
            capacity: capacity.max(1),
            policy,
            end: None,
            gone: None,
            reader: None,
            reading: Reading::Busy,
            line: Line::default(),
            watched: false,
            open: false,
            full: false,
            trailers: None,
            cut: false,
            groups: Vec::new(),
            orphaned: false,
            allows_bypass: false,
            bypassed: 0,
        };
        Self {
            id,
            state: Mutex::new(state),
            wakeups,
            ended,
        }
    }

    /// The number of the exchange that the stream belongs to.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// From now on bytes are taken: the response's body is what is written here.
    pub(crate) fn open(&self) {
        self.state.lock().open = true;
    }

    /// The response has all the bytes that its content-length announced: the stream has ended,
    /// also where the application has not closed it, and what is written from now on is dropped.
    /// `excess`: some were taken that are not sent. Whether this is the first time that
    /// something is dropped.
    pub(crate) fn overflow(&self, excess: bool) -> bool {
        let mut state = self.state.lock();
        let tell = !state.is_ended() && std::mem::take(&mut state.watched);
        state.full = true;
        let cut = (excess || !state.is_drained() || !state.line.is_empty()) && state.cut();
        state.shared = Bytes::new();
        state.buffer = BytesMut::new();
        let line = state.line.disband();
        let groups = std::mem::take(&mut state.groups);
        drop(state);
        self.quit(groups);
        line.for_each(Waker::wake);
        if tell {
            self.tell(None);
        }
        cut
    }

    /// Appends `data` without waiting for room.
    ///
    /// # Errors
    /// The stream is not open, the client has gone, or the buffer is full and the policy is not
    /// to wait. Then nothing of `data` was appended.
    pub(crate) fn write(&self, data: &[u8]) -> Result<Written<'_>> {
        let mut state = self.state.lock();
        state.check()?;
        if data.is_empty() {
            return Ok(Written::All);
        }
        if state.full {
            return Ok(state.dropped());
        }
        let room = state.room();
        if state.line.is_empty() && data.len() <= room {
            state.append(data);
            self.wake_reader(state);
            return Ok(Written::All);
        }
        let fits_alone = state.line.is_empty() && state.is_drained();
        match state.policy {
            SlowConsumer::Raise if !fits_alone => Err(full(data.len(), &state)),
            SlowConsumer::Disconnect if !fits_alone => {
                self.end(state, None, Some(Gone::TimedOut));
                Err(Gone::TimedOut.to_error())
            }
            _ => {
                let now = if state.line.is_empty() { room } else { 0 };
                state.append(&data[..now]);
                let ticket = state.line.enter();
                self.wake_reader(state);
                let data = Bytes::copy_from_slice(&data[now..]);
                Ok(Written::Waits(PendingWrite {
                    outbox: self,
                    data,
                    ticket,
                }))
            }
        }
    }

    /// Appends as much of `data` as there is room for, and says how much that was; 0: none.
    ///
    /// # Errors
    /// The stream is not open, or the client has gone.
    pub(crate) fn write_some(&self, data: &[u8]) -> Result<(usize, Written<'_>)> {
        let mut state = self.state.lock();
        state.check()?;
        if state.full && !data.is_empty() {
            return Ok((data.len(), state.dropped()));
        }
        if !state.line.is_empty() {
            return Ok((0, Written::All));
        }
        let length = data.len().min(state.room());
        state.append(&data[..length]);
        self.wake_reader(state);
        Ok((length, Written::All))
    }

    /// Ends the stream as it should end. May be called again.
    pub fn finish(&self) {
        self.end(self.state.lock(), Some(End::Finished), None);
    }

    /// Ends the stream so that the client sees it as broken. A stream that has ended stays as
    /// it is.
    pub fn abort(&self) {
        self.end(self.state.lock(), Some(End::Aborted), None);
    }

    /// Notes that the client has gone. The first reason stays.
    pub(crate) fn set_gone(&self, gone: Gone) {
        self.end(self.state.lock(), None, Some(gone));
    }

    /// Why the client has gone, if it has.
    pub fn gone(&self) -> Option<Gone> {
        self.state.lock().gone
    }

    /// Whether nothing can be written any more, for whatever reason.
    pub fn is_closed(&self) -> bool {
        let state = self.state.lock();
        state.is_ended() || state.full
    }

    /// Whether this side has closed the stream.
    pub fn is_finished(&self) -> bool {
        self.state.lock().end.is_some()
    }

    /// Sets what a write does that finds the buffer full.
    pub fn set_policy(&self, policy: SlowConsumer) {
        self.state.lock().policy = policy;
    }

    /// Has `trailers` follow the last byte, in place of those that were set before.
    ///
    /// # Errors
    /// This side has closed the stream, or its last byte is out.
    pub(crate) fn set_trailers(&self, trailers: HeaderMap) -> Result<()> {
        let mut state = self.state.lock();
        if state.end.is_some() || (state.full && state.trailers.is_none()) {
            return Err(Error::new(Kind::Closed, "closed stream"));
        }
        state.trailers = Some(Box::new(trailers));
        Ok(())
    }

    /// Whether trailers follow the last byte.
    pub(crate) fn has_trailers(&self) -> bool {
        self.state.lock().trailers.is_some()
    }

    /// The trailers, once.
    pub(crate) fn take_trailers(&self) -> Option<HeaderMap> {
        self.state.lock().trailers.take().map(|trailers| *trailers)
    }

    /// Asks to be told of the end in the queue of ended streams; at once, when it has ended.
    pub fn watch(&self) {
        let mut state = self.state.lock();
        if state.is_ended() || state.full {
            let gone = state.reason();
            drop(state);
            self.tell(gone);
        } else {
            state.watched = true;
        }
    }

    /// Whether somebody waits to be told of the end.
    pub(crate) fn is_watched(&self) -> bool {
        self.state.lock().watched
    }

    fn tell(&self, gone: Option<Gone>) {
        // Unbounded, and closed only when nobody listens any more.
        let _ = self.ended.push(Ended { id: self.id, gone });
    }

    /// Takes the next piece of what was written, or the end.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Taken> {
        let mut state = self.state.lock();
        // What was written before the application broke off has left: it is sent first.
        let is_drained = state.is_drained();
        if state.gone.is_some() || (state.end == Some(End::Aborted) && is_drained) {
            return Poll::Ready(Taken::Aborted);
        }
        if !is_drained {
            // The whole allocation goes: a stream at rest keeps no buffer.
            let data = state.take();
            let writer = state.line.wake_first();
            drop(state);
            if let Some(writer) = writer {
                writer.wake();
            }
            return Poll::Ready(Taken::Data(data));
        }
        if state.end == Some(End::Finished) {
            return Poll::Ready(Taken::Finished);
        }
        // A look that finds nothing once more ends no rest.
        if state.reading == Reading::Busy {
            state.reading = Reading::Waits;
        }
        state.set_reader(cx);
        Poll::Pending
    }

    /// Whether the reader waits for the next write.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.state.lock().reading != Reading::Busy
    }

    /// The reader will not come again: a waker that is kept would keep the runtime.
    pub(crate) fn forget_reader(&self) {
        let mut state = self.state.lock();
        state.reader = None;
        state.reading = Reading::Busy;
    }

    /// Ready when the client has gone, which a reader has to see also while it cannot take
    /// anything.
    pub(crate) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<Gone> {
        self.state.lock().poll_gone(cx)
    }

    fn end(
        &self,
        mut state: parking_lot::MutexGuard<'_, State>,
        end: Option<End>,
        gone: Option<Gone>,
    ) {
        let before = state.is_ended();
        state.end = state.end.or(end);
        state.gone = state.gone.or(gone);
        if before && end.is_some() {
            return;
        }
        let line = state.line.disband();
        let tell = !before && std::mem::take(&mut state.watched);
        let gone = state.reason();
        let reader = state.reader.take();
        let groups = std::mem::take(&mut state.groups);
        drop(state);
        if let Some(reader) = reader {
            self.wakeups.wake(reader);
        }
        self.quit(groups);
        line.for_each(Waker::wake);
        if tell {
            self.tell(gone);
        }
    }

    fn wake_reader(&self, mut state: parking_lot::MutexGuard<'_, State>) {
        let reader = state.reader_to_wake();
        drop(state);
        if let Some(reader) = reader {
            self.wakeups.wake(reader);
        }
    }
}

fn full(length: usize, state: &State) -> Error {
    let message = format!(
        "the client reads too slowly: {} bytes wait for it and there is no room for {length} more",
        state.waiting()
    );
    Error::new(Kind::SlowConsumer, message)
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
