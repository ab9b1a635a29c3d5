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
        let pump = {
            let mut state = self.state.lock();
            add(&mut state.pending);
            state.pump.take()
        };
        if let Some(pump) = pump {
            pump.wake();
        }
    }

    /// Forgets every waker, once the I/O thread has ended: each holds a task, and with it the
    /// runtime's descriptors.
    pub(crate) fn clear(&self) {
        *self.state.lock() = State::default();
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
