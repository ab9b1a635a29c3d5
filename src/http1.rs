//! HTTP/1: drives hyper over a connection, and what hyper leaves to us around it. The rules for
//! a single request are in `service`.

mod response_body;
mod service;
mod without_hyper;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::StatusCode;
use hyper::server::conn::http1;

use self::response_body::ResponseBody;
pub(crate) use self::response_body::{Content, Report};
use crate::{
    connection::{Connection, Look, Order, Phase, Takeover},
    deadlines::{Expired, Timer},
    exchange::Inner,
    hijack,
    io::{self, Io, Sign},
    response::{Body, Head},
    server::Shared,
    socket::Socket,
    stats::Counters,
    stream::Gone,
    upgrade,
};

/// How many header fields hyper takes where it is told nothing.
const HYPER_MAX_HEADERS: usize = 100;

/// Why hyper's part of a connection is over.
pub(crate) enum Outcome {
    /// hyper has finished, well or not.
    Finished(hyper::Result<()>),
    /// A response that went on without hyper is through, and the connection ends with it.
    Sent,
    /// Such a one was broken off.
    Broken,
    /// The connection leaves hyper's hands.
    Takeover,
    /// A time-out struck.
    Expired(Expired),
    /// The client has gone.
    Lost(Gone),
    /// The server wants it.
    Stopped,
}

/// Serves a connection to its end.
pub(crate) async fn serve(connection: &Arc<Connection>, mut timer: Timer) {
    let Some((outcome, early)) = run(connection, &mut timer).await else {
        return;
    };
    connection.io.unread(&early);
    // In a box: what is needed at the end alone would make every task larger.
    Box::pin(conclude(outcome, connection)).await;
}

/// Runs hyper while there is something to do for it. A connection at rest keeps no more than its
/// socket, and what its stream needs: hyper's state, with its buffers, is made anew when the client
/// speaks again. `None`: the application has the socket.
async fn run(connection: &Arc<Connection>, timer: &mut Timer) -> Option<(Outcome, Bytes)> {
    loop {
        if let Some(outcome) = rest(connection, timer, io::Shared::has_prefetched).await {
            return Some((outcome, Bytes::new()));
        }
        let service = hyper::service::service_fn(|request| service::handle(connection, request));
        let config = &connection.server.config;
        let mut builder = http1::Builder::new();
        builder
            .half_close(true)
            .max_buf_size(config.max_header_bytes.max(8192));
        // hyper's way with its own limit is the cheaper one.
        if config.max_header_fields != HYPER_MAX_HEADERS {
            builder.max_headers(config.max_header_fields);
        }
        let io = Io(connection.io.clone());
        let mut hyper = Box::pin(builder.serve_connection(io, service));
        let outcome = drive(hyper.as_mut(), connection, timer).await;
        if matches!(outcome, Outcome::Stopped) && connection.is_handed_over() {
            return None;
        }
        // Told before hyper drops the response, which would tell of a reset.
        tell_gone(connection, &outcome);
        let rests = matches!(outcome, Outcome::Expired(Expired::Idle));
        if rests {
            connection.leave_hyper();
        }
        let read = Pin::into_inner(hyper).into_parts().read_buf;
        if !rests {
            return Some((outcome, read));
        }
        connection.io.unread(&read);
        drop(read);
        connection.io.begin();
        connection.set_resting();
        if let Some(content) = connection.take_content()
            && let Some(outcome) = without_hyper::send(content, connection, timer).await
        {
            return Some((outcome, Bytes::new()));
        }
        if connection.io.has_prefetched() {
            // The next head has half come, behind the last request.
            connection.enter(Phase::Head);
        }
    }
}

/// The exchange under way learns of an outcome that is its client's end.
fn tell_gone(connection: &Connection, outcome: &Outcome) {
    match outcome {
        Outcome::Lost(gone) => connection.tell_gone(*gone),
        Outcome::Expired(Expired::Stalled) => connection.tell_gone(Gone::TimedOut),
        Outcome::Stopped => connection.tell_gone(Gone::Stopped),
        _ => {}
    }
}

