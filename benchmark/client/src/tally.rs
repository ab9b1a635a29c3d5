//! What all open streams report to.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::latency::Latencies;

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With its last chunk, or with the end of the connection.
    Clean,
    /// With a reset, or with an answer that is no 200.
    Broken,
}

/// Who is told what comes on a stream.
pub trait Listener {
    /// The stream has received `message`.
    fn arrived(&self, message: u64);

    /// The stream has ended, and not because we closed it.
    fn ended(&self, end: End);
}

/// Counts the arrivals of one message at all streams, and the streams that have ended.
pub struct Tally {
    /// The number of the message that is on its way.
    message: Cell<u64>,
    /// When it was sent off.
    sent: Cell<Instant>,
    /// From then to each arrival.
    lags: RefCell<Latencies>,
    /// Messages that arrived with another number.
    strays: Cell<usize>,
    /// Streams that ended, clean ones first, then broken ones.
    ended: Cell<(usize, usize)>,
    /// Wakes who waits for one of these.
    changed: Notify,
}

impl Tally {
    /// A tally that waits for message 0, which each stream gets when it is opened.
    pub fn new() -> Self {
        Self {
            message: Cell::new(0),
            sent: Cell::new(Instant::now()),
            lags: RefCell::default(),
            strays: Cell::new(0),
            ended: Cell::new((0, 0)),
            changed: Notify::new(),
        }
    }

    /// Begins to count for `message`, sent off now.
    pub fn begin(&self, message: u64) {
        self.message.set(message);
        self.sent.set(Instant::now());
        self.lags.take();
    }

    /// The arrivals of the message on its way.
    pub fn lags(&self) -> &RefCell<Latencies> {
        &self.lags
    }

    /// How many messages came that were not awaited: lost order, or doubles.
    pub fn strays(&self) -> usize {
        self.strays.get()
    }

    /// How many streams ended, clean and broken.
    pub fn ends(&self) -> (usize, usize) {
        self.ended.get()
    }

    /// Waits until `condition` holds, which is looked at after each change, but no longer than `limit`. Says
    /// whether it came to hold.
    pub async fn wait(&self, limit: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let waiting = async {
            while !condition(self) {
                self.changed.notified().await;
            }
        };
        timeout(limit, waiting).await.is_ok()
    }
}

impl Listener for Tally {
    fn arrived(&self, message: u64) {
        if message == self.message.get() {
            self.lags.borrow_mut().push(self.sent.get().elapsed());
            self.changed.notify_one();
        } else {
            self.strays.set(self.strays.get() + 1);
        }
    }

    fn ended(&self, end: End) {
        let (clean, broken) = self.ended.get();
        self.ended.set(match end {
            End::Clean => (clean + 1, broken),
            End::Broken => (clean, broken + 1),
        });
        self.changed.notify_one();
    }
}
