//! Many open streams: opened, broadcast to, half of them closed by us and half by the server, while ordinary
//! requests go on being answered. The server runs `apps/broadcast.ru` or `apps/sse.ru`.

use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use crate::broadcast::{PATIENCE, broadcast};
use crate::http::Connection;
use crate::idle::OPENING;
use crate::open_stream::Source;
use crate::prober::Prober;
use crate::tally::Tally;
use crate::{Failure, open_stream, phase};

/// The longest that the application may take to be told that clients have gone.
const NEWS: Duration = Duration::from_secs(5);

/// The scenario's state.
struct Scenario {
    /// What the streams report to.
    tally: Rc<Tally>,
    /// For the requests that move the scenario on.
    control: Connection,
    /// The ordinary requests.
    prober: Prober,
}

/// Runs the whole scenario with `count` streams at `path` that come from `source`, and so many broadcasts to all of them.
pub async fn run(
    port: u16,
    count: usize,
    path: &str,
    broadcasts: u64,
    source: Source,
) -> Result<(), Failure> {
    let mut scenario = Scenario {
        tally: Rc::new(Tally::new()),
        control: Connection::open(port).await?,
        prober: Prober::start(port).await?,
    };
    // A connection with no request on it is closed early, one that has had a request is kept.
    scenario.open_at_server().await?;
    let mut streams = scenario.open(Rc::new(source), count, path).await?;
    for message in 1..=broadcasts {
        scenario.broadcast("broadcast", message, count).await?;
    }
    scenario.leave(&mut streams).await?;
    scenario
        .broadcast("broadcast_to_rest", broadcasts + 1, streams.len())
        .await?;
    scenario.be_closed(streams).await?;
    drop(scenario);
    phase::finished("end", "\"connections\":0").await
}

impl Scenario {
    /// Opens `count` streams; each is open when its first message is there.
    async fn open(
        &mut self,
        source: Rc<Source>,
        count: usize,
        path: &str,
    ) -> Result<Vec<JoinHandle<()>>, Failure> {
        self.prober.take_json();
        self.tally.begin(0);
        let started = Instant::now();
        let path: Rc<str> = Rc::from(path);
        let mut streams = Vec::with_capacity(count);
        while streams.len() < count {
            let first = streams.len();
            for index in first..count.min(first + OPENING) {
                let (source, path) = (Rc::clone(&source), Rc::clone(&path));
                let tally = Rc::clone(&self.tally);
                streams.push(spawn_local(open_stream::follow(source, index, path, tally)));
            }
            if !self.all_there(streams.len()).await {
                return Err(format!("of {} streams not all have begun", streams.len()).into());
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        let opened = self.tally.lags().borrow().len();
        let ordinary = self.prober.take_json();
        let figures = format!(
            "\"opened\":{opened},\"seconds\":{seconds:.3},{},{ordinary}",
            self.ends_json()
        );
        phase::finished("open", &figures).await?;
        Ok(streams)
    }

    /// Sends `message` to all streams, waits until it has arrived at `expected` of them, and reports.
    async fn broadcast(
        &mut self,
        name: &str,
        message: u64,
        expected: usize,
    ) -> Result<(), Failure> {
        let arrivals = broadcast(&mut self.control, &self.tally, message, expected).await?;
        let ordinary = self.prober.take_json();
        let figures = format!("{arrivals},{},{ordinary}", self.ends_json());
        phase::finished(name, &figures).await
    }

    /// Closes every second stream from our side, and waits until the application has been told of each.
    async fn leave(&mut self, streams: &mut Vec<JoinHandle<()>>) -> Result<(), Failure> {
        let count = streams.len();
        let started = Instant::now();
        let mut index = 0;
        streams.retain(|stream| {
            index += 1;
            if index % 2 == 0 {
                stream.abort();
            }
            index % 2 == 1
        });

        let mut told = None;
        while told.is_none() && started.elapsed() < NEWS {
            if self.open_at_server().await? <= streams.len() {
                told = Some(started.elapsed().as_secs_f64());
            } else {
                sleep(Duration::from_millis(10)).await;
            }
        }
        let told = told.map_or_else(|| "null".to_owned(), |seconds| format!("{seconds:.3}"));
        let left = count - streams.len();
        let ordinary = self.prober.take_json();
        let figures = format!(
            "\"left\":{left},\"told_seconds\":{told},{},{ordinary}",
            self.ends_json()
        );
        phase::finished("leave", &figures).await
    }

    /// Lets the server close the streams that are left, and waits until each has ended.
    async fn be_closed(&mut self, streams: Vec<JoinHandle<()>>) -> Result<(), Failure> {
        let (before, _) = self.tally.ends();
        let started = Instant::now();
        self.control.call(Method::POST, "/close").await?;
        let count = streams.len();
        self.tally
            .wait(PATIENCE, |tally| {
                let (clean, broken) = tally.ends();
                clean + broken >= before + count
            })
            .await;
        let seconds = started.elapsed().as_secs_f64();
        for stream in streams {
            stream.abort();
        }
        let ordinary = self.prober.take_json();
        let figures = format!(
            "\"expected\":{count},\"seconds\":{seconds:.3},\"open\":{},{},{ordinary}",
            self.open_at_server().await?,
            self.ends_json()
        );
        phase::finished("close", &figures).await
    }

    /// Waits until the message has arrived at `count` streams, or so many have arrived and ended together. Says
    /// whether that came about.
    async fn all_there(&self, count: usize) -> bool {
        self.tally
            .wait(PATIENCE, |tally| {
                let (clean, broken) = tally.ends();
                tally.lags().borrow().len() + clean + broken >= count
            })
            .await
    }

    /// How many streams the application holds.
    async fn open_at_server(&mut self) -> Result<usize, Failure> {
        let body = self.control.call(Method::GET, "/open").await?;
        Ok(std::str::from_utf8(&body)?.trim().parse()?)
    }

    /// The members `clean` and `broken` of a JSON object: streams that ended so far, and not by our doing.
    fn ends_json(&self) -> String {
        let (clean, broken) = self.tally.ends();
        format!("\"clean\":{clean},\"broken\":{broken}")
    }
}
