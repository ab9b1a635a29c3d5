//! The network half of Penstock, a Rack server. No Ruby in it.
//!
//! A request goes one way and comes back one way, and the modules say so:
//!
//! socket → `listener` → `connection` → `protocol` (`http1`, `http2`) → `arrival` (`request`,
//! `input`, `spool`)
//! → [`exchange`] → [`queue`] ⇒ a thread of the application ⇒ [`response`], [`stream`]
//! → `outgoing` → `protocol` → socket
//!
//! Between listener and connection there may be a PROXY header (`proxy_protocol`) and the
//! handshake of TLS (`tls`).
//!
//! One thread runs all of the network (`server`). Threads of the application take exchanges
//! from the queue and answer them; what they have to tell the I/O thread goes through
//! `wakeups`, and what they have to wait for is a `poll_…` method that takes a waker. A
//! connection can leave hyper's hands: `hijack` gives its socket away, `upgrade` copies both
//! ways behind a 101. A [`group`] hands one [`message`] to many streams. A stream of HTTP/2 is what a
//! connection of HTTP/1 is: what tells them apart is in `carrier`.

#![forbid(unsafe_code)]

mod arrival;
mod carrier;
pub mod config;
mod connection;
mod deadlines;
mod dechunk;
pub mod error;
pub mod exchange;
mod fds;
pub mod group;
pub mod hijack;
mod http1;
mod http2;
mod inbox;
pub mod input;
mod io;
mod line;
mod listener;
pub mod log;
pub mod message;
pub mod network;
pub mod outbox;
mod outgoing;
mod progress;
mod protocol;
mod proxy_protocol;
pub mod queue;
pub mod request;
mod request_body;
pub mod response;
pub mod server;
pub mod socket;
mod spool;
pub mod stats;
pub mod stream;
pub mod tls;
mod upgrade;
#[cfg(test)]
mod wake_counter;
mod wakeups;
