//! Groups of streams, over real sockets.

mod support;

use std::{
    io::Read,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use penstock::{
    config::{Config, SlowConsumer},
    exchange::Exchange,
    group::{Group, Heartbeat, Options, SlowMember},
    message::Message,
    stream::Gone,
};
use support::{Client, Running, answer, begin, config, eventually, get, wait};

fn message(text: &str) -> Message {
    Message::new(text.as_bytes())
}

fn group() -> Arc<Group> {
    Group::new(Options::default())
}

/// A group whose heartbeats come every 20 ms.
fn beating() -> Arc<Group> {
    Group::new(Options {
        heartbeat: Some(Heartbeat {
            interval: Duration::from_millis(20),
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

/// A member whose client reads nothing, and for which as much waits as there is room for.
fn stuck(server: &Running, group: &Arc<Group>) -> (Client, Exchange) {
    let (client, exchange) = member(server, group);
    let mut full = 0;
    while full < 20 {
        // The rest of a number would not be told from a whole one.
        match exchange.write_some(&[b'.'; 1000]).unwrap() {
            0 => {
                full += 1;
                thread::sleep(Duration::from_millis(5));
            }
            _ => full = 0,
        }
    }
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
fn a_slow_member_follows_its_policy_and_holds_up_nobody() {
    use SlowConsumer::{Block, Disconnect, Raise};
    use SlowMember::Drop;
    let large = message(&"x".repeat(2000));
    for (own, of_group, stays) in [
        (Block, None, false),
        (Disconnect, None, false),
        (Raise, None, true),
        (Block, Some(Drop), true),
        (Raise, Some(SlowMember::Disconnect), false),
    ] {
        let server = server();
        let group = Group::new(Options {
            heartbeat: None,
            slow: of_group,
        });
        let (mut slow, exchange) = stuck(&server, &group);
        exchange.outbox().set_policy(own);
        let (mut quick, _quick) = member(&server, &group);
        assert_eq!(group.write(&large), 1, "{own:?} {of_group:?}");
        quick.read_until(&"x".repeat(2000));
        assert_eq!(group.contains(&exchange), stays, "{own:?} {of_group:?}");
        if stays {
            // It gets what comes when there is room again, and of the other one nothing.
            let reader = thread::spawn(move || slow.read_until("\r\nbehind\r\n"));
            eventually(|| (group.write(&message("behind")) == 2).then_some(()));
            assert!(!reader.join().unwrap().contains('x'));
        } else {
            assert_eq!(exchange.outbox().gone(), Some(Gone::TimedOut));
            let mut rest = Vec::new();
            assert!(slow.socket.read_to_end(&mut rest).is_err(), "a reset");
        }
    }
}

#[test]
fn a_message_that_is_longer_than_the_buffer_fits_where_nothing_waits() {
    let (server, group) = (server(), group());
    let (mut client, _exchange) = member(&server, &group);
    let large = "x".repeat(500_000);
    assert_eq!(group.write(&message(&large)), 1);
    client.read_until(&large);
}

#[test]
fn a_write_that_waits_is_not_interrupted_by_a_message() {
    let (server, group) = (server(), group());
    let (mut client, exchange) = stuck(&server, &group);
    thread::scope(|scope| {
        exchange.outbox().set_policy(SlowConsumer::Block);
        let mut pending = exchange.write(&[b'w'; 50_000]).unwrap().expect("no room");
        exchange.outbox().set_policy(SlowConsumer::Raise);
        // Behind half a write it has no place.
        assert_eq!(group.write(&message("between")), 0);
        let reader = scope.spawn(|| without_chunks(&client.read_until("message\r\n0\r\n\r\n")));
        wait(|cx| pending.poll(cx)).unwrap();
        drop(pending);
        eventually(|| (group.write(&message("message")) == 1).then_some(()));
        exchange.outbox().finish();
        let body = reader.join().unwrap();
        assert!(body.contains(&"w".repeat(50_000)), "contiguous");
        assert!(!body.contains("between"));
    });
}

#[test]
fn heartbeats_come_while_the_group_is_silent() {
    let (server, group) = (server(), beating());
    let (mut client, _exchange) = member(&server, &group);
    for _ in 0..3 {
        assert_eq!(client.read_until("\r\nbeat;\r\n"), "5\r\nbeat;\r\n");
    }
    // Beats that had been sent before are read here as well.
    let until = Instant::now() + Duration::from_millis(200);
    group.write(&message("first"));
    while Instant::now() < until {
        group.write(&message("w"));
        thread::sleep(Duration::from_millis(1));
    }
    group.write(&message("last"));
    client.read_until("first");
    assert!(!client.read_until("last").contains("beat"));
    client.read_until("beat;");
}

#[test]
fn heartbeats_begin_again_when_there_are_members_again() {
    let (server, group) = (server(), beating());
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
    let (one, other, group) = (server(), server(), beating());
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

/// A message that no kernel takes at once.
fn huge(letter: &str) -> String {
    letter.repeat(8_000_000)
}

#[test]
fn what_the_kernel_takes_half_of_stands_before_all_that_comes_behind_it() {
    let (server, group) = (server(), group());
    let (mut client, exchange) = member(&server, &group);
    exchange.outbox().set_policy(SlowConsumer::Raise);
    let reader = thread::spawn(move || {
        let body = without_chunks(&client.read_until("\r\n0\r\n\r\n"));
        client.send(&get("/", ""));
        (client, body)
    });
    let mut expected = String::new();
    for round in 0..20 {
        let large = round.to_string().repeat(400_000);
        eventually(|| (group.write(&message(&large)) == 1).then_some(()));
        eventually(|| exchange.write(b"own;").ok());
        expected += &format!("{large}own;");
    }
    exchange.outbox().finish();
    let (mut client, body) = reader.join().unwrap();
    assert!(
        body == expected,
        "{} of {} bytes",
        body.len(),
        expected.len()
    );
    answer(&server.take(), "the next".into());
    client.read_until("the next");
}

#[test]
fn what_the_kernel_takes_half_of_is_sent_before_the_response_is_broken_off() {
    let (server, group) = (server(), group());
    let (mut client, exchange) = member(&server, &group);
    assert_eq!(group.write(&message(&huge("x"))), 1);
    exchange.outbox().abort();
    let body = client.read_to_end();
    assert_eq!(body.matches('x').count(), 8_000_000);
    assert!(!body.contains("\r\n0\r\n"));
}

#[test]
fn a_member_that_takes_only_half_of_a_message_is_given_up_at_the_time_out() {
    let server = Running::new(Config {
        write_timeout: Some(Duration::from_millis(200)),
        ..config()
    });
    let group = group();
    let (client, exchange) = member(&server, &group);
    assert_eq!(group.write(&message(&huge("x"))), 1);
    eventually(|| group.is_empty().then_some(()));
    assert_eq!(exchange.outbox().gone(), Some(Gone::TimedOut));
    drop(client);
}

#[test]
fn a_member_whose_connection_was_reset_leaves_by_the_next_message() {
    let (server, group) = (server(), group());
    let members: Vec<_> = (0..20).map(|_| member(&server, &group)).collect();
    for (client, exchange) in members {
        let socket = socket2::Socket::from(client.socket);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        drop(socket);
        // At once, whether or not the I/O thread has heard of it.
        group.write(&message("x"));
        eventually(|| exchange.outbox().gone());
    }
    assert!(group.is_empty());
}
