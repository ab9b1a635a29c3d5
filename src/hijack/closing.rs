//! Hijacked connections that the application has closed, while their clients close too.
//!
//! Closing over unread bytes would make the kernel send a reset that can overtake the last bytes
//! written (RFC 9112 section 9.6), so each is kept until its client has ended its side. Nearly all
//! clients do that at once. So a closed connection is looked at once, together with others, before it
//! is worth a registration and a task of its own.

use std::{
    collections::VecDeque,
    future::poll_fn,
    mem::MaybeUninit,
    os::fd::{AsRawFd, OwnedFd},
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

use super::linger;
use crate::{
    fds::{FdTable, Listed},
    server::{Permit, Shared},
    socket::Socket,
    wakeups::Wakeups,
};

/// How long a client is given to end its side before it is looked at.
const GRACE: Duration = Duration::from_millis(10);

/// So many are looked at in one turn.
const TURN: usize = 64;

/// Closed connections whose clients may still send.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connections: VecDeque<Closed>,
    /// Tasks whose connections threads of the application have taken, and which only have to end.
    tasks: Vec<Waker>,
    /// Of the task that looks at them, while there are none.
    waker: Option<Waker>,
    /// That task has ended.
    is_over: bool,
}

/// A connection whose write direction has ended.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Before the descriptor: its number may belong to somebody else right after the close.
    listed: Listed,
    fd: OwnedFd,
    is_tcp: bool,
    permit: Permit,
    since: Instant,
}

impl Closed {
    /// Ends the write direction of `fd`, behind all that was written.
    pub(crate) fn new(fd: OwnedFd, is_tcp: bool, permit: Permit, table: &Arc<FdTable>) -> Self {
        // A client that has gone needs no FIN.
        let _ = SockRef::from(&fd).shutdown(std::net::Shutdown::Write);
        Self {
            listed: Listed::new(table, fd.as_raw_fd()),
            fd,
            is_tcp,
            permit,
            since: Instant::now(),
        }
    }

    /// Whether the client may still send.
    fn is_open(&self) -> bool {
        let mut space = [MaybeUninit::uninit(); 512];
        let socket = SockRef::from(&self.fd);
        match socket.recv_with_flags(&mut space, libc::MSG_DONTWAIT) {
            Ok(read) => read > 0,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }

    /// Waits for the client's end, in a task of its own.
    fn linger(self, server: Arc<Shared>) {
        tokio::spawn(async move {
            let Self {
                listed,
                fd,
                is_tcp,
                permit: _permit,
                ..
            } = self;
            // A socket that cannot be registered is closed at once: the kernel's own way.
            if let Ok(mut socket) = Socket::from_fd(fd, is_tcp) {
                socket.keep_listed(listed);
                linger(socket, &server).await;
            }
        });
    }
}

impl Closing {
    /// Keeps a connection until its client has ended its side. From any thread.
    pub(crate) fn push(&self, closed: Closed, wakeups: &Wakeups) {
        self.add(wakeups, |state| state.connections.push_back(closed));
    }

    /// Has a task end, which there is no hurry about: the I/O thread is not woken for each. From any
    /// thread.
    pub(crate) fn end_task(&self, task: Waker, wakeups: &Wakeups) {
        self.add(wakeups, |state| state.tasks.push(task));
    }

    fn add(&self, wakeups: &Wakeups, add: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.state.lock();
            if state.is_over {
                return;
            }
            add(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            wakeups.wake(waker);
        }
    }

    /// Has the tasks end that were handed to [`Closing::end_task`].
    pub(crate) fn end_tasks(&self) {
        let tasks = std::mem::take(&mut self.state.lock().tasks);
        tasks.into_iter().for_each(Waker::wake);
    }

    /// Waits until there is something to do.
    async fn filled(&self) {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if !state.connections.is_empty() || !state.tasks.is_empty() {
                return Poll::Ready(());
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Some of those whose clients have had their time.
    fn take_due(&self) -> Vec<Closed> {
        let mut state = self.state.lock();
        let now = Instant::now();
        let first = state.connections.iter().take(TURN);
        let due = first.take_while(|closed| now.duration_since(closed.since) >= GRACE);
        let due = due.count();
        state.connections.drain(..due).collect()
    }

    /// Closes what is left, and what comes later, at once: nobody looks any more.
    pub(crate) fn close(&self) {
        let over = State {
            is_over: true,
            ..State::default()
        };
        // Dropped without the lock.
        let _connections = std::mem::replace(&mut *self.state.lock(), over);
    }
}

/// Looks at the connections, for as long as the server runs.
pub(crate) async fn see_through(server: Arc<Shared>) {
    loop {
        server.closing.filled().await;
        sleep(GRACE).await;
        server.closing.end_tasks();
        loop {
            let due = server.closing.take_due();
            if due.is_empty() {
                break;
            }
            for closed in due {
                if closed.is_open() {
                    closed.linger(server.clone());
                }
            }
            yield_now().await;
        }
    }
}
