//! What the I/O thread does beside its connections.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::Shared;
use crate::exchange::Exchange;

/// How often it is looked whether memory is to be given back, and how many connections must
/// have given their buffers up for it.
const RELEASE_EVERY: Duration = Duration::from_secs(2);
const RELEASE_AFTER: usize = 256;

/// Answers the exchanges that have waited for a thread for too long. Of those that come later none
/// has before the oldest one.
pub(super) async fn watch_queue(timeout: Duration, shared: Arc<Shared>) {
    loop {
        let oldest = shared.queue.oldest(|oldest| oldest.queued);
        sleep_until(oldest.unwrap_or_else(Instant::now) + timeout).await;
        let is_late = |exchange: &Exchange| exchange.queued + timeout <= Instant::now();
        let late = |exchange: &Exchange| is_late(exchange).then(|| exchange.inner.clone());
        while let Some(inner) = shared.queue.oldest(late).flatten() {
            inner.give_up_waiting();
        }
    }
}

/// Many connections that become idle leave many free buffers behind, which the allocator keeps.
pub(super) async fn give_memory_back(release: fn(), shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(RELEASE_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if shared.rested.load(Ordering::Relaxed) >= RELEASE_AFTER {
            shared.rested.store(0, Ordering::Relaxed);
            // A panic in there concerns nobody here.
            let _ = tokio::task::spawn_blocking(release).await;
        }
    }
}
