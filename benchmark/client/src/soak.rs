//! A number of requests of several kinds, each answer of which is checked. The server runs `apps/mix.ru`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use tokio::task::spawn_local;

use crate::http::{Connection, Reply};
use crate::{Failure, phase};

/// The kinds of request, by the path in `apps/mix.ru`; one with a body is a POST.
const KINDS: [(&str, Bytes); 6] = [
    ("/hello", Bytes::new()),
    ("/echo", Bytes::from_static(&[b'x'; 1024])),
    ("/enumerable", Bytes::new()),
    ("/streaming", Bytes::new()),
    ("/partial_hijack", Bytes::new()),
    ("/full_hijack", Bytes::new()),
];

/// What all connections share.
struct Work {
    /// Requests that no connection has taken yet.
    left: Cell<usize>,
    /// Bytes in the body of each kind's first answer, by its path. Each further answer has to have as many.
    lengths: RefCell<BTreeMap<&'static str, usize>>,
    /// Requests that failed, or got another status than 200 or another body than the first of their kind.
    failures: Cell<usize>,
}

/// Sends `requests` over `connections`, reports, and does it once more.
pub async fn run(port: u16, requests: usize, connections: usize) -> Result<(), Failure> {
    for half in ["first", "second"] {
        let started = Instant::now();
        let work = Rc::new(Work {
            left: Cell::new(requests),
            lengths: RefCell::default(),
            failures: Cell::new(0),
        });
        let tasks: Vec<_> = (0..connections)
            .map(|_| spawn_local(one_connection(port, Rc::clone(&work))))
            .collect();
        for task in tasks {
            task.await?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let failures = work.failures.get();
        let figures =
            format!("\"requests\":{requests},\"failures\":{failures},\"seconds\":{seconds:.3}");
        phase::finished(half, &figures).await?;
    }
    Ok(())
}

/// Takes one request after another until none is left. A connection that was closed, as after a full hijack, is
/// replaced.
async fn one_connection(port: u16, work: Rc<Work>) {
    let mut connection = None;
    while let Some(left) = work.left.get().checked_sub(1) {
        work.left.set(left);
        let (path, body) = &KINDS[left % KINDS.len()];
        let good = match request(port, &mut connection, path, body.clone()).await {
            Ok(reply) => {
                let first = *work
                    .lengths
                    .borrow_mut()
                    .entry(path)
                    .or_insert(reply.body.len());
                reply.status == StatusCode::OK && reply.body.len() == first
            }
            Err(_) => {
                connection = None;
                false
            }
        };
        if !good {
            work.failures.set(work.failures.get() + 1);
        }
    }
}

/// Sends one request, on `connection` if that is open.
async fn request(
    port: u16,
    connection: &mut Option<Connection>,
    path: &str,
    body: Bytes,
) -> Result<Reply, Failure> {
    let mut open = match connection.take() {
        Some(open) if !open.is_closed() => open,
        _ => Connection::open(port).await?,
    };
    let method = if body.is_empty() {
        Method::GET
    } else {
        Method::POST
    };
    let reply = open.send(method, path, body).await?;
    *connection = Some(open);
    Ok(reply)
}
