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
        let header = proxy_protocol::read(&mut socket);
        let header = within(config.first_byte_timeout, header, shared).await?;
        let announced = header.inspect_err(|error| {
            let peer = ends.peer;
            tell(
                shared,
                &format!("a connection of {peer} has no valid PROXY header: {error}"),
            );
        });
        if let Some(announced) = announced.ok()? {
            ends.peer = Address::Ip(announced.client);
            ends.local = Address::Ip(announced.server);
        }
    }
    if let Some(tls) = tls {
        let handshake = async { Ok(socket.encrypt(&tls).await) };
        let handshake = within(config.tls_handshake_timeout, handshake, shared).await?;
        let (error, plain) = match handshake {
            Ok(Ok(encrypted)) => return Some((encrypted, ends)),
            Ok(Err((error, plain))) => (error, plain),
            Err(error) => (error, None),
        };
        tell(shared, &format!("a TLS handshake failed: {error}"));
        if let Some(plain) = plain {
            // The alert must not be overtaken by the close.
            let lingering = async {
                linger(plain, shared).await;
                Ok(())
            };
            within(None, lingering, shared).await;
        }
        return None;
    }
    Some((socket, ends))
}

/// Waits so long for one step; `None`: the server drains, and nothing was asked yet.
async fn within<T>(
    limit: Option<Duration>,
    step: impl Future<Output = io::Result<T>>,
    shared: &Shared,
) -> Option<io::Result<T>> {
    let mut draining = shared.draining.subscribe();
    let step = async {
        match limit {
            None => step.await,
            Some(limit) => tokio::time::timeout(limit, step)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        }
    };
    tokio::select! {
        done = step => Some(done),
        _ = draining.wait_for(|draining| *draining) => None,
    }
}

/// Scanners and clients of another protocol are many: no line for each, but for whoever looks.
fn tell(shared: &Shared, text: &str) {
    shared.log.write(Level::Debug, &format!("penstock: {text}"));
}
