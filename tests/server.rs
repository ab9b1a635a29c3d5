//! The core as an application without Ruby would use it, over real sockets.

mod support;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
};

use penstock::{input::Input, response::Head, stream::Gone};
use support::{Running, answer, begin, config, eventually, get, wait};

const LAST_CHUNK: &str = "\r\n0\r\n\r\n";

/// Answers with the request's path.
fn echo() -> Running {
    Running::with(config(), |exchange| {
        let path = exchange.take_request().unwrap().uri.path().to_owned();
        answer(&exchange, format!("<{path}>"));
        exchange.release();
    })
}

#[test]
fn a_request_is_taken_and_answered() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/a?b=c", "x-field: value\r\n"));
    let exchange = eventually(|| server.0.try_take());
    let request = exchange.take_request().unwrap();
    assert_eq!(
        (request.method.as_str(), request.uri.to_string()),
        ("GET", "/a?b=c".into())
    );
    assert_eq!(request.headers["x-field"], "value");
    assert!(exchange.take_request().is_none());
    assert!(matches!(exchange.take_input(), Input::Empty));
    let mut head = Head::new(201).unwrap();
    head.append(b"x-answer", b"yes").unwrap();
    assert!(head.append(b"x-bad", b"a\r\nb: c").is_err());
    exchange
        .respond(head, penstock::response::Body::Full("hello".into()))
        .unwrap();
    assert!(
        exchange
            .respond(Head::new(200).unwrap(), penstock::response::Body::Empty)
            .is_err()
    );
    let response = client.read_until("hello");
    assert!(
        response.starts_with("HTTP/1.1 201 Created\r\n"),
        "{response}"
    );
    assert!(
        response.contains("\r\nx-answer: yes\r\n") && !response.contains("x-bad"),
        "{response}"
    );
    assert!(response.contains("\r\ncontent-length: 5\r\n"), "{response}");
}

#[test]
fn a_connection_is_kept_and_its_requests_are_answered_in_their_order() {
    let server = echo();
    let mut client = server.connect(&get("/1", ""));
    assert!(client.read_until("</1>").starts_with("HTTP/1.1 200 OK\r\n"));
    let pipelined: Vec<_> = (2..10)
        .map(|number| get(&format!("/{number}"), ""))
        .collect();
    client.send(&pipelined.concat());
    for number in 2..10 {
        let response = client.read_until(">");
        assert!(response.ends_with(&format!("</{number}>")), "{response}");
    }
    client.send(&get("/last", "connection: close\r\n"));
    assert!(client.read_to_end().ends_with("</last>"));
    assert_eq!(
        (server.0.stats().accepted, server.0.stats().requests),
        (1, 10)
    );
}

