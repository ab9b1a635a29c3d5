//! The benchmark's client where one request after another is not enough: it holds thousands of connections or
//! open streams, and counts what arrives on them. It runs on one thread, so that one core is enough for it.
//!
//! ```text
//! bench-client idle PORT CONNECTIONS           opens idle keep-alive connections
//! bench-client streams PORT STREAMS PATH       opens streams at PATH, broadcasts to them, closes them
//! bench-client soak PORT REQUESTS CONNECTIONS  sends so many requests of several kinds
//! ```
//!
//! After each phase it prints one line, a JSON object with the phase's figures, and waits for a line on standard
//! input before it goes on, so that whoever started it can look at the server in between.

mod http;
mod idle;
mod latency;
mod open_stream;
mod phase;
mod prober;
mod soak;
mod streams;
mod tally;

use std::error::Error;

use tokio::task::LocalSet;

/// What any part of the client may fail with; it ends the program with a message.
pub type Failure = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    LocalSet::new().run_until(run()).await
}

/// Runs the scenario that the command line names.
async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["idle", port, count] => idle::run(port.parse()?, count.parse()?).await,
        ["streams", port, count, path] => streams::run(port.parse()?, count.parse()?, path).await,
        ["soak", port, requests, connections] => {
            soak::run(port.parse()?, requests.parse()?, connections.parse()?).await
        }
        _ => Err(
            "usage: bench-client idle PORT CONNECTIONS | streams PORT STREAMS PATH | \
                  soak PORT REQUESTS CONNECTIONS"
                .into(),
        ),
    }
}
