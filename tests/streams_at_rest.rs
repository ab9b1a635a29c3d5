//! Streams that have rested: the core has let hyper go, and sends what follows itself.

// What the tests of the core share is more than this one needs.
#[allow(dead_code, reason = "shared with server.rs")]
mod support;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
};

use penstock::{
    exchange::Exchange,
    group::Group,
    message::Message,
    response::{Body, Head},
    stream::Gone,
};
use support::{Client, Running, answer, begin, config, eventually, get, wait};

/// What each stream sends first.
const FIRST: &str = "\r\n\r\n5\r\nfirst\r\n";

/// A stream that has sent its first bytes.
fn open(server: &Running, request: &str) -> (Client, Exchange) {
    let client = server.connect(request);
    let exchange = server.take();
    begin(&exchange);
    write(&exchange, "first");
    exchange.release();
    (client, exchange)
}

fn write(exchange: &Exchange, data: &str) {
    assert!(exchange.write(data.as_bytes()).unwrap().is_none());
}

/// Waits until so many connections have come to rest.
fn rested(server: &Running, count: u64) {
    eventually(|| (server.0.stats().rested == count).then_some(()));
}

/// The same that has rested.
fn open_at_rest(server: &Running, request: &str) -> (Client, Exchange) {
    let (mut client, exchange) = open(server, request);
    client.read_until("first");
    rested(server, 1);
    (client, exchange)
}

