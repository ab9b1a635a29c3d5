//! A WebSocket (RFC 6455), as much of one as the benchmark needs: text frames, none of them in pieces.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::{Failure, http};

/// Bytes of the buffer that each connection has.
const BUFFER: usize = 512;

/// The opcode of a text frame, with the bit that says that it is the whole message.
const TEXT: u8 = 0x81;

/// That of a close frame.
const CLOSE: u8 = 0x88;

/// An open one.
pub struct WebSocket(BufReader<TcpStream>);

impl WebSocket {
    /// Opens the `index`th one at `path`, with this subprotocol. An answer other than 101 is an error.
    pub async fn open(
        port: u16,
        index: usize,
        path: &str,
        protocol: &str,
    ) -> Result<Self, Failure> {
        let stream = http::connect(port, index).await?;
        let mut stream = BufReader::with_capacity(BUFFER, stream);
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: {protocol}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut status = String::new();
        stream.read_line(&mut status).await?;
        if !status.starts_with("HTTP/1.1 101 ") {
            return Err(format!("the handshake was answered with {:?}", status.trim()).into());
        }
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Err("the connection was closed in the handshake".into());
            }
        }
        Ok(Self(stream))
    }

    /// Sends a text.
    pub async fn send(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.0.write_all(&frame(text)?).await?)
    }

    /// The next text. The end of the connection is an error, with a close frame or without one.
    pub async fn next(&mut self) -> Result<String, Failure> {
        loop {
            let opcode = self.0.read_u8().await;
            let opcode = opcode.map_err(|_| "the WebSocket ended without a close frame")?;
            let length = match self.0.read_u8().await? {
                126 => usize::from(self.0.read_u16().await?),
                127 => return Err("a frame is longer than any that was asked for".into()),
                length => usize::from(length),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await?;
            match opcode {
                TEXT => return Ok(String::from_utf8(payload)?),
                CLOSE => return Err("the WebSocket was closed".into()),
                // A ping of the protocol: nobody waits for its pong within the time of a test.
                _ => {}
            }
        }
    }
}

/// The frame of a text: masked, as a client has to, with zeros.
fn frame(text: &str) -> Result<Vec<u8>, Failure> {
    let mut frame = vec![TEXT];
    match u8::try_from(text.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(text.len())?.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::frame;

    #[test]
    fn writes_a_length_in_one_byte_or_in_three() {
        assert_eq!(
            frame("hi").expect("a frame"),
            b"\x81\x82\0\0\0\0hi".as_slice()
        );
        let long = frame(&"x".repeat(126)).expect("a frame");
        assert_eq!(long[..8], *b"\x81\xfe\x00\x7e\0\0\0\0");
        assert_eq!(long.len(), 8 + 126);
    }
}
