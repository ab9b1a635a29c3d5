//! Full handshakes of TLS 1.3: each connection carries one request. The server runs `apps/hello.ru`.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::latency::Latencies;
use crate::tls::Tls;
use crate::{Failure, phase};

/// The longest that one connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The request of each connection.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";

/// What an answer begins with.
const BEGIN: &[u8] = b"HTTP/1.1 200 ";

/// What an answer ends with.
const END: &[u8] = b"\r\n\r\nHello, world!\n";

/// What all connections share.
#[derive(Default)]
struct Figures {
    /// From the first byte of each connection to its last one.
    latencies: Latencies,
    /// Bytes in the answers.
    bytes: usize,
    /// Connections that failed, or got another answer.
    failures: usize,
    /// What the first of them failed with.
    reason: Option<Failure>,
}

/// Opens one connection after another for so many seconds, `connections` at a time, and reports. Fails where none has
/// got its answer.
pub async fn run(port: u16, connections: usize, seconds: u64) -> Result<(), Failure> {
    let tls = Tls::new(b"http/1.1")?;
    let started = Instant::now();
    let end = started + Duration::from_secs(seconds);
    let figures: Rc<RefCell<Figures>> = Rc::default();
    let tasks: Vec<_> = (0..connections)
        .map(|_| spawn_local(repeat(port, tls.clone(), end, Rc::clone(&figures))))
        .collect();
    for task in tasks {
        task.await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let figures = figures.take();
    let (count, failures, bytes) = (figures.latencies.len(), figures.failures, figures.bytes);
    if let (0, Some(reason)) = (count, figures.reason) {
        return Err(reason);
    }
    let latencies = figures.latencies.to_json("handshake");
    phase::finished(
        "handshakes",
        &format!(
            "\"handshakes\":{count},\"failures\":{failures},\"bytes\":{bytes},\"seconds\":{seconds:.3},{latencies}"
        ),
    )
    .await
}

/// Opens one connection after another until `end`.
async fn repeat(port: u16, tls: Tls, end: Instant, figures: Rc<RefCell<Figures>>) {
    while Instant::now() < end {
        let started = Instant::now();
        let result = timeout(PATIENCE, one(port, &tls)).await;
        let mut figures = figures.borrow_mut();
        match result.unwrap_or_else(|_| Err("a connection took too long".into())) {
            Ok(bytes) => {
                figures.latencies.push(started.elapsed());
                figures.bytes += bytes;
            }
            Err(reason) => {
                figures.failures += 1;
                figures.reason.get_or_insert(reason);
            }
        }
    }
}

/// One connection, from its beginning until the server has closed it. Returns the number of bytes in the answer.
async fn one(port: u16, tls: &Tls) -> Result<usize, Failure> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    let mut stream = tls.on(stream).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::with_capacity(1024);
    match stream.read_to_end(&mut answer).await {
        Ok(_) => {}
        // Not every server says in TLS that it closes: whether the answer is whole shows in the answer.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(error.into()),
    }
    if answer.starts_with(BEGIN) && answer.ends_with(END) {
        Ok(answer.len())
    } else {
        Err("the answer is not the expected one".into())
    }
}
