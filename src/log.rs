//! The two logs, written by a thread of their own: a log that cannot be written (a full pipe)
//! must not stall serving, so lines wait in a bounded queue and are counted when it is full.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, Write},
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use http::{Method, Uri, Version, request::Parts};
use parking_lot::Mutex;

use crate::{
    config::{AccessLogTarget, Config},
    socket::Address,
};

/// Lines that may wait for a slow log.
const CAPACITY: usize = 8192;

/// Severities, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What happens.
    Info,
    /// What should not happen, and was dealt with.
    Warn,
    /// What failed.
    Error,
}

/// The server's log and its access log.
#[derive(Debug)]
pub struct Log {
    sender: Mutex<Option<SyncSender<Message>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    level: Level,
    has_access: bool,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Error(String),
    Access(String),
    Reopen,
    Flush(SyncSender<()>),
}

impl Log {
    /// Opens the files and starts the thread.
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        let mut writer = Writer {
            error: Target::open(config.error_log.clone(), Standard::Error)?,
            access: match &config.access_log {
                AccessLogTarget::Off => None,
                AccessLogTarget::Stdout => Some(Target::open(None, Standard::Output)?),
                AccessLogTarget::File(path) => {
                    Some(Target::open(Some(path.clone()), Standard::Output)?)
                }
            },
            dropped: Arc::new(AtomicU64::new(0)),
        };
        let (sender, receiver) = sync_channel(CAPACITY);
        let has_access = writer.access.is_some();
        let dropped = writer.dropped.clone();
        let thread = thread::Builder::new()
            .name("penstock-log".into())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self {
            sender: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            level: config.log_level,
            has_access,
            dropped,
        })
    }

    /// Writes `text` and a line's end, if `level` is logged.
    pub fn write(&self, level: Level, text: &str) {
        if level >= self.level {
            self.send(Message::Error(format!("{text}\n")));
        }
    }

    /// Writes `text` as it is, whatever the level.
    pub fn raw(&self, text: String) {
        self.send(Message::Error(text));
    }

    pub(crate) fn warn(&self, text: &str) {
        self.write(Level::Warn, &format!("penstock: {text}"));
    }

    /// Whether there is an access log.
    pub(crate) fn has_access(&self) -> bool {
        self.has_access
    }

    pub(crate) fn access(&self, line: String) {
        self.send(Message::Access(line));
    }

    /// Opens the files again, after somebody has moved them.
    pub fn reopen(&self) {
        self.send(Message::Reopen);
    }

    /// Writes what was logged, which takes `patience` at the most, and ends the thread. What is
    /// logged from now on is lost.
    pub fn close(&self, patience: Duration) {
        self.flush(patience);
        // The thread ends when it sees that nobody can send; a blocked one is left behind.
        self.sender.lock().take();
        self.thread.lock().take();
    }

    /// Waits until what was logged is written, `patience` at the most.
    fn flush(&self, patience: Duration) {
        if self.sender.lock().is_none() {
            return;
        }
        let (sender, receiver) = sync_channel(1);
        self.send(Message::Flush(sender));
        // Late or not: the caller goes on.
        let _ = receiver.recv_timeout(patience);
    }

    fn send(&self, message: Message) {
        let sender = self.sender.lock();
        if let Some(sender) = &*sender {
            if sender.try_send(message).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close(Duration::from_secs(1));
    }
}

