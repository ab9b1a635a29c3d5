//! A connected socket of any kind, and the addresses at its ends.

mod io_traits;

use std::{
    fmt,
    future::poll_fn,
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::{
    io::{Interest, ReadBuf, Ready},
    net::{TcpStream, UnixStream},
};

use crate::{
    fds::{FdTable, Listed},
    listener::unlimit_unsent,
    tls::{Acceptor, Encrypted, Failed, Wire},
};

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Before the stream: the number may belong to somebody else right after the close.
    listed: Option<Listed>,
    stream: Stream,
    /// Bytes that the kernel has taken; of an encrypted connection its wire counts them.
    sent: AtomicU64,
}

#[derive(Debug)]
enum Stream {
    /// From a TCP listener.
    Tcp(TcpStream),
    /// From a Unix listener, or one end of a pair.
    Unix(UnixStream),
    /// From a TCP listener, behind its handshake.
    Tls(Box<Encrypted>),
}

/// How much is read from an encrypted connection at once, in bytes.
const READ: usize = 4096;

/// What is known of an encrypted connection.
#[derive(Debug)]
pub(crate) struct Security {
    /// Whether the listener asks clients for their certificates.
    pub(crate) asks_for_certificate: bool,
    /// The client's certificate in DER, where one was asked for and given.
    pub(crate) client_certificate: Option<Vec<u8>>,
}

/// The address of one end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Address and port.
    Ip(SocketAddr),
    /// A Unix socket, whose peers have no address.
    Unix,
}

/// Who is at the ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The client.
    pub(crate) peer: Address,
    /// Where the client was received; `None`: where its socket says.
    pub(crate) local: Option<Address>,
    /// Whether whoever opened the connection is one of `trusted_proxies`.
    pub(crate) is_trusted: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(f),
            Address::Unix => f.write_str("a Unix socket"),
        }
    }
}

impl Socket {
    fn new(stream: Stream) -> Self {
        Self {
            listed: None,
            stream,
            sent: AtomicU64::new(0),
        }
    }

    pub(crate) fn tcp(stream: TcpStream) -> Self {
        Self::new(Stream::Tcp(stream))
    }

    pub(crate) fn unix(stream: UnixStream) -> Self {
        Self::new(Stream::Unix(stream))
    }

    /// Has a forked child close its copy of the descriptor.
    pub(crate) fn list_in(&mut self, table: &Arc<FdTable>) {
        self.listed = Some(Listed::new(table, self.as_raw_fd()));
    }

    /// The same, of one that is in the table already.
    pub(crate) fn keep_listed(&mut self, listed: Listed) {
        self.listed = Some(listed);
    }

    /// Makes a TCP connection an encrypted one.
    ///
    /// # Errors
    /// The handshake failed. With the connection under it, where the client was sent an alert,
    /// which a close could overtake.
    pub(crate) async fn encrypt(
        self,
        acceptor: &Acceptor,
    ) -> Result<Self, (io::Error, Option<Self>)> {
        let Stream::Tcp(tcp) = self.stream else {
            return Err((io::ErrorKind::Unsupported.into(), None));
        };
        match acceptor.accept(Wire::new(tcp, self.listed)).await {
            Ok(encrypted) => Ok(Self::new(Stream::Tls(Box::new(encrypted)))),
            Err(Failed { error, wire }) => {
                let plain = wire.map(|wire| {
                    let (tcp, listed) = wire.into_parts();
                    let socket = Self::new(Stream::Tcp(tcp));
                    Self { listed, ..socket }
                });
                Err((error, plain))
            }
        }
    }

    /// Where the client was received.
    pub(crate) fn local_address(&self) -> Address {
        let address = self.tcp_stream().and_then(|tcp| tcp.local_addr().ok());
        address.map_or(Address::Unix, Address::Ip)
    }

