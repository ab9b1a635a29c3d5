//! Tests of the outbox: no socket, no runtime.

use std::sync::Arc;

use super::*;
use crate::wake_counter::WakeCounter;

fn outbox(capacity: usize, policy: SlowConsumer) -> (Outbox, Arc<EndedQueue>) {
    let ended = Arc::new(EndedQueue::new(usize::MAX));
    let outbox = Outbox::new(7, capacity, policy, Arc::default(), ended.clone());
    outbox.open();
    (outbox, ended)
}

/// What of `text` must wait.
fn write<'a>(outbox: &'a Outbox, text: &str) -> Option<PendingWrite<'a>> {
    match outbox.write(text.as_bytes()).unwrap() {
        Written::Waits(pending) => Some(pending),
        Written::All | Written::Cut => None,
    }
}

fn take(outbox: &Outbox) -> Poll<Taken> {
    outbox.poll_take(&mut Context::from_waker(Waker::noop()))
}

fn data(text: &'static str) -> Poll<Taken> {
    Poll::Ready(Taken::Data(Bytes::from_static(text.as_bytes())))
}

#[test]
fn writes_join_until_they_are_taken() {
    let (outbox, _) = outbox(100, SlowConsumer::Block);
    assert!(take(&outbox).is_pending());
    assert!(write(&outbox, "one").is_none());
    assert!(write(&outbox, "two").is_none());
    assert_eq!(take(&outbox), data("onetwo"));
    outbox.finish();
    assert_eq!(take(&outbox), Poll::Ready(Taken::Finished));
}

#[test]
fn a_write_that_waits_is_contiguous_and_others_stand_behind_it() {
    let (outbox, _) = outbox(4, SlowConsumer::Block);
    let mut first = write(&outbox, "aaaaaa").unwrap();
    let mut second = write(&outbox, "bb").unwrap();
    let (first_woken, first_waker) = WakeCounter::with_waker();
    let (second_woken, second_waker) = WakeCounter::with_waker();
    assert!(
        first
            .poll(&mut Context::from_waker(&first_waker))
            .is_pending()
    );
    assert!(
        second
            .poll(&mut Context::from_waker(&second_waker))
            .is_pending()
    );
    assert_eq!(take(&outbox), data("aaaa"));
    assert_eq!(first_woken.count(), 1);
    // There is room, but not for who comes only now.
    assert!(write(&outbox, "c").is_some());
    assert!(
        second
            .poll(&mut Context::from_waker(&second_waker))
            .is_pending()
    );
    assert!(
        first
            .poll(&mut Context::from_waker(&first_waker))
            .is_ready()
    );
    drop(first);
    assert!(second_woken.count() >= 1, "the next in line is woken");
    assert!(
        second
            .poll(&mut Context::from_waker(&second_waker))
            .is_ready()
    );
    assert_eq!(take(&outbox), data("aabb"));
}

#[test]
fn a_full_buffer_is_refused_where_the_policy_says_so_and_loses_nothing() {
    let (outbox, _) = outbox(4, SlowConsumer::Raise);
    assert!(write(&outbox, "abc").is_none());
    assert!(
        outbox
            .write(b"de")
            .is_err_and(|error| error.is_slow_consumer())
    );
    assert_eq!(take(&outbox), data("abc"));
    assert!(!outbox.is_closed());
}

#[test]
fn a_full_buffer_ends_the_stream_where_the_policy_says_so() {
    let (outbox, _) = outbox(4, SlowConsumer::Disconnect);
    assert!(write(&outbox, "abc").is_none());
    assert!(outbox.write(b"de").is_err_and(|error| error.is_gone()));
    assert!(outbox.is_closed());
}

#[test]
fn the_end_is_told_once_and_with_its_first_reason() {
    let (outbox, ended) = outbox(4, SlowConsumer::Block);
    outbox.watch();
    outbox.set_gone(Gone::Reset);
    outbox.finish();
    let told = ended.try_pop().unwrap();
    assert_eq!((told.id, told.gone), (7, Some(Gone::Reset)));
    assert!(ended.try_pop().is_none());
}

#[test]
fn a_late_watch_is_told_at_once() {
    let (outbox, ended) = outbox(4, SlowConsumer::Block);
    outbox.finish();
    assert!(ended.try_pop().is_none());
    outbox.watch();
    assert_eq!(ended.try_pop().unwrap().gone, None);
}

#[test]
fn writes_behind_the_end_say_why() {
    let (closed, _) = outbox(4, SlowConsumer::Block);
    closed.finish();
    assert!(closed.write(b"a").is_err_and(|error| error.is_closed()));
    let (left, _) = outbox(4, SlowConsumer::Block);
    left.set_gone(Gone::Closed);
    let error = left.write(b"a").err().unwrap();
    assert_eq!(
        (error.is_gone(), error.os_error()),
        (true, Some(libc::EPIPE))
    );
}

#[test]
fn what_exceeds_the_announced_length_is_dropped_without_a_wait() {
    let (outbox, _) = outbox(4, SlowConsumer::Block);
    assert!(!outbox.overflow(false));
    let cut = outbox.write(b"more than four").unwrap();
    assert!(matches!(cut, Written::Cut));
    let (length, again) = outbox.write_some(b"more").unwrap();
    assert!(length == 4 && matches!(again, Written::All), "told once");
    outbox.finish();
    assert_eq!(take(&outbox), Poll::Ready(Taken::Finished));
}

#[test]
fn a_write_that_waits_is_over_when_the_announced_length_is() {
    let (outbox, _) = outbox(4, SlowConsumer::Block);
    let mut waiting = write(&outbox, "aaaaaa").unwrap();
    let (woken, waker) = WakeCounter::with_waker();
    let mut cx = Context::from_waker(&waker);
    assert!(waiting.poll(&mut cx).is_pending());
    assert!(outbox.overflow(false));
    assert_eq!(woken.count(), 1);
    assert!(waiting.poll(&mut cx).is_ready());
}

#[test]
fn write_some_takes_what_fits() {
    let (outbox, _) = outbox(4, SlowConsumer::Block);
    assert_eq!(outbox.write_some(b"abcdef").unwrap().0, 4);
    assert_eq!(outbox.write_some(b"ef").unwrap().0, 0);
    assert_eq!(take(&outbox), data("abcd"));
}

#[test]
fn nothing_can_be_written_before_the_response_has_begun() {
    let ended = Arc::new(EndedQueue::new(usize::MAX));
    let outbox = Outbox::new(7, 4, SlowConsumer::Block, Arc::default(), ended);
    assert!(outbox.write(b"a").is_err());
    assert!(outbox.write_some(b"a").is_err());
    outbox.open();
    assert!(write(&outbox, "a").is_none());
}
