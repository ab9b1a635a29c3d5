//! hyper's side of the I/O object.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll},
};

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, ReadBuf};

use super::{Facts, Given, Io, taken};

impl hyper::rt::Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let facts = &self.0.facts;
        let mut state = self.0.state.lock();
        let state = &mut *state;
        if state.read_prefetched(buf.remaining(), |bytes| buf.put_slice(bytes)) {
            return Poll::Ready(Ok(()));
        }
        if facts.eof.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let Some(socket) = &mut state.socket else {
            return Poll::Ready(Err(taken()));
        };
        // The cursor has no safe way to be read into: it is read through this space, whose
        // size is that of hyper's first read.
        let mut space = [const { MaybeUninit::uninit() }; 8192];
        let limit = buf.remaining().min(space.len());
        let mut filled = ReadBuf::uninit(&mut space[..limit]);
        match Pin::new(socket).poll_read(cx, &mut filled) {
            Poll::Ready(Ok(())) if filled.filled().is_empty() => {
                facts.eof.store(true, Relaxed);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) => {
                buf.put_slice(filled.filled());
                Facts::add(&facts.received, filled.filled().len());
                state.given = Given::More;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                state.reader_waits = true;
                Poll::Pending
            }
        }
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bufs = [io::IoSlice::new(buf)];
        self.0.state.lock().poll_write(cx, &self.0.facts, &bufs)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.state.lock().poll_write(cx, &self.0.facts, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let facts = &self.0.facts;
        if !facts.unflushed.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        self.0.state.lock().poll_flush(cx, facts)
    }

    /// Says yes: the connection's task closes the socket in its own way.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
