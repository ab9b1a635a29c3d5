//! The I/O object that hyper reads from and writes to.
//!
//! It is shared with the connection's own task, which needs what hyper does not give: the
//! socket itself (for a hijack), word of a client that leaves while hyper does not read, the
//! room in front of a response's head for a 103, and how long the client has taken nothing.

mod bypass;
mod given;
mod http2;
mod hyper;
mod opening;

use std::{
    future::Future,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use self::given::Given;
pub(crate) use self::{bypass::Bypassed, opening::Opening};
use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use crate::{
    progress::{Progress, Stalled},
    socket::{Address, Socket},
};

/// How much is read ahead while a response is under way, in bytes. A FIN behind more than this
/// shows only when the next request is read.
const WATCH_LIMIT: usize = 16 * 1024;

/// How often the socket is asked for an error while no more is read ahead.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// hyper's side of the connection's socket.
#[derive(Debug)]
pub(crate) struct Io(pub(crate) Arc<Shared>);

/// The socket with what the connection's task knows of it.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    facts: Facts,
}

/// What the connection's task asks at every turn, so that it is read without a lock. What is sent is
/// noted with the lock, by the I/O thread but for what goes past hyper.
#[derive(Debug, Default)]
struct Facts {
    received: AtomicU64,
    sent: AtomicU64,
    /// Something of hyper's, or before it, is half-written or on its way there. A thread that sends
    /// past hyper sets it under the lock of the outbox, which the I/O thread takes before it counts.
    unflushed: AtomicBool,
    eof: AtomicBool,
    /// The client has not taken all that waits for it.
    blocked: AtomicBool,
}

impl Facts {
    fn add(counter: &AtomicU64, bytes: usize) {
        counter.store(counter.load(Relaxed) + bytes as u64, Relaxed);
    }
}

#[derive(Debug)]
struct State {
    /// Empty once the socket was taken out.
    socket: Option<Socket>,
    /// Read by the watch, and not yet by hyper.
    prefetched: BytesMut,
    /// hyper was told that nothing is there to read.
    reader_waits: bool,
    /// What hyper was given since it began.
    given: Given,
    /// What goes out before anything of hyper's: interim responses, and the rest of what has gone
    /// past it.
    ahead: BytesMut,
    /// Since when the client has not taken all that waits for it.
    blocked: Option<Progress>,
    /// The next look for an error, where no more is read ahead.
    probe: Option<Pin<Box<Sleep>>>,
}

/// What the watch saw of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It has ended its side (FIN).
    Eof,
    /// The connection is broken.
    Reset,
}

impl Shared {
    pub(crate) fn new(socket: Socket) -> Self {
        let state = State {
            socket: Some(socket),
            prefetched: BytesMut::new(),
            reader_waits: false,
            given: Given::Nothing,
            ahead: BytesMut::new(),
            blocked: None,
            probe: None,
        };
        Self {
            state: Mutex::new(state),
            facts: Facts::default(),
        }
    }

    /// Where the client was received.
    pub(crate) fn local_address(&self) -> Address {
        let state = self.state.lock();
        let socket = state.socket.as_ref();
        socket.map_or(Address::Unix, Socket::local_address)
    }

    /// Bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.facts.received.load(Relaxed)
    }

    /// Bytes sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.facts.sent.load(Relaxed)
    }

    /// Whether all that was written has reached the kernel.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.facts.unflushed.load(Relaxed)
    }

    /// hyper gets a part of a body. What it was given before it has flushed is never passed by, also
    /// if it should not flush in the turn in which it was given that (hyper 1.11 does).
    pub(crate) fn note_given(&self) {
        self.facts.unflushed.store(true, Relaxed);
    }

    /// Whether the client has ended its side.
    pub(crate) fn is_eof(&self) -> bool {
        self.facts.eof.load(Relaxed)
    }

    /// Whether the client has ended its side as far as the kernel knows, behind nothing unread.
    pub(crate) fn has_ended(&self) -> bool {
        let state = self.state.lock();
        self.is_eof() || state.socket.as_ref().is_some_and(Socket::is_at_eof)
    }

    /// Whether the client has not taken all that waits for it.
    pub(crate) fn is_blocked(&self) -> bool {
        self.facts.blocked.load(Relaxed)
    }

    /// Reads ahead, to see whether the client is still there; ready with the first bad sign.
    pub(crate) fn poll_watch(&self, cx: &mut Context<'_>) -> Poll<Sign> {
        let mut state = self.state.lock();
        let state = &mut *state;
        loop {
            if self.is_eof() {
                return Poll::Ready(Sign::Eof);
            }
            let Some(socket) = &mut state.socket else {
                return Poll::Pending;
            };
            if state.prefetched.len() >= WATCH_LIMIT {
                // A reset shows behind unread bytes too, but not by itself: nobody waits to read.
                while !socket.has_failed() {
                    let pause = || Box::pin(tokio::time::sleep(PROBE_INTERVAL));
                    let probe = state.probe.get_or_insert_with(pause);
                    ready!(probe.as_mut().poll(cx));
                    state.probe = None;
                }
                return Poll::Ready(Sign::Reset);
            }
            let mut space = [const { MaybeUninit::uninit() }; 4096];
            let mut buf = ReadBuf::uninit(&mut space);
            match ready!(Pin::new(socket).poll_read(cx, &mut buf)) {
                Err(_) => return Poll::Ready(Sign::Reset),
                Ok(()) if buf.filled().is_empty() => self.facts.eof.store(true, Relaxed),
                Ok(()) => {
                    state.prefetched.extend_from_slice(buf.filled());
                    Facts::add(&self.facts.received, buf.filled().len());
                }
            }
            if state.reader_waits {
                state.reader_waits = false;
                cx.waker().wake_by_ref();
            }
        }
    }

    /// Whether the watch has read what hyper has not.
    pub(crate) fn has_prefetched(&self) -> bool {
        !self.state.lock().prefetched.is_empty()
    }

    /// Puts bytes back in front of what hyper reads next.
    pub(crate) fn unread(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let behind = std::mem::replace(&mut state.prefetched, BytesMut::from(bytes));
        state.prefetched.extend_from_slice(&behind);
    }

    /// Lets an interim response out, where the wire is between two messages: behind a response
    /// that is half-written there is no room for it, and it is dropped, as a 1xx may be.
    pub(crate) fn send_interim(&self, head: &[u8], cx: &mut Context<'_>) {
        let mut state = self.state.lock();
        if self.is_flushed() {
            state.ahead.extend_from_slice(head);
            // Errors show again at hyper's next write.
            let _ = state.poll_flush(cx, &self.facts);
        }
    }

    /// When to look again whether the client takes what waits for it; `None`: nothing does.
    ///
    /// # Errors
    /// It has taken nothing for `timeout`, or after a grace less than `min_rate` bytes a second.
    pub(crate) fn stalled(
        &self,
        now: Instant,
        timeout: Option<Duration>,
        min_rate: Option<u64>,
    ) -> Result<Option<Instant>, Stalled> {
        match self.state.lock().blocked {
            Some(blocked) => blocked.check(now, timeout, min_rate),
            None => Ok(None),
        }
    }

    /// Writes what goes out behind all that was written before.
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state.lock().poll_write(cx, &self.facts, bufs)
    }

    /// Has all that was written reach the kernel.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        self.state.lock().poll_flush(cx, &self.facts)
    }

    /// Takes the socket, and what the watch has read from it.
    pub(crate) fn take_socket(&self) -> Option<(Socket, Bytes)> {
        let mut state = self.state.lock();
        let socket = state.socket.take()?;
        let prefetched = std::mem::take(&mut state.prefetched);
        Some((socket, prefetched.freeze()))
    }
}

