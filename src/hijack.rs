//! A socket that the application has taken over: the client's own, or one end of a pair whose
//! other end a task copies to and from the client.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{net::UnixStream, time::timeout};

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
            if let Ok(mut socket) = Socket::from_fd(duplicate, self.kind == SocketKind::Tcp) {
                socket.list_in(&self.server.fds);
                linger(socket, &self.server).await;
            }
        });
    }
}

/// Ends the write direction, then reads until the client ends its own, or for so long.
pub(crate) async fn linger(socket: Socket, server: &Shared) {
    socket.shutdown_write();
    drain(&socket, server).await;
}

async fn drain(socket: &Socket, server: &Shared) {
    let silence = server.config.linger_timeout;
    let reading = async {
        let mut space = BytesMut::with_capacity(4096);
        // Ends at an EOF, an error, or a silence.
        while let Ok(Ok(1..)) = timeout(silence, socket.read_some(&mut space)).await {
            space.clear();
        }
    };
    // All that is left to do is to close.
    let _ = timeout(server.config.linger_total, reading).await;
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
    let mut ours = Socket::unix(UnixStream::from_std(ours).map_err(failed)?);
    ours.list_in(&server.fds);
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
async fn bridge(client: Socket, early: Bytes, ours: Socket, server: &Shared) {
    let mut stop = server.stop.subscribe();
    let copying = async {
        let inward = async {
            let copied = match write_all(&ours, &early).await {
                Ok(()) => copy(&client, &ours).await,
                Err(_) => Err(Side::To),
            };
            match copied {
                // The application reads an EOF.
                Ok(()) => ours.shutdown_write(),
                // The application has closed; what was written last must still arrive.
                Err(Side::To) => drain(&client, server).await,
                Err(Side::From) => {}
            }
            copied.is_ok()
        };
        let outward = async {
            let copied = copy(&ours, &client).await.is_ok();
            if copied {
                client.shutdown_write();
            }
            copied
        };
        tokio::pin!(inward, outward);
        tokio::select! {
            whole = &mut inward => if whole {
                outward.await;
            },
            whole = &mut outward => if whole {
                tokio::select! {
                    _ = inward => {}
                    () = closed(&ours, server) => {}
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
async fn closed(ours: &Socket, server: &Shared) {
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

async fn copy(from: &Socket, to: &Socket) -> std::result::Result<(), Side> {
    // At rest a bridge keeps no buffer beyond this small one.
    let mut buffer = BytesMut::with_capacity(4096);
    while from.read_some(&mut buffer).await.map_err(|_| Side::From)? > 0 {
        write_all(to, &buffer).await.map_err(|_| Side::To)?;
        buffer.clear();
    }
    Ok(())
}

async fn write_all(to: &Socket, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match to.write_some(data).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => data = &data[written..],
        }
    }
    Ok(())
}
