//! Open streams with nothing behind them, on one thread: each message is a bare send(2) to each of them, which is the
//! floor that the benchmark compares broadcasts with.
//!
//! `bare-send PORT` listens on `127.0.0.1:PORT` and does what `apps/sse.ru` does, with the same bytes: `GET /stream`,
//! `POST /broadcast/N`, `POST /close`, `GET /open` and `GET /hello`. It has no objects to count for `GET /objects`. Of
//! HTTP it knows as much as the benchmark's client needs: requests have no body.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{LocalSet, spawn_local};

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: u32 = 4096;

/// What the response of a stream begins with.
const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// What it ends with.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The open streams, by a number that each is given when it is opened.
type Streams = Rc<RefCell<BTreeMap<usize, Rc<TcpStream>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).ok_or("usage: bare-send PORT")?;
    LocalSet::new().run_until(serve(port.parse()?)).await
}

/// Serves for ever. Ends only with an error of the listener.
async fn serve(port: u16) -> Result<(), Box<dyn Error>> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let listener = socket.listen(BACKLOG)?;
    println!("listening on {}", listener.local_addr()?);

    let streams = Streams::default();
    for number in 0.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let streams = Rc::clone(&streams);
        // A client that went away is no failure of the server, and there is nobody to tell.
        spawn_local(async move { drop(converse(stream, number, &streams).await) });
    }
    Ok(())
}

/// Answers what comes on one connection until it ends or becomes a stream.
async fn converse(stream: TcpStream, number: usize, streams: &Streams) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(512, stream);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
        }
        if path == "/stream" {
            return keep(stream.into_inner(), number, streams).await;
        }
        let body = answer(&path, streams);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await?;
    }
}

/// Does what an ordinary request asks for, and says what came of it.
fn answer(path: &str, streams: &Streams) -> String {
    let count = match path {
        "/open" => streams.borrow().len(),
        "/objects" => 0,
        // What is taken out here is closed by the client, which sees the last chunk.
        "/close" => send(LAST_CHUNK, streams.take().values()),
        _ => match path.strip_prefix("/broadcast/").map(str::parse) {
            Some(Ok(message)) => send(&chunk(message), streams.borrow().values()),
            _ => return "Hello, world!".to_owned(),
        },
    };
    format!("{count}\n")
}

/// A message as `apps/sse.ru` writes it, in a chunk of its own.
fn chunk(message: u64) -> Vec<u8> {
    let text = format!("data: #{message:010} is for each.\n\n");
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// One send(2) for each stream. Says how many of them took all the bytes; a client that leaves some lying is not waited
/// for.
fn send<'a>(bytes: &[u8], streams: impl Iterator<Item = &'a Rc<TcpStream>>) -> usize {
    streams
        .filter(|stream| {
            stream
                .try_write(bytes)
                .is_ok_and(|count| count == bytes.len())
        })
        .count()
}

/// Begins a stream and holds it until its client goes.
async fn keep(mut stream: TcpStream, number: usize, streams: &Streams) -> io::Result<()> {
    let begin = [HEAD.as_bytes(), &chunk(0)].concat();
    stream.write_all(&begin).await?;
    let stream = Rc::new(stream);
    streams.borrow_mut().insert(number, Rc::clone(&stream));
    let gone = end(&stream).await;
    streams.borrow_mut().remove(&number);
    gone
}

/// Waits until the client has gone. What it sends behind its request is nothing to us.
async fn end(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 512]) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::chunk;

    #[test]
    fn writes_a_message_of_32_bytes() {
        assert_eq!(chunk(12), b"20\r\ndata: #0000000012 is for each.\n\n\r\n");
    }
}
