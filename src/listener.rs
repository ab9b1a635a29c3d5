//! Listening sockets: made before the server starts, so that a bad address is an error of
//! whoever asked for it.

use std::{
    fs,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener as StdTcpListener, ToSocketAddrs},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::{
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::sys::stat::{Mode, umask};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket as Socket2, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::{
    config::Bind,
    error::{Error, Kind, Result},
    fds::{FdTable, Listed},
    socket::{Address, Socket},
    tls::{self, Acceptor},
};

/// How much of a response the kernel keeps that is not sent yet, in bytes: at the least rate
/// (`min_write_rate`) it is sent within the write time-out.
#[cfg(target_os = "linux")]
const UNSENT_LIMIT: u32 = 16 * 1024;

/// A bound socket that is not yet served.
#[derive(Debug)]
pub(crate) struct Bound {
    /// Before the socket, so that it is given up first.
    listed: Listed,
    kind: BoundKind,
    tls: Option<Arc<Acceptor>>,
    url: String,
}

#[derive(Debug)]
enum BoundKind {
    Tcp(StdTcpListener),
    Unix(StdUnixListener, Option<SocketFile>),
}

/// A socket file of ours, removed with the listener.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have put a socket of theirs there since.
        if fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Bound {
    /// Binds and listens; a forked child closes its copy (`fds`).
    ///
    /// # Errors
    /// The address is bad or taken, or a certificate is; the message says which and what to do.
    pub(crate) fn new(bind: Bind, shared: &tls::Shared, fds: &Arc<FdTable>) -> Result<Self> {
        let mut acceptor = None;
        let kind = match bind {
            Bind::Tcp {
                host,
                port,
                backlog,
                tls,
            } => {
                acceptor = tls
                    .map(|tls| Acceptor::new(tls, shared.clone()).map(Arc::new))
                    .transpose()?;
                BoundKind::Tcp(bind_tcp(&host, port, backlog)?)
            }
            Bind::Unix {
                path,
                umask,
                mode,
                backlog,
            } => {
                let (listener, file) = bind_unix(&path, umask, mode, backlog)?;
                BoundKind::Unix(listener, Some(file))
            }
            Bind::Fd { fd, number } => inherit(fd, number)?,
        };
        let listed = Listed::new(fds, kind.raw_fd());
        let url = kind.url(acceptor.is_some());
        Ok(Self {
            listed,
            kind,
            tls: acceptor,
            url,
        })
    }

    /// The address as a URL, with the port that was picked.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its TLS, if it encrypts.
    pub(crate) fn tls(&self) -> Option<&Arc<Acceptor>> {
        self.tls.as_ref()
    }

    /// Registers the socket with the runtime of the calling task.
    pub(crate) fn into_listener(self) -> io::Result<Listener> {
        let (socket, file) = match self.kind {
            BoundKind::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                limit_unsent(&listener);
                // A response leaves when it is written.
                SockRef::from(&listener).set_tcp_nodelay(true)?;
                (ListenerSocket::Tcp(TcpListener::from_std(listener)?), None)
            }
            BoundKind::Unix(listener, file) => {
                listener.set_nonblocking(true)?;
                (
                    ListenerSocket::Unix(UnixListener::from_std(listener)?),
                    file,
                )
            }
        };
        Ok(Listener {
            _listed: self.listed,
            url: self.url,
            tls: self.tls,
            socket,
            _file: file,
        })
    }
}

impl BoundKind {
    fn url(&self, encrypted: bool) -> String {
        let scheme = if encrypted { "https" } else { "http" };
        match self {
            BoundKind::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("{scheme}://{address}"),
                Err(_) => format!("{scheme}://?"),
            },
            BoundKind::Unix(listener, _) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                format!("unix://{}", path.unwrap_or(Path::new("")).display())
            }
        }
    }

    fn raw_fd(&self) -> RawFd {
        match self {
            BoundKind::Tcp(listener) => listener.as_raw_fd(),
            BoundKind::Unix(listener, _) => listener.as_raw_fd(),
        }
    }
}

/// Whether connections have TCP_NODELAY from their listener (Linux: `tcp_create_openreq_child`).
const INHERITS_NODELAY: bool = cfg!(target_os = "linux");

/// Has the kernel keep little that is not sent yet, for each connection of the listener. Without
/// it a socket takes megabytes at once and then nothing until a third of them has left, and a
/// client that reads slowly but steadily would seem to take nothing for longer than the write
/// time-out.
fn limit_unsent(listener: &StdTcpListener) {
    // Where it cannot be had, time-outs are less exact.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(listener).set_tcp_notsent_lowat(UNSENT_LIMIT);
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
}

