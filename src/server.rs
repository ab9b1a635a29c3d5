//! The server: its thread, its listeners, and what all connections share.

mod accept;
mod background;
mod prelude;

use std::{
    collections::HashMap,
    io,
    os::fd::RawFd,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Handle},
    sync::{Notify, Semaphore, watch},
};

pub(crate) use self::accept::Permit;
use self::{
    accept::{accept, connection_limit},
    background::{give_memory_back, watch_queue},
};
use crate::{
    config::{Bind, Config},
    connection::{Connection, Order},
    error::{Error, Result},
    exchange::Exchange,
    fds::{self, FdTable, Listed},
    hijack::{Closing, see_through},
    listener::{Bound, Listener},
    log::Log,
    queue::{Queue, Sleeper},
    stats::{Counters, Stats},
    stream::{Ended, EndedQueue},
    tls,
    wakeups::Wakeups,
};

/// A server that listens, and serves once it was started.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    bound: Mutex<Vec<Bound>>,
    /// Those of the listeners that encrypt.
    acceptors: Vec<Arc<tls::Acceptor>>,
    urls: Vec<String>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

/// What connections, exchanges and the server itself share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) queue: Queue<Exchange>,
    pub(crate) ended: Arc<EndedQueue>,
    pub(crate) wakeups: Arc<Wakeups>,
    pub(crate) log: Arc<Log>,
    pub(crate) counters: Counters,
    /// Places among the exchanges whose bodies are unfinished.
    pub(crate) streaming_places: Arc<Semaphore>,
    /// True once everything has to end.
    pub(crate) stop: watch::Sender<bool>,
    draining: watch::Sender<bool>,
    runtime: Mutex<Option<Handle>>,
    next_id: AtomicU64,
    max_connections: usize,
    open: AtomicUsize,
    closed_one: Notify,
    idle_waiters: Mutex<Vec<Waker>>,
    connections: Mutex<HashMap<u64, Weak<Connection>>>,
    full_told: Mutex<Option<Instant>>,
    pub(crate) fds: Arc<FdTable>,
    pub(crate) closing: Closing,
}

impl Server {
    /// Binds every address. Nothing is accepted yet, and no thread but the log's is there.
    ///
    /// # Errors
    /// An address or a log file cannot be had.
    pub fn bind(config: Config, binds: Vec<Bind>) -> Result<Self> {
        let log = Log::new(&config)
            .map_err(|error| Error::io("the log cannot be opened; choose another file", error))?;
        let fds = Arc::new(FdTable::default());
        let tls = tls::Shared::new(&config)?;
        let bound = binds
            .into_iter()
            .map(|bind| Bound::new(bind, &tls, &fds))
            .collect::<Result<Vec<_>>>()?;
        let acceptors = bound.iter().filter_map(Bound::tls).cloned().collect();
        let urls = bound.iter().map(|bound| bound.url().to_owned()).collect();
        let shared = Shared {
            queue: Queue::new(config.queue_size),
            ended: Arc::new(EndedQueue::new(usize::MAX)),
            wakeups: Arc::default(),
            log: Arc::new(log),
            counters: Counters::default(),
            streaming_places: Arc::new(Semaphore::new((config.threads / 2).max(1))),
            stop: watch::Sender::new(false),
            draining: watch::Sender::new(false),
            runtime: Mutex::new(None),
            next_id: AtomicU64::new(1),
            max_connections: connection_limit(config.max_connections),
            open: AtomicUsize::new(0),
            closed_one: Notify::new(),
            idle_waiters: Mutex::new(Vec::new()),
            connections: Mutex::new(HashMap::new()),
            full_told: Mutex::new(None),
            fds,
            closing: Closing::default(),
            config,
        };
        let shared = Arc::new(shared);
        Ok(Self {
            shared,
            bound: Mutex::new(bound),
            acceptors,
            urls,
            thread: Mutex::new(None),
        })
    }

