//! The body of a request on a stream. Flow control opens as it is read, and no sooner.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::RecvStream;
use http_body::Frame;

use super::{OpenStream, Stream, request::is_padded};
use crate::request_body::Broken;

/// What a client sends on a stream behind the head.
pub(crate) struct Body {
    incoming: RecvStream,
    stream: Arc<Stream>,
    length: Option<u64>,
    /// The client waits for a 100, which it gets when somebody reads.
    expects_continue: bool,
    stage: Stage,
    /// Until its end, or until it is given up.
    open: Option<OpenStream>,
}

enum Stage {
    Data,
    Trailers,
    Ended,
}

impl Body {
    /// `length`: what the head has announced, in bytes.
    pub(super) fn new(
        incoming: RecvStream,
        stream: Arc<Stream>,
        length: Option<u64>,
        expects_continue: bool,
    ) -> Self {
        Self {
            open: Some(stream.open()),
            incoming,
            stream,
            length,
            expects_continue,
            stage: Stage::Data,
        }
    }

    /// The length, where the head has told it, in bytes.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece, or the trailers; `None` at the end. Callable from any thread.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if std::mem::take(&mut self.expects_continue) {
            self.stream.send_continue();
        }
        if let Stage::Data = self.stage {
            match ready!(self.incoming.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Fails where the stream is over, and then nothing is owed.
                    let _ = self.incoming.flow_control().release_capacity(data.len());
                    self.stream.note_received(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(_)) => return Poll::Ready(Some(Err(Broken))),
                None => self.stage = Stage::Trailers,
            }
        }
        if let Stage::Trailers = self.stage {
            let trailers = ready!(self.incoming.poll_trailers(cx));
            self.stage = Stage::Ended;
            self.open = None;
            return match trailers {
                Ok(Some(trailers)) if is_padded(&trailers) => Poll::Ready(Some(Err(Broken))),
                Ok(Some(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Ok(None) => Poll::Ready(None),
                Err(_) => Poll::Ready(Some(Err(Broken))),
            };
        }
        Poll::Ready(None)
    }
}
