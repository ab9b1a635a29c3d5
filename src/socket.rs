//! A connected socket of any kind, and the addresses at its ends.

use std::{
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready},
    net::{TcpStream, UnixStream},
};

use crate::fds::{FdTable, Listed};

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    listed: Option<Listed>,
}

#[derive(Debug)]
enum Stream {
    /// From a TCP listener.
    Tcp(TcpStream),
    /// From a Unix listener, or one end of a pair.
    Unix(UnixStream),
}

/// The address of one end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Address and port.
    Ip(SocketAddr),
    /// A Unix socket, whose peers have no address.
    Unix,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Before the fields: the number may belong to somebody else right after the close.
        self.listed = None;
    }
}

impl Socket {
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        Self {
            stream: Stream::Tcp(stream),
            listed: None,
        }
    }

    pub(crate) fn unix(stream: UnixStream) -> Self {
        Self {
            stream: Stream::Unix(stream),
            listed: None,
        }
    }

    /// Has a forked child close its copy of the descriptor.
    pub(crate) fn list_in(&mut self, table: &Arc<FdTable>) {
        self.listed = Some(Listed::new(table, self.as_raw_fd()));
    }

    /// Whether it is a TCP connection.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.stream, Stream::Tcp(_))
    }

    /// Has the kernel send a reset instead of a FIN when the socket is dropped: what a client
    /// must take for a broken response (RFC 9112 section 9.6). A Unix socket has no reset.
    pub(crate) fn reset_on_drop(&self) {
        if let Stream::Tcp(tcp) = &self.stream {
            // A socket that is gone already cannot be reset, and need not be.
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }

    /// Ends the write direction: the peer reads an EOF.
    pub(crate) fn shutdown_write(&self) {
        let how = std::net::Shutdown::Write;
        // The peer may have ended the connection first; there is nothing left to tell it.
        let _ = match &self.stream {
            Stream::Tcp(tcp) => SockRef::from(tcp).shutdown(how),
            Stream::Unix(unix) => SockRef::from(unix).shutdown(how),
        };
    }

    /// Reads what is there, or waits for it; 0 at the end. Beside this one task no other may
    /// read.
    pub(crate) async fn read_some(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        loop {
            let read = match &self.stream {
                Stream::Tcp(tcp) => tcp.try_read_buf(buffer),
                Stream::Unix(unix) => unix.try_read_buf(buffer),
            };
            if !is_blocked(&read) {
                return read;
            }
            self.ready(Interest::READABLE).await?;
        }
    }

    /// Writes what the kernel takes, or waits for its room.
    pub(crate) async fn write_some(&self, data: &[u8]) -> io::Result<usize> {
        loop {
            let written = self.try_write(data);
            if !is_blocked(&written) {
                return written;
            }
            self.ready(Interest::WRITABLE).await?;
        }
    }

    /// Whether the connection has failed. Tells it once.
    pub(crate) fn has_failed(&self) -> bool {
        let error = match &self.stream {
            Stream::Tcp(tcp) => tcp.take_error(),
            Stream::Unix(unix) => unix.take_error(),
        };
        !matches!(error, Ok(None))
    }

    /// Whether the client has ended its side and all that it sent was read, by what the kernel
    /// knows: the runtime may not have heard of it yet.
    pub(crate) fn is_at_eof(&self) -> bool {
        let mut space = [MaybeUninit::uninit(); 1];
        let peeked = match &self.stream {
            Stream::Tcp(tcp) => SockRef::from(tcp).peek(&mut space),
            Stream::Unix(unix) => SockRef::from(unix).peek(&mut space),
        };
        matches!(peeked, Ok(0))
    }

    /// Writes what the kernel takes now.
    pub(crate) fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        match &self.stream {
            Stream::Tcp(tcp) => tcp.try_write(data),
            Stream::Unix(unix) => unix.try_write(data),
        }
    }

    /// Waits until the connection has failed: shows also while nobody reads or writes.
    pub(crate) async fn failed(&self) {
        // An error of the runtime is as good as one of the socket.
        let _ = self.ready(Interest::ERROR).await;
    }

    async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match &self.stream {
            Stream::Tcp(tcp) => tcp.ready(interest).await,
            Stream::Unix(unix) => unix.ready(interest).await,
        }
    }

    /// Registers a descriptor of a connected socket with the runtime.
    pub(crate) fn from_fd(fd: OwnedFd, is_tcp: bool) -> io::Result<Self> {
        if is_tcp {
            let tcp = std::net::TcpStream::from(fd);
            tcp.set_nonblocking(true)?;
            TcpStream::from_std(tcp).map(Self::tcp)
        } else {
            let unix = std::os::unix::net::UnixStream::from(fd);
            unix.set_nonblocking(true)?;
            UnixStream::from_std(unix).map(Self::unix)
        }
    }

    /// Has the kernel keep again as much unsent as it does by default: see the listener.
    pub(crate) fn unlimit_unsent(&self) {
        #[cfg(target_os = "linux")]
        if let Stream::Tcp(tcp) = &self.stream {
            // Where it cannot be had, it was not limited either. 0 is the system's own value.
            let _ = SockRef::from(tcp).set_tcp_notsent_lowat(0);
        }
    }

    /// Takes the descriptor out of the runtime.
    pub(crate) fn into_fd(mut self) -> io::Result<OwnedFd> {
        self.listed = None;
        // A value with a drop of its own cannot be taken apart; the descriptor is duplicated
        // for a moment, and the first one is closed with `self`.
        Ok(match &self.stream {
            Stream::Tcp(tcp) => SockRef::from(tcp).try_clone()?.into(),
            Stream::Unix(unix) => SockRef::from(unix).try_clone()?.into(),
        })
    }
}

fn is_blocked(result: &io::Result<usize>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match &self.stream {
            Stream::Tcp(tcp) => tcp.as_raw_fd(),
            Stream::Unix(unix) => unix.as_raw_fd(),
        }
    }
}

/// Applies one method of the traits to whichever socket it is.
macro_rules! delegate {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().stream {
            Stream::Tcp(tcp) => Pin::new(tcp).$method($($argument),*),
            Stream::Unix(unix) => Pin::new(unix).$method($($argument),*),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown(cx))
    }
}
