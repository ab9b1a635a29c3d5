//! Wakes tasks of the I/O thread from other threads, many for the price of one.
//!
//! A waker of Tokio that is used from outside of its thread writes to the eventfd of the
//! runtime each time. Here the wakers are collected, and only the first of a batch writes.
//!
//! Who gives many tasks the same bytes can ask whether they have come to them yet. That is reckoned
//! for all of them together, by turns of the I/O thread: a round in which each task that was woken
//! runs once.

use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

/// What any task passes on in a round, where its client takes it: on HTTP/2 the task of a stream gives
/// that of the connection 64 KiB, which has its own turn in the next round.
const ROUND: usize = 32 * 1024;

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
    /// Bytes that each of many tasks was given since the last round began.
    given: usize,
    /// Those from before, as far as they have not been passed on.
    taken_up: usize,
    /// Who waits for that.
    waiting: Vec<Waker>,
}

impl Wakeups {
    /// Has the I/O thread call `waker` soon. Callable from any thread, and never blocks.
    pub(crate) fn wake(&self, waker: Waker) {
        self.add(|state| state.pending.push(waker));
    }

    /// The same with many at once.
    pub(crate) fn wake_all(&self, mut wakers: Vec<Waker>) {
        self.add(|state| state.pending.append(&mut wakers));
    }

    fn add(&self, add: impl FnOnce(&mut State)) {
        let (pump, _too_late) = {
            let mut state = self.state.lock();
            add(&mut state);
            let too_late = state.closed.then(|| mem::take(&mut state.pending));
            (state.pump.take(), too_late)
        };
        if let Some(pump) = pump {
            pump.wake();
        }
    }

    /// Notes that many tasks, which have been woken, were given `bytes` each.
    pub(crate) fn note_given(&self, bytes: usize) {
        self.add(|state| state.given += bytes);
    }

    /// Whether the tasks have come to what they were given: all of it, or so much that `length` bytes
    /// more do not exceed `limit`; `cx`: who is woken when that may have changed. An I/O thread that
    /// has ended is not waited for.
    pub(crate) fn has_caught_up(
        &self,
        length: usize,
        limit: usize,
        cx: Option<&Context<'_>>,
    ) -> bool {
        let mut state = self.state.lock();
        let left = state.given + state.taken_up;
        let caught_up = left == 0 || left + length <= limit || state.closed;
        if let Some(cx) = cx.filter(|_| !caught_up) {
            state.waiting.push(cx.waker().clone());
        }
        caught_up
    }

    /// Forgets every waker, once the I/O thread has ended, and those that come later: each holds a
    /// task, and with it the runtime's descriptors.
    pub(crate) fn close(&self) {
        let closed = State {
            closed: true,
            ..State::default()
        };
        let before = mem::replace(&mut *self.state.lock(), closed);
        // The wakers of tasks are dropped, without the lock; other threads go on.
        before.waiting.into_iter().for_each(Waker::wake);
    }

    /// Passes the wakers on, for ever. Runs as a task of the I/O thread.
    pub(crate) async fn run(&self) {
        let mut batch = Vec::new();
        poll_fn(|cx| {
            let (again, waiting) = {
                let mut state = self.state.lock();
                mem::swap(&mut state.pending, &mut batch);
                state.pump = Some(cx.waker().clone());
                (state.begin_round(), mem::take(&mut state.waiting))
            };
            batch.drain(..).for_each(Waker::wake);
            if again {
                // Behind the tasks that were woken.
                cx.waker().wake_by_ref();
            }
            waiting.into_iter().for_each(Waker::wake);
            Poll::<()>::Pending
        })
        .await;
    }
}

impl State {
    /// The tasks that were woken before have had a turn. Whether there is something to wait for.
    fn begin_round(&mut self) -> bool {
        self.taken_up = self.taken_up.saturating_sub(ROUND) + mem::take(&mut self.given);
        self.taken_up > 0
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin};

    use super::*;
    use crate::wake_counter::WakeCounter;

    #[test]
    fn tasks_have_come_to_what_they_were_given_when_each_has_had_its_turn() {
        let wakeups = Wakeups::default();
        let mut run = pin!(wakeups.run());
        let (pump, waker) = WakeCounter::with_waker();
        let mut round = || {
            assert!(
                run.as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        };
        let (waiting, waiter) = WakeCounter::with_waker();
        let cx = Context::from_waker(&waiter);
        round();
        wakeups.note_given(60);
        assert_eq!(pump.count(), 1);
        assert!(wakeups.has_caught_up(40, 100, None));
        assert!(!wakeups.has_caught_up(41, 100, Some(&cx)));
        round();
        assert_eq!(
            (pump.count(), waiting.count()),
            (2, 1),
            "once more, behind the tasks"
        );
        assert!(!wakeups.has_caught_up(41, 100, Some(&cx)));
        round();
        assert_eq!((pump.count(), waiting.count()), (2, 2), "all is passed on");
        assert!(wakeups.has_caught_up(1000, 100, None), "and anything fits");
    }

    #[test]
    fn a_task_is_not_expected_to_pass_on_more_than_it_can_in_one_turn() {
        let wakeups = Wakeups::default();
        let mut run = pin!(wakeups.run());
        let mut cx = Context::from_waker(Waker::noop());
        wakeups.note_given(3 * ROUND);
        for _ in 0..3 {
            assert!(run.as_mut().poll(&mut cx).is_pending());
            assert!(!wakeups.has_caught_up(1, ROUND, None));
        }
        assert!(run.as_mut().poll(&mut cx).is_pending());
        assert!(wakeups.has_caught_up(1, ROUND, None));
    }

    #[test]
    fn a_thread_that_has_ended_is_not_waited_for() {
        let wakeups = Wakeups::default();
        let (waiting, waiter) = WakeCounter::with_waker();
        wakeups.note_given(1);
        assert!(!wakeups.has_caught_up(1, 1, Some(&Context::from_waker(&waiter))));
        wakeups.close();
        assert_eq!(waiting.count(), 1);
        wakeups.note_given(1);
        assert!(wakeups.has_caught_up(1, 1, None));
    }
}
