//! hyper's server with nothing behind it, on one thread: the floor that the benchmark compares with.
//!
//! `bare-hyper PORT WORKLOAD [http2]` listens on `127.0.0.1:PORT` and answers every request alike. The workload is
//! `hello` (one short body with a content-length) or a number of chunks, each of which is a frame of its own. It
//! speaks HTTP/1, or HTTP/2 with prior knowledge.

mod chunks;

use std::convert::Infallible;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use chunks::Chunks;

/// The body of `hello`, the same as in `apps/hello.ru`.
const HELLO: Bytes = Bytes::from_static(b"Hello, world!\n");

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: u32 = 4096;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: bare-hyper PORT hello|CHUNKS [http2]";
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or(usage)?.parse::<u16>()?;
    let workload = arguments.next().ok_or(usage)?;
    let http2 = arguments.next().is_some_and(|protocol| protocol == "http2");

    if workload == "hello" {
        serve(port, http2, || Full::new(HELLO)).await
    } else {
        let count = workload.parse::<usize>().map_err(|_| usage)?;
        serve(port, http2, move || Chunks::new(count)).await
    }
}

/// Serves for ever: each request gets a 200 with what `body` makes. Ends only with an error of the listener.
async fn serve<B, F>(port: u16, http2: bool, body: F) -> Result<(), Box<dyn Error>>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static,
    F: Fn() -> B + Copy + Send + Sync + 'static,
{
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let listener: TcpListener = socket.listen(BACKLOG)?;
    println!("listening on {}", listener.local_addr()?);

    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(|_request| async move {
                let mut response = Response::new(body());
                let plain = HeaderValue::from_static("text/plain");
                response.headers_mut().insert(CONTENT_TYPE, plain);
                Ok::<_, Infallible>(response)
            });
            let stream = TokioIo::new(stream);
            // A client that went away is no failure of the server, and there is nobody to tell.
            if http2 {
                let builder = http2::Builder::new(TokioExecutor::new());
                drop(builder.serve_connection(stream, service).await);
            } else {
                let mut builder = http1::Builder::new();
                let connection = builder.half_close(true).serve_connection(stream, service);
                drop(connection.await);
            }
        });
    }
}
