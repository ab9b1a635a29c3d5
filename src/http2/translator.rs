//! The application's end of a hijacked stream: what it writes is HTTP/1.1 and goes out as HTTP/2,
//! piece by piece as it comes; what the client sends behind an extended CONNECT comes in as it is.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    response::{bare_head, finish_head},
    response_head::{Framing, Garbage, ResponseHead},
    sender::Sender,
    websocket,
};
use crate::{
    dechunk::Dechunk, hijack::is_closed, progress::Progress, request_body::RequestBody,
    socket::Socket, stream::Gone,
};

/// How much is read from the application at once, in bytes.
const READ: usize = 16 * 1024;

/// How often it is looked whether the application is there, where nothing else tells.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a hijacked stream ends before the application has ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The client has gone.
    Gone(Gone),
    /// What the application has written is no response.
    Garbage,
    /// Its response is shorter than it says, or badly framed.
    Broken,
}

/// Copies between the application and the stream.
pub(super) struct Translator {
    ours: Socket,
    inward: Inward,
    /// The key that the application has to answer, of a tunnel.
    key: Option<Vec<u8>>,
    to_application: Bytes,
    from_application: BytesMut,
    to_client: Bytes,
    /// The end follows `to_client`.
    ends: bool,
    is_head: bool,
    max_head: usize,
    stage: Stage,
    /// While something waits for the client.
    progress: Option<Progress>,
}

/// How far the client's side of a tunnel is.
enum Inward {
    /// There is none, or the application has closed.
    Nothing,
    Flowing(RequestBody),
    /// It has ended, which the application has to be told.
    Ended,
    /// The application was told: whether it has closed its own side cannot be seen any more.
    Told,
}

enum Stage {
    /// The head has not come whole.
    Head,
    Body(Body),
    /// The end was sent, behind all that the head has announced.
    Over,
    /// It was sent, behind all that the application had written.
    Closed,
}

enum Body {
    Chunked(Dechunk),
    Length(u64),
    Close,
}

impl Translator {
    /// `key`: of a tunnel, whose `incoming` bytes the application reads; `max_head`: in bytes.
    pub(super) fn new(
        ours: Socket,
        incoming: Option<RequestBody>,
        key: Option<Vec<u8>>,
        is_head: bool,
        max_head: usize,
    ) -> Self {
        Self {
            ours,
            inward: match incoming {
                Some(body) => Inward::Flowing(body),
                None if key.is_some() => Inward::Ended,
                None => Inward::Nothing,
            },
            key,
            to_application: Bytes::new(),
            from_application: BytesMut::new(),
            to_client: Bytes::new(),
            ends: false,
            is_head,
            max_head,
            stage: Stage::Head,
            progress: None,
        }
    }

