//! Tests of the outbox: no socket, no runtime.

use std::sync::Arc;

use super::*;
use crate::{io::Bypassed, message::Message, wake_counter::WakeCounter};

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

/// Offers `text`; `bypass`: what becomes of it past the reader. Whether that was asked, and what
/// came of it.
fn offer(
    outbox: &Outbox,
    text: &str,
    bypass: impl FnOnce() -> std::io::Result<Bypassed>,
) -> (bool, Offered) {
    let mut asked = false;
    let offered = outbox.offer(&Message::new(text.as_bytes()), None, || {
        asked = true;
        bypass()
    });
    (asked, offered)
}

/// A turn of the reader, which has found nothing.
fn turn(outbox: &Outbox, waker: &Waker, flushed: bool) {
    let mut cx = Context::from_waker(waker);
    assert!(outbox.poll_take(&mut cx).is_pending());
    assert!(outbox.poll_turn(&mut cx, flushed).is_pending());
}

#[test]
fn a_message_goes_past_a_reader_that_rests_and_no_other() {
    let all = || Ok(Bypassed::All);
    let (outbox, _) = outbox(100, SlowConsumer::Block);
    turn(&outbox, Waker::noop(), true);
    assert!(!offer(&outbox, "not allowed", all).0);
    assert_eq!(take(&outbox), data("not allowed"));
    outbox.allow_bypass();
    assert!(!offer(&outbox, "has not looked", all).0);
    assert_eq!(take(&outbox), data("has not looked"));
    turn(&outbox, Waker::noop(), false);
    assert!(!offer(&outbox, "not flushed", all).0);
    assert_eq!(take(&outbox), data("not flushed"));
    turn(&outbox, Waker::noop(), true);
    assert!(offer(&outbox, "past it", all).0);
    assert!(offer(&outbox, "and on", all).0);
    assert!(take(&outbox).is_pending());
    assert!(offer(&outbox, "still at rest", all).0);
    assert!(write(&outbox, "its own").is_none());
    assert!(!offer(&outbox, " and behind it", all).0);
    assert_eq!(take(&outbox), data("its own and behind it"));
    assert!(!offer(&outbox, "busy", all).0);
    assert_eq!(outbox.account(), (None, 7 + 6 + 13));
    outbox.finish();
    assert!(!offer(&outbox, "ended", all).0);
}

#[test]
fn a_reader_that_rests_is_woken_for_what_did_not_go_past_it() {
    let (outbox, _) = outbox(100, SlowConsumer::Block);
    let (_, waker) = WakeCounter::with_waker();
    outbox.allow_bypass();
    turn(&outbox, &waker, true);
    let (_, part) = offer(&outbox, "half", || Ok(Bypassed::Part));
    assert!(matches!(part, Offered::Taken(Some(_))));
    assert!(take(&outbox).is_pending(), "it is on its way");
    assert!(!offer(&outbox, "behind", || Ok(Bypassed::All)).0);
    assert_eq!(take(&outbox), data("behind"));
    turn(&outbox, &waker, true);
    let (_, none) = offer(&outbox, "none of it", || Ok(Bypassed::Not));
    assert!(matches!(none, Offered::Taken(Some(_))));
    assert_eq!(take(&outbox), data("none of it"));
    assert_eq!(outbox.account(), (None, 4));
}

#[test]
fn a_connection_that_breaks_under_a_message_has_gone() {
    let (outbox, ended) = outbox(100, SlowConsumer::Block);
    outbox.allow_bypass();
    outbox.watch();
    turn(&outbox, Waker::noop(), true);
    let reset = || Err(std::io::ErrorKind::ConnectionReset.into());
    assert!(matches!(offer(&outbox, "x", reset).1, Offered::Refused));
    assert_eq!(ended.try_pop().unwrap().gone, Some(Gone::Reset));
}

#[test]
fn a_message_is_kept_by_reference_where_nothing_waits_before_it() {
    let (outbox, _) = outbox(100, SlowConsumer::Block);
    let message = Message::new(b"shared");
    let not = || Ok(Bypassed::Not);
    assert!(matches!(
        outbox.offer(&message, None, not),
        Offered::Taken(_)
    ));
    assert!(write(&outbox, "own").is_none());
    let Poll::Ready(Taken::Data(taken)) = take(&outbox) else {
        panic!("nothing to take");
    };
    assert_eq!(taken.as_ptr(), message.data().as_ptr());
    assert_eq!(take(&outbox), data("own"));
    assert_eq!(&message.chunk()[..], b"6\r\nshared\r\n");
}

#[test]
fn a_message_has_no_place_behind_half_a_write() {
    let (outbox, _) = outbox(4, SlowConsumer::Block);
    let mut half = write(&outbox, "aaaaaa").unwrap();
    assert_eq!(take(&outbox), data("aaaa"));
    outbox.set_policy(SlowConsumer::Raise);
    let (_, offered) = offer(&outbox, "m", || Ok(Bypassed::Not));
    assert!(matches!(offered, Offered::Refused));
    assert!(
        half.poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    drop(half);
    assert_eq!(take(&outbox), data("aa"));
    let (_, offered) = offer(&outbox, "m", || Ok(Bypassed::Not));
    assert!(matches!(offered, Offered::Taken(_)));
}

#[test]
fn a_message_longer_than_the_buffer_is_taken_where_nothing_waits() {
    let (outbox, _) = outbox(4, SlowConsumer::Raise);
    let not = || Ok(Bypassed::Not);
    assert!(matches!(offer(&outbox, "longer", not).1, Offered::Taken(_)));
    assert!(matches!(offer(&outbox, "x", not).1, Offered::Refused));
    assert_eq!(take(&outbox), data("longer"));
    assert!(matches!(offer(&outbox, "x", not).1, Offered::Taken(_)));
}

#[test]
fn nothing_goes_past_a_reader_into_half_a_write() {
    let (outbox, _) = outbox(4, SlowConsumer::Raise);
    outbox.allow_bypass();
    let half = write(&outbox, "aaaaaa").unwrap();
    assert_eq!(take(&outbox), data("aaaa"));
    turn(&outbox, Waker::noop(), true);
    let (asked, offered) = offer(&outbox, "m", || Ok(Bypassed::All));
    assert!(!asked && matches!(offered, Offered::Refused));
    drop(half);
}

#[test]
fn what_is_long_goes_by_reference_and_not_past_the_reader() {
    let (outbox, _) = outbox(100_000, SlowConsumer::Block);
    outbox.allow_bypass();
    turn(&outbox, Waker::noop(), true);
    assert!(!offer(&outbox, &"x".repeat(16 * 1024 + 1), || Ok(Bypassed::All)).0);
}

#[test]
fn a_stream_that_has_not_begun_misses_what_finds_no_room_and_is_not_given_up() {
    let (wakeups, ended) = (Arc::default(), Arc::new(EndedQueue::new(usize::MAX)));
    let outbox = Outbox::new(7, 4, SlowConsumer::Block, wakeups, ended);
    let not = || Ok(Bypassed::Not);
    assert!(matches!(offer(&outbox, "1234", not).1, Offered::Taken(_)));
    assert!(matches!(offer(&outbox, "5", not).1, Offered::Refused));
    assert_eq!(outbox.gone(), None);
    outbox.open();
    assert!(matches!(offer(&outbox, "5", not).1, Offered::Refused));
    assert_eq!(outbox.gone(), Some(Gone::TimedOut));
}
