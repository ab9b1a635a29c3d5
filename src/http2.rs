//! HTTP/2: drives h2 over a connection. Each request is a stream with a future of its own (`task`),
//! which the connection's task polls when it is woken: none waits for another, and no stream costs
//! a task of the runtime. What they all share is here.

mod body;
mod date;
mod hijack;
mod pings;
mod request;
mod response;
mod response_head;
mod sender;
mod sending;
mod stream;
mod task;
mod translator;
mod websocket;

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use h2::{Reason, server};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use self::pings::Pings;
pub(crate) use self::{body::Body, stream::Stream};
use crate::{
    config::Config,
    connection::{Connection, Order, Phase},
    deadlines::{Expired, Timer},
    hijack::linger,
    io::Io,
    progress::earliest,
    stream::Gone,
};

/// Most bytes of a stream that wait in h2 for the connection.
const SEND_BUFFER: usize = 64 * 1024;

/// A connection may carry this many times as much of everything else as of requests and
/// responses, and of these [`FREE_BYTES`] more than there are: what floods send is no payload.
const FLOOD_FACTOR: u64 = 8;
const FREE_BYTES: u64 = 1024 * 1024;

/// What a field of a head costs beyond its bytes in the limit that the client is told (RFC 9113
/// section 6.5.2).
const FIELD_OVERHEAD: usize = 32;

type H2 = server::Connection<Io, Bytes>;

/// What a connection and its streams share.
pub(crate) struct Shared {
    connection: Arc<Connection>,
    /// Bytes of heads and bodies, in both directions.
    payload: AtomicU64,
    /// Bytes of refused bodies that may still have come, which nobody counts.
    refused: AtomicU64,
    /// Streams that are not through in both directions.
    open_streams: Mutex<usize>,
    /// Why the streams that are left have lost their client.
    gone: Mutex<Gone>,
    /// All that the streams have sent is with the kernel.
    flushed: Notify,
}

impl Shared {
    fn add_payload(&self, bytes: usize) {
        self.payload.fetch_add(bytes as u64, Relaxed);
    }

    /// A request was refused without its body: as much of it as the window allows may be on its way.
    fn note_refused(&self) {
        let window = self.connection.server.config.http2.stream_window;
        self.refused.fetch_add(window.into(), Relaxed);
    }

    fn gone(&self) -> Gone {
        *self.gone.lock()
    }

    fn is_idle(&self) -> bool {
        *self.open_streams.lock() == 0
    }

    fn is_flooded(&self) -> bool {
        let payload = self.payload.load(Relaxed);
        let known = payload + self.refused.load(Relaxed);
        let other = self.connection.io.received().saturating_sub(known);
        other > (payload + FREE_BYTES) * FLOOD_FACTOR
    }
}

/// Keeps a connection from being idle: one for each direction of a stream that is not through. What
/// drops it may be any thread.
pub(crate) struct OpenStream(Arc<Shared>);

impl OpenStream {
    fn new(shared: &Arc<Shared>) -> Self {
        let mut open = shared.open_streams.lock();
        *open += 1;
        if *open == 1 {
            shared.connection.enter(Phase::Busy);
        }
        drop(open);
        Self(shared.clone())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.0.open_streams.lock();
        *open -= 1;
        if *open == 0 {
            self.0.connection.enter(Phase::Idle);
            drop(open);
            self.0.connection.look_again();
        }
    }
}

/// How a connection ends.
enum End {
    /// By h2: everything has been said.
    Finished,
    /// As well, and nothing had been under way when it began to close.
    Idle,
    /// It is cut off.
    Cut(Gone),
}

/// Serves a connection to its end.
pub(crate) async fn serve(connection: &Arc<Connection>, timer: Timer) {
    let shared = Arc::new(Shared {
        connection: connection.clone(),
        payload: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        open_streams: Mutex::new(0),
        gone: Mutex::new(Gone::Reset),
        flushed: Notify::new(),
    });
    let end = run(&shared, timer).await;
    let Some((socket, _)) = connection.io.take_socket() else {
        return;
    };
    match end {
        // The client may have more on its way, and must still read the last GOAWAY.
        End::Finished => linger(socket, &connection.server).await,
        End::Idle => {
            let limit = connection.server.config.linger_timeout;
            socket.shutdown_write_within(limit).await;
        }
        End::Cut(_) if !connection.io.is_flushed() => socket.reset_on_drop(),
        End::Cut(_) => socket.break_off(),
    }
}

async fn run(shared: &Arc<Shared>, mut timer: Timer) -> End {
    let h2 = match handshake(&shared.connection, &mut timer).await {
        Ok(h2) => h2,
        Err(end) => return end,
    };
    shared.connection.enter(Phase::Idle);
    let mut driver = Driver {
        h2,
        shared,
        streams: FuturesUnordered::new(),
        pings: None,
        requests: 0,
        closing: None,
        flooded: false,
    };
    driver.pings = driver.h2.ping_pong().map(Pings::new);
    let end = poll_fn(|cx| driver.poll(cx, &mut timer)).await;
    if let End::Cut(gone) = end {
        // Told before h2 is dropped, which tells the streams.
        *shared.gone.lock() = gone;
    }
    let Driver { h2, streams, .. } = driver;
    drop(h2);
    // They still have an end to tell of.
    if !streams.is_empty() {
        tokio::spawn(streams.collect::<()>());
    }
    end
}