    /// Whether it is a TCP connection as the kernel has it.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.stream, Stream::Tcp(_))
    }

    /// Whether what it carries is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// What is known of an encrypted connection; `None`: it is none.
    pub(crate) fn security(&self) -> Option<Security> {
        match &self.stream {
            Stream::Tls(tls) => Some(Security {
                asks_for_certificate: tls.asks_for_certificate(),
                client_certificate: tls.client_certificate(),
            }),
            Stream::Tcp(_) | Stream::Unix(_) => None,
        }
    }

    /// Whether an encrypted connection is for HTTP/2, by ALPN; `None`: it is not encrypted, and
    /// its first bytes tell.
    pub(crate) fn is_for_http2(&self) -> Option<bool> {
        match &self.stream {
            Stream::Tls(tls) => Some(tls.is_for_http2()),
            Stream::Tcp(_) | Stream::Unix(_) => None,
        }
    }

    /// The TCP connection at the bottom.
    fn tcp_stream(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Tcp(tcp) => Some(tcp),
            Stream::Tls(tls) => Some(tls.tcp()),
            Stream::Unix(_) => None,
        }
    }

    fn as_socket(&self) -> SockRef<'_> {
        match &self.stream {
            Stream::Tcp(tcp) => SockRef::from(tcp),
            Stream::Unix(unix) => SockRef::from(unix),
            Stream::Tls(tls) => SockRef::from(tls.tcp()),
        }
    }

    /// Bytes that the kernel has taken, encrypted ones where it encrypts: which may be more than
    /// writes have returned, or less.
    pub(crate) fn sent(&self) -> u64 {
        match &self.stream {
            Stream::Tls(tls) => tls.sent(),
            Stream::Tcp(_) | Stream::Unix(_) => self.sent.load(Relaxed),
        }
    }

    fn count(&self, written: io::Result<usize>) -> io::Result<usize> {
        written.inspect(|written| _ = self.sent.fetch_add(*written as u64, Relaxed))
    }

    /// Has the kernel send a reset instead of a FIN when the socket is dropped: what a client
    /// must take for a broken response (RFC 9112 section 9.6). A Unix socket has no reset.
    pub(crate) fn reset_on_drop(&self) {
        self.break_off();
        if let Some(tcp) = self.tcp_stream() {
            // A socket that is gone already cannot be reset, and need not be.
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }

    /// Has an encrypted connection end without close_notify, so that its client sees what it has got
    /// as broken (RFC 8446 section 6.1). A plain one has nothing of the kind.
    pub(crate) fn break_off(&self) {
        if let Stream::Tls(tls) = &self.stream {
            tls.break_off();
        }
    }

    /// Ends the write direction behind all that was written: the peer reads an EOF.
    pub(crate) async fn shutdown_write(&self) {
        // The end of an encrypted connection is bytes too: those that wait for the client are not to
        // hold it up.
        if self.is_encrypted() {
            self.unlimit_unsent();
        }
        // The peer may have ended the connection first; there is nothing left to tell it.
        let _ = match &self.stream {
            Stream::Tls(tls) => poll_fn(|cx| tls.poll_shutdown(cx)).await,
            Stream::Tcp(_) | Stream::Unix(_) => {
                self.as_socket().shutdown(std::net::Shutdown::Write)
            }
        };
    }

    /// The same, given up after `limit`: the end of an encrypted connection is a message of its own,
    /// for which the kernel may not have room at once.
    pub(crate) async fn shutdown_write_within(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.shutdown_write()).await;
    }

    /// Reads what is there, or waits for it; 0 at the end. Beside this one task no other may
    /// read.
    pub(crate) async fn read_some(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        loop {
            let read = match &self.stream {
                Stream::Tcp(tcp) => tcp.try_read_buf(buffer),
                Stream::Unix(unix) => unix.try_read_buf(buffer),
                Stream::Tls(tls) => return read_encrypted(tls, buffer).await,
            };
            if !is_blocked(&read) {
                return read;
            }
            self.ready(Interest::READABLE).await?;
        }
    }

    /// Writes all, and waits until the kernel has it.
    pub(crate) async fn send_all(&self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            match self.write_some(data).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => data = &data[written..],
            }
        }
        match &self.stream {
            Stream::Tls(tls) => poll_fn(|cx| tls.poll_flush(cx)).await,
            Stream::Tcp(_) | Stream::Unix(_) => Ok(()),
        }
    }

    async fn write_some(&self, data: &[u8]) -> io::Result<usize> {
        loop {
            let written = match &self.stream {
                Stream::Tls(tls) => return poll_fn(|cx| tls.poll_write(cx, data)).await,
                Stream::Tcp(_) | Stream::Unix(_) => self.try_write(data),
            };
            if !is_blocked(&written) {
                return written;
            }
            self.ready(Interest::WRITABLE).await?;
        }
    }

    /// Whether the connection has failed. Tells it once.
    pub(crate) fn has_failed(&self) -> bool {
        !matches!(self.as_socket().take_error(), Ok(None))
    }

    /// Whether the client has ended its side and all that it sent was read, by what the kernel
    /// knows: the runtime may not have heard of it yet.
    pub(crate) fn is_at_eof(&self) -> bool {
        let mut space = [MaybeUninit::uninit(); 1];
        matches!(self.as_socket().peek(&mut space), Ok(0))
    }

    /// Writes what there is room for now. [`Socket::send_all`] belongs behind it, for what an
    /// encrypted connection has taken and the kernel has not.
    pub(crate) fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        match &self.stream {
            Stream::Tcp(tcp) => self.count(tcp.try_write(data)),
            Stream::Unix(unix) => self.count(unix.try_write(data)),
            Stream::Tls(tls) => {
                let mut cx = Context::from_waker(Waker::noop());
                match tls.poll_write(&mut cx, data) {
                    Poll::Ready(written) => written,
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
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
            Stream::Tls(tls) => tls.tcp().ready(interest).await,
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
        if let Some(tcp) = self.tcp_stream() {
            unlimit_unsent(&SockRef::from(tcp));
        }
    }

    /// Takes the descriptor out of the runtime; an encrypted connection has none to give away.
    pub(crate) fn into_fd(self) -> io::Result<OwnedFd> {
        let Self { listed, stream, .. } = self;
        drop(listed);
        Ok(match stream {
            Stream::Tcp(tcp) => tcp.into_std()?.into(),
            Stream::Unix(unix) => unix.into_std()?.into(),
            Stream::Tls(_) => return Err(io::ErrorKind::Unsupported.into()),
        })
    }
}

async fn read_encrypted(tls: &Encrypted, buffer: &mut BytesMut) -> io::Result<usize> {
    // Within one poll: what waits keeps no space for it.
    poll_fn(|cx| {
        let mut space = [0; READ];
        let mut read = ReadBuf::new(&mut space);
        ready!(tls.poll_read(cx, &mut read))?;
        buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
    .await
}

fn is_blocked(result: &io::Result<usize>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match &self.stream {
            Stream::Tcp(tcp) => tcp.as_raw_fd(),
            Stream::Unix(unix) => unix.as_raw_fd(),
            Stream::Tls(tls) => tls.tcp().as_raw_fd(),
        }
    }
}
