//! What the I/O thread does beside its connections.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::Shared;
use crate::exchange::Exchange;

/// How often it is looked whether memory is to be given back, and how many connections must
/// have given their buffers up for it.
const RELEASE_EVERY: Duration = Duration::from_secs(2);
const RELEASE_AFTER: u64 = 256;

/// How long the watch over the queue rests where nothing is queued: a shorter time-out than this does
/// not keep an idle process busy.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// Answers the exchanges that have waited for a thread for `timeout`: none is late before the oldest
/// one is.
pub(super) async fn watch_queue(timeout: Duration, shared: Arc<Shared>) {
    loop {
        let deadline = match shared.queue.oldest(|oldest| oldest.queued) {
            Some(queued) => queued + timeout,
            // Whatever comes meanwhile is not late before that.
            None => Instant::now() + timeout.max(SHORTEST_PAUSE),
        };
        sleep_until(deadline).await;
        let late = |exchange: &Exchange| {
            let is_late = exchange.queued + timeout <= Instant::now();
            is_late.then(|| exchange.inner.clone())
        };
        while let Some(inner) = shared.queue.oldest(late).flatten() {
            inner.give_up_waiting();
            // There may be many.
            yield_now().await;
        }
    }
}

/// Many connections that come to rest leave many free buffers behind, which the allocator keeps.
pub(super) async fn give_memory_back(release: fn(), shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(RELEASE_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = 0;
    loop {
        interval.tick().await;
        let rested = shared.counters.rested.load(Ordering::Relaxed);
        if rested - before >= RELEASE_AFTER {
            before = rested;
            // A panic in there concerns nobody here.
            let _ = tokio::task::spawn_blocking(release).await;
        }
    }
}
