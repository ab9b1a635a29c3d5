//! A connection behind a 101: what the application writes goes out as it is, what the client
//! sends comes in as it is.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::{
    connection::Connection,
    exchange::Inner,
    hijack,
    socket::Socket,
    stream::{Gone, Inbox, Taken},
};

/// Copies until the application has closed its stream, or the client has gone.
pub(crate) async fn run(
    socket: Socket,
    early: Bytes,
    exchange: &Arc<Inner>,
    connection: &Connection,
) {
    let server = &connection.server;
    let inbox = Arc::new(Inbox::default());
    inbox.feed(&early);
    drop(early);
    exchange.reader.switch_to(inbox.clone());
    let (mut from_client, mut to_client) = tokio::io::split(socket);
    let mut stop = server.stop.subscribe();
    let gone = tokio::select! {
        gone = outward(exchange, &mut to_client) => gone,
        gone = inward(&inbox, &mut from_client) => Some(gone),
        _ = stop.wait_for(|stop| *stop) => Some(Gone::Stopped),
    };
    inbox.end(gone);
    match gone {
        Some(gone) => exchange.set_gone(gone),
        None => {
            let socket = from_client.unsplit(to_client);
            hijack::linger(socket, server).await;
        }
    }
}

/// `None`: the application has closed its stream. What it wrote has been sent.
async fn outward(exchange: &Inner, to: &mut (impl AsyncWrite + Unpin)) -> Option<Gone> {
    loop {
        let taken = std::future::poll_fn(|cx: &mut Context<'_>| -> Poll<Taken> {
            exchange.outbox.poll_take(cx)
        });
        match taken.await {
            Taken::Finished => return None,
            Taken::Aborted => return Some(Gone::Reset),
            Taken::Data(mut data) => {
                while data.has_remaining() {
                    let writing = to.write_buf(&mut data);
                    let written = match exchange.write_timeout() {
                        None => writing.await,
                        Some(limit) => match timeout(limit, writing).await {
                            Ok(written) => written,
                            Err(_) => return Some(Gone::TimedOut),
                        },
                    };
                    if !matches!(written, Ok(1..)) {
                        return Some(Gone::Reset);
                    }
                }
            }
        }
    }
}

/// Feeds the inbox; a FIN is its end, and no end of the connection (contract: an EOF).
async fn inward(inbox: &Inbox, from: &mut (impl AsyncRead + Unpin)) -> Gone {
    loop {
        std::future::poll_fn(|cx| inbox.poll_room(cx)).await;
        let mut buffer = bytes::BytesMut::with_capacity(4096);
        match from.read_buf(&mut buffer).await {
            Ok(0) => {
                inbox.end(None);
                // The application decides when the other direction ends.
                std::future::pending::<()>().await;
            }
            Ok(_) => inbox.feed(&buffer),
            Err(_) => return Gone::Reset,
        }
    }
}
