//! The time-outs of a connection: which of them runs in which phase, and the one timer for all.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use http::StatusCode;
use tokio::{
    task::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

use crate::{
    connection::{Connection, Phase, State},
    progress::earliest,
};

/// How long a connection is idle, or a response streams, before hyper's state, and with it some 10 KB,
/// is let go.
const REST_AFTER: Duration = Duration::from_secs(1);

/// A time-out that has struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// Nobody is owed an answer.
    Silently,
    /// The client is told.
    With(StatusCode),
    /// The client takes nothing.
    Stalled,
    /// Nothing has come for a while, or goes out at the moment, and hyper can rest.
    Idle,
}

impl Connection {
    /// When to look again whether the client takes what waits for it.
    fn stalled(&self, now: Instant) -> Result<Option<Instant>, Expired> {
        if !self.io.is_blocked() {
            return Ok(None);
        }
        let config = &self.server.config;
        let write_timeout = match self.current() {
            Some(exchange) => exchange.write_timeout(),
            None => config.write_timeout,
        };
        self.io
            .stalled(now, write_timeout, config.min_write_rate)
            .map_err(|_| Expired::Stalled)
    }

    /// When to look at the time-outs again.
    ///
    /// # Errors
    /// One has struck.
    pub(crate) fn next_deadline(&self, now: Instant) -> Result<Option<Instant>, Expired> {
        let config = &self.server.config;
        let received = self.io.received();
        let (phase, since, resting, outlasts, body) = {
            let mut state = self.state.lock();
            // A client that still reads the last response is not idle.
            if state.phase == Phase::Idle && !self.io.is_flushed() {
                state.since = now;
            }
            state.body.note(received, now);
            let State {
                phase,
                since,
                resting,
                outlasts,
                body,
                ..
            } = *state;
            (phase, since, resting, outlasts, body)
        };
        let stalled = self.stalled(now)?;
        let late = Expired::With(StatusCode::REQUEST_TIMEOUT);
        let (timeout, expired) = match phase {
            Phase::Fresh => (config.first_byte_timeout, Expired::Silently),
            Phase::Idle => (config.keep_alive_timeout, Expired::Silently),
            Phase::Head => (config.header_timeout, late),
            Phase::Body => {
                let next = body.check(now, config.body_timeout, config.min_body_rate);
                return Ok(earliest(next.map_err(|_| late)?, stalled));
            }
            Phase::Busy if outlasts && !resting => {
                let rest = since + REST_AFTER;
                if now < rest {
                    return Ok(earliest(Some(rest), stalled));
                }
                // Else at another turn: a write is one.
                return match self.is_stream_at_rest() {
                    true => Err(Expired::Idle),
                    false => Ok(stalled),
                };
            }
            Phase::Busy | Phase::Upload => return Ok(stalled),
        };
        let mut deadline = timeout.map(|timeout| since + timeout);
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(expired);
        }
        if phase == Phase::Idle && !resting {
            let rest = since + REST_AFTER;
            if now >= rest && self.io.is_flushed() {
                return Err(Expired::Idle);
            }
            deadline = earliest(deadline, Some(rest));
        }
        Ok(earliest(deadline, stalled))
    }
}

/// One timer for every time-out of a connection. It is armed for the earliest deadline and
/// looked at when it fires: a deadline that has moved on since costs nothing until then. It wakes
/// whoever has polled it first, so that it has to stay with one task.
#[derive(Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl Timer {
    /// Ready when a time-out of `connection` has struck.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<Expired> {
        self.poll_with(cx, |now| connection.next_deadline(now))
    }

    /// Ready at `deadline`; `None`: never.
    pub(crate) fn poll_at(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        self.poll_with(cx, |now| match deadline {
            Some(deadline) if now >= deadline => Err(()),
            deadline => Ok(deadline),
        })
    }

    /// Ready when one of those has struck of which `next_deadline` tells.
    pub(crate) fn poll_with<E>(
        &mut self,
        cx: &mut Context<'_>,
        mut next_deadline: impl FnMut(Instant) -> Result<Option<Instant>, E>,
    ) -> Poll<E> {
        loop {
            let now = Instant::now();
            let deadline = match next_deadline(now) {
                Ok(deadline) => deadline,
                Err(expired) => return Poll::Ready(expired),
            };
            let Some(deadline) = deadline else {
                return Poll::Pending;
            };
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            let armed = self.armed && deadline >= sleep.deadline();
            if armed && now < sleep.deadline() {
                // It wakes this task, the only one that ever asks.
                return Poll::Pending;
            }
            if !armed {
                sleep.as_mut().reset(deadline);
                self.armed = true;
            }
            // Whatever the turn has done before: a poll that is put off leaves nothing to wake the
            // task.
            let sleep = pin!(unconstrained(sleep.as_mut()));
            if sleep.poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.armed = false;
        }
    }
}
