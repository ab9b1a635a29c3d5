//! The body of a request as the protocol gives it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use crate::{connection::Connection, http2};

/// A request body under way.
pub(crate) struct RequestBody {
    /// Empty at the end.
    source: Option<Source>,
}

enum Source {
    Http1(Http1Body),
    Http2(http2::Body),
}

/// A body broke: the client has sent no more of it, or what is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

impl RequestBody {
    /// `number`: of the request on its connection, which is told of the end.
    pub(crate) fn of_http1(incoming: Incoming, number: u64, connection: Arc<Connection>) -> Self {
        let body = Http1Body {
            incoming: Some(incoming),
            number,
            connection: Some(connection),
        };
        Self {
            source: Some(Source::Http1(body)),
        }
    }

    /// A body that a stream of HTTP/2 has.
    pub(crate) fn of_http2(body: http2::Body) -> Self {
        Self {
            source: Some(Source::Http2(body)),
        }
    }

    /// The length, where the head has told it, in bytes.
    pub(crate) fn length(&self) -> Option<u64> {
        match self.source.as_ref()? {
            Source::Http1(body) => body.incoming.as_ref()?.size_hint().exact(),
            Source::Http2(body) => body.length(),
        }
    }

    /// The next piece, or the trailers; `None` at the end.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let frame = match &mut self.source {
            None => return Poll::Ready(None),
            Some(Source::Http1(body)) => ready!(body.poll_frame(cx)),
            Some(Source::Http2(body)) => ready!(body.poll_frame(cx)),
        };
        if frame.is_none() {
            self.source = None;
        }
        Poll::Ready(frame)
    }
}

/// As long as it lives and has not ended, hyper is in the middle of it, and whatever the client
/// sends belongs to it.
struct Http1Body {
    /// Empty at the end.
    incoming: Option<Incoming>,
    /// Of the request.
    number: u64,
    /// Empty once its end was told.
    connection: Option<Arc<Connection>>,
}

impl Http1Body {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(incoming).poll_frame(cx));
        if frame.is_none() {
            self.tell_end(true);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|_| Broken)))
    }

    fn tell_end(&mut self, complete: bool) {
        // hyper has to know first: from then on it closes, or is at the next head.
        self.incoming = None;
        if let Some(connection) = self.connection.take() {
            connection.body_ended(self.number, complete);
        }
    }
}

impl Drop for Http1Body {
    fn drop(&mut self) {
        self.tell_end(false);
    }
}
