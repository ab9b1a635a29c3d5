//! A socket as Tokio's traits have it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Socket, Stream};

/// Up to so many bytes in several pieces go as one: copying them costs less than what `writev`
/// does more than `send`.
const GATHERED: usize = 1024;

/// Applies one method of the traits to whichever socket it is.
macro_rules! delegate {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.stream {
            Stream::Tcp(tcp) => Pin::new(tcp).$method($($argument),*),
            Stream::Unix(unix) => Pin::new(unix).$method($($argument),*),
            Stream::Tls(tls) => Pin::new(tls.get_mut()).$method($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        delegate!(this, poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = delegate!(this, poll_write(cx, buf));
        written.map(|written| this.count(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = bufs {
            return self.poll_write(cx, only);
        }
        let length = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        if length <= GATHERED {
            let mut gathered = [0; GATHERED];
            let mut end = 0;
            for buf in bufs {
                gathered[end..end + buf.len()].copy_from_slice(buf);
                end += buf.len();
            }
            return self.poll_write(cx, &gathered[..end]);
        }
        let this = self.get_mut();
        let written = delegate!(this, poll_write_vectored(cx, bufs));
        written.map(|written| this.count(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        delegate!(this, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        delegate!(this, poll_shutdown(cx))
    }
}
