//! A stream, from the head of its request to the end of its response: what needs no waiting at
//! once, the rest in a future of its own.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderValue, Method, StatusCode, header};
use tokio::time::Instant;

use super::{
    Body, OpenStream, Shared, Stream, hijack, request,
    response::to_response,
    sender::Sender,
    sending::{Sending, Unsent},
    translator::Fault,
};
use crate::{
    arrival::{Arrival, Refused, expects_continue},
    carrier::Carrier,
    deadlines::Timer,
    exchange::{Inner, Reply},
    input::{BodyReader, Input, Limits},
    log::AccessEntry,
    outgoing::Outgoing,
    progress::{Progress, Stalled},
    request_body::RequestBody,
    response::{self, Head},
    stats::Counters,
    stream::Gone,
};

/// What is left to do for a stream.
pub(super) type Rest = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Judges a request and queues it at once. Returns what is left to do, unless the client has taken
/// the request back.
pub(super) fn accept(
    cx: &mut Context<'_>,
    shared: &Arc<Shared>,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
) -> Option<Rest> {
    let received = Instant::now();
    let stream = Arc::new(Stream::new(shared.clone()));
    let mut task = Task {
        sender: Sender::new(stream.clone(), respond),
        timer: Timer::default(),
        is_head: request.method() == Method::HEAD,
        _open: stream.open(),
        stream: stream.clone(),
    };
    let (mut parts, incoming) = request.into_parts();
    stream.add_payload(request::size(&parts));
    let server = &shared.connection.server;
    let has_body = !incoming.is_end_stream();
    let checked = request::translate(&mut parts, has_body, &server.config);
    let arrival = Arrival {
        access: AccessEntry::of(&parts, shared.connection.peer, &server.log),
        carrier: Carrier::Http2(stream.clone()),
        parts,
        received,
    };
    if task.sender.poll_gone(cx).is_ready() {
        // Before anybody has heard of it; what is queued can be with a Ruby thread at once.
        arrival.withdrawn();
        return None;
    }
    let (begun, key) = match checked {
        Err(status) => (Err(arrival.refused(status, has_body)), None),
        Ok(key) if has_body => {
            let length = arrival.parts.headers.get(header::CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
            let continues = expects_continue(&arrival.parts);
            let body = RequestBody::of_http2(Body::new(incoming, stream, length, continues));
            if key.is_none() {
                return Some(Box::pin(task.receive(arrival, body)));
            }
            let reader = BodyReader::tunnel(body);
            (arrival.queue(Input::Empty, reader, received), key)
        }
        Ok(key) => {
            let reader = BodyReader::ended(Limits::new(&server.config));
            (arrival.queue(Input::Empty, reader, received), key)
        }
    };
    Some(match begun {
        Ok(inner) => Box::pin(task.answer(Guard::new(inner), key)),
        Err(refused) => Box::pin(task.refuse(refused)),
    })
}

/// The task of a stream.
pub(super) struct Task {
    pub(super) stream: Arc<Stream>,
    sender: Sender,
    timer: Timer,
    is_head: bool,
    _open: OpenStream,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stream.forget_task();
    }
}

