//! Bytes that go past hyper, from whichever thread has them: a message for many connections is
//! worth no turn of the task of each.

use std::{io, sync::atomic::Ordering::Relaxed};

use super::Shared;

/// What became of bytes that were to go past hyper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bypassed {
    /// The kernel has them.
    All,
    /// The kernel has some, and the others go out before anything of hyper's. The task of the
    /// connection has to see to that.
    Part,
    /// They have to go through hyper.
    Not,
}

impl Shared {
    /// Reads what [`Shared::bypass`] is going to.
    pub(crate) fn look_ahead(&self) -> bool {
        self.state.is_locked() & self.is_flushed()
    }

    /// Writes `data` at once, between two messages of hyper's.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn bypass(&self, data: &[u8]) -> io::Result<Bypassed> {
        let mut state = self.state.lock();
        if !self.is_flushed() {
            return Ok(Bypassed::Not);
        }
        let Some(socket) = &state.socket else {
            return Ok(Bypassed::Not);
        };
        let written = match socket.try_write(data) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Bypassed::Not),
            Err(error) => return Err(error),
        };
        state.note_sent(&self.facts);
        if written == data.len() {
            return Ok(Bypassed::All);
        }
        state.ahead.extend_from_slice(&data[written..]);
        self.facts.unflushed.store(true, Relaxed);
        Ok(Bypassed::Part)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    };

    use super::*;
    use crate::{io::Io, socket::Socket};

    /// hyper's side of a connection that can be written to, and the client.
    async fn connection() -> (Io, UnixStream) {
        let (ours, client) = UnixStream::pair().unwrap();
        ours.writable().await.unwrap();
        (Io(Arc::new(Shared::new(Socket::unix(ours)))), client)
    }

    #[tokio::test]
    async fn nothing_goes_past_what_is_half_written_and_hyper_comes_behind_it() {
        let (mut io, mut client) = connection().await;
        let large = vec![b'x'; 10_000_000];
        assert_eq!(io.0.bypass(&large).unwrap(), Bypassed::Part);
        assert_eq!(io.0.bypass(b"y").unwrap(), Bypassed::Not);
        let reader = tokio::spawn(async move {
            let mut received = vec![0; 10_000_001];
            client.read_exact(&mut received).await.unwrap();
            (client, received)
        });
        io.write_all(b"z").await.unwrap();
        io.flush().await.unwrap();
        let (_client, received) = reader.await.unwrap();
        assert!(received.starts_with(&large) && received.ends_with(b"z"));
        assert_eq!(io.0.bypass(b"y").unwrap(), Bypassed::All);
        assert_eq!(io.0.sent(), 10_000_002);
    }

    #[tokio::test]
    async fn nothing_goes_past_what_hyper_has_been_given_before_it_has_flushed() {
        let (mut io, _client) = connection().await;
        io.0.note_given();
        assert_eq!(io.0.bypass(b"y").unwrap(), Bypassed::Not);
        io.flush().await.unwrap();
        assert_eq!(io.0.bypass(b"y").unwrap(), Bypassed::All);
    }

    #[tokio::test]
    async fn a_connection_that_is_broken_or_was_handed_over_takes_nothing() {
        let (io, client) = connection().await;
        drop(client);
        assert!(io.0.bypass(b"y").is_err());
        let (io, _client) = connection().await;
        let _socket = io.0.take_socket();
        assert_eq!(io.0.bypass(b"y").unwrap(), Bypassed::Not);
    }
}