impl State {
    /// Passes on what was read ahead, `limit` bytes at the most; false: nothing was.
    fn read_prefetched(&mut self, limit: usize, put: impl FnOnce(&[u8])) -> bool {
        if self.prefetched.is_empty() {
            return false;
        }
        let length = self.prefetched.len().min(limit);
        put(&self.prefetched[..length]);
        self.given = self.given.with(&self.prefetched[..length]);
        self.prefetched.advance(length);
        if self.prefetched.is_empty() {
            self.prefetched = BytesMut::new();
        }
        true
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>, facts: &Facts) -> Poll<io::Result<()>> {
        while !self.ahead.is_empty() {
            let Some(socket) = &mut self.socket else {
                return Poll::Ready(Err(taken()));
            };
            facts.unflushed.store(true, Relaxed);
            let written = Pin::new(socket).poll_write(cx, &self.ahead);
            let written = ready!(self.note_written(facts, written))?;
            self.ahead.advance(written);
            if self.ahead.is_empty() {
                // The connection keeps no room for what was rare.
                self.ahead = BytesMut::new();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        facts: &Facts,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Never there in the middle of a message of hyper's: see `send_interim` and `bypass`.
        ready!(self.poll_ahead(cx, facts))?;
        let Some(socket) = &mut self.socket else {
            return Poll::Ready(Err(taken()));
        };
        facts.unflushed.store(true, Relaxed);
        let written = Pin::new(socket).poll_write_vectored(cx, bufs);
        self.note_written(facts, written)
    }

    /// Counts what was written, and notes whether the client takes it.
    fn note_written(
        &mut self,
        facts: &Facts,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(_)) => self.note_sent(facts),
            Poll::Pending => {
                // An encrypted connection may have sent what it took before.
                self.note_sent(facts);
                self.note_blocked(facts);
            }
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    /// Notes what the kernel has taken.
    fn note_sent(&mut self, facts: &Facts) {
        let before = facts.sent.load(Relaxed);
        let sent = self.socket.as_ref().map_or(before, Socket::sent);
        facts.sent.store(sent, Relaxed);
        if sent > before
            && let Some(blocked) = &mut self.blocked
        {
            blocked.note(sent, Instant::now());
        }
    }

    fn note_blocked(&mut self, facts: &Facts) {
        if self.blocked.is_none() {
            let sent = facts.sent.load(Relaxed);
            self.blocked = Some(Progress::new(sent, Instant::now()));
            facts.blocked.store(true, Relaxed);
        }
    }

    /// All of hyper's and of ours has reached the kernel.
    fn poll_flush(&mut self, cx: &mut Context<'_>, facts: &Facts) -> Poll<io::Result<()>> {
        ready!(self.poll_ahead(cx, facts))?;
        let Some(socket) = &mut self.socket else {
            return Poll::Ready(Ok(()));
        };
        let flushed = Pin::new(socket).poll_flush(cx)?;
        // What an encrypted connection has taken may still be on its way.
        self.note_sent(facts);
        if flushed.is_pending() {
            self.note_blocked(facts);
            return Poll::Pending;
        }
        self.blocked = None;
        facts.blocked.store(false, Relaxed);
        facts.unflushed.store(false, Relaxed);
        Poll::Ready(Ok(()))
    }
}

fn taken() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the socket was handed over")
}
