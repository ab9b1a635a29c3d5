//! Who may write to a group, and when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::{Blocking, group, member, message, server, support::wait};

/// Counts wake-ups.
#[derive(Default)]
struct WakeCounter(AtomicUsize);

impl WakeCounter {
    fn with_waker() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        (counter.clone(), Waker::from(counter))
    }

    fn count(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Wake for WakeCounter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_turn_comes_in_the_order_of_the_line() {
    let group = group();
    let text = message("x");
    let cx = &mut Context::from_waker(Waker::noop());
    let mut first = group.turn();
    assert_eq!(first.poll_write(cx, &text), Poll::Ready(0));
    let (second_woken, second_waker) = WakeCounter::with_waker();
    let (third_woken, third_waker) = WakeCounter::with_waker();
    let second_cx = &mut Context::from_waker(&second_waker);
    let third_cx = &mut Context::from_waker(&third_waker);
    let (mut second, mut third) = (group.turn(), group.turn());
    assert!(third.poll_close(third_cx).is_pending());
    assert!(second.poll_write(second_cx, &text).is_pending());
    assert_eq!(group.try_write(&text), None);
    drop(first);
    assert_eq!((second_woken.count(), third_woken.count()), (1, 0));
    assert!(third.poll_close(third_cx).is_pending());
    assert_eq!(second.poll_write(second_cx, &text), Poll::Ready(0));
    drop(second);
    assert_eq!(third_woken.count(), 1);
    assert!(!group.is_closed());
    assert!(third.poll_close(third_cx).is_ready() && group.is_closed());
    drop(third);
    assert_eq!(group.try_write(&text), Some(0));
}

#[test]
fn who_gives_its_turn_up_has_written_nothing_and_holds_up_nobody() {
    let (server, group) = (server(), group());
    let (mut client, _exchange) = member(&server, &group);
    let cx = &mut Context::from_waker(Waker::noop());
    let first = group.turn();
    let (mut interrupted, mut last) = (group.turn(), group.turn());
    let (woken, waker) = WakeCounter::with_waker();
    assert!(
        interrupted
            .poll_write(cx, &message("not this"))
            .is_pending()
    );
    let last_cx = &mut Context::from_waker(&waker);
    assert!(last.poll_write(last_cx, &message("but this")).is_pending());
    drop(first);
    drop(interrupted);
    assert_eq!(woken.count(), 1);
    assert_eq!(wait(|cx| last.poll_write(cx, &message("but this"))), 1);
    drop(last);
    assert_eq!(client.read_until("this\r\n"), "8\r\nbut this\r\n");
    group.close();
}
