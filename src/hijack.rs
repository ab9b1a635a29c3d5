//! A socket that the application has taken over: the client's own, or one end of a pair whose
//! other end a task copies to and from the client.

mod closing;

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::{net::UnixStream, time::timeout};

use self::closing::Closed;
pub(crate) use self::closing::{Closing, see_through};
use crate::{
    connection::Connection,
    error::{Error, Result},
    listener::unlimit_unsent,
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
    /// Of a pair, whose own addresses say nothing: the client's, and that at which it was received.
    pub ends: Option<(Address, Address)>,
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
    permit: Option<Permit>,
}

impl Lease {
    /// Sees the end of a connection through that the application closes, and closes `fd`. The write
    /// direction ends now; what the client still sends is read and dropped for a while, since
    /// closing over unread bytes would make the kernel send a reset that can overtake the last bytes
    /// written (RFC 9112 section 9.6). Of a pair the bridge sees to all that.
    pub fn close(self, fd: OwnedFd) {
        let Self {
            server,
            kind,
            permit,
        } = self;
        match permit {
            Some(permit) => {
                let closed = Closed::new(fd, kind == SocketKind::Tcp, permit, &server.fds);
                server.closing.push(closed, &server.wakeups);
            }
            // For every copy of the descriptor, a forked child's too. Nothing is left to be said
            // where it fails: the other end is gone.
            None => _ = SockRef::from(&fd).shutdown(std::net::Shutdown::Both),
        }
    }
}

/// Ends the write direction, then reads until the client ends its own, or for so long.
pub(crate) async fn linger(socket: Socket, server: &Shared) {
    // Side by side: a client may take what is left only when what it sends is taken.
    let ending = async { tokio::join!(socket.shutdown_write(), drain(&socket, server)) };
    let _ = timeout(server.config.linger_total, ending).await;
}

/// Reads and drops what the client still sends.
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

/// Hands the client's socket over where it is plain and nothing was read ahead, else one end of a
/// pair.
pub(crate) fn give(
    socket: Socket,
    early: Bytes,
    connection: &Connection,
    permit: Permit,
) -> Result<Hijacked> {
    if early.is_empty() && !socket.is_encrypted() {
        return give_plain(socket, connection, permit);
    }
    let server = &connection.server;
    let (ours, hijacked) = pair(server, connection.peer, connection.local_of(&socket))?;
    let task_server = server.clone();
    tokio::spawn(async move {
        let _permit = permit;
        bridge(socket, early, ours, &task_server).await;
    });
    Ok(hijacked)
}

/// Hands the client's socket over, which is plain. From any thread.
pub(crate) fn give_plain(
    socket: Socket,
    connection: &Connection,
    permit: Permit,
) -> Result<Hijacked> {
    let kind = if socket.is_tcp() {
        SocketKind::Tcp
    } else {
        SocketKind::Unix
    };
    let fd = socket.into_fd().map_err(not_given)?;
    // The application writes as it would to any socket: into megabytes of the kernel's. Behind the
    // end of the registration, since the kernel tells of the room.
    if kind == SocketKind::Tcp {
        unlimit_unsent(&SockRef::from(&fd));
    }
    let lease = Lease {
        server: connection.server.clone(),
        kind,
        permit: Some(permit),
    };
    Ok(Hijacked {
        fd,
        kind,
        ends: None,
        lease,
    })
}

fn not_given(error: io::Error) -> Error {
    Error::io("the socket cannot be handed over", error)
}

/// The two ends of a pair: the server's, and what the application gets.
///
/// # Errors
/// The system has no more descriptors.
pub(crate) fn pair(
    server: &Arc<Shared>,
    peer: Address,
    local: Address,
) -> Result<(Socket, Hijacked)> {
    let (ours, theirs) = StdUnixStream::pair().map_err(not_given)?;
    ours.set_nonblocking(true).map_err(not_given)?;
    let mut ours = Socket::unix(UnixStream::from_std(ours).map_err(not_given)?);
    ours.list_in(&server.fds);
    let kind = SocketKind::Pair;
    let lease = Lease {
        server: server.clone(),
        kind,
        permit: None,
    };
    let hijacked = Hijacked {
        fd: theirs.into(),
        kind,
        ends: Some((peer, local)),
        lease,
    };
    Ok((ours, hijacked))
}

