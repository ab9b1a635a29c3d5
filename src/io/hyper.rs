//! hyper's side of the I/O object.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll, ready},
};

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, ReadBuf};

use super::{Facts, Given, Io, taken};
use crate::socket::Socket;

/// How much room hyper's first read has, in bytes, which is enough for a head.
const FIRST_READ: usize = 8192;

/// How much is read at once of what fills that room, which bodies do, in bytes.
const LARGEST_READ: usize = 64 * 1024;

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
        let read = if buf.remaining() > FIRST_READ {
            read::<LARGEST_READ>(socket, cx, &mut buf)
        } else {
            read::<FIRST_READ>(socket, cx, &mut buf)
        };
        match read {
            Poll::Ready(Ok(0)) => facts.eof.store(true, Relaxed),
            Poll::Ready(Ok(length)) => {
                Facts::add(&facts.received, length);
                state.given = Given::More;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {
                state.reader_waits = true;
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads `N` bytes at the most, and says how many those were. The cursor has no safe way to be read
/// into: it is read through a space on the stack.
#[inline(never)]
fn read<const N: usize>(
    socket: &mut Socket,
    cx: &mut Context<'_>,
    buf: &mut ReadBufCursor<'_>,
) -> Poll<io::Result<usize>> {
    let mut space = [const { MaybeUninit::uninit() }; N];
    let limit = buf.remaining().min(N);
    let mut filled = ReadBuf::uninit(&mut space[..limit]);
    ready!(Pin::new(socket).poll_read(cx, &mut filled))?;
    buf.put_slice(filled.filled());
    Poll::Ready(Ok(filled.filled().len()))
}

impl hyper::rt::Write for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let bufs = [io::IoSlice::new(buf)];
        self.0.poll_write(cx, &bufs)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    /// Says yes: the connection's task closes the socket in its own way.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::Arc};

    use hyper::rt::{Read, ReadBuf};
    use tokio::{io::AsyncWriteExt, net::UnixStream};

    use super::*;
    use crate::io::Shared;

    #[tokio::test]
    async fn a_buffer_with_room_for_more_than_a_head_is_filled_at_once() {
        let (ours, mut client) = UnixStream::pair().unwrap();
        client.write_all(&[b'x'; 50_000]).await.unwrap();
        let mut io = Io(Arc::new(Shared::new(Socket::unix(ours))));
        let mut space = vec![0; 60_000];
        let mut buf = ReadBuf::new(&mut space);
        poll_fn(|cx| Read::poll_read(Pin::new(&mut io), cx, buf.unfilled()))
            .await
            .unwrap();
        assert_eq!(buf.filled(), [b'x'; 50_000]);
    }
}
