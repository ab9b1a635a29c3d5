//! Groups of streams, over real sockets.

mod slow;
#[path = "../support/mod.rs"]
mod support;
mod turns;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use penstock::{
    config::Config,
    exchange::Exchange,
    group::{Group, Heartbeat, Options},
    message::Message,
    response::{Body, Head},
};
use support::{Client, Running, answer, begin, config, eventually, get, wait};

/// What Ruby does, for threads of Rust.
trait Blocking {
    fn write(&self, message: &Message) -> usize;
    fn close(&self);
}

impl Blocking for Group {
    fn write(&self, message: &Message) -> usize {
        let mut turn = self.turn();
        wait(|cx| turn.poll_write(cx, message))
    }

    fn close(&self) {
        let mut turn = self.turn();
        wait(|cx| turn.poll_close(cx));
    }
}

fn message(text: &str) -> Message {
    Message::new(text.as_bytes())
}

fn group() -> Arc<Group> {
    Group::new(Options::default())
}

/// A group that has heartbeats.
fn beating(interval: Duration) -> Arc<Group> {
    Group::new(Options {
        heartbeat: Some(Heartbeat {
            interval,
            message: message("beat;"),
        }),
        slow: None,
    })
}

/// A stream that has begun, and its client, which has read the head.
fn open(server: &Running) -> (Client, Exchange) {
    let mut client = server.connect(&get("/", ""));
    let exchange = server.take();
    begin(&exchange);
    exchange.release();
    client.read_until("\r\n\r\n");
    (client, exchange)
}

/// A member of `group`, and its client.
fn member(server: &Running, group: &Arc<Group>) -> (Client, Exchange) {
    let (client, exchange) = open(server);
    assert!(group.add(&exchange).unwrap());
    (client, exchange)
}

fn server() -> Running {
    Running::new(config())
}

#[test]
fn a_message_reaches_each_member_and_nobody_else() {
    let (server, group) = (server(), group());
    assert_eq!(group.write(&message("nobody")), 0);
    let mut members: Vec<_> = (0..200).map(|_| member(&server, &group)).collect();
    let (mut other, stranger) = open(&server);
    assert_eq!(group.len(), 200);
    assert!(group.add(&members[0].1).unwrap(), "again");
    assert_eq!(group.write(&message("hello")), 200);
    for (client, exchange) in &mut members {
        assert!(group.contains(exchange));
        assert_eq!(client.read_until("hello\r\n"), "5\r\nhello\r\n");
    }
    assert!(!group.contains(&stranger));
    stranger.outbox().finish();
    assert_eq!(other.read_until("0\r\n\r\n"), "0\r\n\r\n");
}

#[test]
fn an_empty_message_ends_no_body() {
    let (server, group) = (server(), group());
    let (mut client, _exchange) = member(&server, &group);
    assert_eq!(group.write(&message("")), 1);
    assert_eq!(group.write(&message("on")), 1);
    assert_eq!(client.read_until("on\r\n"), "2\r\non\r\n");
}

#[test]
fn a_message_is_framed_as_its_response_is() {
    let (server, group) = (server(), group());
    let mut old = server.connect("GET / HTTP/1.0\r\n\r\n");
    let first = server.take();
    begin(&first);
    let mut own_chunks = server.connect(&get("/", ""));
    let second = server.take();
    let mut head = Head::new(200).unwrap();
    head.append(b"transfer-encoding", b"chunked").unwrap();
    second.respond(head, Body::Stream).unwrap();
    for (client, exchange) in [(&mut old, &first), (&mut own_chunks, &second)] {
        client.read_until("\r\n\r\n");
        group.add(exchange).unwrap();
    }
    for _ in 0..50 {
        assert_eq!(group.write(&message("3\r\none\r\n")), 2);
        assert_eq!(old.read_until("one\r\n"), "3\r\none\r\n");
        assert_eq!(own_chunks.read_until("one\r\n"), "3\r\none\r\n");
    }
}

#[test]
fn what_one_thread_writes_arrives_in_its_order() {
    let (server, group) = (server(), group());
    let (mut client, exchange) = member(&server, &group);
    let mut expected = String::new();
    for number in 0..500 {
        let text = format!("{number};");
        if number % 3 == 0 {
            let pending = exchange.write(text.as_bytes()).unwrap();
            if let Some(mut pending) = pending {
                wait(|cx| pending.poll(cx)).unwrap();
            }
        } else {
            assert_eq!(group.write(&message(&text)), 1);
        }
        expected += &text;
    }
    exchange.outbox().finish();
    let body = client.read_until("\r\n0\r\n\r\n");
    assert_eq!(without_chunks(&body), expected);
}

