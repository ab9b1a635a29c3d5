//! The Ruby extension of Penstock.
#![expect(
    missing_docs,
    reason = "the function that magnus::init exports carries no comment"
)]

use magnus::{Error, Ruby};

/// Called by Ruby when the extension is loaded.
#[magnus::init(name = "penstock")]
fn init(_ruby: &Ruby) -> Result<(), Error> {
    Ok(())
}
