//! Counters of a server.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) hijacked: AtomicU64,
    pub(crate) rested: AtomicU64,
}

/// A look at a server.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Connections open now, hijacked ones included.
    pub connections: u64,
    /// Requests that were queued since the start.
    pub requests: u64,
    /// Requests that were answered without the application since the start.
    pub refused: u64,
    /// Connections that the application took over since the start.
    pub hijacked: u64,
    /// Times since the start that a connection has given its buffers up because nothing went over it.
    pub rested: u64,
    /// Exchanges that wait for a thread now.
    pub queued: u64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, connections: usize, queued: usize) -> Stats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            accepted: load(&self.accepted),
            connections: connections as u64,
            requests: load(&self.requests),
            refused: load(&self.refused),
            hijacked: load(&self.hijacked),
            rested: load(&self.rested),
            queued: queued as u64,
        }
    }
}
