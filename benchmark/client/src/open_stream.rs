//! One open stream: a response that does not end, and the messages in it.

use std::io::ErrorKind;
use std::rc::Rc;

use h2::RecvStream;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::http2::Connection;
use crate::tally::{End, Listener};
use crate::{Failure, http, http2};

/// Bytes that are read at once. The buffer is on the stack while it is used: a stream that waits has none.
const READ_BYTES: usize = 4096;

/// What a successful response begins with.
pub const SUCCESS: &[u8] = b"HTTP/1.1 200 ";

/// What a chunked response ends with, behind a message.
const LAST_CHUNK: &[u8] = b"\n0\r\n\r\n";

/// Where streams come from.
pub enum Source {
    /// Each is a response on a connection of its own, to this port.
    Http1 {
        /// The server's port on 127.0.0.1.
        port: u16,
    },
    /// They are responses on these connections, in turn.
    Http2(Vec<Connection>),
}

impl Source {
    /// Opens so many connections of HTTP/2 with prior knowledge.
    pub async fn http2(port: u16, connections: usize) -> Result<Self, Failure> {
        let mut opened = Vec::with_capacity(connections);
        for index in 0..connections {
            opened.push(Connection::on(http::connect(port, index).await?).await?);
        }
        Ok(Self::Http2(opened))
    }
}

/// Opens the `index`th stream at `path` and reports to `listener` until it ends.
pub async fn follow(source: Rc<Source>, index: usize, path: Rc<str>, listener: Rc<impl Listener>) {
    let end = match &*source {
        Source::Http1 { port } => match request(*port, index, &path).await {
            Ok(stream) => read(&stream, Scanner::default(), &*listener).await,
            Err(_) => End::Broken,
        },
        Source::Http2(connections) => {
            match connections[index % connections.len()]
                .get("http", &path)
                .await
            {
                Ok(response) => read_http2(response.into_body(), &*listener).await,
                Err(_) => End::Broken,
            }
        }
    };
    listener.ended(end);
}

/// Connects and sends the request.
async fn request(port: u16, index: usize, path: &str) -> Result<TcpStream, Failure> {
    let mut stream = http::connect(port, index).await?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    Ok(stream)
}

/// Reads a stream of HTTP/2 until it ends.
async fn read_http2(mut body: RecvStream, listener: &impl Listener) -> End {
    let mut scanner = Scanner::behind_the_head();
    while let Some(bytes) = http2::next(&mut body).await {
        let Ok(bytes) = bytes else {
            return End::Broken;
        };
        if let Some(end) = scanner.scan(&bytes, |message| listener.arrived(message)) {
            return end;
        }
    }
    End::Clean
}

/// Reads until the stream ends, with a `scanner` for what comes next, and reports each message to `listener`.
pub async fn read(stream: &TcpStream, mut scanner: Scanner, listener: &impl Listener) -> End {
    loop {
        if stream.readable().await.is_err() {
            return End::Broken;
        }
        let mut buffer = [0; READ_BYTES];
        match stream.try_read(&mut buffer) {
            Ok(0) => return End::Clean,
            Ok(count) => {
                if let Some(end) =
                    scanner.scan(&buffer[..count], |message| listener.arrived(message))
                {
                    return end;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return End::Broken,
        }
    }
}

/// Finds messages in the bytes of a response, however these are cut. A message is `#`, its number, and any text
/// without `#` behind it. The framing is not looked at, so that it may be chunked or not.
#[derive(Default)]
pub struct Scanner {
    /// Bytes of the head that have been compared with [`SUCCESS`].
    compared: usize,
    /// The number that is being read; `None` between messages.
    number: Option<u64>,
    /// Bytes of [`LAST_CHUNK`] that have just been seen.
    last_chunk: usize,
}

impl Scanner {
    /// One for a body alone.
    pub fn behind_the_head() -> Self {
        Self {
            compared: SUCCESS.len(),
            ..Self::default()
        }
    }

    /// Looks at the next `bytes`, calls `arrived` with the number of each message, and says how the stream ended,
    /// if it did.
    fn scan(&mut self, bytes: &[u8], mut arrived: impl FnMut(u64)) -> Option<End> {
        for &byte in bytes {
            if let Some(&expected) = SUCCESS.get(self.compared) {
                if byte != expected {
                    return Some(End::Broken);
                }
                self.compared += 1;
                continue;
            }
            match (self.number, byte) {
                (_, b'#') => self.number = Some(0),
                (Some(number), b'0'..=b'9') => {
                    self.number = Some(number * 10 + u64::from(byte - b'0'))
                }
                (Some(number), _) => {
                    arrived(number);
                    self.number = None;
                }
                (None, _) => {}
            }
            self.last_chunk = if byte == LAST_CHUNK[self.last_chunk] {
                self.last_chunk + 1
            } else {
                usize::from(byte == LAST_CHUNK[0])
            };
            if self.last_chunk == LAST_CHUNK.len() {
                return Some(End::Clean);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Scanner};

    /// The numbers found in `bytes`, given in pieces of `size`, and how the stream ended.
    fn scan(bytes: &[u8], size: usize) -> (Vec<u64>, Option<End>) {
        let mut scanner = Scanner::default();
        let mut numbers = Vec::new();
        for piece in bytes.chunks(size) {
            if let Some(end) = scanner.scan(piece, |number| numbers.push(number)) {
                return (numbers, Some(end));
            }
        }
        (numbers, None)
    }

    #[test]
    fn finds_messages_however_they_are_cut() {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let bytes = [
            head.as_slice(),
            b"b\r\n#0012 text\n\r\nb\r\n#0013 text\n\r\n0\r\n\r\n",
        ]
        .concat();
        for size in 1..=bytes.len() {
            let (numbers, end) = scan(&bytes, size);
            assert_eq!(numbers, [12, 13], "in pieces of {size}");
            assert!(end == Some(End::Clean), "in pieces of {size}");
        }
    }

    #[test]
    fn goes_on_while_the_response_is_open() {
        let (numbers, end) = scan(b"HTTP/1.1 200 OK\r\n\r\n#7 text\n", 5);
        assert_eq!(numbers, [7]);
        assert!(end.is_none());
    }

    #[test]
    fn finds_messages_in_a_body_without_a_head() {
        let mut numbers = Vec::new();
        let mut scanner = Scanner::behind_the_head();
        let end = scanner.scan(b"#0003 text\n#0004 text\n", |message| numbers.push(message));
        assert_eq!(numbers, [3, 4]);
        assert!(end.is_none());
    }

    #[test]
    fn takes_another_status_for_broken() {
        let (numbers, end) = scan(b"HTTP/1.1 503 Service Unavailable\r\n\r\n#7 text\n", 5);
        assert!(numbers.is_empty());
        assert!(end == Some(End::Broken));
    }
}
