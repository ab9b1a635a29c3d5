//! Bytes from the client to the application, behind a 101.

use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::{error::Result, stream::Gone, wakeups::Wakeups};

/// How much the client may send that the application has not read, in bytes.
const LIMIT: usize = 64 * 1024;

/// Bytes on their way from the client to the application, behind a 101.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    buffer: BytesMut,
    ended: Option<Option<Gone>>,
    /// The application reads no more.
    closed: bool,
    reader: Option<Waker>,
    feeder: Option<Waker>,
    closer: Option<Waker>,
}

impl Inbox {
    /// Ready when there is room for more.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.buffer.len() < LIMIT {
            return Poll::Ready(());
        }
        state.feeder = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Adds what came.
    pub(crate) fn feed(&self, data: &[u8]) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.buffer.extend_from_slice(data);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// From now on what comes is dropped, and the reader is at the end.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.buffer = BytesMut::new();
        state.ended = state.ended.or(Some(None));
        let wakers = [
            state.reader.take(),
            state.feeder.take(),
            state.closer.take(),
        ];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Waits until the application reads no more.
    pub(crate) async fn closed(&self) {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if state.closed {
                return Poll::Ready(());
            }
            state.closer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Notes the end: `None` for an EOF.
    pub(crate) fn end(&self, gone: Option<Gone>) {
        let mut state = self.state.lock();
        if state.ended.is_none() {
            state.ended = Some(gone);
        }
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Takes all that has come; `None` at the end.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        wakeups: &Wakeups,
    ) -> Poll<Result<Option<Bytes>>> {
        let mut state = self.state.lock();
        if !state.buffer.is_empty() {
            let data = std::mem::take(&mut state.buffer).freeze();
            let feeder = state.feeder.take();
            drop(state);
            if let Some(feeder) = feeder {
                wakeups.wake(feeder);
            }
            return Poll::Ready(Ok(Some(data)));
        }
        match state.ended {
            Some(None) => Poll::Ready(Ok(None)),
            Some(Some(gone)) => Poll::Ready(Err(gone.to_error())),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
