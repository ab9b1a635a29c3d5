//! The bounded queue between the I/O thread and the threads that call the application.
//!
//! A push wakes one sleeper at most, the one that fell asleep last (its caches are warm), and
//! none while another is on its way: who takes an item and sees more passes the wake-up on.
//! So one busy thread empties the queue alone, and a slow one holds nobody up.

use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

/// A queue of `T` for many producers and many consumers.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    sleepers: Vec<(u64, Waker)>,
    /// The sleeper that was woken and has not come yet.
    woken: Option<u64>,
    next_sleeper: u64,
    closed: bool,
}

/// Why a push gave its item back.
#[derive(Debug)]
pub enum PushError<T> {
    /// As many items as the capacity allows are waiting.
    Full(T),
    /// [`Queue::close`] was called.
    Closed(T),
}

impl<T> Queue<T> {
    /// An empty queue for at most `capacity` items.
    pub fn new(capacity: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            sleepers: Vec::new(),
            woken: None,
            next_sleeper: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            capacity,
        }
    }

    /// Appends `item` and wakes a sleeper where one is needed.
    ///
    /// # Errors
    /// Gives the item back when the queue is full or closed.
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        if let Some(waker) = self.push_quietly(item)? {
            waker.wake();
        }
        Ok(())
    }

    /// Appends `item`, and leaves it to the caller to wake the sleeper that is needed, if one
    /// is: a thread that is woken at once runs in place of the one that has more to push.
    ///
    /// # Errors
    /// Gives the item back when the queue is full or closed.
    pub fn push_quietly(&self, item: T) -> Result<Option<Waker>, PushError<T>> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(PushError::Closed(item));
        }
        if state.items.len() >= self.capacity {
            return Err(PushError::Full(item));
        }
        state.items.push_back(item);
        Ok(state.next_to_wake())
    }

    /// Takes the oldest item without waiting; `None` where there is none.
    pub fn try_pop(&self) -> Option<T> {
        let mut state = self.state.lock();
        let item = state.items.pop_front()?;
        let waker = state.next_to_wake();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(item)
    }

    /// What `look` sees in the oldest item; `None` where there is none.
    pub fn oldest<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.state.lock().items.front().map(look)
    }

    /// Takes the item out for which `wanted` is true, out of its turn, if it is there.
    pub fn remove(&self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let mut state = self.state.lock();
        let index = state.items.iter().position(wanted)?;
        state.items.remove(index)
    }

    /// Takes the oldest item, or registers the caller as a sleeper; `None`: closed and empty.
    pub fn poll_pop(&self, cx: &mut Context<'_>, sleeper: &mut Sleeper) -> Poll<Option<T>> {
        let mut state = self.state.lock();
        state.forget(sleeper);
        if let Some(item) = state.items.pop_front() {
            let waker = state.next_to_wake();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
            return Poll::Ready(Some(item));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        let id = state.next_sleeper;
        state.next_sleeper += 1;
        state.sleepers.push((id, cx.waker().clone()));
        sleeper.id = Some(id);
        Poll::Pending
    }

    /// Gives up a wait that [`Queue::poll_pop`] began, and passes a wake-up on that it may have
    /// received. Must be called when a wait ends without an item.
    pub fn cancel(&self, sleeper: &mut Sleeper) {
        let mut state = self.state.lock();
        state.forget(sleeper);
        let waker = if state.items.is_empty() {
            None
        } else {
            state.next_to_wake()
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Refuses further items and wakes every sleeper; what is queued can still be taken.
    pub fn close(&self) {
        let sleepers = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.sleepers)
        };
        sleepers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Whether no item waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> State<T> {
    fn next_to_wake(&mut self) -> Option<Waker> {
        if self.items.is_empty() || self.woken.is_some() {
            return None;
        }
        let (id, waker) = self.sleepers.pop()?;
        self.woken = Some(id);
        Some(waker)
    }

    fn forget(&mut self, sleeper: &mut Sleeper) {
        let Some(id) = sleeper.id.take() else { return };
        if self.woken == Some(id) {
            self.woken = None;
        } else {
            self.sleepers.retain(|(other, _)| *other != id);
        }
    }
}

/// A consumer's place among the sleepers, kept from one poll to the next.
#[derive(Debug, Default)]
pub struct Sleeper {
    id: Option<u64>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wake_counter::WakeCounter;

    fn sleeper(queue: &Queue<u32>) -> (Arc<WakeCounter>, Sleeper) {
        let (counter, waker) = WakeCounter::with_waker();
        let mut sleeper = Sleeper::default();
        assert!(
            queue
                .poll_pop(&mut Context::from_waker(&waker), &mut sleeper)
                .is_pending()
        );
        (counter, sleeper)
    }

    #[test]
    fn is_first_in_first_out_and_bounded() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert!(matches!(queue.push(3), Err(PushError::Full(3))));
        assert_eq!(
            (queue.try_pop(), queue.try_pop(), queue.try_pop()),
            (Some(1), Some(2), None)
        );
    }

    #[test]
    fn shows_the_oldest_item() {
        let queue = Queue::new(2);
        assert_eq!(queue.oldest(|item| *item), None);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert_eq!(queue.oldest(|item| *item), Some(1));
        queue.remove(|item| *item == 1);
        assert_eq!(queue.oldest(|item| *item), Some(2));
    }

    #[test]
    fn wakes_the_last_sleeper_and_no_second_one_until_it_came() {
        let queue = Queue::new(9);
        let (first, _a) = sleeper(&queue);
        let (last, mut b) = sleeper(&queue);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert_eq!((first.count(), last.count()), (0, 1));
        let waker = Waker::from(last.clone());
        let taken = queue.poll_pop(&mut Context::from_waker(&waker), &mut b);
        assert_eq!(taken, Poll::Ready(Some(1)));
        assert_eq!(
            first.count(),
            1,
            "who came passes the wake-up on while items are left"
        );
    }

    #[test]
    fn a_cancelled_sleeper_passes_its_wake_up_on() {
        let queue = Queue::new(9);
        let (first, _a) = sleeper(&queue);
        let (last, mut b) = sleeper(&queue);
        queue.push(1).unwrap();
        queue.cancel(&mut b);
        assert_eq!((first.count(), last.count()), (1, 1));
    }

    #[test]
    fn close_wakes_everybody_and_keeps_what_is_queued() {
        let queue = Queue::new(9);
        let (first, _a) = sleeper(&queue);
        queue.close();
        assert_eq!(first.count(), 1);
        assert!(matches!(queue.push(1), Err(PushError::Closed(1))));
        let waker = Waker::from(first);
        let mut fresh = Sleeper::default();
        let taken = queue.poll_pop(&mut Context::from_waker(&waker), &mut fresh);
        assert_eq!(taken, Poll::Ready(None));
    }
}
