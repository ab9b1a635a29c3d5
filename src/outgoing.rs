//! A response body on its way to the protocol: within the length that the head announces,
//! unpacked where the application has chunked it itself, and broken where it broke.

use std::{
    fs::File,
    io::{self, Read},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use tokio::task::JoinHandle;

use crate::{
    dechunk::Dechunk,
    exchange::Inner,
    outbox::Taken,
    response::{Body, Head},
};

/// How much of a file is read at once, in bytes.
const FILE_PIECE: usize = 256 * 1024;

/// How much of a body in memory goes at once, in bytes: what was taken counts as sent.
const FULL_PIECE: usize = 256 * 1024;

/// What is sent behind a head.
pub(crate) struct Outgoing {
    source: Source,
    /// How many bytes the head announces.
    announced: Option<u64>,
    sent: u64,
    dechunk: Option<Dechunk>,
    /// A response to HEAD, a 204 or a 304: it may announce a length, and sends nothing.
    bodiless: bool,
    /// Empty for a request that the server refuses itself.
    exchange: Option<Arc<Inner>>,
}

enum Source {
    Empty,
    /// What is left of it.
    Full(Bytes),
    File(FileReader),
    Stream(Arc<Inner>),
}

impl Outgoing {
    /// The body behind `head`, of an answer to `exchange`; `None`: the server gives it itself.
    /// `is_head`: to a HEAD.
    pub(crate) fn new(
        head: &Head,
        body: Body,
        exchange: Option<Arc<Inner>>,
        is_head: bool,
    ) -> Self {
        let source = match body {
            Body::Empty => Source::Empty,
            Body::Full(bytes) if bytes.is_empty() => Source::Empty,
            Body::Full(bytes) => Source::Full(bytes),
            Body::File { length: 0, .. } => Source::Empty,
            Body::File { file, length } => Source::File(FileReader::new(file, length)),
            Body::Stream => match &exchange {
                Some(exchange) => Source::Stream(exchange.clone()),
                None => Source::Empty,
            },
        };
        Self {
            source,
            announced: head.content_length,
            sent: 0,
            dechunk: head.chunked.then(Dechunk::default),
            bodiless: is_head || matches!(head.status.as_u16(), 204 | 304),
            exchange,
        }
    }

    /// The exchange that is answered.
    pub(crate) fn exchange(&self) -> Option<&Arc<Inner>> {
        self.exchange.as_ref()
    }

    /// Whether it is what the application writes.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream(_))
    }

    /// Bytes that were given to the protocol.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether none may be sent: behind a HEAD, a 204 or a 304.
    pub(crate) fn is_bodiless(&self) -> bool {
        self.bodiless
    }

    /// Whether no byte follows, known without asking for one.
    pub(crate) fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => self.bodiless || self.announced.is_none_or(|length| length == 0),
            Source::Full(bytes) => {
                bytes.is_empty() && self.announced.is_none_or(|length| length == self.sent)
            }
            Source::File(_) | Source::Stream(_) => false,
        }
    }

    /// The length in bytes, where it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        if self.announced.is_some() {
            return self.announced;
        }
        if self.dechunk.is_some() {
            return None;
        }
        match &self.source {
            Source::Empty => Some(0),
            Source::Full(bytes) => Some(bytes.len() as u64),
            Source::File(file) => Some(file.left),
            Source::Stream(_) => None,
        }
    }

    /// Whether trailers follow the last byte.
    pub(crate) fn has_trailers(&self) -> bool {
        let exchange = self.exchange.as_ref();
        exchange.is_some_and(|exchange| exchange.outbox.has_trailers())
    }

    /// The trailers that follow the last byte, once.
    pub(crate) fn take_trailers(&self) -> Option<HeaderMap> {
        self.exchange.as_ref()?.outbox.take_trailers()
    }

    /// The length that the head says, where the application has left it to the server.
    pub(crate) fn length_to_announce(&self) -> Option<u64> {
        self.length().filter(|_| !self.bodiless)
    }

    /// Whether the protocol has all that the head announces. What the application writes beyond
    /// it is dropped from then on.
    pub(crate) fn has_sent_all(&self) -> bool {
        let all = self.announced.is_some_and(|length| self.sent == length);
        if all {
            self.overflow(false);
        }
        all
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.source {
            Source::Empty => Poll::Ready(None),
            Source::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Full(bytes) => {
                let piece = bytes.split_to(bytes.len().min(FULL_PIECE));
                Poll::Ready(Some(Ok(piece)))
            }
            Source::File(file) => file.poll_piece(cx),
            Source::Stream(exchange) => match ready!(exchange.outbox.poll_take(cx)) {
                Taken::Data(data) => Poll::Ready(Some(Ok(data))),
                Taken::Finished => Poll::Ready(None),
                Taken::Aborted => Poll::Ready(Some(Err(broken("the application broke off")))),
            },
        }
    }

    /// The next bytes, within what the head announces; `None` at the end.
    ///
    /// # Errors
    /// The body broke, and the client has to see it.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            let mut data = match ready!(self.poll_source(cx)) {
                Some(Ok(data)) => data,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(self.check_end().err().map(Err)),
            };
            if let Some(dechunk) = &mut self.dechunk {
                match dechunk.decode(&data) {
                    Ok(decoded) => data = decoded,
                    Err(()) => return Poll::Ready(Some(Err(broken("chunks that are none")))),
                }
            }
            if let Some(announced) = self.announced {
                let room = announced - self.sent;
                if data.len() as u64 > room {
                    data.truncate(room as usize);
                    self.overflow(true);
                }
            }
            self.sent += data.len() as u64;
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    /// The response has all that the head announces; `excess`: the application gave more.
    fn overflow(&self, excess: bool) {
        let cut = match &self.source {
            Source::Stream(exchange) => exchange.outbox.overflow(excess),
            _ => excess,
        };
        if let Some(exchange) = self.exchange.as_ref().filter(|_| cut) {
            exchange.tell_cut();
        }
    }

    fn check_end(&self) -> io::Result<()> {
        if self
            .dechunk
            .as_ref()
            .is_some_and(|dechunk| !dechunk.is_complete())
        {
            return Err(broken("the application's last chunk is missing"));
        }
        match self.announced {
            Some(announced) if self.sent < announced && !self.bodiless => {
                if let Some(exchange) = &self.exchange {
                    exchange.server.log.warn(
                        "the application's response was broken off: \
                         it is shorter than its content-length",
                    );
                }
                Err(broken("shorter than its content-length"))
            }
            _ => Ok(()),
        }
    }
}

