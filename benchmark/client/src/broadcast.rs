//! A message that the application sends to all that are open.

use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::task::spawn_local;

use crate::Failure;
use crate::http::Connection;
use crate::tally::Tally;

/// The longest that a step may take before what is missing counts as lost.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks over `control` that `message` be sent, and waits until it has arrived at `expected` of them. Returns the figures
/// as members of a JSON object. The application answers when it has written to the last one, which may be earlier or
/// later.
pub async fn broadcast(
    control: &mut Connection,
    tally: &Rc<Tally>,
    message: u64,
    expected: usize,
) -> Result<String, Failure> {
    tally.begin(message);
    let started = Instant::now();
    let arriving = Rc::clone(tally);
    let arrivals = spawn_local(async move {
        arriving
            .wait(PATIENCE, |tally| tally.lags().borrow().len() >= expected)
            .await;
        started.elapsed()
    });
    control
        .call(Method::POST, &format!("/broadcast/{message}"))
        .await?;
    let written = started.elapsed().as_secs_f64();
    let seconds = arrivals.await?.as_secs_f64();

    let lags = tally.lags().borrow().to_json("lag");
    let deliveries = tally.lags().borrow().len();
    let strays = tally.strays();
    Ok(format!(
        "\"deliveries\":{deliveries},\"expected\":{expected},\"strays\":{strays},\"seconds\":{seconds:.4},\
         \"written\":{written:.4},{lags}"
    ))
}
