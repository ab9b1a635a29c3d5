//! What a connection has in front of its protocol: the PROXY header of a proxy, and the handshake
//! of TLS.

use std::{io, sync::Arc, time::Duration};

use super::{Permit, Shared};
use crate::{
    hijack::linger,
    log::Level,
    protocol, proxy_protocol,
    socket::{Address, Ends, Socket},
    tls::Acceptor,
};

/// Whether a connection that was just accepted has to begin with a PROXY header. Of others nothing
/// is looked for: their bytes would say what they like.
pub(super) fn is_announced(ends: &Ends, shared: &Shared) -> bool {
    shared.config.proxy_protocol && ends.is_trusted
}

/// Serves a connection that has something in front of its protocol, to its end.
pub(super) async fn serve(
    socket: Socket,
    ends: Ends,
    tls: Option<Arc<Acceptor>>,
    shared: Arc<Shared>,
    permit: Permit,
) {
    // In a box, which is given back before the protocol begins: a connection keeps room for its
    // largest wait.
    let opening = Box::pin(open(socket, ends, tls, &shared));
    if let Some((socket, ends)) = opening.await {
        protocol::serve(socket, ends, shared, permit).await;
    }
}

/// `None`: the connection is over.
async fn open(
    mut socket: Socket,
    mut ends: Ends,
    tls: Option<Arc<Acceptor>>,
    shared: &Shared,
) -> Option<(Socket, Ends)> {
    let config = &shared.config;
    if is_announced(&ends, shared) {
        let header = within(config.first_byte_timeout, proxy_protocol::read(&mut socket));
        let header = unless_draining(header, shared).await?;
        let announced = header.unwrap_or_else(Err).inspect_err(|error| {
            let peer = ends.peer;
            tell(
                shared,
                &format!("a connection of {peer} has no valid PROXY header: {error}"),
            );
        });
        if let Some(announced) = announced.ok()? {
            ends.peer = Address::Ip(announced.client);
            ends.local = Some(Address::Ip(announced.server));
        }
    }
    let Some(tls) = tls else {
        return Some((socket, ends));
    };
    let handshake = within(config.tls_handshake_timeout, socket.encrypt(&tls));
    let handshake = unless_draining(handshake, shared).await?;
    match handshake.unwrap_or_else(|late| Err((late, None))) {
        Ok(encrypted) => Some((encrypted, ends)),
        Err((error, told)) => {
            tell(shared, &format!("a TLS handshake failed: {error}"));
            if let Some(told) = told {
                unless_draining(linger(told, shared), shared).await;
            }
            None
        }
    }
}

/// Waits for one step, as long as something can still come of it; `None`: the server drains, and
/// nothing was asked yet.
async fn unless_draining<T>(step: impl Future<Output = T>, shared: &Shared) -> Option<T> {
    let mut draining = shared.draining.subscribe();
    tokio::select! {
        done = step => Some(done),
        _ = draining.wait_for(|draining| *draining) => None,
    }
}

/// Waits so long for one step.
///
/// # Errors
/// It took longer.
async fn within<T>(limit: Option<Duration>, step: impl Future<Output = T>) -> io::Result<T> {
    match limit {
        None => Ok(step.await),
        Some(limit) => Ok(tokio::time::timeout(limit, step).await?),
    }
}

/// Scanners and clients of another protocol are many: no line for each, but for whoever looks.
fn tell(shared: &Shared, text: &str) {
    shared.log.write(Level::Debug, &format!("penstock: {text}"));
}