/// Waits for the client's preface.
async fn handshake(connection: &Connection, timer: &mut Timer) -> Result<H2, End> {
    let config = &connection.server.config;
    let mut handshake = Box::pin(builder(config).handshake(Io(connection.io.clone())));
    poll_fn(|cx| {
        // Nothing was asked yet.
        if connection.attend(cx) != Order::Serve {
            return Poll::Ready(Err(End::Cut(Gone::Stopped)));
        }
        if let Poll::Ready(h2) = handshake.as_mut().poll(cx) {
            return Poll::Ready(h2.map_err(|_| End::Finished));
        }
        let expired = timer.poll(cx, connection);
        expired.map(|_| Err(End::Cut(Gone::TimedOut)))
    })
    .await
}

fn builder(config: &Config) -> server::Builder {
    let limits = &config.http2;
    let fields = config.max_header_fields.saturating_mul(FIELD_OVERHEAD);
    let head = config.max_header_bytes.saturating_add(fields);
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(limits.max_streams)
        .initial_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(limits.max_pending_resets)
        .max_local_error_reset_streams(Some(limits.max_local_resets))
        .max_send_buffer_size(SEND_BUFFER);
    if limits.extended_connect {
        builder.enable_connect_protocol();
    }
    builder
}

/// A connection behind its preface.
struct Driver<'a> {
    h2: H2,
    shared: &'a Arc<Shared>,
    /// What is left to do for each stream.
    streams: FuturesUnordered<task::Rest>,
    pings: Option<Pings>,
    requests: u64,
    /// Since when no more requests are taken.
    closing: Option<Instant>,
    /// The client was told that it sends too much.
    flooded: bool,
}

/// Which time-out has struck.
enum Due {
    /// No request has come for a while.
    Idle,
    /// The client takes nothing, or answers nothing.
    Lost,
    /// The client does not let an idle connection go.
    Held,
}

impl Driver<'_> {
    fn poll(&mut self, cx: &mut Context<'_>, timer: &mut Timer) -> Poll<End> {
        loop {
            match self.shared.connection.attend(cx) {
                Order::Stop => return Poll::Ready(End::Cut(Gone::Stopped)),
                Order::Drain => self.close(),
                Order::Serve => {}
            }
            while let Poll::Ready(Some(())) = self.streams.poll_next_unpin(cx) {}
            match self.h2.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.note_request();
                    let rest = task::accept(cx, self.shared, request, respond);
                    self.streams.extend(rest);
                    continue;
                }
                // A client that floods is not listened to until it ends.
                Poll::Ready(Some(Err(error)))
                    if error.reason() == Some(Reason::ENHANCE_YOUR_CALM) =>
                {
                    return Poll::Ready(End::Cut(Gone::Reset));
                }
                // What is wrong was said by a GOAWAY.
                Poll::Ready(Some(Err(_))) => return Poll::Ready(End::Finished),
                Poll::Ready(None) => return Poll::Ready(self.finished()),
                Poll::Pending => {}
            }
            if self.shared.connection.io.is_flushed() {
                self.shared.flushed.notify_waiters();
            }
            if self.shared.is_flooded() && !self.flooded {
                self.flooded = true;
                self.closing.get_or_insert_with(Instant::now);
                self.h2.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                continue;
            }
            match timer.poll_with(cx, |now| self.next_deadline(now)) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Due::Idle) => self.close(),
                Poll::Ready(Due::Lost) => return Poll::Ready(End::Cut(Gone::TimedOut)),
                Poll::Ready(Due::Held) => return Poll::Ready(self.finished()),
            }
        }
    }

    /// Behind its last request the connection closes, where it may carry so many alone.
    fn note_request(&mut self) {
        self.requests += 1;
        let config = &self.shared.connection.server.config;
        let max = config.max_requests_per_connection;
        if max.is_some_and(|max| self.requests >= max) {
            self.close();
        }
    }

    /// Takes no more requests; those that are under way end as they would have (RFC 9113 section
    /// 6.8: a first GOAWAY that refuses nothing, and behind a round trip the one that counts).
    fn close(&mut self) {
        if self.closing.is_none() {
            self.closing = Some(Instant::now());
            self.h2.graceful_shutdown();
        }
    }

    fn finished(&self) -> End {
        if self.flooded {
            return End::Cut(Gone::Reset);
        }
        let since = self.shared.connection.phase_since();
        match self.closing {
            Some(closing) if since < closing && self.shared.is_idle() => End::Idle,
            _ => End::Finished,
        }
    }

    fn next_deadline(&mut self, now: Instant) -> Result<Option<Instant>, Due> {
        let connection = &self.shared.connection;
        let is_idle = self.shared.is_idle();
        let mut next = None;
        // What is still on its way has the write time-out.
        let is_through = is_idle && connection.io.is_flushed();
        if let Some(closing) = self.closing.filter(|_| is_through) {
            let since = closing.max(connection.phase_since());
            let held = since + connection.server.config.linger_timeout;
            if now >= held {
                return Err(Due::Held);
            }
            next = Some(held);
        }
        match connection.next_deadline(now) {
            Ok(deadline) => next = earliest(next, deadline),
            Err(Expired::Silently) if self.closing.is_none() => return Err(Due::Idle),
            Err(Expired::Silently) => {}
            Err(_) => return Err(Due::Lost),
        }
        let config = &connection.server.config.http2;
        if let (Some(pings), Some(interval), false) =
            (&mut self.pings, config.ping_interval, is_idle)
        {
            if connection.io.is_blocked() {
                pings.postpone(now);
            }
            let received = connection.io.received();
            let look = pings
                .check(now, received, interval, config.ping_timeout)
                .map_err(|pings::NoAnswer| Due::Lost)?;
            next = earliest(next, Some(look));
        }
        Ok(next)
    }
}
