//! Accepts connections, as many as there is room for.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{Shared, prelude};
use crate::{listener::Listener, protocol, socket::Ends, stats::Counters};

/// Descriptors that are left to everything but connections.
const RESERVED_DESCRIPTORS: u64 = 128;

/// How long nothing is said of a server that stays full.
const FULL_TOLD_EVERY: Duration = Duration::from_secs(60);

/// Most connections where nothing else limits them.
const MAX_CONNECTIONS: u64 = 65_536;

/// As many connections as was asked for, and as descriptors allow: the soft limit is raised to
/// the hard one.
pub(super) fn connection_limit(wanted: Option<usize>) -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let descriptors = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) => {
            let raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
            if raised { hard } else { soft }
        }
        Err(_) => 1024,
    };
    wanted.map_or(allowed_by(descriptors), |wanted| wanted.max(1))
}

/// How many connections so many descriptors allow.
fn allowed_by(descriptors: u64) -> usize {
    let left = descriptors.saturating_sub(RESERVED_DESCRIPTORS);
    left.clamp(1, MAX_CONNECTIONS) as usize
}

/// How long accepting pauses where the next try would fail as the last one did.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts at `listener` until the server drains.
pub(super) async fn accept(listener: Listener, shared: Arc<Shared>) {
    let mut draining = shared.draining.subscribe();
    let accepting = async {
        let mut told = false;
        loop {
            shared.await_room().await;
            match listener.accept().await {
                Ok((mut socket, peer)) => {
                    let trusted = &shared.config.trusted_proxies;
                    let ends = Ends {
                        peer,
                        local: None,
                        is_trusted: trusted.iter().any(|network| network.contains(peer)),
                    };
                    socket.list_in(&shared.fds);
                    Counters::add(&shared.counters.accepted);
                    shared.closing.end_tasks();
                    let permit = Permit::new(&shared);
                    let shared = shared.clone();
                    let tls = listener.tls().cloned();
                    if tls.is_none() && !prelude::is_announced(&ends, &shared) {
                        tokio::spawn(protocol::serve(socket, ends, shared, permit));
                    } else {
                        tokio::spawn(prelude::serve(socket, ends, tls, shared, permit));
                    }
                }
                Err(error) if is_exhaustion(&error) => {
                    shared.tell_full(&format!("no connection can be accepted: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                // The client was faster away than we could look.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        shared.log.warn(&format!(
                            "no connection can be accepted at {}: {error}; it is tried again \
                             and again; find out who else uses the listening socket, and \
                             restart the server",
                            listener.url()
                        ));
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = draining.wait_for(|draining| *draining) => {}
    }
}

/// Whether an error of accept(2) concerns the one connection that was to be accepted, so that the
/// next may be had at once. Linux passes on what the network has against it.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    ) {
        return true;
    }
    let number = error.raw_os_error();
    #[cfg(target_os = "linux")]
    if number == Some(libc::ENONET) {
        return true;
    }
    matches!(
        number,
        Some(
            libc::ENETDOWN
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
        )
    )
}

fn is_exhaustion(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

impl Shared {
    async fn await_room(&self) {
        loop {
            let closed = self.closed_one.notified();
            if self.open.load(Ordering::SeqCst) < self.max_connections {
                return;
            }
            self.tell_full(&format!(
                "{} connections are open, as many as max_connections allows: \
                 accepting pauses until one closes",
                self.max_connections
            ));
            closed.await;
        }
    }

    /// One line for a time in which it is full again and again, not for each connection.
    fn tell_full(&self, text: &str) {
        let mut told = self.full_told.lock();
        if told.is_none_or(|told| told.elapsed() >= FULL_TOLD_EVERY) {
            *told = Some(Instant::now());
            self.log.warn(text);
        }
    }
}

/// Counts a connection as open, as long as it lives.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
}

impl Permit {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self {
            shared: shared.clone(),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let left = self.shared.open.fetch_sub(1, Ordering::SeqCst) - 1;
        self.shared.closed_one.notify_waiters();
        if left == 0 {
            self.shared.wake_idle_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_others_and_have_an_upper_limit() {
        let cases = [
            (4096, 3968),
            (1_000_000, 65_536),
            (20, 1),
            (u64::MAX, 65_536),
        ];
        for (descriptors, connections) in cases {
            assert_eq!(allowed_by(descriptors), connections, "{descriptors}");
        }
    }
}
