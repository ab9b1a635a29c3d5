//! A socket that the application has taken over: the client's own, or one end of a pair whose
//! other end a task copies to and from the client.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use crate::{
    error::{Error, Result},
    server::{Permit, Shared},
    socket::{Address, Socket},
};

/// What is handed to the application.
#[derive(Debug)]
pub struct Hijacked {
    /// The application's descriptor. The core keeps no duplicate of it.
    pub fd: OwnedFd,
    /// What kind of socket it is.
    pub kind: SocketKind,
    /// The client's address.
    pub peer: Address,
    /// The address at which the client was received.
    pub local: Address,
    /// To be kept as long as the descriptor is open.
    pub lease: Lease,
}

/// The kind of a hijacked socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// The client's TCP connection itself.
    Tcp,
    /// The client's Unix connection itself.
    Unix,
    /// One end of a pair.
    Pair,
}

/// Keeps a hijacked connection among those that are counted.
#[derive(Debug)]
pub struct Lease {
    server: Arc<Shared>,
    kind: SocketKind,
    /// Empty for a pair, whose bridge is counted itself.
    _permit: Option<Permit>,
}

impl Lease {
    /// Sees the end of a connection through that the application closes: `duplicate` is a
    /// second descriptor of it. The write direction ends now; what the client still sends is
    /// read and dropped for a while, since closing over unread bytes would make the kernel
    /// send a reset that can overtake the last bytes written (RFC 9112 section 9.6).
    pub fn linger(self, duplicate: OwnedFd) {
        let Some(runtime) = self.server.runtime() else {
            return;
        };
        runtime.spawn(async move {
            // A socket that cannot be registered is closed at once: the kernel's own way.
            if let Ok(socket) = Socket::from_fd(duplicate, self.kind == SocketKind::Tcp) {
                linger(socket, &self.server).await;
            }
        });
    }
}

/// Ends the write direction, then reads until the client ends its own, or for so long.
pub(crate) async fn linger(mut socket: Socket, server: &Shared) {
    socket.shutdown_write();
    drain(
        &mut socket,
        server.config.linger_timeout,
        server.config.linger_total,
    )
    .await;
}

async fn drain(socket: &mut (impl AsyncRead + Unpin), silence: Duration, total: Duration) {
    let reading = async {
        // On the heap: an array would lie in the task of every connection.
        let mut space = vec![0; 4096];
        // Ends at an EOF, an error, or a silence.
        while let Ok(Ok(1..)) = timeout(silence, socket.read(&mut space)).await {}
    };
    // All that is left to do is to close.
    let _ = timeout(total, reading).await;
}

/// Hands the client's socket over where nothing was read ahead, else one end of a pair.
pub(crate) fn give(
    socket: Socket,
    early: Bytes,
    server: &Arc<Shared>,
    peer: Address,
    local: Address,
    permit: Permit,
) -> Result<Hijacked> {
    let failed = |error| Error::io("the socket cannot be handed over", error);
    if early.is_empty() {
        let kind = if socket.is_tcp() {
            SocketKind::Tcp
        } else {
            SocketKind::Unix
        };
        // The application writes as it would to any socket: into megabytes of the kernel's.
        socket.unlimit_unsent();
        let fd = socket.into_fd().map_err(failed)?;
        let lease = Lease {
            server: server.clone(),
            kind,
            _permit: Some(permit),
        };
        return Ok(Hijacked {
            fd,
            kind,
            peer,
            local,
            lease,
        });
    }
    let (ours, theirs) = StdUnixStream::pair().map_err(failed)?;
    ours.set_nonblocking(true).map_err(failed)?;
    let ours = UnixStream::from_std(ours).map_err(failed)?;
    let task_server = server.clone();
    tokio::spawn(async move {
        let _permit = permit;
        bridge(socket, early, ours, &task_server).await;
    });
    let kind = SocketKind::Pair;
    let lease = Lease {
        server: server.clone(),
        kind,
        _permit: None,
    };
    Ok(Hijacked {
        fd: theirs.into(),
        kind,
        peer,
        local,
        lease,
    })
}

/// Copies between the client and the application's pair until both directions have ended.
async fn bridge(client: Socket, early: Bytes, ours: UnixStream, server: &Shared) {
    let mut stop = server.stop.subscribe();
    let copying = async {
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_application, mut to_application) = ours.into_split();
        let inward = async {
            let copied = match to_application.write_all(&early).await {
                Ok(()) => copy(&mut from_client, &mut to_application).await,
                Err(_) => Err(Side::To),
            };
            match copied {
                // Dropping the half ends it: the application reads an EOF.
                Ok(()) => drop(to_application),
                // The application has closed; what was written last must still arrive.
                Err(Side::To) => {
                    let config = &server.config;
                    drain(&mut from_client, config.linger_timeout, config.linger_total).await;
                }
                Err(Side::From) => {}
            }
            copied.is_ok()
        };
        let outward = async move {
            let copied = copy(&mut from_application, &mut to_client).await.is_ok();
            let ended = copied && to_client.shutdown().await.is_ok();
            ended.then_some(from_application)
        };
        tokio::pin!(inward, outward);
        tokio::select! {
            whole = &mut inward => if whole {
                outward.await;
            },
            open = &mut outward => if let Some(application) = open {
                tokio::select! {
                    _ = inward => {}
                    () = closed(application.as_ref(), server) => {}
                }
            }
        }
    };
    tokio::select! {
        () = copying => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Waits until the application has closed its end, which has ended its writing before (it may
/// read on after that), and then as long as the client is given to close.
async fn closed(ours: &UnixStream, server: &Shared) {
    // A write of nothing fails once the other end is closed, and changes nothing before.
    while !matches!(ours.try_write(&[]), Err(error) if error.kind() != io::ErrorKind::WouldBlock) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(server.config.linger_total).await;
}

/// Which side of a copy failed.
enum Side {
    From,
    To,
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::result::Result<(), Side> {
    loop {
        // At rest a bridge keeps no buffer beyond this small one.
        let mut buffer = bytes::BytesMut::with_capacity(4096);
        if from.read_buf(&mut buffer).await.map_err(|_| Side::From)? == 0 {
            return Ok(());
        }
        to.write_all(&buffer).await.map_err(|_| Side::To)?;
    }
}
