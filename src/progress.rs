//! Whether a transfer makes progress: the rule for a client that sends or takes nothing, or too
//! little, in one place for all protocols and directions.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::RATE_GRACE;

/// How often the rate is looked at once the grace is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The client stood still for too long, or was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stalled;

/// A transfer that waits for the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    began: Instant,
    /// Bytes when it began.
    before: u64,
    /// Bytes when they were last seen to have grown, and when that was.
    seen: u64,
    last: Instant,
}

impl Progress {
    /// A transfer that begins at `now`, with so many bytes on its counter.
    pub(crate) fn new(bytes: u64, now: Instant) -> Self {
        Self {
            began: now,
            before: bytes,
            seen: bytes,
            last: now,
        }
    }

    /// Notes how many bytes the counter shows at `now`.
    pub(crate) fn note(&mut self, bytes: u64, now: Instant) {
        if bytes > self.seen {
            self.seen = bytes;
            self.last = now;
        }
    }

    /// When to look again; `None`: there is no limit.
    ///
    /// # Errors
    /// Nothing has moved for `timeout`, or since [`RATE_GRACE`] was over less than `min_rate` bytes
    /// a second.
    pub(crate) fn check(
        &self,
        now: Instant,
        timeout: Option<Duration>,
        min_rate: Option<u64>,
    ) -> Result<Option<Instant>, Stalled> {
        let deadline = timeout.map(|timeout| self.last + timeout);
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(Stalled);
        }
        let Some(min_rate) = min_rate else {
            return Ok(deadline);
        };
        let elapsed = now - self.began;
        let moved = (self.seen - self.before) as f64;
        let look = if elapsed < RATE_GRACE {
            self.began + RATE_GRACE
        } else if moved < min_rate as f64 * elapsed.as_secs_f64() {
            return Err(Stalled);
        } else {
            now + LOOK_EVERY
        };
        Ok(earliest(deadline, Some(look)))
    }
}

/// The earlier of two times, of which either may never come.
pub(crate) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Option<Duration> = Some(Duration::from_secs(10));

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stands_still_is_given_up_at_the_time_out() {
        let began = Instant::now();
        let mut progress = Progress::new(5, began);
        assert_eq!(
            progress.check(began, TIMEOUT, None),
            Ok(Some(began + Duration::from_secs(10)))
        );
        let later = began + Duration::from_secs(9);
        progress.note(6, later);
        assert!(
            progress
                .check(began + Duration::from_secs(18), TIMEOUT, None)
                .is_ok()
        );
        assert_eq!(
            progress.check(began + Duration::from_secs(19), TIMEOUT, None),
            Err(Stalled)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_forgiven_until_the_grace_is_over() {
        let began = Instant::now();
        let mut progress = Progress::new(0, began);
        let before = began + RATE_GRACE - Duration::from_secs(1);
        progress.note(1, before);
        assert_eq!(
            progress.check(before, None, Some(500)),
            Ok(Some(began + RATE_GRACE))
        );
        let after = began + RATE_GRACE;
        assert_eq!(progress.check(after, None, Some(500)), Err(Stalled));
        progress.note(15_000, after);
        assert_eq!(
            progress.check(after, None, Some(500)),
            Ok(Some(after + LOOK_EVERY))
        );
    }
}
