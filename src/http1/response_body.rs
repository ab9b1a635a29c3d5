//! The body of a response as hyper takes it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    connection::Connection,
    log::AccessEntry,
    outgoing::{Outgoing, broken},
    stream::Gone,
};

/// What hyper sends behind a head. Empty once hyper was let go, and the content with it.
pub(crate) struct ResponseBody(Option<Content>);

/// The body, as long as it is under way.
pub(crate) struct Content {
    outgoing: Outgoing,
    breaking: bool,
    complete: bool,
    pub(super) report: Report,
}

/// Whom the end of the response is told.
pub(crate) struct Report {
    pub(crate) connection: Arc<Connection>,
    /// The line of the access log, unless there is none, or the exchange has it.
    pub(crate) access: Option<Box<AccessEntry>>,
    pub(crate) status: u16,
    /// Without length and chunks the end of the connection is the end of the body.
    pub(crate) close_delimited: bool,
    /// The connection ends with the response.
    pub(crate) close: bool,
}

impl ResponseBody {
    pub(super) fn new(outgoing: Outgoing, report: Report) -> Self {
        Self(Some(Content {
            outgoing,
            breaking: false,
            complete: false,
            report,
        }))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.get_mut().0 {
            Some(content) => content.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|content| content.outgoing.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let length = self
            .0
            .as_ref()
            .and_then(|content| content.outgoing.length());
        length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if self.0.as_ref().is_some_and(Content::is_stream)
            && let Some(content) = self.0.take()
        {
            let connection = content.report.connection.clone();
            // Dropped outside of the lock, which its end takes.
            let _not_wanted = connection.keep_content(content);
        }
    }
}

impl Content {
    fn is_stream(&self) -> bool {
        self.outgoing.is_stream()
    }

    /// What comes next; `None`: the body has ended.
    ///
    /// # Errors
    /// The response is to be broken off.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.breaking {
            // hyper drops what it has not flushed when a body fails: let it flush first.
            if !self.report.connection.io.is_flushed() {
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(broken("the response was broken off"))));
        }
        match ready!(self.outgoing.poll_bytes(cx)) {
            Some(Ok(data)) => {
                self.report.connection.io.note_given();
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            None => {
                self.complete = true;
                // hyper sends them where the client takes some, and the head has named them.
                let trailers = self.outgoing.take_trailers();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Some(Err(_)) => {
                self.breaking = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        // hyper drops a body of known length once it has all of it, without asking for the end.
        let all = self.outgoing.has_sent_all();
        let whole = all || self.outgoing.is_end_stream() || self.outgoing.is_bodiless();
        let complete = self.complete || (!self.breaking && whole);
        let connection = self.report.connection.clone();
        let exchange = self.outgoing.exchange().cloned();
        // Such a client sees a reset also where it has taken all that was sent meanwhile.
        let is_given_up = || {
            let gone = exchange
                .as_ref()
                .and_then(|exchange| exchange.outbox.gone());
            gone == Some(Gone::TimedOut)
        };
        if !complete && (self.report.close_delimited || is_given_up()) {
            connection.reset_on_close();
        }
        let sent = self.outgoing.sent();
        connection.response_done(&mut self.report, exchange, sent, complete);
    }
}
