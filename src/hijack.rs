//! A socket that the application has taken over: the client's own, or one end of a pair whose
//! other end a task copies to and from the client.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
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
    /// send a reset that can overtake the last bytes written (RFC 9112 section 9.6). Of a pair the
    /// bridge sees to all that.
    pub fn linger(self, duplicate: OwnedFd) {
        let Some(runtime) = self.server.runtime() else {
            return;
        };
        if self.kind == SocketKind::Pair {
            return;
        }
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
    drain(&socket, true, server).await;
}

/// Reads and drops what the client still sends; `shutdown`: behind the end of what it is sent.
async fn drain(socket: &Socket, shutdown: bool, server: &Shared) {
    let silence = server.config.linger_timeout;
    let reading = async {
        if shutdown {
            socket.shutdown_write().await;
        }
        let mut space = BytesMut::with_capacity(4096);
        // Ends at an EOF, an error, or a silence.
        while let Ok(Ok(1..)) = timeout(silence, socket.read_some(&mut space)).await {
            space.clear();
        }
    };
    // All that is left to do is to close.
    let _ = timeout(server.config.linger_total, reading).await;
}

/// Hands the client's socket over where it is plain and nothing was read ahead, else one end of a
/// pair.
pub(crate) fn give(
    socket: Socket,
    early: Bytes,
    server: &Arc<Shared>,
    peer: Address,
    local: Address,
    permit: Permit,
) -> Result<Hijacked> {
    let failed = |error| Error::io("the socket cannot be handed over", error);
    if early.is_empty() && !socket.is_encrypted() {
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
    let sent = AtomicU64::new(0);
    let copying = async {
        let inward = async {
            let copied = match write_all(&ours, &early, &AtomicU64::new(0)).await {
                Ok(()) => copy(&client, &ours, &AtomicU64::new(0)).await,
                Err(_) => Err(Side::To),
            };
            match copied {
                // The application reads an EOF.
                Ok(()) => ours.shutdown_write().await,
                // The application has closed; what was written last must still arrive.
                Err(Side::To) => drain(&client, false, server).await,
                Err(Side::From) => {}
            }
            copied
        };
        let outward = async {
            // An application that closes over unread bytes shows as a reset behind what it wrote.
            let copied = !matches!(copy(&ours, &client, &sent).await, Err(Side::To));
            if copied {
                client.shutdown_write().await;
            }
            copied
        };
        tokio::pin!(inward, outward);
        tokio::select! {
            copied = &mut inward => match copied {
                Ok(()) => _ = outward.await,
                Err(Side::To) => while_it_moves(outward, &sent, server).await,
                Err(Side::From) => {}
            },
            there = &mut outward => if there {
                tokio::select! {
                    _ = inward => {}
                    () = closed(&ours) => drain(&client, false, server).await,
                }
            }
        }
    };
    tokio::select! {
        () = copying => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Sends the rest of what an application wrote that has closed, as long as the client takes some of
/// it in the time that it is given to close.
async fn while_it_moves(outward: impl Future<Output = bool>, sent: &AtomicU64, server: &Shared) {
    tokio::pin!(outward);
    loop {
        let before = sent.load(Relaxed);
        let done = timeout(server.config.linger_total, &mut outward).await;
        if done.is_ok() || sent.load(Relaxed) == before {
            return;
        }
    }
}

/// Waits until the application has closed its end, which has ended its writing before: it may
/// read on after that.
async fn closed(ours: &Socket) {
    // A write of nothing fails once the other end is closed, and changes nothing before.
    while !matches!(ours.try_write(&[]), Err(error) if error.kind() != io::ErrorKind::WouldBlock) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Which side of a copy failed.
enum Side {
    From,
    To,
}

/// Copies to the end; `sent` counts the bytes.
async fn copy(from: &Socket, to: &Socket, sent: &AtomicU64) -> std::result::Result<(), Side> {
    // At rest a bridge keeps no buffer beyond this small one.
    let mut buffer = BytesMut::with_capacity(4096);
    while from.read_some(&mut buffer).await.map_err(|_| Side::From)? > 0 {
        write_all(to, &buffer, sent).await.map_err(|_| Side::To)?;
        buffer.clear();
    }
    Ok(())
}

async fn write_all(to: &Socket, mut data: &[u8], sent: &AtomicU64) -> io::Result<()> {
    while !data.is_empty() {
        match to.write_some(data).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                data = &data[written..];
                sent.fetch_add(written as u64, Relaxed);
            }
        }
    }
    to.flush().await
}
