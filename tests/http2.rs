//! HTTP/2 at the core, with h2's own client.

// What the tests of the core share is more than this one needs.
#[allow(dead_code, reason = "shared with server.rs")]
mod support;

use std::future::Future;

use bytes::Bytes;
use h2::{
    RecvStream,
    client::{ResponseFuture, SendRequest},
};
use http::{Method, Request, Response};
use penstock::{exchange::Exchange, stream::Gone};
use support::{Running, answer, begin, config, eventually, wait};
use tokio::{net::TcpStream, runtime::Runtime};

/// A client with a runtime of its own, which its connection lives in.
struct Client {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
}

impl Client {
    fn new(server: &Running) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = server.address();
        let requests = runtime.block_on(async {
            let socket = TcpStream::connect(address).await.unwrap();
            let (requests, connection) = h2::client::handshake(socket).await.unwrap();
            // It ends in an error where a test ends the server first.
            tokio::spawn(async { _ = connection.await });
            requests.ready().await.unwrap()
        });
        Self { runtime, requests }
    }

    /// Opens a stream: the response's head has come.
    fn open(
        &mut self,
        server: &Running,
    ) -> (Exchange, Response<RecvStream>, h2::SendStream<Bytes>) {
        let (response, stream) = self.get("/");
        let exchange = server.take();
        begin(&exchange);
        let response = self.wait(response).unwrap();
        (exchange, response, stream)
    }

    /// Sends a request without a body.
    fn get(&mut self, path: &str) -> (ResponseFuture, h2::SendStream<Bytes>) {
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("http://example.org{path}"));
        let _context = self.runtime.enter();
        self.requests
            .send_request(request.body(()).unwrap(), true)
            .unwrap()
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn body(&self, response: Response<RecvStream>) -> String {
        let mut body = response.into_body();
        self.wait(async {
            let mut text = String::new();
            while let Some(data) = body.data().await {
                text.push_str(std::str::from_utf8(&data.unwrap()).unwrap());
            }
            text
        })
    }
}

#[test]
fn requests_of_one_connection_are_exchanges_of_their_own() {
    let server = Running::new(config());
    let mut client = Client::new(&server);
    let (first, _) = client.get("/first");
    let (second, _) = client.get("/second");
    let exchanges = [server.take(), server.take()];
    // The later one is answered first.
    for exchange in exchanges.iter().rev() {
        let request = exchange.take_request().unwrap();
        assert_eq!(request.headers["host"], "example.org");
        answer(exchange, request.uri.to_string());
    }
    for (response, path) in [(second, "/second"), (first, "/first")] {
        let response = client.wait(response).unwrap();
        assert_eq!(client.body(response), path);
    }
}

#[test]
fn a_stream_is_written_to_from_any_thread_and_ends_with_its_outbox() {
    let server = Running::new(config());
    let mut client = Client::new(&server);
    let (exchange, response, _stream) = client.open(&server);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for piece in ["one;", "two;"] {
                assert!(exchange.write(piece.as_bytes()).unwrap().is_none());
            }
            exchange.outbox().finish();
        });
        assert_eq!(client.body(response), "one;two;");
    });
}

#[test]
fn a_request_that_is_reset_leaves_the_queue() {
    let server = Running::new(config());
    let mut client = Client::new(&server);
    let (first, mut stream) = client.get("/first");
    while server.0.stats().queued == 0 {
        std::thread::yield_now();
    }
    stream.send_reset(h2::Reason::CANCEL);
    drop(first);
    while server.0.stats().queued > 0 {
        std::thread::yield_now();
    }
    let (second, _) = client.get("/second");
    let exchange = server.take();
    answer(
        &exchange,
        exchange.take_request().unwrap().uri.path().to_owned(),
    );
    let response = client.wait(second).unwrap();
    assert_eq!(client.body(response), "/second");
}

#[test]
fn a_client_that_resets_a_stream_is_gone() {
    let server = Running::new(config());
    let mut client = Client::new(&server);
    let (exchange, _response, mut stream) = client.open(&server);
    stream.send_reset(h2::Reason::CANCEL);
    exchange.outbox().watch();
    let mut sleeper = penstock::queue::Sleeper::default();
    let ended = wait(|cx| server.0.poll_ended(cx, &mut sleeper)).unwrap();
    assert_eq!(ended.id, exchange.id());
    assert!(exchange.write(b"late").is_err());
}

#[test]
fn each_stream_hears_of_the_end_of_its_connection() {
    let server = Running::new(config());
    let mut client = Client::new(&server);
    let (streaming, response, _stream) = client.open(&server);
    let (waiting, _) = client.get("/");
    let asked = server.take();
    drop((waiting, response));
    client.runtime.shutdown_background();
    for exchange in [&streaming, &asked] {
        let gone = eventually(|| exchange.outbox().gone());
        assert_eq!(gone, Gone::Reset);
    }
}

#[test]
fn a_drain_lets_a_stream_end() {
    let server = Running::new(config());
    let mut client = Client::new(&server);
    let (exchange, response, _stream) = client.open(&server);
    server.0.drain();
    assert!(exchange.write(b"still served").unwrap().is_none());
    exchange.outbox().finish();
    assert_eq!(client.body(response), "still served");
    wait(|cx| server.0.poll_idle(cx));
}
