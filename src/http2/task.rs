//! The task of a stream, from the head of its request to the end of its response.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderValue, Method, Response, StatusCode, header};
use tokio::time::Instant;

use super::{
    Body, OpenStream, Shared, Stream, hijack, request, response::to_response, sender::Sender,
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

/// Serves a request to its end.
pub(super) async fn serve(
    shared: Arc<Shared>,
    open: OpenStream,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let received = Instant::now();
    let stream = Arc::new(Stream::new(shared));
    let mut task = Task {
        sender: Sender::new(stream.clone(), respond),
        timer: Timer::default(),
        stream,
        is_head: request.method() == Method::HEAD,
        _open: open,
    };
    let (mut parts, incoming) = request.into_parts();
    task.stream.add_payload(request::size(&parts));
    let server = task.stream.connection().server.clone();
    let has_body = !incoming.is_end_stream();
    let checked = request::translate(&mut parts, has_body, &server.config);
    let arrival = Arrival {
        access: AccessEntry::of(&parts, task.stream.connection().peer, &server.log),
        carrier: Carrier::Http2(task.stream.clone()),
        parts,
        received,
    };
    let key = checked.clone().unwrap_or_default();
    let begun = match checked {
        Err(status) => Err(arrival.refused(status, has_body)),
        Ok(_) if has_body => {
            let length = arrival.parts.headers.get(header::CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
            let continues = expects_continue(&arrival.parts);
            let body = Body::new(incoming, task.stream.clone(), length, continues);
            let body = RequestBody::of_http2(body);
            if key.is_some() {
                arrival.queue(Input::Empty, BodyReader::tunnel(body), received)
            } else {
                // In a box: most requests have no body.
                match Box::pin(task.receive(arrival, body)).await {
                    Some(begun) => begun,
                    None => return,
                }
            }
        }
        Ok(_) => {
            let reader = BodyReader::ended(Limits::new(&server.config));
            arrival.queue(Input::Empty, reader, received)
        }
    };
    match begun {
        Ok(inner) => task.answer(&inner, key).await,
        Err(refused) => Box::pin(task.refuse(refused)).await,
    }
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

    /// Receives the body before the application is called; `None`: the client has gone.
    async fn receive(
        &mut self,
        arrival: Arrival,
        body: RequestBody,
    ) -> Option<Result<Arc<Inner>, Refused>> {
        let stream = self.stream.clone();
        let server = stream.connection().server.clone();
        let config = &server.config;
        let mut progress = Progress::new(0, Instant::now());
        let mut receiving = pin!(arrival.receive(body));
        let received = self.run(|cx, _, timer| {
            if let Poll::Ready(begun) = receiving.as_mut().poll(cx) {
                return Poll::Ready(Ok(begun));
            }
            let late = timer.poll_with(cx, |now| {
                progress.note(stream.received(), now);
                progress.check(now, config.body_timeout, config.min_body_rate)
            });
            late.map(Err)
        });
        Some(match received.await.ok()? {
            Ok(begun) => begun,
            Err(Stalled) => Err(Refused {
                status: StatusCode::REQUEST_TIMEOUT,
                access: None,
                unread: true,
            }),
        })
    }

    /// Waits for what the application does about the request, and does it. `key`: of an extended
    /// CONNECT.
    async fn answer(mut self, inner: &Arc<Inner>, key: Option<HeaderValue>) {
        let guard = Guard(inner);
        match self.reply(inner).await {
            Ok(Reply::Answer(head, body)) => {
                let (status, complete) = self.respond(inner, head, body, key.is_some()).await;
                let sent = self.stream.sent();
                inner.response_done(status, sent, complete);
            }
            Ok(Reply::Hijack) => Box::pin(hijack::run(self, inner, key)).await,
            Err(gone) => {
                inner.set_gone(gone);
                inner.log_access(Some(499), 0);
            }
        }
        guard.disarm();
    }

    async fn reply(&mut self, inner: &Inner) -> Result<Reply, Gone> {
        let config = &inner.server.config;
        let mut deadline = config.queue_timeout.map(|timeout| Instant::now() + timeout);
        self.run(|cx, _, timer| {
            loop {
                if let Poll::Ready(reply) = inner.poll_reply(cx) {
                    return Poll::Ready(reply);
                }
                if timer.poll_at(cx, deadline).is_pending() {
                    return Poll::Pending;
                }
                deadline = None;
                if inner.withdraw() {
                    Counters::add(&inner.server.counters.refused);
                    inner.answer_withdrawn(StatusCode::SERVICE_UNAVAILABLE);
                }
            }
        })
        .await
    }

    /// Sends the answer of the application. Its status, and whether all of it was sent.
    async fn respond(
        &mut self,
        inner: &Arc<Inner>,
        head: Head,
        body: response::Body,
        is_tunnel: bool,
    ) -> (u16, bool) {
        let mut outgoing = Outgoing::new(&head, body, Some(inner.clone()), self.is_head);
        let response = to_response(head, &outgoing, is_tunnel);
        let status = response.status().as_u16();
        let sent = self.send(response, &mut outgoing, Some(inner)).await;
        if let Err(gone) = sent {
            inner.set_gone(gone);
        }
        (status, sent.is_ok())
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
        let mut outgoing = Outgoing::new(&head, body, None, self.is_head);
        let response = to_response(head, &outgoing, false);
        self.send(response, &mut outgoing, None).await
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
            self.break_behind(None).await;
        } else {
            // A client that has gone meanwhile need not be told.
            let _ = self.send_error(StatusCode::BAD_GATEWAY).await;
        }
    }

    /// Sends a whole response.
    ///
    /// # Errors
    /// The client has gone, or the body broke and the client has seen it.
    async fn send(
        &mut self,
        response: Response<()>,
        outgoing: &mut Outgoing,
        inner: Option<&Arc<Inner>>,
    ) -> Result<(), Gone> {
        let mut ended =
            outgoing.is_bodiless() || (outgoing.is_end_stream() && !outgoing.has_trailers());
        self.sender.send_head(response, ended)?;
        while !ended {
            let piece = self.run(|cx, _, _| outgoing.poll_bytes(cx)).await?;
            let Some(piece) = piece else {
                return self.sender.finish(outgoing.take_trailers());
            };
            let Ok(mut data) = piece else {
                let gone = inner.and_then(|inner| inner.outbox.gone());
                let Some(gone) = gone else {
                    self.break_behind(inner).await;
                    return Err(Gone::Reset);
                };
                self.sender.reset(Reason::CANCEL);
                return Err(gone);
            };
            let is_last = outgoing.is_end_stream() || outgoing.has_sent_all();
            ended = is_last && !outgoing.has_trailers();
            self.send_piece(&mut data, ended, inner).await?;
        }
        Ok(())
    }

    /// Breaks the response off behind all that was sent of it: h2 drops what it still has.
    async fn break_behind(&mut self, inner: Option<&Arc<Inner>>) {
        let stream = self.stream.clone();
        let connection = stream.connection();
        let timeout = inner.map_or(connection.server.config.write_timeout, |inner| {
            inner.write_timeout()
        });
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

    /// Sends `data` to a client that takes it neither too late nor too slowly; `last`: and then
    /// the end.
    async fn send_piece(
        &mut self,
        data: &mut Bytes,
        last: bool,
        inner: Option<&Arc<Inner>>,
    ) -> Result<(), Gone> {
        let stream = self.stream.clone();
        let server = stream.connection().server.clone();
        let config = &server.config;
        let mut progress = None;
        let sent = self.run(|cx, sender, timer| {
            if let Poll::Ready(sent) = sender.poll_send(cx, data, last) {
                return Poll::Ready(sent);
            }
            // A client that was given up while it is waited for.
            if let Some(Poll::Ready(gone)) = inner.map(|inner| inner.outbox.poll_gone(cx)) {
                sender.reset(Reason::CANCEL);
                return Poll::Ready(Err(gone));
            }
            let late = timer.poll_with(cx, |now| {
                let sent = stream.sent();
                let progress = progress.get_or_insert_with(|| Progress::new(sent, now));
                progress.note(sent, now);
                let timeout = inner.map_or(config.write_timeout, |inner| inner.write_timeout());
                progress.check(now, timeout, config.min_write_rate)
            });
            late.map(|Stalled| {
                sender.reset(Reason::CANCEL);
                Err(Gone::TimedOut)
            })
        });
        sent.await?
    }
}

/// The exchange of a task that is dropped on its way hears of it.
struct Guard<'a>(&'a Arc<Inner>);

impl Guard<'_> {
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.set_gone(Gone::Stopped);
    }
}
