//! Idle keep-alive connections: each has carried one request and waits for the next one.

use std::time::Instant;

use hyper::Method;
use tokio::task::spawn_local;

use crate::http::{Connection, connect};
use crate::{Failure, phase};

/// Connections that are opened at the same time; well below a listen backlog.
pub const OPENING: usize = 64;

/// Opens `count` connections with a request on each, reports, and closes them when it is told to go on.
pub async fn run(port: u16, count: usize) -> Result<(), Failure> {
    let started = Instant::now();
    let mut connections = Vec::with_capacity(count);
    while connections.len() < count {
        let first = connections.len();
        let opening: Vec<_> = (first..count.min(first + OPENING))
            .map(|index| spawn_local(one_request(port, index)))
            .collect();
        for connection in opening {
            connections.push(connection.await??);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    phase::finished(
        "open",
        &format!("\"connections\":{count},\"seconds\":{seconds:.3}"),
    )
    .await?;

    let lost = connections
        .iter()
        .filter(|connection| connection.is_closed())
        .count();
    drop(connections);
    phase::finished("close", &format!("\"lost\":{lost}")).await
}

/// Opens the `index`th connection and sends a request on it. An error is text: it comes from another task.
async fn one_request(port: u16, index: usize) -> Result<Connection, String> {
    let stream = connect(port, index).await.map_err(|e| e.to_string())?;
    let mut connection = Connection::on(stream).await.map_err(|e| e.to_string())?;
    connection
        .call(Method::GET, "/")
        .await
        .map_err(|e| e.to_string())?;
    Ok(connection)
}
