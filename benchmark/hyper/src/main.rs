//! hyper's server with nothing behind it, on one thread: the floor that the benchmark compares with.
//!
//! `bare-hyper PORT WORKLOAD http1|http2 [CERTIFICATE KEY]` listens on `127.0.0.1:PORT` and answers every request
//! alike. The workload is `hello` (one short body with a content-length), `body:BYTES` (one of so many bytes), `echo`
//! (the body of the request) or a number of chunks, each of which is a frame of its own. It speaks HTTP/1, or HTTP/2 with
//! prior knowledge; with two PEM files, over TLS.

mod chunks;
mod numbered;
mod tls;

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use chunks::Chunks;
use numbered::numbered;

/// The body of `hello`, the same as in `apps/hello.ru`.
const HELLO: Bytes = Bytes::from_static(b"Hello, world!\n");

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: u32 = 4096;

/// What the command line has to look like.
const USAGE: &str =
    "usage: bare-hyper PORT hello|body:BYTES|echo|CHUNKS http1|http2 [CERTIFICATE KEY]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [
        port,
        workload,
        protocol @ ("http1" | "http2"),
        ref files @ ..,
    ] = arguments[..]
    else {
        return Err(USAGE.into());
    };
    let (port, http2) = (port.parse()?, protocol == "http2");
    let acceptor = match files {
        [] => None,
        [certificate, key] => Some(tls::acceptor(certificate, key, http2)?),
        _ => return Err(USAGE.into()),
    };

    if workload == "hello" {
        serve(port, http2, acceptor, |_| ready(Ok(Full::new(HELLO)))).await
    } else if workload == "echo" {
        serve(port, http2, acceptor, echo).await
    } else if let Some(size) = workload.strip_prefix("body:") {
        let body = numbered(size.parse().map_err(|_| USAGE)?);
        serve(port, http2, acceptor, move |_| {
            ready(Ok(Full::new(body.clone())))
        })
        .await
    } else {
        let count = workload.parse::<usize>().map_err(|_| USAGE)?;
        serve(port, http2, acceptor, move |_| {
            ready(Ok(Chunks::new(count)))
        })
        .await
    }
}

/// The body of the request, once it is there as a whole.
async fn echo(request: Request<Incoming>) -> Result<Full<Bytes>, hyper::Error> {
    Ok(Full::new(request.into_body().collect().await?.to_bytes()))
}

/// Serves for ever: each request gets a 200 with what `body` makes of it. Ends only with an error of the listener.
async fn serve<B, R, F>(
    port: u16,
    http2: bool,
    acceptor: Option<TlsAcceptor>,
    body: F,
) -> Result<(), Box<dyn Error>>
where
    B: Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static,
    R: Future<Output = Result<B, hyper::Error>> + Send + 'static,
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
{
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let listener: TcpListener = socket.listen(BACKLOG)?;
    println!("listening on {}", listener.local_addr()?);

    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // Two kinds of task: one without TLS is no larger for it.
        match acceptor.clone() {
            None => drop(tokio::spawn(converse(stream, http2, body.clone()))),
            Some(acceptor) => {
                let body = body.clone();
                drop(tokio::spawn(async move {
                    // A client that does not get through the handshake is no failure of the server.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, http2, body).await;
                    }
                }))
            }
        }
    }
}

/// Answers what comes on one connection until it ends.
async fn converse<S, B, R, F>(stream: S, http2: bool, body: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static,
    R: Future<Output = Result<B, hyper::Error>> + Send + 'static,
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
{
    let service = service_fn(move |request| {
        let body = body(request);
        async move {
            let mut response = Response::new(body.await?);
            let plain = HeaderValue::from_static("text/plain");
            response.headers_mut().insert(CONTENT_TYPE, plain);
            Ok::<_, hyper::Error>(response)
        }
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
}
