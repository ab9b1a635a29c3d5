//! A connection behind a 101: what the application writes goes out as it is, what the client
//! sends comes in as it is.

use std::{io, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::{Instant, timeout};

use crate::{
    connection::Connection, exchange::Inner, hijack, inbox::Inbox, outbox::Taken,
    progress::Progress, socket::Socket, stream::Gone,
};

/// How often a client that does not take all at once is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why copying ended before both sides had what they wanted.
enum Broken {
    /// By the client, the network, or a time-out.
    Gone(Gone),
    /// By the application, in the middle of what it had to say.
    Aborted,
}

/// Copies until the application has closed its stream, or the client has gone.
pub(crate) async fn run(
    socket: Socket,
    early: Bytes,
    exchange: &Arc<Inner>,
    connection: &Connection,
) {
    let server = &connection.server;
    let inbox = exchange.reader.switch();
    inbox.feed(&early);
    drop(early);
    let mut stop = server.stop.subscribe();
    let copied = tokio::select! {
        // What came before a failure is read first.
        biased;
        copied = copy(&socket, &inbox, exchange) => copied,
        () = socket.failed() => Err(Broken::Gone(Gone::Reset)),
        gone = std::future::poll_fn(|cx| exchange.outbox.poll_gone(cx)) => Err(Broken::Gone(gone)),
        _ = stop.wait_for(|stop| *stop) => Err(Broken::Gone(Gone::Stopped)),
    };
    match copied {
        Ok(()) => {
            inbox.end(None);
            hijack::linger(socket, server).await;
        }
        Err(Broken::Aborted) => {
            inbox.end(Some(Gone::Reset));
            socket.reset_on_drop();
        }
        Err(Broken::Gone(gone)) => {
            inbox.end(Some(gone));
            exchange.set_gone(gone);
            if gone == Gone::TimedOut {
                socket.reset_on_drop();
            } else {
                socket.break_off();
            }
        }
    }
}

/// Ready when the application has ended its writing, and its reading is at an end as well: the
/// client's FIN, or its own close.
async fn copy(socket: &Socket, inbox: &Inbox, exchange: &Inner) -> Result<(), Broken> {
    let inward = inward(inbox, socket);
    let outward = outward(exchange, socket);
    tokio::pin!(inward, outward);
    tokio::select! {
        sent = &mut outward => sent?,
        received = &mut inward => {
            received?;
            return outward.await;
        }
    }
    tokio::select! {
        received = inward => received,
        () = inbox.closed() => Ok(()),
    }
}

/// Sends what the application writes, and then a FIN.
async fn outward(exchange: &Inner, to: &Socket) -> Result<(), Broken> {
    loop {
        match std::future::poll_fn(|cx| exchange.outbox.poll_take(cx)).await {
            Taken::Data(data) => send(data, exchange, to).await?,
            Taken::Finished => {
                // All is with the kernel, and the close comes behind it in any case.
                let limit = exchange.server.config.linger_timeout;
                to.shutdown_write_within(limit).await;
                return Ok(());
            }
            Taken::Aborted => {
                let gone = exchange.outbox.gone();
                return Err(gone.map_or(Broken::Aborted, Broken::Gone));
            }
        }
    }
}

/// Sends `data` to a client that takes it neither too late nor too slowly. What the kernel has
/// room for at once does not count as taken.
async fn send(mut data: Bytes, exchange: &Inner, to: &Socket) -> Result<(), Broken> {
    let reset = |_| Broken::Gone(Gone::Reset);
    while data.has_remaining() {
        match to.try_write(&data) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            written => data.advance(written.map_err(reset)?),
        }
    }
    let sending = to.send_all(&data);
    tokio::pin!(sending);
    let mut progress = Progress::new(to.sent(), Instant::now());
    loop {
        let limit = exchange.write_timeout();
        let rate = exchange.server.config.min_write_rate;
        if limit.is_none() && rate.is_none() {
            return sending.await.map_err(reset);
        }
        let look = limit.map_or(LOOK_EVERY, |limit| limit.min(LOOK_EVERY));
        if let Ok(sent) = timeout(look, &mut sending).await {
            return sent.map_err(reset);
        }
        let now = Instant::now();
        progress.note(to.sent(), now);
        if progress.check(now, limit, rate).is_err() {
            return Err(Broken::Gone(Gone::TimedOut));
        }
    }
}

/// Feeds the inbox; a FIN is its end, and no end of the connection (contract: an EOF).
async fn inward(inbox: &Inbox, from: &Socket) -> Result<(), Broken> {
    loop {
        std::future::poll_fn(|cx| inbox.poll_room(cx)).await;
        let mut buffer = BytesMut::with_capacity(4096);
        match from.read_some(&mut buffer).await {
            Ok(0) => {
                inbox.end(None);
                return Ok(());
            }
            Ok(_) => inbox.feed(&buffer),
            Err(_) => return Err(Broken::Gone(Gone::Reset)),
        }
    }
}
