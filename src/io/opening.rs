//! How HTTP/1 and HTTP/2 are told apart on plaintext.

use super::Shared;

/// What the first bytes of a connection tell of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Too few have come.
    Unclear,
    /// The preface of HTTP/2.
    Http2,
    /// Anything else.
    Other,
}

/// RFC 9113 section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Shared {
    /// What the bytes that were read ahead tell, where they are the connection's first.
    pub(crate) fn opening(&self) -> Opening {
        let state = self.state.lock();
        let first = &state.prefetched[..];
        if first.starts_with(PREFACE) {
            Opening::Http2
        } else if PREFACE.starts_with(first) {
            Opening::Unclear
        } else {
            Opening::Other
        }
    }
}
