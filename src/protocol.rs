//! Which protocol a connection speaks: by ALPN (RFC 7301) where it is encrypted, else by its first
//! bytes, since HTTP/2 begins with a preface (RFC 9113 section 3.3, "prior knowledge").

use std::sync::Arc;

use crate::{
    connection::Connection,
    deadlines::Timer,
    http1, http2,
    io::{self, Opening},
    server::{Permit, Shared},
    socket::{Ends, Socket},
    stream::Gone,
};

/// Serves a connection to its end.
pub(crate) async fn serve(socket: Socket, ends: Ends, server: Arc<Shared>, permit: Permit) {
    let negotiated = socket.is_for_http2();
    let security = socket.security().map(Box::new);
    let io = Arc::new(io::Shared::new(socket));
    let connection = Arc::new(Connection::new(io, ends, security, server.clone(), permit));
    let _registration = server.register(&connection);
    // Whatever ends this task, the exchange under way must hear of it.
    let _guard = Guard(&connection);
    let mut timer = Timer::default();
    let is_http2 = match negotiated {
        Some(is_http2) => is_http2,
        None if !server.config.speaks_http2() => false,
        None => {
            // Until the first bytes tell, the connection is as idle as one of HTTP/1.
            let told = |io: &io::Shared| io.opening() != Opening::Unclear;
            if let Some(outcome) = http1::rest(&connection, &mut timer, told).await {
                return Box::pin(http1::conclude(outcome, &connection)).await;
            }
            connection.io.opening() == Opening::Http2
        }
    };
    if is_http2 {
        // In a box: a connection of HTTP/1 must not have room for it.
        Box::pin(http2::serve(&connection, timer)).await;
    } else {
        http1::serve(&connection, timer).await;
    }
}

/// The exchange of a connection that ends in any other way hears of a reset.
struct Guard<'a>(&'a Connection);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.lost(Gone::Reset);
    }
}
