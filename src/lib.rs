//! The network half of Penstock, a Rack server. No Ruby in it.
//!
//! A request goes one way and comes back one way, and the modules say so:
//!
//! socket → `listener` → `connection` → `protocol` → `service` (`request`, `input`, `spool`)
//! → [`exchange`] → [`queue`] ⇒ a thread of the application ⇒ [`response`], [`stream`]
//! → `outgoing` → `protocol` → socket
//!
//! One thread runs all of the network (`server`). Threads of the application take exchanges
//! from the queue and answer them; what they have to tell the I/O thread goes through
//! `wakeups`, and what they have to wait for is a `poll_…` method that takes a waker. A
//! connection can leave hyper's hands: `hijack` gives its socket away, `upgrade` copies both
//! ways behind a 101.

#![forbid(unsafe_code)]

pub mod config;
mod connection;
mod deadlines;
mod dechunk;
pub mod error;
pub mod exchange;
mod fds;
pub mod hijack;
mod inbox;
pub mod input;
mod io;
mod listener;
pub mod log;
pub mod outbox;
mod outgoing;
mod protocol;
pub mod queue;
pub mod request;
mod request_body;
pub mod response;
pub mod server;
mod service;
pub mod socket;
mod spool;
pub mod stats;
pub mod stream;
mod tls;
mod upgrade;
#[cfg(test)]
mod wake_counter;
mod wakeups;
