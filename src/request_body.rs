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
    incoming: Incoming,
    /// Empty once its end was told.
    connection: Option<Arc<Connection>>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, connection: Arc<Connection>) -> Self {
        Self {
            incoming,
            connection: Some(connection),
        }
    }

    /// The length, where the head has told it, in bytes.
    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The next piece, or the trailers; `None` at the end.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        if self.connection.is_none() {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if frame.is_none() {
            self.tell_end(true);
        }
        Poll::Ready(frame)
    }

    fn tell_end(&mut self, complete: bool) {
        if let Some(connection) = self.connection.take() {
            connection.body_ended(complete);
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.tell_end(false);
    }
}