#[test]
fn a_request_body_is_whole_or_comes_piece_by_piece() {
    let server = Running::new(config());
    let post = "POST / HTTP/1.1\r\nhost: a\r\n";
    let mut whole = server.connect(&format!("{post}content-length: 10\r\n\r\nhello"));
    assert!(server.0.try_take().is_none(), "the body has not come");
    whole.send("world");
    let exchange = server.take();
    let Input::Memory(body) = exchange.take_input() else {
        panic!("the body is in memory");
    };
    answer(&exchange, String::from_utf8(body.to_vec()).unwrap());
    whole.read_until("helloworld");

    let expecting = "transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n";
    let mut pieces = server.connect(&format!("{post}{expecting}"));
    let exchange = server.take();
    assert!(matches!(exchange.take_input(), Input::Streaming));
    let reader = thread::spawn(move || {
        let mut body = Vec::new();
        while let Some(data) = wait(|cx| exchange.poll_receive(cx)).unwrap() {
            body.extend_from_slice(&data);
        }
        answer(&exchange, String::from_utf8(body).unwrap());
    });
    assert_eq!(
        pieces.read_until("\r\n\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    pieces.send("3\r\nabc\r\n");
    pieces.send("3\r\ndef\r\n0\r\n\r\n");
    pieces.read_until("abcdef");
    reader.join().unwrap();
}

#[test]
fn what_is_pipelined_behind_an_unread_body_is_answered_where_the_client_takes_its_time() {
    let mut config = config();
    // Its timer would wake the connection.
    config.write_timeout = None;
    // hyper takes as much of a response as it takes of a head: here all, and the kernel does not.
    config.max_header_bytes = 4_000_000;
    let server = Running::new(config);
    let post =
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let mut client = server.connect(&(post.to_owned() + &get("/", "")));
    let exchange = server.take();
    answer(&exchange, "x".repeat(2_000_000));
    client.socket.peek(&mut [0]).unwrap();
    exchange.release();
    answer(&server.take(), "the next".into());
    client.read_until("the next");
}

#[test]
fn every_write_of_a_stream_arrives_before_the_next() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", ""));
    let exchange = server.take();
    begin(&exchange);
    exchange.release();
    assert!(
        client
            .read_until("\r\n\r\n")
            .contains("transfer-encoding: chunked")
    );
    for number in 0..5 {
        let text = format!("write {number}");
        assert!(exchange.write(text.as_bytes()).unwrap().is_none());
        assert_eq!(
            client.read_until(&format!("{text}\r\n")),
            format!("7\r\n{text}\r\n")
        );
    }
    exchange.outbox().finish();
    assert_eq!(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
    assert!(exchange.write(b"late").is_err());
    client.send(&get("/", ""));
    answer(&server.take(), "the next".into());
    client.read_until("the next");
}

#[test]
fn a_write_waits_for_room_and_no_longer() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", ""));
    let exchange = Arc::new(server.take());
    begin(&exchange);
    let writer = {
        let exchange = exchange.clone();
        thread::spawn(move || {
            let data = vec![b'x'; 5_000_000];
            let mut pending = exchange.write(&data).unwrap().expect("no room");
            wait(|cx| pending.poll(cx)).unwrap();
            exchange.outbox().finish();
        })
    };
    let body = client.read_until("\r\n0\r\n\r\n");
    assert_eq!(body.matches('x').count(), 5_000_000);
    writer.join().unwrap();
}

#[test]
fn what_breaks_off_is_seen_as_broken() {
    let ends: [fn(penstock::exchange::Exchange); 2] = [
        |exchange| exchange.outbox().abort(),
        |exchange| drop(exchange),
    ];
    for end in ends {
        let server = Running::new(config());
        let mut client = server.connect(&get("/", ""));
        let exchange = server.take();
        begin(&exchange);
        exchange.write(b"begun").unwrap();
        client.read_until("begun\r\n");
        end(exchange);
        assert_eq!(client.read_to_end(), "");
    }
}

#[test]
fn an_exchange_that_is_dropped_without_an_answer_is_an_error() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", ""));
    drop(server.take());
    assert!(client.read_to_end().starts_with("HTTP/1.1 500 "));
}

#[test]
fn the_end_of_a_stream_is_told_and_says_why() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", ""));
    let (gone, closed) = (server.take(), {
        let mut client = server.connect(&get("/", ""));
        let exchange = server.take();
        begin(&exchange);
        exchange.outbox().watch();
        exchange.outbox().finish();
        client.read_until(LAST_CHUNK.trim_start());
        exchange
    });
    begin(&gone);
    gone.outbox().watch();
    // A FIN from before the head would be a half close.
    client.read_until("\r\n\r\n");
    drop(client);
    let mut told = Vec::new();
    while told.len() < 2 {
        let mut sleeper = penstock::queue::Sleeper::default();
        let ended = wait(|cx| server.0.poll_ended(cx, &mut sleeper)).unwrap();
        told.push((ended.id, ended.gone));
    }
    assert_eq!(told[0], (closed.id(), None));
    assert_eq!(told[1].0, gone.id());
    assert!(
        matches!(told[1].1, Some(Gone::Closed | Gone::Reset)),
        "{told:?}"
    );
    assert!(gone.write(b"late").is_err_and(|error| error.is_gone()));
}

