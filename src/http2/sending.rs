//! The body of a response on its way to flow control.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::Reason;

use super::sender::Sender;
use crate::{
    deadlines::Timer,
    outgoing::Outgoing,
    progress::{Progress, Stalled},
    stream::Gone,
};

/// Why a body has not arrived whole.
#[derive(Debug)]
pub(super) enum Unsent {
    /// The client has gone, or was given up.
    Gone(Gone),
    /// It broke, which the client has not seen yet.
    Broken,
}

/// What follows the head of a response.
pub(super) struct Sending {
    outgoing: Outgoing,
    /// What flow control has not let through yet.
    data: Bytes,
    /// Nothing follows `data`.
    ended: bool,
    /// While the client is waited for.
    progress: Option<Progress>,
}

impl Sending {
    pub(super) fn new(outgoing: Outgoing) -> Self {
        let empty = outgoing.is_end_stream() && !outgoing.has_trailers();
        Self {
            ended: outgoing.is_bodiless() || empty,
            outgoing,
            data: Bytes::new(),
            progress: None,
        }
    }

    /// Whether nothing follows the head.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// How long the client may take nothing.
    pub(super) fn write_timeout(&self, sender: &Sender) -> Option<Duration> {
        match self.outgoing.exchange() {
            Some(exchange) => exchange.write_timeout(),
            None => sender.stream().connection().server.config.write_timeout,
        }
    }

    /// Sends all of it to a client that takes it neither too late nor too slowly.
    ///
    /// # Errors
    /// It cannot be sent.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        sender: &mut Sender,
        timer: &mut Timer,
    ) -> Poll<Result<(), Unsent>> {
        loop {
            match sender.poll_send(cx, &mut self.data, self.ended) {
                Poll::Ready(sent) => sent.map_err(Unsent::Gone)?,
                Poll::Pending => {
                    let gone = ready!(self.poll_late(cx, sender, timer));
                    sender.reset(Reason::CANCEL);
                    return Poll::Ready(Err(Unsent::Gone(gone)));
                }
            }
            self.progress = None;
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.outgoing.poll_bytes(cx)) {
                Some(Ok(data)) => self.data = data,
                Some(Err(_)) => return Poll::Ready(Err(self.why(sender))),
                None => {
                    let ended = sender.finish(self.outgoing.take_trailers());
                    return Poll::Ready(ended.map_err(Unsent::Gone));
                }
            }
            let is_last = self.outgoing.is_end_stream() || self.outgoing.has_sent_all();
            self.ended = is_last && !self.outgoing.has_trailers();
        }
    }

    /// Ready when the client has been given up elsewhere, or is too late or too slow.
    fn poll_late(
        &mut self,
        cx: &mut Context<'_>,
        sender: &Sender,
        timer: &mut Timer,
    ) -> Poll<Gone> {
        if let Some(exchange) = self.outgoing.exchange()
            && let Poll::Ready(gone) = exchange.outbox.poll_gone(cx)
        {
            return Poll::Ready(gone);
        }
        let timeout = self.write_timeout(sender);
        let stream = sender.stream();
        let min_rate = stream.connection().server.config.min_write_rate;
        let late = timer.poll_with(cx, |now| {
            let sent = stream.sent();
            let progress = self
                .progress
                .get_or_insert_with(|| Progress::new(sent, now));
            progress.note(sent, now);
            progress.check(now, timeout, min_rate)
        });
        late.map(|Stalled| Gone::TimedOut)
    }

    /// What has broken the body: a client that was given up, or the application.
    fn why(&self, sender: &mut Sender) -> Unsent {
        let exchange = self.outgoing.exchange();
        let Some(gone) = exchange.and_then(|exchange| exchange.outbox.gone()) else {
            return Unsent::Broken;
        };
        sender.reset(Reason::CANCEL);
        Unsent::Gone(gone)
    }
}