    /// The addresses, with the ports that were picked.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Starts the I/O thread and accepts. Returns once it runs.
    ///
    /// # Errors
    /// The thread or its runtime cannot be had.
    pub fn start(&self) -> Result<()> {
        let failed = |error| Error::io("the I/O thread cannot be started", error);
        let before = fds::of_event_loops();
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("penstock-file")
            .max_blocking_threads(16)
            .build();
        let runtime = runtime.map_err(failed)?;
        let listed: Vec<_> = fds::opened_since(&before)
            .into_iter()
            .map(|fd| Listed::new(&self.shared.fds, fd))
            .collect();
        *self.shared.runtime.lock() = Some(runtime.handle().clone());
        let listeners = {
            let _context = runtime.enter();
            let bound = std::mem::take(&mut *self.bound.lock());
            bound
                .into_iter()
                .map(Bound::into_listener)
                .collect::<io::Result<Vec<_>>>()
        };
        let listeners = listeners.map_err(failed)?;
        let shared = self.shared.clone();
        let thread = thread::Builder::new()
            .name("penstock-io".into())
            .spawn(move || {
                runtime.block_on(run(shared.clone(), listeners));
                *shared.runtime.lock() = None;
                shared.closing.close();
                drop(listed);
                // A read of a file that hangs is not waited for.
                runtime.shutdown_background();
                shared.wakeups.close();
            })
            .map_err(failed)?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// An exchange that waits for a thread, if there is one.
    pub fn try_take(&self) -> Option<Exchange> {
        loop {
            let exchange = self.shared.queue.try_pop()?;
            if exchange.claim() {
                return Some(exchange);
            }
        }
    }

    /// The next exchange; `None` once the server takes no more requests.
    pub fn poll_take(&self, cx: &mut Context<'_>, sleeper: &mut Sleeper) -> Poll<Option<Exchange>> {
        loop {
            match self.shared.queue.poll_pop(cx, sleeper) {
                Poll::Ready(Some(exchange)) if !exchange.claim() => {}
                poll => return poll,
            }
        }
    }

    /// Gives up a wait of [`Server::poll_take`] that ended without an exchange.
    pub fn cancel_take(&self, sleeper: &mut Sleeper) {
        self.shared.queue.cancel(sleeper);
    }

    /// The next stream that ended and was watched; `None` once the server has stopped.
    pub fn poll_ended(&self, cx: &mut Context<'_>, sleeper: &mut Sleeper) -> Poll<Option<Ended>> {
        self.shared.ended.poll_pop(cx, sleeper)
    }

    /// Tells of the end of a stream that was closed before anybody watched it.
    pub fn tell_ended(&self, id: u64) {
        // Unbounded, and closed only when nobody listens any more.
        let _ = self.shared.ended.push(Ended { id, gone: None });
    }

    /// Gives up a wait of [`Server::poll_ended`].
    pub fn cancel_ended(&self, sleeper: &mut Sleeper) {
        self.shared.ended.cancel(sleeper);
    }

    /// Accepts no more, closes idle connections, and lets those that work end their request.
    pub fn drain(&self) {
        self.shared.draining.send_replace(true);
        self.shared.order(Order::Drain);
    }

    /// Ready when no connection is open, or when [`Server::stop`] was called.
    pub fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Registered before the look: a close in between is not missed.
        self.shared.idle_waiters.lock().push(cx.waker().clone());
        if self.shared.open.load(Ordering::SeqCst) == 0 || *self.shared.stop.borrow() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Ends everything: connections are closed as they are, and the I/O thread ends. What is
    /// left in the queue is never taken.
    pub fn stop(&self) {
        self.drain();
        self.shared.stop.send_replace(true);
        self.shared.wake_idle_waiters();
        self.shared.order(Order::Stop);
        self.shared.queue.close();
        while let Some(exchange) = self.shared.queue.try_pop() {
            drop(exchange);
        }
    }

    /// Waits for the I/O thread, after [`Server::stop`]. Blocks.
    pub fn join(&self) {
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the I/O thread has been printed by the panic hook.
            let _ = thread.join();
        }
        self.shared.ended.close();
    }

    /// Reads the certificates of all listeners again, for the connections that are accepted from
    /// now on. Blocks for as long as the files do.
    ///
    /// # Errors
    /// The first one that cannot be used; the listener that it is for keeps those in force.
    pub fn reload_certificates(&self) -> Result<()> {
        let reloaded: Vec<_> = self.acceptors.iter().map(|each| each.reload()).collect();
        reloaded.into_iter().collect()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        shared
            .counters
            .read(shared.open.load(Ordering::SeqCst), shared.queue.len())
    }

    /// The server's log.
    pub fn log(&self) -> &Arc<Log> {
        &self.shared.log
    }

    /// The numbers of every descriptor of the core. Takes no lock, so that it can be called in
    /// a forked child, where a lock may be held for ever.
    pub fn open_fds(&self) -> impl Iterator<Item = RawFd> + '_ {
        self.shared.fds.iter()
    }
}

async fn run(shared: Arc<Shared>, listeners: Vec<Listener>) {
    let wakeups = shared.wakeups.clone();
    tokio::spawn(async move { wakeups.run().await });
    tokio::spawn(see_through(shared.clone()));
    if let Some(release) = shared.config.release_memory {
        tokio::spawn(give_memory_back(release, shared.clone()));
    }
    if let Some(timeout) = shared.config.queue_timeout {
        tokio::spawn(watch_queue(timeout, shared.clone()));
    }
    for listener in listeners {
        tokio::spawn(accept(listener, shared.clone()));
    }
    let mut stop = shared.stop.subscribe();
    // The sender lives as long as `shared`.
    let _ = stop.wait_for(|stop| *stop).await;
    // Tasks that have been told close within a turn or two; the rest is dropped.
    let closing = async {
        while shared.open.load(Ordering::SeqCst) > 0 {
            shared.closed_one.notified().await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(500), closing).await;
}

impl Shared {
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The runtime, as long as it runs.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        self.runtime.lock().clone()
    }

    /// Keeps a connection where orders reach it, as long as the registration lives.
    pub(crate) fn register(self: &Arc<Self>, connection: &Arc<Connection>) -> Registration {
        let id = self.next_id();
        self.connections
            .lock()
            .insert(id, Arc::downgrade(connection));
        // An order that was given in between.
        if *self.stop.borrow() {
            connection.order(Order::Stop);
        } else if *self.draining.borrow() {
            connection.order(Order::Drain);
        }
        Registration {
            shared: self.clone(),
            id,
        }
    }

    fn order(&self, order: Order) {
        let connections: Vec<_> = self.connections.lock().values().cloned().collect();
        connections
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|each| each.order(order));
    }

    fn wake_idle_waiters(&self) {
        self.idle_waiters.lock().drain(..).for_each(Waker::wake);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

/// A connection's place in the registry.
pub(crate) struct Registration {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.connections.lock().remove(&self.id);
    }
}
