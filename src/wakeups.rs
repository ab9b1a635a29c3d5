//! Wakes tasks of the I/O thread from other threads, many for the price of one.
//!
//! A waker of Tokio that is used from outside of its thread writes to the eventfd of the
//! runtime each time. Here the wakers are collected, and only the first of a batch writes.

use std::{
    future::poll_fn,
    mem,
    task::{Poll, Waker},
};

use parking_lot::Mutex;

/// Wakers that wait for the I/O thread to use them.
#[derive(Debug, Default)]
pub(crate) struct Wakeups {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<Waker>,
    pump: Option<Waker>,
    /// The I/O thread has ended, and uses no waker any more.
    closed: bool,
}

impl Wakeups {
    /// Has the I/O thread call `waker` soon. Callable from any thread, and never blocks.
    pub(crate) fn wake(&self, waker: Waker) {
        self.add(|pending| pending.push(waker));
    }

    /// The same with many at once.
    pub(crate) fn wake_all(&self, mut wakers: Vec<Waker>) {
        self.add(|pending| pending.append(&mut wakers));
    }

    fn add(&self, add: impl FnOnce(&mut Vec<Waker>)) {
        let (pump, _too_late) = {
            let mut state = self.state.lock();
            add(&mut state.pending);
            let too_late = state.closed.then(|| mem::take(&mut state.pending));
            (state.pump.take(), too_late)
        };
        if let Some(pump) = pump {
            pump.wake();
        }
    }

    /// Forgets every waker, once the I/O thread has ended, and those that come later: each holds a
    /// task, and with it the runtime's descriptors.
    pub(crate) fn close(&self) {
        let closed = State {
            closed: true,
            ..State::default()
        };
        // Dropped without the lock.
        let _wakers = mem::replace(&mut *self.state.lock(), closed);
    }

    /// Passes the wakers on, for ever. Runs as a task of the I/O thread.
    pub(crate) async fn run(&self) {
        let mut batch = Vec::new();
        poll_fn(|cx| {
            {
                let mut state = self.state.lock();
                mem::swap(&mut state.pending, &mut batch);
                state.pump = Some(cx.waker().clone());
            }
            batch.drain(..).for_each(Waker::wake);
            Poll::<()>::Pending
        })
        .await;
    }
}
