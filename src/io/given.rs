//! A socket can be taken from any thread where hyper holds no bytes that nobody has seen yet.

use super::Shared;
use crate::socket::Socket;

/// What hyper was given to read since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    /// The head of one request, to its last byte: hyper, which has made a request of it, keeps none.
    OneHead,
    /// It may hold what nobody has seen yet.
    More,
}

impl Given {
    /// What it is with `bytes` besides.
    pub(super) fn with(self, bytes: &[u8]) -> Self {
        match self {
            Given::Nothing if is_one_head(bytes) => Given::OneHead,
            _ => Given::More,
        }
    }
}

/// Whether the first empty line ends `bytes`. What a parser could take for the end of a head before
/// its end is an empty line too.
fn is_one_head(bytes: &[u8]) -> bool {
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        if matches!(&bytes[begin..end], b"" | b"\r") {
            return end + 1 == bytes.len();
        }
        begin = end + 1;
    }
    false
}

impl Shared {
    /// A hyper of its own begins to read.
    pub(crate) fn begin(&self) {
        self.state.lock().given = Given::Nothing;
    }

    /// Takes a plain socket where nothing of what has come, and of what is to go out, is left here
    /// or with hyper.
    pub(crate) fn take_clear_socket(&self) -> Option<Socket> {
        let mut state = self.state.lock();
        let is_clear = state.given == Given::OneHead
            && state.prefetched.is_empty()
            && state.ahead.is_empty()
            && self.is_flushed();
        let socket = &mut state.socket;
        socket.take_if(|socket| is_clear && !socket.is_encrypted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    #[test]
    fn a_head_that_is_whole_and_alone_leaves_nothing_behind() {
        assert_eq!(Given::Nothing.with(HEAD), Given::OneHead);
        assert_eq!(
            Given::Nothing.with(b"GET / HTTP/1.1\nhost: a\n\n"),
            Given::OneHead
        );
    }

    #[test]
    fn whatever_else_may() {
        let cases = [
            [HEAD, HEAD].concat(),
            [HEAD, b"early"].concat(),
            [HEAD, b"\r\n"].concat(),
            [b"\r\n", HEAD].concat(),
            [b"GET / HTTP/1.1\nhost: a\n\n", HEAD].concat(),
            HEAD[..HEAD.len() - 1].to_vec(),
            HEAD[..HEAD.len() - 2].to_vec(),
        ];
        for bytes in cases {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(Given::Nothing.with(&bytes), Given::More, "{text:?}");
        }
        assert_eq!(Given::OneHead.with(b"x"), Given::More);
        assert_eq!(Given::More.with(HEAD), Given::More);
    }
}