/// Why a body breaks.
pub(crate) fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

/// Reads a file piece by piece on the threads that may block.
struct FileReader {
    state: FileState,
    left: u64,
}

enum FileState {
    Idle(Option<File>),
    Reading(JoinHandle<io::Result<(File, Bytes)>>),
}

impl FileReader {
    fn new(file: File, length: u64) -> Self {
        Self {
            state: FileState::Idle(Some(file)),
            left: length,
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match &mut self.state {
                FileState::Idle(file) => {
                    if self.left == 0 {
                        return Poll::Ready(None);
                    }
                    let Some(file) = file.take() else {
                        return Poll::Ready(None);
                    };
                    let length = self.left.min(FILE_PIECE as u64);
                    let reading = tokio::task::spawn_blocking(move || read_piece(file, length));
                    self.state = FileState::Reading(reading);
                }
                FileState::Reading(reading) => {
                    let read = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other);
                    let (file, piece) = match read.and_then(|read| read) {
                        Ok(read) => read,
                        Err(error) => {
                            self.state = FileState::Idle(None);
                            return Poll::Ready(Some(Err(error)));
                        }
                    };
                    self.state = FileState::Idle(Some(file));
                    self.left -= piece.len() as u64;
                    if piece.is_empty() {
                        return Poll::Ready(Some(Err(broken("the file became shorter"))));
                    }
                    return Poll::Ready(Some(Ok(piece)));
                }
            }
        }
    }
}

fn read_piece(file: File, length: u64) -> io::Result<(File, Bytes)> {
    let mut piece = Vec::with_capacity(length as usize);
    (&file).take(length).read_to_end(&mut piece)?;
    Ok((file, piece.into()))
}
