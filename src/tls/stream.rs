//! A connection behind its handshake, as a socket like the others: what reads and what writes
//! share it.

use std::{
    io::{self, Read},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use crate::fds::Listed;

/// The TCP connection under TLS.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Before the socket: the number may belong to somebody else right after the close.
    listed: Option<Listed>,
    tcp: TcpStream,
    /// Bytes that the kernel has taken.
    sent: AtomicU64,
}

impl Wire {
    pub(crate) fn new(tcp: TcpStream, listed: Option<Listed>) -> Self {
        Self {
            listed,
            tcp,
            sent: AtomicU64::new(0),
        }
    }

    /// What it was made of.
    pub(crate) fn into_parts(self) -> (TcpStream, Option<Listed>) {
        (self.tcp, self.listed)
    }
}

/// rustls' side of a [`Wire`].
#[derive(Debug)]
pub(super) struct Handle(Arc<Wire>);

impl Handle {
    pub(super) fn new(wire: Arc<Wire>) -> Self {
        Self(wire)
    }

    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.tcp.poll_write_ready(cx))?;
            match write(&self.0.tcp) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(written) => {
                    self.0.sent.fetch_add(written as u64, Relaxed);
                    return Poll::Ready(Ok(written));
                }
                error => return Poll::Ready(error),
            }
        }
    }
}

impl AsyncRead for Handle {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let tcp = &self.0.tcp;
        loop {
            ready!(tcp.poll_read_ready(cx))?;
            let space = buf.initialize_unfilled();
            let mut emptied = None;
            let read = tcp.try_io(Interest::READABLE, || {
                let read = (&*SockRef::from(tcp)).read(space)?;
                if 0 < read && read < space.len() {
                    // The kernel has no more: what is said here spares the call that would find
                    // that out, as Tokio's own `poll_read` does.
                    emptied = Some(read);
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(read)
            });
            match emptied.map_or(read, Ok) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(|read| buf.advance(read))),
            }
        }
    }
}

impl AsyncWrite for Handle {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |tcp| tcp.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |tcp| tcp.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.tcp).shutdown(std::net::Shutdown::Write))
    }
}

/// An encrypted connection. Dropped it says close_notify (RFC 8446 section 6.1), as far as the
/// kernel has room for it, unless it was broken off.
#[derive(Debug)]
pub(crate) struct Encrypted {
    wire: Arc<Wire>,
    session: Mutex<TlsStream<Handle>>,
    asks_for_certificate: bool,
    broken: AtomicBool,
}

impl Encrypted {
    pub(super) fn new(
        wire: Arc<Wire>,
        session: TlsStream<Handle>,
        asks_for_certificate: bool,
    ) -> Self {
        wire.sent.store(0, Relaxed);
        Self {
            wire,
            session: Mutex::new(session),
            asks_for_certificate,
            broken: AtomicBool::new(false),
        }
    }

    /// The connection under it.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.wire.tcp
    }

    /// The stream, for an owner that is alone.
    pub(crate) fn get_mut(&mut self) -> &mut (impl AsyncRead + AsyncWrite + Unpin + use<>) {
        self.session.get_mut()
    }

    /// Bytes that the kernel has taken since the handshake.
    pub(crate) fn sent(&self) -> u64 {
        self.wire.sent.load(Relaxed)
    }

    /// Whether the client was asked for its certificate.
    pub(crate) fn asks_for_certificate(&self) -> bool {
        self.asks_for_certificate
    }

    /// Whether both sides have agreed on HTTP/2 (RFC 9113 section 3.2).
    pub(crate) fn is_for_http2(&self) -> bool {
        self.session.lock().get_ref().1.alpn_protocol() == Some(b"h2")
    }

    /// The client's certificate in DER, where one was asked for and given.
    pub(crate) fn client_certificate(&self) -> Option<Vec<u8>> {
        let session = self.session.lock();
        let certificates = session.get_ref().1.peer_certificates()?;
        certificates.first().map(|first| first.to_vec())
    }

    /// The end is to be seen as a broken connection.
    pub(crate) fn break_off(&self) {
        self.broken.store(true, Relaxed);
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.session.lock()).poll_read(cx, buf)
    }

    /// Takes what there is room for. What is taken is on its way as far as the kernel had room;
    /// [`Encrypted::poll_flush`] sees to the rest.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut session = self.session.lock();
        ready!(Pin::new(&mut *session).poll_flush(cx))?;
        Pin::new(&mut *session).poll_write(cx, data)
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.session.lock()).poll_flush(cx)
    }

    /// Says close_notify, unless the connection is broken, and ends the write direction, behind all
    /// that was written.
    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken.load(Relaxed) {
            ready!(self.poll_flush(cx))?;
            return Poll::Ready(SockRef::from(self.tcp()).shutdown(std::net::Shutdown::Write));
        }
        Pin::new(&mut *self.session.lock()).poll_shutdown(cx)
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        if self.broken.load(Relaxed) {
            return;
        }
        let session = self.session.get_mut();
        session.get_mut().1.send_close_notify();
        // A client that takes nothing learns of the end by the close itself.
        let _ = Pin::new(session).poll_flush(&mut Context::from_waker(Waker::noop()));
    }
}
