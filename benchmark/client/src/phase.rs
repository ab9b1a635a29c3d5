//! The conversation with whoever started the client.

use std::io::{Write, stdin, stdout};

use crate::Failure;

/// Prints the figures of a phase as one line of JSON and waits for a line on standard input. `figures` are the
/// members of the object, without the braces. An end of file instead of the line is an error: nobody is there.
pub async fn finished(name: &str, figures: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "{{\"phase\":\"{name}\",{figures}}}")?;
    out.flush()?;
    drop(out);

    let bytes = tokio::task::spawn_blocking(|| stdin().read_line(&mut String::new())).await??;
    if bytes == 0 {
        return Err("standard input was closed in the middle of the scenario".into());
    }
    Ok(())
}
