//! A streaming response that goes on without hyper, which has sent its head: hyper's state, with some
//! 10 KB, is let go as that of an idle connection is, and what the application writes is sent from
//! here.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, buf::Chain};

use super::{Content, Outcome, poll_client, tell_gone};
use crate::{
    connection::{Connection, Order},
    deadlines::Timer,
    io::Shared,
};

/// The end of a body in chunks (RFC 9112 section 7.1). It has no trailers: a response whose head
/// names some stays with hyper.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The end of a chunk.
const CHUNK_END: &[u8] = b"\r\n";

/// Sends the rest of a response; `Some`: the connection is over.
pub(super) async fn send(
    content: Box<Content>,
    connection: &Connection,
    timer: &mut Timer,
) -> Option<Outcome> {
    let mut close = content.report.close;
    if let Some(exchange) = connection.current() {
        exchange.rest();
    }
    let mut sender = Sender {
        content,
        piece: None,
        ended: false,
    };
    let outcome = poll_fn(|cx| {
        match connection.attend(cx) {
            Order::Stop => return Poll::Ready(Outcome::Stopped),
            // It lets the response come to its end, and nothing follows: hyper may have said so.
            Order::Drain => close = true,
            Order::Serve => {}
        }
        match sender.poll(&connection.io, cx) {
            Poll::Ready(Ok(())) => return Poll::Ready(Outcome::Sent),
            Poll::Ready(Err(_)) => return Poll::Ready(Outcome::Broken),
            Poll::Pending => {}
        }
        if let Some(exchange) = connection.current() {
            let seen = poll_client(connection, &exchange, cx);
            if seen.is_ready() {
                return seen;
            }
        }
        timer.poll(cx, connection).map(Outcome::Expired)
    })
    .await;
    // Told before the response is dropped, which would tell of a reset.
    tell_gone(connection, &outcome);
    drop(sender);
    let goes_on = matches!(outcome, Outcome::Sent) && !close;
    (!goes_on).then_some(outcome)
}

/// Writes a body, in chunks unless the end of the connection is its end.
struct Sender {
    content: Box<Content>,
    /// What is being written. In a box, and none at rest.
    piece: Option<Box<Piece>>,
    /// What is being written is the last.
    ended: bool,
}

/// The size of a chunk, its data, and what closes it.
type Piece = Chain<Chain<Bytes, Bytes>, &'static [u8]>;

impl Sender {
    /// Ready when all was sent.
    fn poll(&mut self, io: &Shared, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(piece) = &mut self.piece {
                while piece.has_remaining() {
                    let mut bufs = [IoSlice::new(&[]); 3];
                    let count = piece.chunks_vectored(&mut bufs);
                    match ready!(io.poll_write(cx, &bufs[..count]))? {
                        0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                        written => piece.advance(written),
                    }
                }
                self.piece = None;
            }
            // What has gone past may have left something too.
            ready!(io.poll_flush(cx))?;
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            self.piece = match ready!(self.content.poll_frame(cx)).transpose()? {
                Some(frame) => frame.into_data().ok().map(|data| self.piece_of(data)),
                None => {
                    self.ended = true;
                    self.last_piece()
                }
            };
        }
    }

    fn piece_of(&self, data: Bytes) -> Box<Piece> {
        let (size, end) = if self.is_chunked() {
            (format!("{:x}\r\n", data.len()), CHUNK_END)
        } else {
            (String::new(), &[][..])
        };
        Box::new(Bytes::from(size).chain(data).chain(end))
    }

    fn last_piece(&self) -> Option<Box<Piece>> {
        let last = || Box::new(Bytes::new().chain(Bytes::new()).chain(LAST_CHUNK));
        self.is_chunked().then(last)
    }

    fn is_chunked(&self) -> bool {
        !self.content.report.close_delimited
    }
}