/// Has the kernel keep again as much unsent of a TCP connection as it does by default.
pub(crate) fn unlimit_unsent(tcp: &SockRef<'_>) {
    // Where it cannot be had, it was not limited either. 0 is the system's own value.
    #[cfg(target_os = "linux")]
    let _ = tcp.set_tcp_notsent_lowat(0);
    #[cfg(not(target_os = "linux"))]
    let _ = tcp;
}

fn failed(what: &str, advice: &str, error: io::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => "another process listens there; stop it or choose another address",
        ErrorKind::PermissionDenied => "it is not allowed; choose another address or other rights",
        _ => advice,
    };
    Error::with_source(
        Kind::Bind,
        format!("cannot listen on {what} ({advice})"),
        error,
    )
}

fn bind_tcp(host: &str, port: u16, backlog: i32) -> Result<StdTcpListener> {
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let shown = format!("tcp://{shown}:{port}");
    let fail = |error| failed(&shown, "check the host name", error);
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(fail)?.collect();
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in addresses {
        match listen_tcp(address, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(fail(last))
}

fn listen_tcp(address: SocketAddr, backlog: i32) -> io::Result<StdTcpListener> {
    let socket = Socket2::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // One family a listener: [::] and 0.0.0.0 can then be had side by side.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn bind_unix(
    path: &Path,
    mask: Option<u32>,
    mode: Option<u32>,
    backlog: i32,
) -> Result<(StdUnixListener, SocketFile)> {
    let shown = format!("unix://{}", path.display());
    let fail = |error| failed(&shown, "check the path", error);
    remove_stale(path).map_err(fail)?;
    let listen = || -> io::Result<(StdUnixListener, SocketFile)> {
        let socket = Socket2::new(Domain::UNIX, Type::STREAM, None)?;
        let before = mask.map(|mask| umask(Mode::from_bits_truncate(mask as _)));
        let bound = socket.bind(&SockAddr::unix(path)?);
        if let Some(before) = before {
            umask(before);
        }
        bound?;
        if let Some(mode) = mode {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        socket.listen(backlog)?;
        let inode = fs::symlink_metadata(path)?.ino();
        Ok((
            socket.into(),
            SocketFile {
                path: path.to_owned(),
                inode,
            },
        ))
    };
    listen().map_err(fail)
}

/// Removes a socket file that nobody listens at any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(file) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !file.file_type().is_socket() {
        return Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "a file is there that is no socket",
        ));
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

fn inherit(fd: OwnedFd, number: RawFd) -> Result<BoundKind> {
    let shown = format!("fd://{number}");
    let fail = |error| failed(&shown, "the descriptor is no listening socket", error);
    let socket = SockRef::from(&fd);
    let listens = socket.is_listener().map_err(fail)?;
    let domain = socket.domain().map_err(fail)?;
    if !listens {
        return Err(fail(ErrorKind::InvalidInput.into()));
    }
    socket.set_cloexec(true).map_err(fail)?;
    match domain {
        Domain::IPV4 | Domain::IPV6 => Ok(BoundKind::Tcp(fd.into())),
        Domain::UNIX => Ok(BoundKind::Unix(fd.into(), None)),
        _ => Err(fail(ErrorKind::Unsupported.into())),
    }
}

/// A listening socket of the runtime.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Before the socket, so that it is given up first.
    _listed: Listed,
    url: String,
    tls: Option<Arc<Acceptor>>,
    socket: ListenerSocket,
    /// Removed when the listener is dropped.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum ListenerSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// The address as a URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its TLS, if it encrypts.
    pub(crate) fn tls(&self) -> Option<&Arc<Acceptor>> {
        self.tls.as_ref()
    }

    /// The next connection, and its client's address.
    ///
    /// # Errors
    /// That of accept(2), or `ConnectionAborted` for a connection that was lost at once.
    pub(crate) async fn accept(&self) -> io::Result<(Socket, Address)> {
        match &self.socket {
            ListenerSocket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                if !INHERITS_NODELAY {
                    let lost = |_| io::Error::from(ErrorKind::ConnectionAborted);
                    stream.set_nodelay(true).map_err(lost)?;
                }
                Ok((Socket::tcp(stream), Address::Ip(peer)))
            }
            ListenerSocket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::unix(stream), Address::Unix))
            }
        }
    }
}
