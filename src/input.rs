//! The body of a request: whole (in memory or in a file), or as it comes.

mod limits;

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

pub(crate) use self::limits::{Limits, without_control_fields};

use crate::{
    config::RATE_GRACE,
    error::{Error, Kind, Result},
    inbox::Inbox,
    request::size_of_fields,
    request_body::RequestBody,
    wakeups::Wakeups,
};

/// How much of a body that nobody read is received after the response, so that the connection
/// can be kept, in bytes.
const DRAIN_LIMIT: u64 = 256 * 1024;

/// A request body as the application finds it.
#[derive(Debug)]
pub enum Input {
    /// There is none.
    Empty,
    /// Whole, in memory.
    Memory(Bytes),
    /// Whole, in a file without a name, from its start.
    File {
        /// The open file, positioned at 0.
        file: File,
        /// Its length in bytes.
        length: u64,
    },
    /// Still under way.
    Streaming,
}

/// A request body that the application reads as it comes.
pub(crate) struct BodyReader {
    state: Mutex<State>,
    /// Whether it has ever had something to read.
    live: AtomicBool,
    limits: Limits,
}

struct State {
    /// Received before the application was called.
    early: VecDeque<Bytes>,
    source: Source,
    received: u64,
    /// How long the application has waited for the client in all.
    waited: Duration,
    /// The client has sent all of its body, and no part of it is still on its way.
    complete: bool,
    failure: Option<(Kind, &'static str)>,
    trailers: Option<Box<HeaderMap>>,
    /// Who waits for more of it. The protocol knows only the last one that has asked, and forgets
    /// it where the body is given up.
    readers: Vec<Waker>,
    /// A place among the exchanges with unfinished bodies.
    permit: Option<OwnedSemaphorePermit>,
    expects_continue: bool,
}

enum Source {
    Body(RequestBody),
    Raw(Arc<Inbox>),
    Ended,
}

impl BodyReader {
    pub(crate) fn new(
        early: VecDeque<Bytes>,
        body: RequestBody,
        limits: Limits,
        permit: OwnedSemaphorePermit,
        expects_continue: bool,
    ) -> Self {
        let received = early.iter().map(|chunk| chunk.len() as u64).sum();
        let state = State {
            early,
            source: Source::Body(body),
            received,
            waited: Duration::ZERO,
            complete: false,
            failure: None,
            trailers: None,
            readers: Vec::new(),
            permit: Some(permit),
            expects_continue,
        };
        Self {
            state: Mutex::new(state),
            live: AtomicBool::new(true),
            limits,
        }
    }

    /// What the client of an extended CONNECT sends, for which there is no limit.
    pub(crate) fn tunnel(body: RequestBody) -> Self {
        let reader = Self::ended(Limits::none());
        {
            let mut state = reader.state.lock();
            state.source = Source::Body(body);
            state.complete = false;
        }
        reader.live.store(true, Ordering::Relaxed);
        reader
    }

    /// A body that has ended, which a protocol switch may replace.
    pub(crate) fn ended(limits: Limits) -> Self {
        let state = State {
            early: VecDeque::new(),
            source: Source::Ended,
            received: 0,
            waited: Duration::ZERO,
            complete: true,
            failure: None,
            trailers: None,
            readers: Vec::new(),
            permit: None,
            expects_continue: false,
        };
        Self {
            state: Mutex::new(state),
            live: AtomicBool::new(false),
            limits,
        }
    }

    /// Whether there is, or was, something to read.
    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// From now on what comes behind the 101 is the input: what is fed to the inbox that is
    /// returned, the same one each time.
    pub(crate) fn switch(&self) -> Arc<Inbox> {
        let mut state = self.state.lock();
        if let Source::Raw(inbox) = &state.source {
            return inbox.clone();
        }
        let inbox = Arc::new(Inbox::default());
        self.live.store(true, Ordering::Relaxed);
        state.source = Source::Raw(inbox.clone());
        inbox
    }

