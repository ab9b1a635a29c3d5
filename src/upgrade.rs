//! A connection behind a 101: what the application writes goes out as it is, what the client
//! sends comes in as it is.

use std::{io, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    config::RATE_GRACE, connection::Connection, exchange::Inner, hijack, inbox::Inbox,
    outbox::Taken, socket::Socket, stream::Gone,
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
            Taken::Finished => return finish(exchange, to).await,
            Taken::Aborted => {
                let gone = exchange.outbox.gone();
                return Err(gone.map_or(Broken::Aborted, Broken::Gone));
            }
        }
    }
}

/// Ends the write direction, which may have to wait for a client that has not taken all.
async fn finish(exchange: &Inner, to: &Socket) -> Result<(), Broken> {
    let Some(limit) = exchange.write_timeout() else {
        to.shutdown_write().await;
        return Ok(());
    };
    timeout(limit, to.shutdown_write())
        .await
        .map_err(|_| Broken::Gone(Gone::TimedOut))
}

/// Sends `data` to a client that takes it neither too late nor too slowly. What the kernel has
/// room for at once does not count as taken.
async fn send(mut data: Bytes, exchange: &Inner, to: &Socket) -> Result<(), Broken> {
    let written = |written: io::Result<usize>| match written {
        Ok(written @ 1..) => Ok(written),
        _ => Err(Broken::Gone(Gone::Reset)),
    };
    while data.has_remaining() {
        match to.try_write(&data) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            result => data.advance(written(result)?),
        }
    }
    let began = Instant::now();
    let length = data.len();
    let before = to.sent_encrypted();
    let taken = |left: usize| match (to.sent_encrypted(), before) {
        (Some(sent), Some(before)) => sent - before,
        _ => (length - left) as u64,
    };
    let (mut seen, mut progress) = (0, began);
    let mut flushed = !to.is_encrypted();
    while data.has_remaining() || !flushed {
        let now = Instant::now();
        let deadline = exchange.write_timeout().map(|timeout| progress + timeout);
        let rate = exchange.server.config.min_write_rate;
        let look = (began + RATE_GRACE).max(now + Duration::from_secs(1));
        let look = [deadline, rate.map(|_| look)].into_iter().flatten().min();
        let step = async {
            if data.has_remaining() {
                to.write_some(&data).await.map(Some)
            } else {
                to.flush().await.map(|()| None)
            }
        };
        let step = match look {
            None => Some(step.await),
            // Late: whether too late is seen below.
            Some(look) => timeout_at(look, step).await.ok(),
        };
        match step.transpose() {
            Ok(Some(Some(accepted))) => data.advance(written(Ok(accepted))?),
            Ok(Some(None)) => flushed = true,
            Ok(None) => {}
            Err(_) => return Err(Broken::Gone(Gone::Reset)),
        }
        let now = Instant::now();
        let taken = taken(data.len());
        if taken > seen {
            (seen, progress) = (taken, now);
        }
        let late = exchange
            .write_timeout()
            .is_some_and(|timeout| now >= progress + timeout);
        let elapsed = now - began;
        let slow = rate.is_some_and(|rate| {
            elapsed >= RATE_GRACE && (taken as f64) < rate as f64 * elapsed.as_secs_f64()
        });
        // What has just been through is not late.
        if (late || slow) && (data.has_remaining() || !flushed) {
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