impl Task {
    /// Takes one step after another until one is ready.
    ///
    /// # Errors
    /// The client has gone.
    pub(super) async fn run<T>(
        &mut self,
        mut step: impl FnMut(&mut Context<'_>, &mut Sender, &mut Timer) -> Poll<T>,
    ) -> Result<T, Gone> {
        poll_fn(|cx| {
            if let Poll::Ready(gone) = self.sender.poll_gone(cx) {
                return Poll::Ready(Err(gone));
            }
            self.stream.attend(cx, &mut self.sender);
            step(cx, &mut self.sender, &mut self.timer).map(Ok)
        })
        .await
    }

    /// Receives the body, and then serves the request.
    async fn receive(mut self, arrival: Arrival, body: RequestBody) {
        // In a box, which is given back before the application answers.
        match Box::pin(self.received(arrival, body)).await {
            Ok(Ok(inner)) => self.answer(Guard::new(inner), None).await,
            Ok(Err(refused)) => self.refuse(refused).await,
            // The client has gone.
            Err(_) => {}
        }
    }

    /// Receives the body, as far as the application does not read it itself.
    async fn received(
        &mut self,
        arrival: Arrival,
        body: RequestBody,
    ) -> Result<Result<Arc<Inner>, Refused>, Gone> {
        let stream = self.stream.clone();
        let config = &stream.connection().server.config;
        let mut progress = Progress::new(0, Instant::now());
        let mut receiving = pin!(arrival.receive(body));
        let received = self.run(|cx, _, timer| {
            if let Poll::Ready(begun) = receiving.as_mut().poll(cx) {
                return Poll::Ready(begun);
            }
            let late = timer.poll_with(cx, |now| {
                progress.note(stream.received(), now);
                progress.check(now, config.body_timeout, config.min_body_rate)
            });
            late.map(|Stalled| {
                Err(Refused {
                    status: StatusCode::REQUEST_TIMEOUT,
                    access: None,
                    unread: true,
                })
            })
        });
        received.await
    }

    /// Waits for what the application does about the request, and does it. `key`: of an extended
    /// CONNECT.
    async fn answer(mut self, mut exchange: Guard, key: Option<HeaderValue>) {
        let inner = &exchange.inner;
        // The response is begun in here: its head would keep its room while the body is sent.
        let mut begun = match self.reply(inner).await {
            Ok(Reply::Answer(head, body)) => {
                Some(self.begin(head, body, Some(inner.clone()), key.is_some()))
            }
            Ok(Reply::Hijack) => None,
            Err(gone) => {
                inner.set_gone(gone);
                inner.log_access(Some(499), 0);
                exchange.served = true;
                return;
            }
        };
        if let Some((status, sending)) = &mut begun {
            let sent = match sending {
                Ok(sending) => self.send(sending).await,
                Err(gone) => Err(*gone),
            };
            if let Err(gone) = sent {
                inner.set_gone(gone);
            }
            let status = status.as_u16();
            // What it has open is closed before anybody hears of the end.
            drop(begun);
            inner.response_done(status, self.stream.sent(), sent.is_ok());
        } else {
            Box::pin(hijack::run(self, inner, key)).await;
        }
        exchange.served = true;
    }

    async fn reply(&mut self, inner: &Inner) -> Result<Reply, Gone> {
        self.run(|cx, _, _| inner.poll_reply(cx)).await
    }

    /// Sends a head, behind which `body` is to follow: its status, and what is left to send.
    fn begin(
        &mut self,
        mut head: Head,
        body: response::Body,
        exchange: Option<Arc<Inner>>,
        is_tunnel: bool,
    ) -> (StatusCode, Result<Sending, Gone>) {
        let is_accepted = is_tunnel && head.status == StatusCode::SWITCHING_PROTOCOLS;
        if is_accepted {
            // Behind a 101 there is no body that they could speak of (RFC 9110 section 15.2.2).
            head.content_length = None;
            head.chunked = false;
        }
        let outgoing = Outgoing::new(&head, body, exchange, self.is_head);
        let response = to_response(head, &outgoing, is_accepted);
        let status = response.status();
        let sending = Sending::new(outgoing);
        let begun = self.sender.send_head(response, sending.is_ended());
        (status, begun.map(|()| sending))
    }

    /// Sends what follows a head.
    ///
    /// # Errors
    /// The client has gone, or the body broke and the client has seen it.
    async fn send(&mut self, sending: &mut Sending) -> Result<(), Gone> {
        let sent = self.run(|cx, sender, timer| sending.poll(cx, sender, timer));
        match sent.await? {
            Ok(()) => Ok(()),
            Err(Unsent::Gone(gone)) => Err(gone),
            Err(Unsent::Broken) => {
                let timeout = sending.write_timeout(&self.sender);
                Box::pin(self.break_behind(timeout)).await;
                Err(Gone::Reset)
            }
        }
    }

    /// Sends an answer of the server's own.
    async fn refuse(mut self, refused: Refused) {
        let server = self.stream.connection().server.clone();
        Counters::add(&server.counters.refused);
        if refused.unread {
            self.stream.shared().note_refused();
        }
        let sent = self.send_error(refused.status).await;
        if let Some(entry) = refused.access {
            let status = sent.map_or(499, |()| refused.status.as_u16());
            entry.write(status, self.stream.sent(), &server.log);
        }
    }

    async fn send_error(&mut self, status: StatusCode) -> Result<(), Gone> {
        let (head, body) = Head::error(status);
        let (_, begun) = self.begin(head, body, None, false);
        self.send(&mut begun?).await
    }

    /// The client learns that a hijacked stream is broken: by a 502 where it has seen no head.
    pub(super) async fn break_off(mut self, inner: &Inner, fault: Fault) {
        if fault == Fault::Garbage {
            inner.server.log.warn(
                "what an application wrote to a connection that it has taken over is no response \
                 of HTTP/1.1, and cannot be sent by HTTP/2",
            );
        }
        if let Fault::Gone(_) = fault {
            self.sender.reset(Reason::CANCEL);
        } else if self.sender.is_begun() {
            let timeout = inner.server.config.write_timeout;
            self.break_behind(timeout).await;
        } else {
            // A client that has gone meanwhile need not be told.
            let _ = self.send_error(StatusCode::BAD_GATEWAY).await;
        }
    }

    /// Breaks the response off behind all that was sent of it: h2 drops what it still has.
    async fn break_behind(&mut self, timeout: Option<Duration>) {
        let stream = self.stream.clone();
        let connection = stream.connection();
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut flushed = pin!(stream.shared().flushed.notified());
        // What counts is the connection's next turn, in which it comes to what was sent.
        flushed.as_mut().enable();
        connection.look_again();
        let waited = self.run(|cx, _, timer| {
            if flushed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            timer.poll_at(cx, deadline)
        });
        // Whatever has come of it, the client is to see a broken response.
        let _ = waited.await;
        self.sender.reset(Reason::INTERNAL_ERROR);
    }
}

/// The exchange that a task serves: where the task is dropped on its way, or before it has begun,
/// the exchange hears of it.
struct Guard {
    inner: Arc<Inner>,
    /// It has been served to its end.
    served: bool,
}

impl Guard {
    fn new(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            served: false,
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.served {
            self.inner.set_gone(Gone::Stopped);
        }
    }
}
