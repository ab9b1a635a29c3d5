//! How a stream ends, as its parts tell each other: [`Outbox`](crate::outbox::Outbox) from the
//! application to the client, and the inbox the other way.

use crate::{
    error::{Error, Kind},
    queue::Queue,
};

/// Why the client of a stream is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It has closed the connection.
    Closed,
    /// It has reset the connection, or the network did.
    Reset,
    /// It took nothing for longer than the write time-out, or too little.
    TimedOut,
    /// The server stopped before the stream had ended.
    Stopped,
}

impl Gone {
    /// The error that a write raises from now on.
    pub fn to_error(self) -> Error {
        let message = match self {
            Gone::Closed => "the client has closed the connection",
            Gone::Reset => "the client has reset the connection",
            Gone::TimedOut => "the client did not take what was written to it in time",
            Gone::Stopped => "the server stops",
        };
        let number = match self {
            Gone::Closed | Gone::Stopped => libc::EPIPE,
            Gone::Reset | Gone::TimedOut => libc::ECONNRESET,
        };
        Error::with_source(
            Kind::Gone,
            message,
            std::io::Error::from_raw_os_error(number),
        )
    }
}

/// The end of a stream that somebody asked to be told of.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The number of the exchange.
    pub id: u64,
    /// Why; `None` after a local close.
    pub gone: Option<Gone>,
}

/// Where the ends of streams are told.
pub type EndedQueue = Queue<Ended>;
