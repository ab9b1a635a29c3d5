//! Connections to the server, and ordinary requests on them.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};

use crate::Failure;

/// Connections that leave from one address. An address has some 28,000 ports to leave from, and a port that was used
/// rests for a minute; the search for a free one is slow long before all are taken.
const CONNECTIONS_PER_ADDRESS: usize = 2000;

/// The answer to a request.
pub struct Reply {
    /// The response's status.
    pub status: StatusCode,
    /// The whole body, without its framing.
    pub body: Bytes,
}

/// Connects the `index`th connection to `port` on 127.0.0.1. It leaves from an address of the loopback network that
/// depends on the process too, so that it meets no port that rests after an earlier run.
pub async fn connect(port: u16, index: usize) -> Result<TcpStream, Failure> {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let host = u8::try_from(2 + index / CONNECTIONS_PER_ADDRESS)?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, high, low, host), 0)))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A keep-alive connection that carries one request at a time.
pub struct Connection {
    /// hyper's handle: the connection itself is driven by a task, which ends when this is dropped.
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Opens a connection from wherever the kernel likes, which finds a free port however many rest.
    pub async fn open(port: u16) -> Result<Self, Failure> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Self::on(stream).await
    }

    /// Takes a stream that is connected.
    pub async fn on<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How the connection ends shows in the request that it was needed for.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender })
    }

    /// Sends a request with `body` (empty: none) and waits for the whole answer.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Reply, Failure> {
        self.sender.ready().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1")
            .body(Full::new(body))?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Reply { status, body })
    }

    /// Sends a request without a body and returns the answer's; an answer other than 200 is an error.
    pub async fn call(&mut self, method: Method, path: &str) -> Result<Bytes, Failure> {
        let reply = self.send(method, path, Bytes::new()).await?;
        if reply.status == StatusCode::OK {
            Ok(reply.body)
        } else {
            Err(format!("{path} was answered with {}", reply.status).into())
        }
    }

    /// Waits until the connection can take a request; `false` where it never will, for the server has ended it.
    pub async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Whether the server has closed the connection, or said that it will.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}