    /// The longest silence that a reader has to bear, if there is a limit: none after a 101.
    pub(crate) fn silence(&self) -> Option<Duration> {
        match self.state.lock().source {
            Source::Raw(_) => None,
            _ => self.limits.silence,
        }
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        wakeups: &Wakeups,
    ) -> Poll<Result<Option<Bytes>>> {
        let mut state = self.state.lock();
        if let Some(chunk) = state.early.pop_front() {
            return Poll::Ready(Ok(Some(chunk)));
        }
        if let Some((kind, message)) = state.failure {
            return Poll::Ready(Err(Error::new(kind, message)));
        }
        // Who only looks must not take the place of one that waits.
        let looks = cx.waker().will_wake(Waker::noop());
        let waiting = state.readers.last().filter(|_| looks).cloned();
        loop {
            let body = match &mut state.source {
                Source::Ended => return Poll::Ready(Ok(None)),
                Source::Raw(inbox) => {
                    let inbox = inbox.clone();
                    drop(state);
                    return inbox.poll_receive(cx, wakeups);
                }
                Source::Body(body) => body,
            };
            let waker = waiting.as_ref().unwrap_or(cx.waker());
            let frame = body.poll_frame(&mut Context::from_waker(waker));
            state.readers.retain(|reader| !reader.will_wake(cx.waker()));
            let Poll::Ready(frame) = frame else {
                if !looks {
                    state.readers.push(cx.waker().clone());
                }
                return Poll::Pending;
            };
            // The protocol may know only this one: others that wait have to ask again.
            state.readers.drain(..).for_each(Waker::wake);
            match frame {
                None => {
                    state.complete = true;
                    state.end();
                }
                Some(Err(_)) => {
                    return Poll::Ready(Err(state.fail(
                        Kind::Malformed,
                        "the request body is malformed or ended early",
                    )));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        state.received += data.len() as u64;
                        if self.limits.is_exceeded_by(state.received) {
                            return Poll::Ready(Err(state.fail(
                                Kind::TooLarge,
                                "the request body is larger than max_body_bytes",
                            )));
                        }
                        if !data.is_empty() {
                            return Poll::Ready(Ok(Some(data)));
                        }
                    }
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        if size_of_fields(&trailers) > self.limits.max_trailers {
                            return Poll::Ready(Err(state.fail(
                                Kind::Malformed,
                                "the request's trailers are larger than max_trailer_bytes",
                            )));
                        }
                        state.trailers = Some(Box::new(limits::of_request(trailers)));
                    }
                },
            }
        }
    }

    /// Counts a wait of the application for the client.
    ///
    /// # Errors
    /// The client was silent for the whole of the body time-out (`silent`), or sends at less
    /// than the least rate. The body is then at its end for good.
    pub(crate) fn waited(&self, time: Duration, silent: bool) -> Result<()> {
        let mut state = self.state.lock();
        state.waited += time;
        if silent {
            return Err(state.fail(
                Kind::TimedOut,
                "the client sent nothing of its body in time",
            ));
        }
        let Some(rate) = self.limits.min_rate else {
            return Ok(());
        };
        let due = rate as f64 * state.waited.as_secs_f64();
        if state.waited >= RATE_GRACE && (state.received as f64) < due {
            return Err(state.fail(Kind::TimedOut, "the client sends its body too slowly"));
        }
        Ok(())
    }

    /// A wait was given up. Others that wait ask again.
    pub(crate) fn cancel_receive(&self) {
        if self.is_live() {
            let readers = std::mem::take(&mut self.state.lock().readers);
            readers.into_iter().for_each(Waker::wake);
        }
    }

    /// Takes the body out of the application's hands; `None`: it has ended.
    pub(crate) fn take_body(&self) -> Option<RequestBody> {
        let source = self.state.lock().end_source();
        match source {
            Source::Body(body) => Some(body),
            Source::Raw(_) | Source::Ended => None,
        }
    }

    /// Whether the client has sent all of its body: else something may still be on its way.
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_live() || self.state.lock().complete
    }

    /// The trailers that came behind the body.
    pub(crate) fn trailers(&self) -> Option<HeaderMap> {
        self.state.lock().trailers.as_deref().cloned()
    }

    /// What broke the body, if anything did.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state
            .lock()
            .failure
            .map(|(kind, message)| Error::new(kind, message))
    }

    /// Gives the place among the exchanges with unfinished bodies up: no thread waits any more.
    pub(crate) fn release(&self) {
        if !self.is_live() {
            return;
        }
        self.state.lock().permit = None;
    }

    /// Nobody will read the rest: a little of it is received on the I/O thread so that the
    /// connection can be kept, and more makes hyper close it.
    pub(crate) fn discard(&self, runtime: &tokio::runtime::Handle, patience: Duration) {
        let mut state = self.state.lock();
        state.early.clear();
        let expects_continue = state.expects_continue;
        // What comes behind a 101 has no end of its own: the inbox stays, and drops it.
        if let Source::Raw(inbox) = &state.source {
            inbox.close();
            return;
        }
        let source = state.end_source();
        drop(state);
        if let Source::Body(body) = source {
            // A client that still waits for its 100 must not be asked for the body now.
            if !expects_continue {
                runtime.spawn(async move {
                    // Late or whole: the body is given up either way.
                    let _ = tokio::time::timeout(patience, drain(body)).await;
                });
            }
        }
    }
}

async fn drain(mut body: RequestBody) {
    let mut received = 0;
    while let Some(Ok(frame)) = poll_fn(|cx| body.poll_frame(cx)).await {
        received += frame.data_ref().map_or(0, |data| data.len() as u64);
        if received > DRAIN_LIMIT {
            return;
        }
    }
}

impl State {
    fn end(&mut self) {
        drop(self.end_source());
    }

    fn end_source(&mut self) -> Source {
        self.permit = None;
        // A read that another thread's close has overtaken is at the end.
        self.readers.drain(..).for_each(Waker::wake);
        std::mem::replace(&mut self.source, Source::Ended)
    }

    fn fail(&mut self, kind: Kind, message: &'static str) -> Error {
        self.end();
        self.failure = Some((kind, message));
        Error::new(kind, message)
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader").finish_non_exhaustive()
    }
}
