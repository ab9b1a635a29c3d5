//! Requests at a fixed rate, whether those before have been answered or not: what a closed loop does not see, for it waits
//! as long as the server stalls.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use tokio::task::spawn_local;
use tokio::time::{sleep_until, timeout};

use crate::http::Connection;
use crate::latency::Latencies;
use crate::{Failure, phase};

/// The longest that one request may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// When requests are due.
pub struct Schedule {
    /// When the first one is.
    started: Instant,
    /// Requests in a second.
    rate: u32,
    /// Requests of all seconds.
    count: u32,
    /// Those that have been taken.
    taken: Cell<u32>,
}

/// A request that somebody has taken.
pub struct Due {
    /// Its number; the first one is 0.
    pub number: u32,
    /// When it is to be sent.
    moment: Instant,
}

impl Schedule {
    /// So many requests a second for so many seconds, from now on.
    pub fn new(rate: u32, seconds: u32) -> Self {
        Self {
            started: Instant::now(),
            rate,
            count: rate * seconds,
            taken: Cell::new(0),
        }
    }

    /// Takes the next one; `None` when there is none left.
    pub fn take(&self) -> Option<Due> {
        let number = self.taken.get();
        self.taken.set(number + 1);
        let offset = Duration::from_secs_f64(f64::from(number) / f64::from(self.rate));
        (number < self.count).then(|| Due {
            number,
            moment: self.started + offset,
        })
    }
}

impl Due {
    /// Waits until it is due. Returns the moment from which its answer is awaited: now, for a timer that fires late is no
    /// fault of the server; or the moment when it was due, where that is over because earlier answers took so long.
    pub async fn wait(&self) -> Instant {
        if Instant::now() > self.moment {
            return self.moment;
        }
        sleep_until(self.moment.into()).await;
        Instant::now()
    }
}

/// What came of the requests of a schedule.
#[derive(Default)]
pub struct Answers {
    /// From when each was due to its answer.
    latencies: RefCell<Latencies>,
    /// Those that were answered, whether their latency counts or not.
    answered: Cell<u32>,
}

impl Answers {
    /// One is there. `latency` is `None` where it does not count.
    pub fn push(&self, latency: Option<Duration>) {
        self.answered.set(self.answered.get() + 1);
        if let Some(latency) = latency {
            self.latencies.borrow_mut().push(latency);
        }
    }

    /// Members of a JSON object: the latencies, and how many requests there were and failed.
    pub fn to_json(&self, schedule: &Schedule) -> String {
        let (requests, latencies) = (schedule.count, self.latencies.borrow().to_json("answer"));
        let failures = requests - self.answered.get();
        let seconds = schedule.started.elapsed().as_secs_f64();
        format!(
            "\"requests\":{requests},\"failures\":{failures},\"seconds\":{seconds:.3},{latencies}"
        )
    }
}

/// The length of the body of a hello.
pub const HELLO_BYTES: usize = 14;

/// Opens so many connections, reports, sends requests at this rate over them, and reports. An answer whose body has not so many
/// `bytes` is a failure.
pub async fn run(
    port: u16,
    rate: u32,
    seconds: u32,
    connections: usize,
    bytes: usize,
) -> Result<(), Failure> {
    let open = open(port, connections).await?;
    phase::finished("open", &format!("\"connections\":{connections}")).await?;
    let figures = send(port, open, rate, seconds, bytes, |_| Some("/")).await?;
    phase::finished("rate", &figures).await
}

/// Opens so many connections. One with no request on it is closed early, so that each carries one.
pub async fn open(port: u16, connections: usize) -> Result<Vec<Connection>, Failure> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Connection::open(port).await?;
        connection.call(Method::GET, "/").await?;
        open.push(connection);
    }
    Ok(open)
}

/// Sends requests over these connections and returns the figures. `bytes` is the length of each answer's body; `path` says for a request's number what it asks for, or
/// `None` for a request of `/compute`, the latency of which does not count.
pub async fn send(
    port: u16,
    open: Vec<Connection>,
    rate: u32,
    seconds: u32,
    bytes: usize,
    path: fn(u32) -> Option<&'static str>,
) -> Result<String, Failure> {
    let schedule = Rc::new(Schedule::new(rate, seconds));
    let answers = Rc::new(Answers::default());
    let tasks: Vec<_> = open
        .into_iter()
        .map(|connection| {
            let (schedule, answers) = (Rc::clone(&schedule), Rc::clone(&answers));
            spawn_local(async move {
                one_connection(port, connection, &schedule, &answers, bytes, path).await;
            })
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    Ok(answers.to_json(&schedule))
}

/// Takes one request after another until none is left.
async fn one_connection(
    port: u16,
    mut connection: Connection,
    schedule: &Schedule,
    answers: &Answers,
    bytes: usize,
    path: fn(u32) -> Option<&'static str>,
) {
    while let Some(due) = schedule.take() {
        let started = due.wait().await;
        let path = path(due.number);
        let call = call(port, &mut connection, path.unwrap_or("/compute"));
        match timeout(PATIENCE, call).await {
            Ok(Ok(body)) if body.len() == bytes => {
                answers.push(path.map(|_| started.elapsed()));
            }
            // What failed is missing among the answers; the next request is another matter.
            _ => {
                if let Ok(fresh) = Connection::open(port).await {
                    connection = fresh;
                }
            }
        }
    }
}

/// One request; on a new connection where the server has ended the last one, as it may behind an answer.
async fn call(port: u16, connection: &mut Connection, path: &str) -> Result<Bytes, Failure> {
    if !connection.is_ready().await {
        *connection = Connection::open(port).await?;
    }
    connection.call(Method::GET, path).await
}

#[cfg(test)]
mod tests {
    use super::{Answers, Schedule};
    use std::time::Duration;

    #[test]
    fn takes_as_many_as_there_are_in_all_seconds() {
        let schedule = Schedule::new(4, 2);
        let dues: Vec<_> = std::iter::from_fn(|| schedule.take()).collect();
        assert_eq!(dues.len(), 8);
        assert_eq!(dues[5].number, 5);
        let offset = dues[6].moment - schedule.started;
        assert_eq!(offset, Duration::from_millis(1500));
    }

    #[test]
    fn counts_what_was_not_answered() {
        let answers = Answers::default();
        answers.push(Some(Duration::from_millis(2)));
        answers.push(None);
        let json = answers.to_json(&Schedule::new(3, 1));
        assert!(json.starts_with("\"requests\":3,\"failures\":1,"), "{json}");
        assert!(json.contains("\"answer_p50\":2.000"), "{json}");
    }
}
