//! A response body as hyper takes it: framed by the length that the head announces, unpacked
//! where the application has chunked it itself, and broken where it broke.

use std::{
    fs::File,
    io::{self, Read},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::{
    connection::Connection, dechunk::Dechunk, exchange::Inner, log::AccessEntry, outbox::Taken,
    response::Body,
};

/// How much of a file is read at once, in bytes.
const FILE_PIECE: usize = 256 * 1024;

/// How much of a body in memory hyper gets at once, in bytes: what it has taken counts as sent.
const FULL_PIECE: usize = 256 * 1024;

/// What hyper sends behind a head.
pub(crate) struct Outgoing {
    source: Source,
    /// How many bytes the head announces.
    announced: Option<u64>,
    sent: u64,
    dechunk: Option<Dechunk>,
    /// A response to HEAD, a 204 or a 304: it may announce a length, and sends nothing.
    bodiless: bool,
    breaking: bool,
    complete: bool,
    report: Report,
}

/// Whom the end of the response is told.
pub(crate) struct Report {
    pub(crate) connection: Arc<Connection>,
    /// Empty for a request that the server refuses itself.
    pub(crate) exchange: Option<Arc<Inner>>,
    /// The line of the access log, unless there is none, or the exchange has it.
    pub(crate) access: Option<Box<AccessEntry>>,
    pub(crate) status: u16,
    /// Without length and chunks the end of the connection is the end of the body.
    pub(crate) close_delimited: bool,
}

enum Source {
    Empty,
    /// What is left of it.
    Full(Bytes),
    File(FileReader),
    Stream(Arc<Inner>),
}

impl Outgoing {
    /// `announced` is the content-length of the head; `chunked`: the application frames.
    pub(crate) fn new(body: Body, announced: Option<u64>, chunked: bool, report: Report) -> Self {
        let source = match body {
            Body::Empty => Source::Empty,
            Body::Full(bytes) if bytes.is_empty() => Source::Empty,
            Body::Full(bytes) => Source::Full(bytes),
            Body::File { length: 0, .. } => Source::Empty,
            Body::File { file, length } => Source::File(FileReader::new(file, length)),
            Body::Stream => match &report.exchange {
                Some(exchange) => Source::Stream(exchange.clone()),
                None => Source::Empty,
            },
        };
        let dechunk = chunked.then(Dechunk::default);
        let bodiless = matches!(report.status, 204 | 304)
            || report
                .exchange
                .as_ref()
                .is_some_and(|exchange| exchange.is_head);
        Self {
            source,
            announced,
            sent: 0,
            dechunk,
            bodiless,
            breaking: false,
            complete: false,
            report,
        }
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

    /// The next bytes, within what the head announces.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
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
        if let Some(exchange) = self.report.exchange.as_ref().filter(|_| cut) {
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
                self.report.connection.server.log.warn(
                    "the application's response was broken off: \
                     it is shorter than its content-length",
                );
                Err(broken("shorter than its content-length"))
            }
            _ => Ok(()),
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if this.breaking {
            // hyper drops what it has not flushed when a body fails: let it flush first.
            if !this.report.connection.io.is_flushed() {
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(broken("the response was broken off"))));
        }
        match ready!(this.poll_bytes(cx)) {
            Some(Ok(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None => {
                this.complete = true;
                Poll::Ready(None)
            }
            Some(Err(_)) => {
                this.breaking = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => self.bodiless || self.announced.is_none_or(|length| length == 0),
            Source::Full(bytes) => {
                bytes.is_empty() && self.announced.is_none_or(|length| length == self.sent)
            }
            Source::File(_) | Source::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(announced) = self.announced {
            return SizeHint::with_exact(announced);
        }
        if self.dechunk.is_some() {
            return SizeHint::default();
        }
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::File(file) => SizeHint::with_exact(file.left),
            Source::Stream(_) => SizeHint::default(),
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // hyper drops a body of known length once it has all of it, without asking for the end.
        let all = self
            .announced
            .is_some_and(|announced| self.sent == announced);
        let complete = self.complete || (!self.breaking && (all || self.is_end_stream()));
        if all {
            self.overflow(false);
        }
        let connection = self.report.connection.clone();
        if self.report.close_delimited && !complete {
            connection.reset_on_close();
        }
        connection.response_done(&mut self.report, self.sent, complete);
    }
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
