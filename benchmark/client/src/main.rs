//! The benchmark's client where one request after another is not enough: it holds thousands of connections or
//! open streams, and counts what arrives on them. It runs on one thread, so that one core is enough for it.
//!
//! ```text
//! bench-client idle PORT CONNECTIONS [tls] [http2]
//!     opens idle keep-alive connections
//! bench-client streams PORT STREAMS PATH BROADCASTS [CONNECTIONS]
//!     opens streams at PATH, broadcasts to them, closes them
//! bench-client soak PORT REQUESTS CONNECTIONS
//!     sends so many requests of several kinds
//! bench-client handshakes PORT CONNECTIONS SECONDS
//!     connects with TLS, so many connections at a time
//! bench-client rate PORT RATE SECONDS CONNECTIONS BYTES
//!     sends so many requests a second over the connections; each answer's body has to have so many bytes
//! bench-client hold PORT PATH COUNT…
//!     opens streams at PATH until there are COUNT, for each COUNT in turn, and holds them
//! bench-client cpu_bound PORT RATE SECONDS CONNECTIONS STREAMS PATH
//!     the same, while one of a hundred computes and streams at PATH get heartbeats
//! bench-client cable PORT RATE SECONDS SUBSCRIBERS BROADCASTS
//!     has so many messages a second echoed by ActionCable, and broadcasts to WebSockets of it
//! bench-client message_bus PORT CLIENTS BROADCASTS
//!     broadcasts to long polls of MessageBus
//! ```
//!
//! Of `streams`: with CONNECTIONS they are those of so many connections of HTTP/2; without it, each is a response on a
//! connection of HTTP/1.1.
//!
//! After each phase it prints one line, a JSON object with the phase's figures, and waits for a line on standard
//! input before it goes on, so that whoever started it can look at the server in between.

mod broadcast;
mod cable;
mod cpu_bound;
mod handshakes;
mod hold;
mod http;
mod http2;
mod idle;
mod latency;
mod message_bus;
mod open_stream;
mod phase;
mod prober;
mod rate;
mod soak;
mod streams;
mod tally;
mod tls;
mod websocket;

use std::error::Error;

use tokio::task::LocalSet;

use idle::Protocol;
use open_stream::Source;

/// What any part of the client may fail with; it ends the program with a message.
pub type Failure = Box<dyn Error>;

/// What the command line has to look like.
const USAGE: &str = "usage: bench-client idle PORT CONNECTIONS [tls] [http2] | \
                     streams PORT STREAMS PATH BROADCASTS [CONNECTIONS] | soak PORT REQUESTS CONNECTIONS | \
                     handshakes PORT CONNECTIONS SECONDS | rate PORT RATE SECONDS CONNECTIONS BYTES | hold PORT PATH COUNT… | \
                     cpu_bound PORT RATE SECONDS CONNECTIONS STREAMS PATH | \
                     cable PORT RATE SECONDS SUBSCRIBERS BROADCASTS | message_bus PORT CLIENTS BROADCASTS";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    LocalSet::new().run_until(run()).await
}

/// Runs the scenario that the command line names.
async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["idle", port, count, protocol @ ..] => {
            idle::run(port.parse()?, count.parse()?, Protocol::of(protocol)?).await
        }
        ["streams", port, count, path, broadcasts, connections @ ..] => {
            let (port, count, broadcasts) = (port.parse()?, count.parse()?, broadcasts.parse()?);
            let source = match connections {
                [] => Source::Http1 { port },
                [connections] => Source::http2(port, connections.parse()?).await?,
                _ => return Err(USAGE.into()),
            };
            streams::run(port, count, path, broadcasts, source).await
        }
        ["soak", port, requests, connections] => {
            soak::run(port.parse()?, requests.parse()?, connections.parse()?).await
        }
        ["handshakes", port, connections, seconds] => {
            handshakes::run(port.parse()?, connections.parse()?, seconds.parse()?).await
        }
        ["rate", port, rate, seconds, connections, bytes] => {
            let (rate, seconds) = (rate.parse()?, seconds.parse()?);
            let (port, connections) = (port.parse()?, connections.parse()?);
            rate::run(port, rate, seconds, connections, bytes.parse()?).await
        }
        ["hold", port, path, counts @ ..] if !counts.is_empty() => {
            let counts: Result<Vec<usize>, _> = counts.iter().map(|count| count.parse()).collect();
            hold::run(port.parse()?, path, &counts?).await
        }
        ["cpu_bound", port, rate, seconds, connections, streams, path] => {
            let (port, rate, seconds) = (port.parse()?, rate.parse()?, seconds.parse()?);
            let (connections, streams) = (connections.parse()?, streams.parse()?);
            cpu_bound::run(port, rate, seconds, connections, streams, path).await
        }
        ["cable", port, rate, seconds, subscribers, broadcasts] => {
            let (port, rate, seconds) = (port.parse()?, rate.parse()?, seconds.parse()?);
            cable::run(
                port,
                rate,
                seconds,
                subscribers.parse()?,
                broadcasts.parse()?,
            )
            .await
        }
        ["message_bus", port, clients, broadcasts] => {
            message_bus::run(port.parse()?, clients.parse()?, broadcasts.parse()?).await
        }
        _ => Err(USAGE.into()),
    }
}
