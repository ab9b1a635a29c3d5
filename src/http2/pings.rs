//! Finds out whether a silent client is still there (RFC 9113 section 6.7).

use std::{
    task::{Context, Waker},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::Instant;

/// The client has left a PING unanswered.
pub(super) struct NoAnswer;

/// The PINGs of a connection. Whatever the client sends is a sign of life.
pub(super) struct Pings {
    pings: PingPong,
    /// Bytes that had been received at the last look.
    received: u64,
    /// When they were last seen to have grown.
    heard: Option<Instant>,
    /// When a PING was sent that nothing has followed.
    sent: Option<Instant>,
}

impl Pings {
    pub(super) fn new(pings: PingPong) -> Self {
        Self {
            pings,
            received: 0,
            heard: None,
            sent: None,
        }
    }

    /// A client that has not taken what waits for it cannot be asked, and need not be: whether it
    /// takes enough is another rule's business.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.heard = Some(now);
        self.sent = None;
    }

    /// Sends a PING behind a silence of `interval`. When to look again.
    ///
    /// # Errors
    /// Nothing has come for `timeout` since the last one.
    pub(super) fn check(
        &mut self,
        now: Instant,
        received: u64,
        interval: Duration,
        timeout: Duration,
    ) -> Result<Instant, NoAnswer> {
        if self.received != received || self.heard.is_none() {
            self.received = received;
            self.heard = Some(now);
            self.sent = None;
        }
        if let Some(sent) = self.sent {
            let deadline = sent + timeout;
            return if now < deadline {
                Ok(deadline)
            } else {
                Err(NoAnswer)
            };
        }
        let due = self.heard.unwrap_or(now) + interval;
        if now < due {
            return Ok(due);
        }
        // The answer to the last one is taken first: h2 has room for one.
        let _ = self
            .pings
            .poll_pong(&mut Context::from_waker(Waker::noop()));
        // One that is still under way says the same as a new one.
        let _ = self.pings.send_ping(Ping::opaque());
        self.sent = Some(now);
        Ok(now + timeout)
    }
}