/// Waits without hyper for the client's next bytes, until `enough` of them are there; `Some`: the
/// connection is over.
pub(crate) async fn rest(
    connection: &Connection,
    timer: &mut Timer,
    enough: impl Fn(&io::Shared) -> bool,
) -> Option<Outcome> {
    poll_fn(|cx| {
        // Of a drain and of an EOF hyper makes the right thing: it closes what is idle.
        match connection.attend(cx) {
            Order::Stop => return Poll::Ready(Some(Outcome::Stopped)),
            Order::Drain => return Poll::Ready(None),
            Order::Serve => {}
        }
        match connection.io.poll_watch(cx) {
            Poll::Ready(Sign::Reset) => return Poll::Ready(Some(Outcome::Lost(Gone::Reset))),
            Poll::Ready(Sign::Eof) => return Poll::Ready(None),
            Poll::Pending if enough(&connection.io) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        timer
            .poll(cx, connection)
            .map(|expired| Some(Outcome::Expired(expired)))
    })
    .await
}

/// Ends a connection as its outcome asks for.
pub(crate) async fn conclude(outcome: Outcome, connection: &Arc<Connection>) {
    let io = &connection.io;
    let server = &connection.server;
    let Some((socket, early)) = io.take_socket() else {
        return;
    };
    match outcome {
        Outcome::Takeover => take_over(socket, early, connection).await,
        Outcome::Finished(result) => {
            let spoke = io.sent() > 0;
            let is_parse = result.as_ref().is_err_and(hyper::Error::is_parse);
            if result.is_err() && !is_parse {
                socket.break_off();
            }
            if is_parse && !spoke {
                // hyper has an answer for most faults, and none for an HTTP/2 preface.
                refuse(socket, StatusCode::BAD_REQUEST, server).await;
            } else {
                close(socket, connection, !early.is_empty()).await;
            }
        }
        Outcome::Sent => close(socket, connection, !early.is_empty()).await,
        Outcome::Broken => {
            socket.break_off();
            close(socket, connection, !early.is_empty()).await;
        }
        Outcome::Expired(Expired::With(status)) if io.is_flushed() => {
            refuse(socket, status, server).await;
        }
        Outcome::Expired(Expired::Stalled) => socket.reset_on_drop(),
        // Cut off in the middle, which must not look like the end.
        Outcome::Expired(_) | Outcome::Lost(_) | Outcome::Stopped
            if !io.is_flushed() || connection.closing().1 =>
        {
            socket.reset_on_drop();
        }
        Outcome::Expired(_) | Outcome::Lost(_) | Outcome::Stopped => {}
    }
}

/// Polls hyper, and beside it all that may end its part: one task, one waker.
async fn drive<S>(
    mut hyper: Pin<&mut http1::Connection<Io, S>>,
    connection: &Connection,
    timer: &mut Timer,
) -> Outcome
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = ResponseBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut draining = false;
    poll_fn(move |cx| {
        let order = connection.attend(cx);
        if order == Order::Stop {
            return Poll::Ready(Outcome::Stopped);
        }
        if order == Order::Drain && !draining {
            draining = true;
            hyper.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(result) = poll_hyper(hyper.as_mut(), &connection.io, cx) {
            return Poll::Ready(Outcome::Finished(result));
        }
        let current = match connection.look() {
            Look::Takeover => return Poll::Ready(Outcome::Takeover),
            Look::Exchange(current) => current,
        };
        if let Some(exchange) = current {
            let seen = poll_client(connection, &exchange, cx);
            if seen.is_ready() {
                return seen;
            }
        }
        timer.poll(cx, connection).map(Outcome::Expired)
    })
    .await
}

/// A turn of hyper's, and another behind a flush that it had to wait for: with that done it (1.11) does
/// not come back to a request that it has read meanwhile, and whoever answers would wake nobody.
fn poll_hyper<T>(
    mut hyper: Pin<&mut impl Future<Output = T>>,
    io: &io::Shared,
    cx: &mut Context<'_>,
) -> Poll<T> {
    let waited = !io.is_flushed();
    let turn = hyper.as_mut().poll(cx);
    if turn.is_pending() && waited && io.is_flushed() {
        return hyper.poll(cx);
    }
    turn
}

/// Looks, behind a turn of the sender, what has become of the client that is answered.
fn poll_client(connection: &Connection, exchange: &Inner, cx: &mut Context<'_>) -> Poll<Outcome> {
    // A client that was given up while the sender waits for it.
    let flushed = connection.io.is_flushed();
    if exchange.outbox.poll_turn(cx, flushed) == Poll::Ready(Gone::TimedOut) {
        return Poll::Ready(Outcome::Expired(Expired::Stalled));
    }
    match connection.io.poll_watch(cx) {
        Poll::Ready(Sign::Reset) => Poll::Ready(Outcome::Lost(Gone::Reset)),
        Poll::Ready(Sign::Eof) if connection.is_fin_gone() => {
            Poll::Ready(Outcome::Lost(Gone::Closed))
        }
        // A half close from before the head: the response is still owed.
        Poll::Ready(Sign::Eof) | Poll::Pending => Poll::Pending,
    }
}

async fn take_over(socket: Socket, early: Bytes, connection: &Arc<Connection>) {
    let Some((takeover, Some(exchange))) = connection.take_takeover() else {
        return;
    };
    match takeover {
        Takeover::Hijack => {
            if let Some(permit) = connection.take_permit() {
                exchange.note_hijack();
                exchange.give_hijacked(hijack::give(socket, early, connection, permit));
            }
        }
        Takeover::Upgrade(head) => {
            if socket.send_all(&head.to_http1(None)).await.is_ok() {
                upgrade::run(socket, early, &exchange, connection).await;
            } else {
                exchange.set_gone(Gone::Reset);
            }
        }
    }
}

/// Answers where hyper no longer does, and closes.
async fn refuse(socket: Socket, status: StatusCode, server: &Shared) {
    Counters::add(&server.counters.refused);
    let (head, body) = Head::error(status);
    let Body::Full(text) = body else { return };
    let mut answer = head.to_http1(Some(text.len()));
    answer.extend_from_slice(&text);
    let linger = server.config.linger_timeout;
    // A client that does not take even this is closed all the same.
    if let Ok(Ok(())) = tokio::time::timeout(linger, socket.send_all(&answer)).await {
        hijack::linger(socket, server).await;
    }
}

/// Closes so that what was sent arrives, or visibly does not.
async fn close(socket: Socket, connection: &Connection, unread: bool) {
    let (linger, reset) = connection.closing();
    if reset {
        socket.reset_on_drop();
    } else if (linger || unread) && !connection.io.is_eof() {
        hijack::linger(socket, &connection.server).await;
    } else if socket.is_encrypted() {
        let limit = connection.server.config.linger_timeout;
        socket.shutdown_write_within(limit).await;
    }
}
