//! A body of many small frames, all of them ready at once.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

/// One frame: 32 bytes, the same as in `apps/chunk.rb`.
const CHUNK: Bytes = Bytes::from_static(b"data: a message of thirty-two\n\n\n");

/// The body: `CHUNK` as often as asked for. Its length is not announced, so HTTP/1.1 sends it chunked.
pub struct Chunks {
    /// Frames still to be sent.
    left: usize,
}

impl Chunks {
    /// A body of `count` frames; 0 is an empty body.
    pub fn new(count: usize) -> Self {
        Self { left: count }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(CHUNK))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}
