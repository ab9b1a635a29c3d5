//! The one error of the core: opaque, with predicates for the cases that a caller tells apart.

use std::{error::Error as StdError, fmt, io};

/// Why an operation of the core failed.
///
/// The kind is private: ask the predicates. A source, where there is one, is the error of the
/// operating system.
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The cases of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A listener could not be had.
    Bind,
    /// The stream was closed on this side.
    Closed,
    /// The client has gone: nobody reads what is written.
    Gone,
    /// The client took longer than a time-out allows.
    TimedOut,
    /// The client sent more than a limit allows.
    TooLarge,
    /// The client broke the framing of its body, or ended it early.
    Malformed,
    /// A write found the buffer full, and the policy of the stream is to say so.
    SlowConsumer,
    /// The caller asked for what cannot be done in this state.
    Misuse,
    /// The operating system refused.
    Io,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn io(message: impl Into<String>, source: io::Error) -> Self {
        Self::with_source(Kind::Io, message, source)
    }

    pub(crate) fn with_source(kind: Kind, message: impl Into<String>, source: io::Error) -> Self {
        Self {
            kind,
            message: message.into(),
            source: Some(Box::new(source)),
        }
    }

    /// Whether a listener could not be had: a bad address, or one that is taken.
    pub fn is_bind(&self) -> bool {
        self.kind == Kind::Bind
    }

    /// Whether this side had closed the stream.
    pub fn is_closed(&self) -> bool {
        self.kind == Kind::Closed
    }

    /// Whether the client has gone.
    pub fn is_gone(&self) -> bool {
        self.kind == Kind::Gone
    }

    /// Whether the client took too long.
    pub fn is_timed_out(&self) -> bool {
        self.kind == Kind::TimedOut
    }

    /// Whether the client sent more than is allowed.
    pub fn is_too_large(&self) -> bool {
        self.kind == Kind::TooLarge
    }

    /// Whether the client's body was malformed or ended early.
    pub fn is_malformed(&self) -> bool {
        self.kind == Kind::Malformed
    }

    /// Whether a write was refused since the client reads too slowly.
    pub fn is_slow_consumer(&self) -> bool {
        self.kind == Kind::SlowConsumer
    }

    /// What happened, without the text of the source.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The number of the operating system's error behind this one, if there is one.
    pub fn os_error(&self) -> Option<i32> {
        self.source
            .as_ref()
            .and_then(|source| source.downcast_ref::<io::Error>())
            .and_then(io::Error::raw_os_error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// A result of the core.
pub type Result<T> = std::result::Result<T, Error>;
