//! Ordinary requests that go on while something else happens.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use crate::Failure;
use crate::http::Connection;
use crate::latency::Latencies;

/// Between an answer and the next request.
const PAUSE: Duration = Duration::from_millis(10);

/// What has been measured since the last look.
#[derive(Default)]
struct Figures {
    /// From each request to its answer.
    latencies: Latencies,
    /// Requests that failed or got another status than 200.
    failures: usize,
}

/// A connection of its own that sends one small request after another.
pub struct Prober {
    /// Shared with the task.
    figures: Rc<RefCell<Figures>>,
    /// The task that sends the requests.
    task: JoinHandle<()>,
}

impl Prober {
    /// Connects and begins.
    pub async fn start(port: u16) -> Result<Self, Failure> {
        let figures: Rc<RefCell<Figures>> = Rc::default();
        let mut connection = Connection::open(port).await?;
        let shared = Rc::clone(&figures);
        let task = spawn_local(async move {
            loop {
                let started = Instant::now();
                let answer = connection.call(Method::GET, "/hello").await;
                match answer {
                    Ok(_) => shared.borrow_mut().latencies.push(started.elapsed()),
                    Err(_) => shared.borrow_mut().failures += 1,
                }
                if connection.is_closed() {
                    // The server may close a connection between requests; one that cannot be replaced is counted.
                    match Connection::open(port).await {
                        Ok(fresh) => connection = fresh,
                        Err(_) => shared.borrow_mut().failures += 1,
                    }
                }
                sleep(PAUSE).await;
            }
        });
        Ok(Self { figures, task })
    }

    /// The figures since the last look, as members of a JSON object; they begin anew.
    pub fn take_json(&self) -> String {
        let figures = self.figures.take();
        let (requests, failures) = (figures.latencies.len(), figures.failures);
        let latencies = figures.latencies.to_json("ordinary");
        format!("\"ordinary_requests\":{requests},\"ordinary_failures\":{failures},{latencies}")
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.task.abort();
    }
}
