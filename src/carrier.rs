//! What carries an exchange: of a protocol, all that an exchange knows.

use std::{io, sync::Arc};

use crate::{
    connection::Connection, exchange::Inner, http2, io::Bypassed, message::Message, response::Head,
    server::Permit, socket::Socket,
};

/// What carries an exchange between the client and the queue.
pub(crate) enum Carrier {
    /// A connection of HTTP/1, whose request under way it is.
    Http1(Arc<Connection>),
    /// A stream of HTTP/2.
    Http2(Arc<http2::Stream>),
}

impl Carrier {
    /// The connection.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        match self {
            Carrier::Http1(connection) => connection,
            Carrier::Http2(stream) => stream.connection(),
        }
    }

    /// The exchange is the application's from now on.
    pub(crate) fn queued(&self, exchange: &Arc<Inner>) {
        match self {
            Carrier::Http1(connection) => connection.set_current(exchange.clone()),
            // Its task has it.
            Carrier::Http2(_) => {}
        }
    }

    /// Sends an interim response, where there is still room for one.
    pub(crate) fn send_interim(&self, head: Head) {
        match self {
            Carrier::Http1(connection) => connection.send_interim(&head.to_http1(None)),
            Carrier::Http2(stream) => stream.send_interim(head),
        }
    }

    /// Takes the socket from the thread of the application: see [`Connection::hand_over`].
    pub(crate) fn hand_over(&self) -> Option<(Socket, Permit)> {
        match self {
            Carrier::Http1(connection) => connection.hand_over(),
            Carrier::Http2(_) => None,
        }
    }

    /// Reads what [`Carrier::bypass`] is going to.
    pub(crate) fn look_ahead(&self) -> bool {
        match self {
            Carrier::Http1(connection) => connection.io.look_ahead(),
            Carrier::Http2(_) => false,
        }
    }

    /// Sends a message past the task that serves the exchange, while that rests.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn bypass(&self, message: &Message) -> io::Result<Bypassed> {
        match self {
            Carrier::Http1(connection) => connection.io.bypass(message.chunk()),
            // Never rests.
            Carrier::Http2(_) => Ok(Bypassed::Not),
        }
    }

    /// Has the task that serves the exchange look at its time-outs again.
    pub(crate) fn look_again(&self) {
        match self {
            Carrier::Http1(connection) => connection.look_again(),
            Carrier::Http2(stream) => stream.look_again(),
        }
    }
}
