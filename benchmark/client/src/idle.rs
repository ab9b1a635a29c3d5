//! Idle connections: each has carried one request and waits for the next one.

use std::time::Instant;

use hyper::Method;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;

use crate::http::connect;
use crate::tls::Tls;
use crate::{Failure, http, http2, phase};

/// Connections that are opened at the same time; well below a listen backlog.
pub const OPENING: usize = 64;

/// What is spoken on the connections.
#[derive(Clone)]
pub struct Protocol {
    /// TLS below it, if there is to be any.
    tls: Option<Tls>,
    /// HTTP/2 (with prior knowledge where there is no TLS), or HTTP/1.1.
    http2: bool,
}

impl Protocol {
    /// What the words `tls` and `http2` ask for.
    pub fn of(words: &[&str]) -> Result<Self, Failure> {
        let http2 = words.contains(&"http2");
        let protocol: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        let tls = words.contains(&"tls").then(|| Tls::new(protocol));
        Ok(Self {
            tls: tls.transpose()?,
            http2,
        })
    }
}

/// A connection that is held.
enum Held {
    /// One of HTTP/1.1.
    Http1(http::Connection),
    /// One of HTTP/2.
    Http2(http2::Connection),
}

impl Held {
    /// Whether the server has closed it, or said that it will.
    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_closed(),
            Self::Http2(connection) => connection.is_closed(),
        }
    }
}

/// Opens `count` connections with a request on each, reports, and closes them when it is told to go on.
pub async fn run(port: u16, count: usize, protocol: Protocol) -> Result<(), Failure> {
    let started = Instant::now();
    let mut connections = Vec::with_capacity(count);
    while connections.len() < count {
        let first = connections.len();
        let opening: Vec<_> = (first..count.min(first + OPENING))
            .map(|index| spawn_local(one_request(port, index, protocol.clone())))
            .collect();
        for connection in opening {
            connections.push(connection.await??);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    phase::finished(
        "open",
        &format!("\"connections\":{count},\"seconds\":{seconds:.3}"),
    )
    .await?;

    let lost = connections
        .iter()
        .filter(|connection| connection.is_closed())
        .count();
    drop(connections);
    phase::finished("close", &format!("\"lost\":{lost}")).await
}

/// Opens the `index`th connection and sends a request on it.
async fn one_request(port: u16, index: usize, protocol: Protocol) -> Result<Held, Failure> {
    let stream = connect(port, index).await?;
    match protocol.tls {
        Some(tls) => hold(tls.on(stream).await?, "https", protocol.http2).await,
        None => hold(stream, "http", protocol.http2).await,
    }
}

/// Sends a request on a connection and waits for the whole answer.
async fn hold<S>(stream: S, scheme: &str, http2: bool) -> Result<Held, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if http2 {
        let connection = http2::Connection::on(stream).await?;
        let mut body = connection.get(scheme, "/").await?.into_body();
        while let Some(bytes) = http2::next(&mut body).await {
            bytes?;
        }
        Ok(Held::Http2(connection))
    } else {
        let mut connection = http::Connection::on(stream).await?;
        connection.call(Method::GET, "/").await?;
        Ok(Held::Http1(connection))
    }
}