/// The next request on a connection is answered.
fn assert_kept(server: &Running, client: &mut Client) {
    let exchange = server.take();
    answer(&exchange, "next".into());
    assert!(client.read_until("next").starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn what_is_written_follows_in_chunks_and_the_connection_is_kept() {
    let server = Running::new(config());
    let (mut client, exchange) = open(&server, &get("/", ""));
    client.read_until(FIRST);
    rested(&server, 1);
    write(&exchange, "second");
    assert_eq!(client.read_until("second\r\n"), "6\r\nsecond\r\n");
    let large = "x".repeat(10_000);
    write(&exchange, &large);
    assert_eq!(client.read_until("x\r\n"), format!("2710\r\n{large}\r\n"));
    exchange.outbox().finish();
    assert_eq!(client.read_until("\r\n\r\n"), "0\r\n\r\n");
    client.send(&get("/next", ""));
    assert_kept(&server, &mut client);
    assert_eq!(server.0.stats().accepted, 1);
}

#[test]
fn more_than_the_client_takes_waits_and_arrives_whole() {
    let mut config = config();
    config.send_buffer_bytes = 10_000_000;
    let server = Running::new(config);
    let (mut client, exchange) = open_at_rest(&server, &get("/", ""));
    let large = "x".repeat(10_000_000);
    write(&exchange, &large);
    eventually(|| exchange.write_some(b"y").unwrap().checked_sub(1));
    exchange.outbox().finish();
    let rest = client.read_until("0\r\n\r\n");
    assert_eq!(rest.matches('x').count(), large.len());
}

#[test]
fn messages_of_a_group_arrive() {
    let server = Running::new(config());
    let (mut client, exchange) = open_at_rest(&server, &get("/", ""));
    let group = Group::new(Default::default());
    assert!(group.add(&exchange).unwrap());
    for text in ["one", "two"] {
        let (mut turn, message) = (group.turn(), Message::new(text.as_bytes()));
        assert_eq!(wait(|cx| turn.poll_write(cx, &message)), 1);
    }
    assert!(
        client
            .read_until("two\r\n")
            .ends_with("3\r\none\r\n3\r\ntwo\r\n")
    );
    wait(|cx| group.turn().poll_close(cx));
    assert_eq!(client.read_until("\r\n\r\n"), "0\r\n\r\n");
}

#[test]
fn a_request_that_came_meanwhile_is_answered_behind_the_end() {
    let server = Running::new(config());
    let (mut client, exchange) = open(&server, &(get("/", "") + "GET /next HTT"));
    client.read_until(FIRST);
    rested(&server, 1);
    client.send("P/1.1\r\nhost: example.org\r\n");
    exchange.outbox().finish();
    client.read_until("0\r\n\r\n");
    client.send("\r\n");
    assert_kept(&server, &mut client);
}

#[test]
fn the_connection_closes_where_the_client_wants_that() {
    let server = Running::new(config());
    let (mut client, exchange) = open_at_rest(&server, &get("/", "connection: x, Close\r\n"));
    write(&exchange, "all");
    exchange.outbox().finish();
    assert_eq!(client.read_to_end(), "\r\n3\r\nall\r\n0\r\n\r\n");
}

#[test]
fn the_end_of_the_connection_ends_a_response_of_http_1_0() {
    let server = Running::new(config());
    let (mut client, exchange) = open_at_rest(&server, "GET / HTTP/1.0\r\n\r\n");
    write(&exchange, "second");
    exchange.outbox().finish();
    assert_eq!(client.read_to_end(), "second");
}

#[test]
fn a_response_that_is_broken_off_looks_broken() {
    let server = Running::new(config());
    let (mut client, exchange) = open_at_rest(&server, &get("/", ""));
    write(&exchange, "second");
    exchange.outbox().abort();
    assert_eq!(client.read_to_end(), "\r\n6\r\nsecond\r\n");
}

#[test]
fn a_response_of_http_1_0_that_is_broken_off_looks_broken() {
    let broken: [fn(&Running, Exchange); 3] = [
        |_, exchange| exchange.outbox().abort(),
        |_, exchange| drop(exchange),
        |server, _| server.0.stop(),
    ];
    for end in broken {
        let server = Running::new(config());
        let (mut client, exchange) = open_at_rest(&server, "GET / HTTP/1.0\r\n\r\n");
        end(&server, exchange);
        let read = client.socket.read(&mut [0; 1]);
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn the_next_request_may_take_the_socket() {
    for early in ["", "early"] {
        let server = Running::new(config());
        let (mut client, exchange) = open_at_rest(&server, &get("/", ""));
        client.send(&(get("/hijack", "") + early));
        exchange.outbox().finish();
        client.read_until("0\r\n\r\n");
        let exchange = server.take();
        exchange.want_hijack().unwrap();
        let hijacked = wait(|cx| exchange.poll_hijacked(cx)).unwrap();
        let mut socket = TcpStream::from(hijacked.fd);
        socket.set_nonblocking(false).unwrap();
        client.send("more");
        let mut got = vec![0; early.len() + 4];
        socket.read_exact(&mut got).unwrap();
        assert_eq!(got, [early, "more"].concat().as_bytes());
        socket.write_all(b"raw").unwrap();
        client.read_until("raw");
    }
}

#[test]
fn hyper_stays_where_trailers_may_follow() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", "te: trailers\r\n"));
    let exchange = server.take();
    let mut head = Head::new(200).unwrap();
    head.append(b"trailer", b"x-sum").unwrap();
    exchange.respond(head, Body::Stream).unwrap();
    write(&exchange, "first");
    client.read_until(FIRST);
    // The later one of the two.
    let _other = open_at_rest(&server, &get("/", ""));
    exchange
        .set_trailers([(&b"x-sum"[..], &b"7"[..])].into_iter())
        .unwrap();
    exchange.outbox().finish();
    assert_eq!(client.read_until("\r\n\r\n"), "0\r\nx-sum: 7\r\n\r\n");
}

#[test]
fn a_client_that_leaves_is_seen() {
    let server = Running::new(config());
    let (client, exchange) = open_at_rest(&server, &get("/", ""));
    exchange.outbox().watch();
    client.socket.shutdown(Shutdown::Write).unwrap();
    let gone = eventually(|| exchange.outbox().gone());
    assert_eq!(gone, Gone::Closed);
    assert!(exchange.write(b"late").is_err());
}

#[test]
fn a_drain_lets_it_end_and_closes_the_connection_then() {
    let server = Running::new(config());
    let (mut client, exchange) = open_at_rest(&server, &get("/", ""));
    server.0.drain();
    write(&exchange, "second");
    client.read_until("second");
    exchange.outbox().finish();
    assert_eq!(client.read_to_end(), "\r\n0\r\n\r\n");
}

#[test]
fn nothing_that_came_meanwhile_follows_a_drain() {
    for behind in [get("/next", ""), "GET /next HT".to_owned()] {
        for drains_first in [true, false] {
            let server = Running::new(config());
            let mut client = server.connect(&(get("/", "") + &behind));
            let exchange = server.take();
            if drains_first {
                server.0.drain();
            }
            begin(&exchange);
            write(&exchange, "first");
            exchange.release();
            client.read_until(FIRST);
            rested(&server, 1);
            server.0.drain();
            exchange.outbox().finish();
            assert_eq!(client.read_to_end(), "0\r\n\r\n", "{behind:?}");
            assert_eq!(server.0.stats().requests, 1);
        }
    }
}

#[test]
fn a_stop_breaks_it_off() {
    let server = Running::new(config());
    let (mut client, exchange) = open_at_rest(&server, &get("/", ""));
    server.0.stop();
    assert_eq!(client.read_to_end(), "\r\n");
    assert_eq!(eventually(|| exchange.outbox().gone()), Gone::Stopped);
}
