//! The body of a request as hyper gives it, whose end the connection is told.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use crate::connection::Connection;

/// A request body under way. As long as it lives and has not ended, hyper is in the middle of
/// it, and whatever the client sends belongs to it.
pub(crate) struct RequestBody {
    /// Empty at the end.
    incoming: Option<Incoming>,
    /// Of the request.
    number: u64,
    /// Empty once its end was told.
    connection: Option<Arc<Connection>>,
}

impl RequestBody {
    /// `number`: of the request on its connection.
    pub(crate) fn new(incoming: Incoming, number: u64, connection: Arc<Connection>) -> Self {
        Self {
            incoming: Some(incoming),
            number,
            connection: Some(connection),
        }
    }

    /// The length, where the head has told it, in bytes.
    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.as_ref()?.size_hint().exact()
    }

    /// The next piece, or the trailers; `None` at the end.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(incoming).poll_frame(cx));
        if frame.is_none() {
            self.tell_end(true);
        }
        Poll::Ready(frame)
    }

    fn tell_end(&mut self, complete: bool) {
        // hyper has to know first: from then on it closes, or is at the next head.
        self.incoming = None;
        if let Some(connection) = self.connection.take() {
            connection.body_ended(self.number, complete);
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.tell_end(false);
    }
}