struct Writer {
    error: Target,
    access: Option<Target>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(&mut self, receiver: &Receiver<Message>) {
        let mut batch = Vec::new();
        while let Ok(first) = receiver.recv() {
            batch.push(first);
            batch.extend(receiver.try_iter().take(256));
            let mut access = String::new();
            for message in batch.drain(..) {
                match message {
                    Message::Access(line) => access.push_str(&line),
                    Message::Error(text) => self.error.write(&text),
                    Message::Reopen => self.reopen(),
                    Message::Flush(done) => {
                        self.write_access(&mut access);
                        // Whoever waited may have lost patience.
                        let _ = done.send(());
                    }
                }
            }
            self.write_access(&mut access);
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                self.error.write(&format!(
                    "penstock: {dropped} log lines were lost, since the log took too long\n"
                ));
            }
        }
    }

    fn write_access(&mut self, lines: &mut String) {
        if let Some(access) = &mut self.access {
            if !lines.is_empty() {
                access.write(lines);
            }
        }
        lines.clear();
    }

    fn reopen(&mut self) {
        let mut failed = self.error.reopen().err();
        if let Some(access) = &mut self.access {
            failed = access.reopen().err().or(failed);
        }
        if let Some(error) = failed {
            self.error.write(&format!(
                "penstock: a log cannot be opened again, the old one stays in use: {error}\n"
            ));
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Standard {
    Output,
    Error,
}

#[derive(Debug)]
enum Target {
    Standard(Standard),
    File(PathBuf, File),
}

impl Target {
    fn open(path: Option<PathBuf>, standard: Standard) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Target::Standard(standard));
        };
        let file = append(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Ok(Target::File(path, file))
    }

    /// A log that cannot be written has nobody to be told.
    fn write(&mut self, text: &str) {
        let _ = match self {
            Target::Standard(Standard::Output) => io::stdout().write_all(text.as_bytes()),
            Target::Standard(Standard::Error) => io::stderr().write_all(text.as_bytes()),
            Target::File(_, file) => file.write_all(text.as_bytes()),
        };
        if let Target::Standard(Standard::Output) = self {
            let _ = io::stdout().flush();
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Target::File(path, file) = self {
            *file = append(path)?;
        }
        Ok(())
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// What the access log says of a request.
#[derive(Debug)]
pub(crate) struct AccessEntry {
    address: Option<IpAddr>,
    method: Method,
    target: Uri,
    version: Version,
    began: SystemTime,
    start: Instant,
}

impl AccessEntry {
    /// The entry of a request that has just come, where there is an access log.
    pub(crate) fn of(parts: &Parts, peer: Address, log: &Log) -> Option<Box<Self>> {
        if !log.has_access() {
            return None;
        }
        let address = match peer {
            Address::Ip(address) => Some(address.ip()),
            Address::Unix => None,
        };
        Some(Box::new(Self {
            address,
            method: parts.method.clone(),
            target: parts.uri.clone(),
            version: parts.version,
            began: SystemTime::now(),
            start: Instant::now(),
        }))
    }

    /// Lets the buffer go that the request came in: the target is a part of it.
    pub(crate) fn detach(&mut self) {
        if let Ok(target) = self.target.to_string().parse() {
            self.target = target;
        }
    }

    /// Writes the line of a request that the server has answered itself, behind `sent` bytes.
    pub(crate) fn write(&self, status: u16, sent: u64, log: &Log) {
        log.access(self.line(Some(status), sent, Duration::ZERO, Duration::ZERO));
    }

    /// One line: the common log format, then the seconds in the queue, in Ruby, and in all.
    /// `status` is empty for a hijacked connection, whose answer the server does not see.
    pub(crate) fn line(
        &self,
        status: Option<u16>,
        bytes: u64,
        queue: Duration,
        ruby: Duration,
    ) -> String {
        let mut line = String::with_capacity(160);
        match self.address {
            Some(address) => write!(line, "{address}"),
            None => write!(line, "unix:"),
        }
        .expect("a String takes everything");
        let date = common_date(self.began);
        let status = status.map_or("hijacked".to_owned(), |status| status.to_string());
        let total = self.start.elapsed();
        writeln!(
            line,
            " - - [{date}] \"{} {} {:?}\" {status} {bytes} \
             queue={:.6} ruby={:.6} total={:.6}",
            self.method,
            self.target,
            self.version,
            queue.as_secs_f64(),
            ruby.as_secs_f64(),
            total.as_secs_f64(),
        )
        .expect("a String takes everything");
        line
    }
}

/// "24/Nov/2026:12:00:00 +0000" from "Tue, 24 Nov 2026 12:00:00 GMT".
fn common_date(time: SystemTime) -> String {
    let date = httpdate::fmt_http_date(time);
    format!(
        "{}/{}/{}:{} +0000",
        &date[5..7],
        &date[8..11],
        &date[12..16],
        &date[17..25]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_common_log_format() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(common_date(time), "06/Nov/1994:08:49:37 +0000");
    }
}
