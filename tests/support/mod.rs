//! A server to talk to, an application in plain threads, and a client of plain sockets.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use penstock::{
    config::{AccessLogTarget, Bind, Config, Http2, Methods, SlowConsumer, TlsVersion},
    exchange::Exchange,
    log::Level,
    queue::Sleeper,
    response::{Body, Head},
    server::Server,
};

/// The longest that any one wait may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The limits of a server that nothing here reaches unless a test sets one of its own.
pub(crate) fn config() -> Config {
    Config {
        threads: 5,
        tls_handshake_timeout: Some(LIMIT),
        tls_min_version: TlsVersion::Tls12,
        first_byte_timeout: None,
        header_timeout: Some(LIMIT),
        body_timeout: Some(LIMIT),
        min_body_rate: None,
        write_timeout: Some(LIMIT),
        min_write_rate: None,
        keep_alive_timeout: None,
        max_requests_per_connection: None,
        max_header_bytes: 65_536,
        max_header_fields: 100,
        max_uri_bytes: 8192,
        max_trailer_bytes: 16_384,
        max_body_bytes: None,
        body_memory_bytes: 100_000,
        request_buffering: true,
        send_buffer_bytes: 10_000,
        slow_consumer: SlowConsumer::Block,
        linger_timeout: Duration::from_millis(100),
        linger_total: Duration::from_millis(500),
        trusted_proxies: Vec::new(),
        proxy_protocol: false,
        max_connections: None,
        queue_size: 100,
        queue_timeout: None,
        alpn: vec!["h2".into(), "http/1.1".into()],
        http2: Http2 {
            extended_connect: true,
            max_streams: 100,
            stream_window: 65_535,
            connection_window: 1_048_576,
            ping_interval: None,
            ping_timeout: LIMIT,
            max_pending_resets: 20,
            max_local_resets: 256,
        },
        methods: Methods::Known,
        error_log: None,
        access_log: AccessLogTarget::Off,
        log_level: Level::Error,
        release_memory: None,
    }
}

/// A server that was started, and is stopped with the test.
pub(crate) struct Running(pub(crate) Arc<Server>);

impl Running {
    /// Listens on a port that the kernel picks.
    pub(crate) fn new(config: Config) -> Self {
        let bind = Bind::Tcp {
            host: "127.0.0.1".into(),
            port: 0,
            backlog: 100,
            tls: None,
        };
        Self::at(config, bind)
    }

    /// Listens at `bind`.
    pub(crate) fn at(config: Config, bind: Bind) -> Self {
        let server = Server::bind(config, vec![bind]).unwrap();
        server.start().unwrap();
        Self(Arc::new(server))
    }

    /// A server whose every exchange is given to `application`, by a thread that ends with it.
    pub(crate) fn with(config: Config, application: impl Fn(Exchange) + Send + 'static) -> Self {
        let running = Self::new(config);
        running.serve(application);
        running
    }

    /// Gives every exchange to `application`, on a thread that ends with the server.
    pub(crate) fn serve(&self, application: impl Fn(Exchange) + Send + 'static) {
        let server = self.0.clone();
        thread::spawn(move || {
            while let Some(exchange) = take(&server) {
                application(exchange);
            }
        });
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        self.0.urls()[0].trim_start_matches("http://").to_owned()
    }

    /// A connection that has sent `bytes`.
    pub(crate) fn connect(&self, bytes: &str) -> Client {
        let socket = TcpStream::connect(self.address()).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let mut client = Client {
            socket,
            received: String::new(),
        };
        client.send(bytes);
        client
    }

    /// The next exchange; the test fails where none comes.
    pub(crate) fn take(&self) -> Exchange {
        let mut sleeper = Sleeper::default();
        wait(|cx| self.0.poll_take(cx, &mut sleeper)).expect("the server has stopped")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
        self.0.join();
    }
}

fn take(server: &Server) -> Option<Exchange> {
    let mut sleeper = Sleeper::default();
    wait_until(None, |cx| server.poll_take(cx, &mut sleeper))
}

/// One end of a connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    /// What has come and was not asked for yet.
    received: String,
}

impl Client {
    /// Writes all of `bytes`.
    pub(crate) fn send(&mut self, bytes: &str) {
        self.socket.write_all(bytes.as_bytes()).unwrap();
    }

    /// All up to and including `end`.
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        loop {
            if let Some(index) = self.received.find(end) {
                let rest = self.received.split_off(index + end.len());
                return std::mem::replace(&mut self.received, rest);
            }
            assert!(self.fill(), "no {end:?} in {:?}", self.received);
        }
    }

    /// All until the server ends the connection, by a FIN or a reset.
    pub(crate) fn read_to_end(&mut self) -> String {
        while self.fill() {}
        std::mem::take(&mut self.received)
    }

    /// False once the connection has ended.
    fn fill(&mut self) -> bool {
        let mut space = [0; 65_536];
        match self.socket.read(&mut space) {
            Ok(0) => false,
            Ok(length) => {
                let text = std::str::from_utf8(&space[..length]).unwrap();
                self.received.push_str(text);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}; so far: {:?}", self.received),
        }
    }
}

/// The bytes of a request for `path`; `fields` are whole lines.
pub(crate) fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: example.org\r\n{fields}\r\n")
}

/// Answers 200 with `text`.
pub(crate) fn answer(exchange: &Exchange, text: String) {
    let head = Head::new(200).unwrap();
    exchange.respond(head, Body::Full(text.into())).unwrap();
}

/// Begins a stream with 200.
pub(crate) fn begin(exchange: &Exchange) {
    exchange.set_interactive();
    exchange
        .respond(Head::new(200).unwrap(), Body::Stream)
        .unwrap();
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for what `poll` waits for.
pub(crate) fn wait<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    wait_until(Some(Instant::now() + LIMIT), poll)
}

fn wait_until<T>(
    deadline: Option<Instant>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = poll(&mut cx) {
            return value;
        }
        match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                assert!(!left.is_zero(), "nothing came in time");
                thread::park_timeout(left);
            }
            None => thread::park(),
        }
    }
}

/// Looks again and again until `look` finds something.
pub(crate) fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not come to that");
        thread::sleep(Duration::from_millis(1));
    }
}
