//! The Ruby extension of Penstock: the core's server and its exchanges as Ruby objects, one
//! file for each class. The waits and what unsafe code they need are in `gvl`.
#![expect(
    missing_docs,
    reason = "the function that magnus::init exports carries no comment"
)]

mod config;
mod development_certificate;
mod env;
mod error;
mod fd;
mod group;
mod guarded;
mod gvl;
mod lease;
mod memory;
mod receiver;
mod receiving;
mod response;
mod server;
mod stream;
mod strings;
mod template;

use magnus::{Error, Ruby};

/// Called by Ruby when the extension is loaded.
#[magnus::init(name = "penstock")]
fn init(ruby: &Ruby) -> Result<(), Error> {
    let penstock = ruby.define_module("Penstock")?;
    strings::init(ruby);
    stream::init(ruby, penstock)?;
    group::init(ruby, penstock)?;
    lease::init(ruby, penstock)?;
    server::init(ruby, penstock)?;
    development_certificate::init(penstock)
}