    /// Copies what there is; ready when nothing is left to copy.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        sender: &mut Sender,
    ) -> Poll<Result<(), Fault>> {
        let inward = self.poll_inward(cx)?;
        if self.poll_outward(cx, sender)?.is_pending() {
            return Poll::Pending;
        }
        // The other direction outlives this one in a tunnel alone.
        let is_through = matches!(self.stage, Stage::Over) || inward.is_ready();
        if is_through || is_closed(&self.ours) {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    /// The socket, for what the application still writes.
    pub(super) fn into_socket(self) -> Socket {
        self.ours
    }

    /// When to look again whether the application is there, where nothing else tells.
    ///
    /// # Errors
    /// It has closed, and the client takes nothing of what is left.
    pub(super) fn check(
        &mut self,
        sent: u64,
        now: Instant,
        patience: Duration,
    ) -> Result<Option<Instant>, Fault> {
        let look = now + LOOK_EVERY;
        if self.to_client.is_empty() {
            self.progress = None;
            let waits_for_client =
                matches!(self.stage, Stage::Closed) && matches!(self.inward, Inward::Flowing(_));
            return Ok(waits_for_client.then_some(look));
        }
        let progress = self
            .progress
            .get_or_insert_with(|| Progress::new(sent, now));
        progress.note(sent, now);
        let is_late = progress.check(now, Some(patience), None).is_err();
        if is_late && !matches!(self.inward, Inward::Told) && is_closed(&self.ours) {
            return Err(Fault::Gone(Gone::TimedOut));
        }
        Ok(Some(look))
    }

    /// Ready when the client of a tunnel has ended its side, or the application reads no more.
    fn poll_inward(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        loop {
            if self.to_application.has_remaining() {
                match ready!(Pin::new(&mut self.ours).poll_write(cx, &self.to_application)) {
                    Ok(written) => self.to_application.advance(written),
                    Err(_) => {
                        // It has closed. The client may go on until it hears of that.
                        self.to_application = Bytes::new();
                        self.inward = Inward::Nothing;
                    }
                }
                continue;
            }
            match &mut self.inward {
                Inward::Nothing | Inward::Told => return Poll::Ready(Ok(())),
                Inward::Flowing(body) => match ready!(body.poll_frame(cx)) {
                    Some(Ok(frame)) => self.to_application = frame.into_data().unwrap_or_default(),
                    Some(Err(_)) => return Poll::Ready(Err(Fault::Gone(Gone::Reset))),
                    None => self.inward = Inward::Ended,
                },
                Inward::Ended => {
                    // Fails where the application has gone, which shows elsewhere.
                    let _ = ready!(Pin::new(&mut self.ours).poll_shutdown(cx));
                    self.inward = Inward::Told;
                }
            }
        }
    }

    /// Ready when the client has the whole of the response.
    fn poll_outward(
        &mut self,
        cx: &mut Context<'_>,
        sender: &mut Sender,
    ) -> Poll<Result<(), Fault>> {
        loop {
            ready!(sender.poll_send(cx, &mut self.to_client, self.ends)).map_err(Fault::Gone)?;
            if let Stage::Over | Stage::Closed = self.stage {
                return Poll::Ready(Ok(()));
            }
            if self.from_application.is_empty() || matches!(self.stage, Stage::Head) {
                let read = ready!(self.poll_read(cx));
                if read == 0 {
                    self.end(sender)?;
                    continue;
                }
            }
            self.pass_on(sender)?;
        }
    }

    /// Reads what the application has written; 0 at its end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut space = [0; READ];
        let mut read = ReadBuf::new(&mut space);
        // An application that closes over unread bytes shows as an error behind what it wrote.
        let result: io::Result<()> = ready!(Pin::new(&mut self.ours).poll_read(cx, &mut read));
        if result.is_ok() {
            self.from_application.extend_from_slice(read.filled());
        }
        Poll::Ready(read.filled().len())
    }

    /// Takes what was read a step further.
    fn pass_on(&mut self, sender: &mut Sender) -> Result<(), Fault> {
        let body = match &mut self.stage {
            Stage::Head => return self.pass_heads_on(sender),
            Stage::Over | Stage::Closed => return Ok(()),
            Stage::Body(body) => body,
        };
        let mut data = self.from_application.split().freeze();
        let ended = match body {
            Body::Chunked(dechunk) => {
                data = dechunk.decode(&data).map_err(|()| Fault::Broken)?;
                dechunk.is_complete()
            }
            Body::Length(left) => {
                data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data.len() as u64;
                *left == 0
            }
            Body::Close => false,
        };
        if ended {
            self.stage = Stage::Over;
            if data.is_empty() {
                sender.finish(None).map_err(Fault::Gone)?;
            }
        }
        self.ends = ended;
        self.to_client = data;
        Ok(())
    }

    /// Sends the head, and what interim responses are in front of it.
    fn pass_heads_on(&mut self, sender: &mut Sender) -> Result<(), Fault> {
        while matches!(self.stage, Stage::Head) {
            let head = ResponseHead::take(&mut self.from_application, self.max_head);
            match head.map_err(|Garbage| Fault::Garbage)? {
                Some(head) => self.send_head(head, sender)?,
                None => break,
            }
        }
        Ok(())
    }

    fn send_head(&mut self, head: ResponseHead, sender: &mut Sender) -> Result<(), Fault> {
        let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
        if head.status.is_informational() && !switches {
            if head.status != StatusCode::CONTINUE {
                sender.send_interim(bare_head(head.status, head.headers));
            }
            return Ok(());
        }
        let (mut status, mut headers) = (head.status, head.headers);
        let mut ended = self.is_head || matches!(status.as_u16(), 204 | 304);
        self.stage = Stage::Body(match head.framing {
            _ if switches => Body::Close,
            Framing::Chunked => Body::Chunked(Dechunk::default()),
            Framing::Length(length) => Body::Length(length),
            Framing::Close => Body::Close,
        });
        if switches {
            if !self.is_accepted(head.upgrade, head.accept) {
                return Err(Fault::Garbage);
            }
            status = StatusCode::OK;
            headers.remove(http::header::SEC_WEBSOCKET_ACCEPT);
            headers.remove(http::header::CONTENT_LENGTH);
        }
        ended |= matches!(self.stage, Stage::Body(Body::Length(0)));
        if ended {
            self.stage = Stage::Over;
        }
        sender
            .send_head(finish_head(status, headers), ended)
            .map_err(Fault::Gone)
    }

    /// Whether a 101 is what the client of a tunnel has asked for.
    fn is_accepted(
        &self,
        upgrade: Option<http::HeaderValue>,
        accept: Option<http::HeaderValue>,
    ) -> bool {
        let (Some(key), Some(upgrade), Some(accept)) = (&self.key, upgrade, accept) else {
            return false;
        };
        upgrade.as_bytes().eq_ignore_ascii_case(b"websocket")
            && accept.as_bytes() == websocket::accept(key).as_bytes()
    }

    /// The application has ended its side.
    fn end(&mut self, sender: &mut Sender) -> Result<(), Fault> {
        match &self.stage {
            Stage::Head => Err(Fault::Garbage),
            Stage::Body(Body::Close) => {
                self.stage = Stage::Closed;
                sender.finish(None).map_err(Fault::Gone)
            }
            Stage::Body(_) => Err(Fault::Broken),
            Stage::Over | Stage::Closed => Ok(()),
        }
    }
}
