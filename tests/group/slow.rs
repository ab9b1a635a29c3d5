//! Members that do not take at once what is written to them.

use std::{io::Read, sync::Arc, thread, time::Duration};

use penstock::{
    config::{Config, SlowConsumer},
    exchange::Exchange,
    group::{Group, Options, SlowMember},
    stream::Gone,
};

use crate::{
    Blocking, group, member, message, server,
    support::{Client, Running, answer, config, eventually, get, wait},
    without_chunks,
};

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

/// A message that no kernel takes at once.
fn huge(letter: &str) -> String {
    letter.repeat(8_000_000)
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
