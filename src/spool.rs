//! Receives a request body whole before the application is called: in memory, and above a size
//! in a file that has no name.

use std::{
    collections::VecDeque,
    fs::File,
    future::poll_fn,
    io::{self, Seek, Write},
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;

use crate::{
    input::{Input, Limits},
    request_body::RequestBody,
};

/// How much is collected between two writes to the file, in bytes.
const FILE_PIECE: usize = 256 * 1024;

/// What a chunk keeps in memory beside its bytes: a client may send one byte at a time.
const CHUNK_COST: usize = 64;

/// A body on its way into memory or a file.
#[derive(Debug)]
pub(crate) struct Spool {
    limits: Limits,
    memory: usize,
    chunks: VecDeque<Bytes>,
    /// Bytes in `chunks`.
    collected: usize,
    received: u64,
    /// The end of the body was seen.
    ended: bool,
    file: Option<File>,
}

impl Spool {
    /// `memory`: how many bytes stay in memory.
    pub(crate) fn new(limits: Limits, memory: usize) -> Self {
        Self {
            limits,
            memory,
            chunks: VecDeque::new(),
            collected: 0,
            received: 0,
            ended: false,
            file: None,
        }
    }

    /// Receives to the end, into a file where memory does not suffice.
    ///
    /// # Errors
    /// The status that tells the client: 400 broken, 413 too large, 507 no space for the file.
    pub(crate) async fn receive(&mut self, body: &mut RequestBody) -> Result<(), StatusCode> {
        while !self.fill(body).await? {
            self.write_out().await?;
        }
        Ok(())
    }

    /// Receives into memory: true at the end, false once as much was collected as may be. The
    /// future can be dropped, and what was received is kept.
    ///
    /// # Errors
    /// Those of [`Spool::receive`].
    pub(crate) async fn fill(&mut self, body: &mut RequestBody) -> Result<bool, StatusCode> {
        while !self.ended {
            let limit = if self.file.is_some() {
                FILE_PIECE
            } else {
                self.memory
            };
            if self.collected.max(self.chunks.len() * CHUNK_COST) > limit {
                return Ok(false);
            }
            match poll_fn(|cx| body.poll_frame(cx)).await {
                None => self.ended = true,
                Some(Err(_)) => return Err(StatusCode::BAD_REQUEST),
                Some(Ok(frame)) => {
                    // Trailers belong to nobody before the application is called.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    self.received += data.len() as u64;
                    if self.limits.is_exceeded_by(self.received) {
                        return Err(StatusCode::PAYLOAD_TOO_LARGE);
                    }
                    self.collected += data.len();
                    self.chunks.push_back(data);
                }
            }
        }
        Ok(true)
    }

    /// The chunks in memory, for an application that reads the rest as it comes.
    pub(crate) fn into_early(self) -> VecDeque<Bytes> {
        self.chunks
    }

    /// The whole body.
    ///
    /// # Errors
    /// 507: no space for the file.
    pub(crate) async fn finish(mut self) -> Result<Input, StatusCode> {
        if self.file.is_some() {
            self.write_out().await?;
            let file = self.file.take().expect("looked at above");
            let length = self.received;
            let file = blocking(move || {
                (&file).rewind()?;
                Ok(file)
            })
            .await?;
            return Ok(Input::File { file, length });
        }
        Ok(match self.chunks.len() {
            0 => Input::Empty,
            1 => Input::Memory(self.chunks.remove(0).unwrap_or_default()),
            _ => {
                let mut whole = BytesMut::with_capacity(self.collected);
                self.chunks
                    .iter()
                    .for_each(|chunk| whole.extend_from_slice(chunk));
                Input::Memory(whole.freeze())
            }
        })
    }

    async fn write_out(&mut self) -> Result<(), StatusCode> {
        let chunks = std::mem::take(&mut self.chunks);
        self.collected = 0;
        let file = self.file.take();
        let file = blocking(move || {
            let mut file = match file {
                Some(file) => file,
                None => tempfile::tempfile()?,
            };
            for chunk in chunks {
                file.write_all(&chunk)?;
            }
            Ok(file)
        })
        .await?;
        self.file = Some(file);
        Ok(())
    }
}

/// Runs file work where a slow disk holds up nobody else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StatusCode> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        // ENOSPC and its kin: RFC 4918 section 11.5.
        _ => Err(StatusCode::INSUFFICIENT_STORAGE),
    }
}