/// The data of a chunked body.
fn without_chunks(body: &str) -> String {
    let mut lines = body.split("\r\n");
    let mut data = String::new();
    while let (Some(size), Some(chunk)) = (lines.next(), lines.next()) {
        assert_eq!(usize::from_str_radix(size, 16).unwrap(), chunk.len());
        data += chunk;
    }
    data
}

#[test]
fn threads_that_write_at_once_are_heard_by_all_in_one_order() {
    let server = Running::new(Config {
        send_buffer_bytes: 1_000_000,
        ..config()
    });
    let group = group();
    let members: Vec<_> = (0..50).map(|_| member(&server, &group)).collect();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let group = group.clone();
            thread::spawn(move || {
                for number in 0..50 {
                    assert_eq!(group.write(&message(&format!("{writer}:{number};"))), 50);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    group.close();
    let bodies: Vec<_> = members
        .into_iter()
        .map(|(mut client, _exchange)| without_chunks(&client.read_until("\r\n0\r\n\r\n")))
        .collect();
    for writer in 0..4 {
        let own: Vec<_> = bodies[0].split_terminator(';').collect();
        let own: Vec<_> = own
            .into_iter()
            .filter_map(|each| each.strip_prefix(&format!("{writer}:")))
            .collect();
        let numbers: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        assert_eq!(own, numbers);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "one order");
}

#[test]
fn what_is_written_before_the_response_has_begun_is_sent_behind_its_head() {
    let (server, group) = (server(), group());
    let mut client = server.connect(&get("/", ""));
    let exchange = server.take();
    assert!(group.add(&exchange).unwrap());
    assert_eq!(group.write(&message("early;")), 1);
    begin(&exchange);
    exchange.write(b"begun;").unwrap();
    client.read_until("\r\n\r\n");
    let body = client.read_until("begun;\r\n");
    assert!(body.contains("early;") && body.find("early;") < body.find("begun;"));

    let mut other = server.connect(&get("/", ""));
    let exchange = server.take();
    assert!(group.add(&exchange).unwrap());
    assert_eq!(group.write(&message("dropped;")), 2);
    answer(&exchange, "no stream".into());
    exchange.release();
    other.read_until("no stream");
    eventually(|| (group.len() == 1).then_some(()));
}

#[test]
fn a_member_leaves_when_its_stream_ends_while_nobody_writes() {
    let (server, group) = (server(), group());
    let (gone, _gone) = member(&server, &group);
    let (_closed, closed) = member(&server, &group);
    let (_aborted, aborted) = member(&server, &group);
    let (_kept, _still) = member(&server, &group);
    drop(gone);
    closed.outbox().finish();
    aborted.outbox().abort();
    eventually(|| (group.len() == 1).then_some(()));
    assert!(!group.add(&closed).unwrap(), "it has ended");
    assert_eq!(group.write(&message("x")), 1);
    server.0.stop();
    eventually(|| group.is_empty().then_some(()));
}

#[test]
fn a_member_leaves_when_all_is_sent_that_its_head_has_announced() {
    let (server, group) = (server(), group());
    let mut client = server.connect(&get("/", ""));
    let exchange = server.take();
    let mut head = Head::new(200).unwrap();
    head.append(b"content-length", b"4").unwrap();
    exchange.respond(head, Body::Stream).unwrap();
    assert!(group.add(&exchange).unwrap());
    assert_eq!(group.write(&message("more than four")), 1);
    client.read_until("\r\n\r\nmore");
    eventually(|| group.is_empty().then_some(()));
}

#[test]
fn a_member_that_is_let_go_stays_open() {
    let (server, group) = (server(), group());
    let (mut client, exchange) = member(&server, &group);
    assert!(group.delete(&exchange));
    assert!(!group.delete(&exchange));
    assert_eq!(group.write(&message("not for it")), 0);
    exchange.write(b"its own").unwrap();
    assert_eq!(client.read_until("\r\nits own\r\n"), "7\r\nits own\r\n");
}

#[test]
fn heartbeats_come_while_the_group_is_silent() {
    let (server, group) = (server(), beating(Duration::from_millis(20)));
    let (mut client, _exchange) = member(&server, &group);
    for _ in 0..3 {
        assert_eq!(client.read_until("\r\nbeat;\r\n"), "5\r\nbeat;\r\n");
    }
    client.read_until("beat;");
}

#[test]
fn a_group_that_is_written_to_needs_no_heartbeats() {
    let interval = Duration::from_millis(200);
    let (server, group) = (server(), beating(interval));
    let (mut client, _exchange) = member(&server, &group);
    // On a busy machine the writer itself may be silent for that long: then once more.
    eventually(|| {
        let began = Instant::now();
        let mut last = began;
        let mut silence = Duration::ZERO;
        group.write(&message("first"));
        while began.elapsed() < 3 * interval {
            thread::sleep(Duration::from_millis(1));
            group.write(&message("w"));
            silence = silence.max(last.elapsed());
            last = Instant::now();
        }
        group.write(&message("last"));
        client.read_until("first");
        let beats = client.read_until("last").matches("beat;").count();
        assert!(beats == 0 || silence > interval / 2, "{silence:?}");
        (beats == 0).then_some(())
    });
    client.read_until("beat;");
}

#[test]
fn heartbeats_begin_again_when_there_are_members_again() {
    let (server, group) = (server(), beating(Duration::from_millis(20)));
    for _ in 0..2 {
        let (mut client, exchange) = member(&server, &group);
        client.read_until("beat;");
        exchange.outbox().finish();
        assert!(group.is_empty());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn members_of_several_servers_get_messages_and_heartbeats_until_their_own_stops() {
    let (one, other, group) = (server(), server(), beating(Duration::from_millis(20)));
    let (mut first, _first) = member(&one, &group);
    let (mut second, _second) = member(&other, &group);
    assert_eq!(group.write(&message("both")), 2);
    first.read_until("both");
    second.read_until("both");
    first.read_until("beat;");
    drop(one);
    eventually(|| (group.len() == 1).then_some(()));
    for _ in 0..3 {
        second.read_until("beat;");
    }
}

#[test]
fn a_close_ends_each_member_and_takes_no_more() {
    let (server, group) = (server(), group());
    let members: Vec<_> = (0..5).map(|_| member(&server, &group)).collect();
    group.write(&message("the end"));
    group.close();
    group.close();
    for (mut client, exchange) in members {
        let body = client.read_until("\r\n0\r\n\r\n");
        assert_eq!(without_chunks(&body), "the end");
        assert!(exchange.outbox().is_finished());
    }
    assert!(group.is_empty());
    assert_eq!(group.write(&message("late")), 0);
    let (_client, late) = open(&server);
    let error = group.add(&late).unwrap_err();
    assert!(error.to_string().contains("make a new one"), "{error}");
}

#[test]
fn a_connection_that_was_taken_over_is_no_member() {
    let (server, group) = (server(), group());
    let _client = server.connect(&get("/", ""));
    let exchange = server.take();
    exchange.want_hijack().unwrap();
    let error = group.add(&exchange).unwrap_err();
    assert!(error.to_string().contains("streaming body"), "{error}");
}

#[test]
fn a_group_keeps_its_members_open_and_loses_them_with_itself() {
    let group = group();
    let members = Arc::downgrade(&group);
    // The application lets go of each stream.
    let server = Running::with(config(), move |exchange| {
        begin(&exchange);
        members.upgrade().unwrap().add(&exchange).unwrap();
        exchange.release();
    });
    let mut lost = server.connect(&get("/", ""));
    lost.read_until("\r\n\r\n");
    eventually(|| (group.write(&message("still here")) == 1).then_some(()));
    lost.read_until("still here\r\n");
    let other = self::server();
    let (mut kept, exchange) = member(&other, &group);
    assert_eq!(Arc::strong_count(&group), 1);
    drop(group);
    assert_eq!(lost.read_to_end(), "", "broken off");
    exchange.write(b"open").unwrap();
    kept.read_until("open\r\n");
}

#[test]
fn a_member_that_nobody_refers_to_leaves_when_its_client_does() {
    let (server, group) = (server(), group());
    let (client, exchange) = member(&server, &group);
    drop((client, exchange));
    eventually(|| group.is_empty().then_some(()));
    eventually(|| (server.0.stats().connections == 0).then_some(()));
}
