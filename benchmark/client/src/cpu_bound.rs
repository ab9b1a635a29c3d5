//! Short requests at a fixed rate, one of a hundred of which computes, while idle streams get a heartbeat. The server runs
//! `apps/cpu_bound.ru`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::latency::Latencies;
use crate::open_stream::Source;
use crate::rate::PATIENCE;
use crate::tally::{End, Listener};
use crate::{Failure, open_stream, phase, rate};

/// Between two heartbeats of a stream.
const INTERVAL: Duration = Duration::from_millis(100);

/// The heartbeats of all streams.
#[derive(Default)]
struct Heartbeats {
    /// By how much the time between two of them was more or less than the interval.
    jitter: RefCell<Latencies>,
    /// Streams that have begun.
    begun: Cell<usize>,
    /// Streams that have ended, which none should.
    ended: Cell<usize>,
}

/// One stream.
struct Stream {
    /// Shared with the others.
    heartbeats: Rc<Heartbeats>,
    /// When the last heartbeat came.
    last: Cell<Option<Instant>>,
}

impl Listener for Stream {
    fn arrived(&self, _message: u64) {
        let now = Instant::now();
        match self.last.replace(Some(now)) {
            Some(last) => {
                let jitter = (now - last).abs_diff(INTERVAL);
                self.heartbeats.jitter.borrow_mut().push(jitter);
            }
            None => self.heartbeats.begun.set(self.heartbeats.begun.get() + 1),
        }
    }

    fn ended(&self, _end: End) {
        self.heartbeats.ended.set(self.heartbeats.ended.get() + 1);
    }
}

/// Opens so many streams at `path`, sends the requests at this rate over so many connections, and reports.
pub async fn run(
    port: u16,
    rate: u32,
    seconds: u32,
    connections: usize,
    streams: usize,
    path: &str,
) -> Result<(), Failure> {
    let heartbeats = Rc::new(Heartbeats::default());
    let (source, path) = (Rc::new(Source::Http1 { port }), Rc::<str>::from(path));
    for index in 0..streams {
        let stream = Stream {
            heartbeats: Rc::clone(&heartbeats),
            last: Cell::new(None),
        };
        let (source, path) = (Rc::clone(&source), Rc::clone(&path));
        spawn_local(open_stream::follow(source, index, path, Rc::new(stream)));
    }
    let begin = async {
        while heartbeats.begun.get() < streams {
            sleep(INTERVAL).await;
        }
    };
    if timeout(PATIENCE, begin).await.is_err() {
        let begun = heartbeats.begun.get();
        return Err(format!("{begun} of {streams} streams have begun").into());
    }
    let open = rate::open(port, connections).await?;
    // What came until now does not count.
    heartbeats.jitter.take();

    let requests = rate::send(port, open, rate, seconds, rate::HELLO_BYTES, path_of).await?;
    let jitter = heartbeats.jitter.take();
    if jitter.len() == 0 {
        return Err("no heartbeat came".into());
    }
    let (beats, ended) = (jitter.len(), heartbeats.ended.get());
    let jitter = jitter.to_json("jitter");
    phase::finished(
        "cpu_bound",
        &format!("{requests},\"beats\":{beats},\"ended\":{ended},{jitter}"),
    )
    .await
}

/// The last one of each hundred computes.
fn path_of(number: u32) -> Option<&'static str> {
    (number % 100 != 99).then_some("/hello")
}