#[test]
fn a_socket_is_handed_over_and_belongs_to_who_took_it() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", ""));
    let exchange = server.take();
    exchange.want_hijack().unwrap();
    let hijacked = wait(|cx| exchange.poll_hijacked(cx)).unwrap();
    assert!(exchange.is_hijacked());
    assert_eq!(server.0.stats().hijacked, 1);
    let mut socket = TcpStream::from(hijacked.fd);
    socket.set_nonblocking(false).unwrap();
    client.send("from the client");
    let mut received = [0; 15];
    socket.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"from the client");
    socket.write_all(b"no HTTP at all").unwrap();
    drop((exchange, socket));
    assert_eq!(client.read_to_end(), "no HTTP at all");
    assert_eq!(server.0.stats().connections, 1);
    drop(hijacked.lease);
    eventually(|| (server.0.stats().connections == 0).then_some(()));
}

#[test]
fn a_socket_of_which_nothing_was_read_ahead_is_had_without_a_wait() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", ""));
    let exchange = server.take();
    exchange.want_hijack().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(hijacked)) = exchange.poll_hijacked(&mut cx) else {
        panic!("the socket did not come at once");
    };
    exchange.release();
    hijacked.lease.close(hijacked.fd);
    assert_eq!(client.read_to_end(), "");
    assert_eq!(server.0.stats().connections, 1, "the client has not closed");
    drop(client);
    eventually(|| (server.0.stats().connections == 0).then_some(()));
}

#[test]
fn what_a_client_sends_behind_the_end_is_taken_until_it_has_ended_too() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", ""));
    let exchange = server.take();
    exchange.want_hijack().unwrap();
    let hijacked = wait(|cx| exchange.poll_hijacked(cx)).unwrap();
    hijacked.lease.close(hijacked.fd);
    assert_eq!(client.read_to_end(), "");
    for _ in 0..1000 {
        client.send(&"x".repeat(1000));
    }
    assert_eq!(server.0.stats().connections, 1);
    drop(client);
    eventually(|| (server.0.stats().connections == 0).then_some(()));
}

#[test]
fn a_full_queue_refuses_and_keeps_what_is_in_it() {
    let server = Running::new(penstock::config::Config {
        queue_size: 1,
        ..config()
    });
    let mut first = server.connect(&get("/", ""));
    eventually(|| (server.0.stats().queued == 1).then_some(()));
    let refused = server.connect(&get("/", "")).read_to_end();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: "), "{refused}");
    answer(&server.0.try_take().unwrap(), "the first".into());
    first.read_until("the first");
    assert_eq!(server.0.stats().refused, 1);
}

#[test]
fn a_drain_lets_what_is_under_way_end() {
    let server = Running::new(config());
    let mut idle = server.connect("");
    let mut busy = server.connect(&get("/", ""));
    let exchange = server.take();
    eventually(|| (server.0.stats().connections == 2).then_some(()));
    server.0.drain();
    assert_eq!(idle.read_to_end(), "");
    eventually(|| TcpListener::bind(server.address()).ok());
    answer(&exchange, "the last".into());
    let response = busy.read_to_end();
    assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
    assert!(response.ends_with("the last"), "{response}");
    drop(exchange);
    wait(|cx| server.0.poll_idle(cx));
    server.0.stop();
    server.0.join();
    let mut sleeper = penstock::queue::Sleeper::default();
    assert!(wait(|cx| server.0.poll_take(cx, &mut sleeper)).is_none());
}

#[test]
fn a_stop_ends_what_is_open_at_once() {
    let server = Running::new(config());
    let mut client = server.connect(&get("/", ""));
    let exchange = server.take();
    begin(&exchange);
    client.read_until("\r\n\r\n");
    server.0.stop();
    server.0.join();
    assert_eq!(client.read_to_end(), "");
    assert!(exchange.write(b"late").is_err());
}
