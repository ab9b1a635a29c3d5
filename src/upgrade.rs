//! A connection behind a 101: what the application writes goes out as it is, what the client
//! sends comes in as it is.

use std::{sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

use crate::{
    config::RATE_GRACE,
    connection::Connection,
    exchange::Inner,
    hijack,
    socket::Socket,
    stream::{Gone, Inbox, Taken},
};

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
                to.shutdown_write();
                return Ok(());
            }
            Taken::Aborted => {
                let gone = exchange.outbox.gone();
                return Err(gone.map_or(Broken::Aborted, Broken::Gone));
            }
        }
    }
}

/// Sends `data` to a client that takes it neither too late nor too slowly.
async fn send(mut data: Bytes, exchange: &Inner, to: &Socket) -> Result<(), Broken> {
    let began = Instant::now();
    let length = data.len();
    let mut progress = began;
    while data.has_remaining() {
        let now = Instant::now();
        let deadline = exchange.write_timeout().map(|timeout| progress + timeout);
        let rate = exchange.server.config.min_write_rate.map(|rate| {
            let look = (began + RATE_GRACE).max(now + Duration::from_secs(1));
            (rate, look)
        });
        let look = [deadline, rate.map(|(_, look)| look)]
            .into_iter()
            .flatten()
            .min();
        let written = match look {
            None => Some(to.write_some(&data).await),
            // Late: whether too late is seen below.
            Some(look) => timeout_at(look, to.write_some(&data)).await.ok(),
        };
        let now = Instant::now();
        match written {
            Some(Ok(written @ 1..)) => {
                data.advance(written);
                progress = now;
            }
            Some(_) => return Err(Broken::Gone(Gone::Reset)),
            None if deadline.is_some_and(|deadline| now >= deadline) => {
                return Err(Broken::Gone(Gone::TimedOut));
            }
            None => {}
        }
        let elapsed = now - began;
        if let Some((rate, _)) = rate
            && elapsed >= RATE_GRACE
            && ((length - data.len()) as f64) < rate as f64 * elapsed.as_secs_f64()
        {
            return Err(Broken::Gone(Gone::TimedOut));
        }
    }
    Ok(())
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
