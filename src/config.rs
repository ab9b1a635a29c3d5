//! What the server is told: binds and limits. No value has a default here; the Ruby side has
//! them, each in one place.

use std::{
    os::fd::{OwnedFd, RawFd},
    path::PathBuf,
    time::Duration,
};

use crate::network::Network;

/// Every limit of the server. `None` switches a limit off.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many threads call the application; half of them at most wait for unfinished bodies.
    pub threads: usize,
    /// Longest time for a TLS handshake.
    pub tls_handshake_timeout: Option<Duration>,
    /// Oldest version of TLS that is spoken.
    pub tls_min_version: TlsVersion,
    /// The protocols that TLS offers (RFC 7301), best first.
    pub alpn: Vec<String>,
    /// Longest silence of a fresh connection before its first byte, and longest time for the PROXY
    /// header in front of it.
    pub first_byte_timeout: Option<Duration>,
    /// Longest time from the first byte of a head to its end.
    pub header_timeout: Option<Duration>,
    /// Longest silence in the middle of a request body.
    pub body_timeout: Option<Duration>,
    /// Least rate of a request body after [`RATE_GRACE`], in bytes a second.
    pub min_body_rate: Option<u64>,
    /// Longest time in which a client takes nothing of what waits for it.
    pub write_timeout: Option<Duration>,
    /// Least rate at which a client takes a response after [`RATE_GRACE`], in bytes a second.
    pub min_write_rate: Option<u64>,
    /// Longest idle time between two requests of a connection.
    pub keep_alive_timeout: Option<Duration>,
    /// How many requests a connection serves before it is closed.
    pub max_requests_per_connection: Option<u64>,
    /// Largest request head in bytes.
    pub max_header_bytes: usize,
    /// Most header fields of a request.
    pub max_header_fields: usize,
    /// Longest request target in bytes.
    pub max_uri_bytes: usize,
    /// Largest trailers of a request in bytes, 16 KiB at the most: hyper reads no more.
    pub max_trailer_bytes: usize,
    /// Largest request body in bytes.
    pub max_body_bytes: Option<u64>,
    /// Largest request body that is kept in memory, in bytes; above it goes to a file.
    pub body_memory_bytes: usize,
    /// Whether a request body is received whole before the application is called.
    pub request_buffering: bool,
    /// Size of a stream's send buffer in bytes.
    pub send_buffer_bytes: usize,
    /// What a write does that finds the send buffer full.
    pub slow_consumer: SlowConsumer,
    /// Longest silence while a connection is drained after its last response.
    pub linger_timeout: Duration,
    /// Longest time that a connection is drained after its last response.
    pub linger_total: Duration,
    /// Peers whose word counts: their X-Forwarded-Proto, and their PROXY header.
    pub trusted_proxies: Vec<Network>,
    /// Whether their connections have to begin with a PROXY header.
    pub proxy_protocol: bool,
    /// Most connections of the process; `None`: as many as descriptors allow, which is the hard
    /// limit less what is left to everything else, and at most 65,536.
    pub max_connections: Option<usize>,
    /// Most exchanges that wait for a thread.
    pub queue_size: usize,
    /// Longest wait of an exchange for a thread.
    pub queue_timeout: Option<Duration>,
    /// HTTP/2.
    pub http2: Http2,
    /// Which methods are served.
    pub methods: Methods,
    /// Where the server's log goes; `None`: standard error.
    pub error_log: Option<PathBuf>,
    /// Where the access log goes.
    pub access_log: AccessLogTarget,
    /// Least severity that is logged.
    pub log_level: crate::log::Level,
    /// Gives memory that the allocator keeps for later back to the system. Called on a thread
    /// that may block, after many connections have become idle; `None`: never.
    pub release_memory: Option<fn()>,
}

impl Config {
    /// Whether HTTP/2 is spoken, on plaintext too: where TLS offers it.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.alpn.iter().any(|name| name == "h2")
    }
}

/// HTTP/2's limits.
#[derive(Clone, Debug)]
pub struct Http2 {
    /// Whether an extended CONNECT is taken for an upgrade to WebSocket (RFC 8441).
    pub extended_connect: bool,
    /// Most open streams of a connection.
    pub max_streams: u32,
    /// Receive window of a stream in bytes.
    pub stream_window: u32,
    /// Receive window of a connection in bytes.
    pub connection_window: u32,
    /// Silence of a connection with open streams after which a PING is sent.
    pub ping_interval: Option<Duration>,
    /// Longest silence after a PING.
    pub ping_timeout: Duration,
    /// Most streams that the client has reset and that were not accepted yet.
    pub max_pending_resets: usize,
    /// Most streams that were reset for the client's own errors.
    pub max_local_resets: usize,
}

/// The time in which a slow transfer is forgiven before its rate is looked at.
pub const RATE_GRACE: Duration = Duration::from_secs(30);

/// What a write does that finds the send buffer of its stream full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowConsumer {
    /// It waits.
    Block,
    /// It fails and leaves the stream as it was.
    Raise,
    /// It ends the stream.
    Disconnect,
}

/// Which request methods are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Methods {
    /// Those of RFC 9110 without CONNECT, and PATCH (RFC 5789).
    Known,
    /// Every token but CONNECT.
    Any,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// How a listener encrypts.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Its certificates, at least one. A client is shown the first that is for the host which it
    /// names, or else the first of all.
    pub identities: Vec<Identity>,
    /// What becomes of the certificates of clients.
    pub clients: ClientCertificates,
}

/// A certificate with its private key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Path of the certificate and the chain behind it, in PEM.
    pub certificate: PathBuf,
    /// Path of the private key, in PEM.
    pub key: PathBuf,
}

/// What becomes of the certificates of clients. The path is that of the certificate authorities
/// in PEM by which they are judged.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// They are not asked for.
    Ignored,
    /// They are asked for, and a client may have none.
    Optional(PathBuf),
    /// A client without one is refused.
    Required(PathBuf),
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To a file, which is appended to.
    File(PathBuf),
}

/// A place to listen at.
#[derive(Debug)]
pub enum Bind {
    /// A TCP address.
    Tcp {
        /// Host name or address, IPv6 without brackets.
        host: String,
        /// Port; 0 picks one.
        port: u16,
        /// Length of the kernel's accept queue.
        backlog: i32,
        /// How it encrypts; `None`: not at all.
        tls: Option<Tls>,
    },
    /// A Unix socket.
    Unix {
        /// Path of the socket file.
        path: PathBuf,
        /// File-creation mask in force while the socket file is made.
        umask: Option<u32>,
        /// Permission bits that the socket file is given afterwards.
        mode: Option<u32>,
        /// Length of the kernel's accept queue.
        backlog: i32,
    },
    /// A listening socket that somebody else has made.
    Fd {
        /// The descriptor.
        fd: OwnedFd,
        /// The number under which whoever made it knows it.
        number: RawFd,
    },
}
