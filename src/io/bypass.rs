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