/// Copies between the client and the application's pair until both directions have ended.
async fn bridge(client: Socket, early: Bytes, ours: Socket, server: &Shared) {
    let mut stop = server.stop.subscribe();
    let outgoing = Outgoing::default();
    let copying = async {
        let inward = async {
            let copied = match ours.send_all(&early).await {
                Ok(()) => copy(&client, &ours).await,
                Err(_) => Err(Side::To),
            };
            match copied {
                // The application reads an EOF.
                Ok(()) => {
                    outgoing.is_told.store(true, Relaxed);
                    ours.shutdown_write().await;
                }
                // The application has closed; what was written last must still arrive.
                Err(Side::To) => drain(&client, server).await,
                Err(Side::From) => {}
            }
            !matches!(copied, Err(Side::From))
        };
        let outward = outgoing.send(&ours, &client, server);
        tokio::pin!(inward, outward);
        tokio::select! {
            there = &mut inward => if there {
                outward.await;
            },
            there = &mut outward => if there {
                tokio::select! {
                    _ = inward => {}
                    () = closed(&ours) => drain(&client, server).await,
                }
            }
        }
    };
    tokio::select! {
        () = copying => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    if !outgoing.is_through.load(Relaxed) {
        client.break_off();
    }
}

/// How far the bytes of an application have come on their way to the client.
#[derive(Default)]
struct Outgoing {
    /// The client has to take something.
    waits: AtomicBool,
    /// The application was told that the client has ended its side: whether it has closed its own
    /// cannot be seen any more.
    is_told: AtomicBool,
    /// All was sent, and the end of it.
    is_through: AtomicBool,
}

impl Outgoing {
    /// Sends all that the application writes, and its end. False where the client is gone, or takes
    /// nothing of the rest, behind an application that has closed, in the time that it is given to
    /// close.
    async fn send(&self, ours: &Socket, client: &Socket, server: &Shared) -> bool {
        let copying = self.copy(ours, client);
        tokio::pin!(copying);
        loop {
            let (before, was_closed) = (client.sent(), is_closed(ours));
            if let Ok(through) = timeout(server.config.linger_total, &mut copying).await {
                self.is_through.store(through, Relaxed);
                return through;
            }
            let is_stuck = self.waits.load(Relaxed) && client.sent() == before;
            if is_stuck && was_closed && !self.is_told.load(Relaxed) {
                // The client must not take for the whole what it has got.
                client.reset_on_drop();
                return false;
            }
        }
    }

    async fn copy(&self, ours: &Socket, client: &Socket) -> bool {
        let mut buffer = BytesMut::with_capacity(4096);
        // An application that closes over unread bytes shows as an error behind what it wrote.
        while let Ok(1..) = ours.read_some(&mut buffer).await {
            self.waits.store(true, Relaxed);
            if client.send_all(&buffer).await.is_err() {
                return false;
            }
            self.waits.store(false, Relaxed);
            buffer.clear();
        }
        self.waits.store(true, Relaxed);
        client.shutdown_write().await;
        true
    }
}

/// Waits until the application has closed its end, which has ended its writing before: it may
/// read on after that.
async fn closed(ours: &Socket) {
    while !is_closed(ours) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Whether the application has closed its end, or was told the end of what it reads.
pub(crate) fn is_closed(ours: &Socket) -> bool {
    // A write of nothing fails then, and changes nothing before.
    matches!(ours.try_write(&[]), Err(error) if error.kind() != io::ErrorKind::WouldBlock)
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
        to.send_all(&buffer).await.map_err(|_| Side::To)?;
        buffer.clear();
    }
    Ok(())
}
