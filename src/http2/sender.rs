//! The sending half of a stream.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream, server::SendResponse};
use http::{HeaderMap, Response};

use super::Stream;
use crate::{request::size_of_fields, stream::Gone};

/// What is sent on a stream: interim responses, a head, data as flow control allows, an end.
pub(super) struct Sender {
    stream: Arc<Stream>,
    respond: SendResponse<Bytes>,
    /// There once the head is out, and something follows.
    data: Option<SendStream<Bytes>>,
}

impl Sender {
    pub(super) fn new(stream: Arc<Stream>, respond: SendResponse<Bytes>) -> Self {
        Self {
            stream,
            respond,
            data: None,
        }
    }

    /// The stream.
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Ready when the client has reset the stream, or the connection is lost.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        let reset = match &mut self.data {
            Some(data) => data.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        };
        reset.map(|reset| match reset {
            Ok(_) => Gone::Reset,
            Err(_) => self.stream.connection_gone(),
        })
    }

    /// Whether a head was sent.
    pub(super) fn is_begun(&self) -> bool {
        self.data.is_some()
    }

    /// Sends an interim response; nothing where the head is out.
    pub(super) fn send_interim(&mut self, response: Response<()>) {
        if self.data.is_none() {
            // A stream that is over shows by `poll_gone`.
            let _ = self.respond.send_informational(response);
        }
    }

    /// Sends a head; `ended`: nothing follows.
    ///
    /// # Errors
    /// The stream is over.
    pub(super) fn send_head(&mut self, response: Response<()>, ended: bool) -> Result<(), Gone> {
        self.stream.add_payload(size_of_fields(response.headers()));
        match self.respond.send_response(response, ended) {
            Ok(data) => {
                self.data = Some(data);
                Ok(())
            }
            Err(_) => Err(self.stream.connection_gone()),
        }
    }

    /// Sends all of `data`, as flow control allows; `last`: and then the end.
    ///
    /// # Errors
    /// The stream is over.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
        last: bool,
    ) -> Poll<Result<(), Gone>> {
        if data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let lost = || Poll::Ready(Err(self.stream.connection_gone()));
        let Some(to) = &mut self.data else {
            return lost();
        };
        while !data.is_empty() {
            to.reserve_capacity(data.len());
            while to.capacity() == 0 {
                match ready!(to.poll_capacity(cx)) {
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return lost(),
                }
            }
            let piece = data.split_to(data.len().min(to.capacity()));
            self.stream.note_sent(piece.len());
            if to.send_data(piece, last && data.is_empty()).is_err() {
                return lost();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the stream behind what was sent, with `trailers` where there are some.
    ///
    /// # Errors
    /// The stream is over.
    pub(super) fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<(), Gone> {
        let ended = match (&mut self.data, trailers) {
            (Some(to), Some(trailers)) => to.send_trailers(trailers).is_ok(),
            (Some(to), None) => to.send_data(Bytes::new(), true).is_ok(),
            (None, _) => false,
        };
        if ended {
            Ok(())
        } else {
            Err(self.stream.connection_gone())
        }
    }

    /// Breaks the stream off (RFC 9113 section 6.4).
    pub(super) fn reset(&mut self, reason: Reason) {
        match &mut self.data {
            Some(data) => data.send_reset(reason),
            None => self.respond.send_reset(reason),
        }
    }
}
