//! What is written to many streams at once.

use bytes::Bytes;

/// Bytes for all members of a group, which share them.
#[derive(Clone, Debug)]
pub struct Message {
    chunk: Bytes,
    data: Bytes,
}

impl Message {
    /// A message of its own copy of `data`.
    pub fn new(data: &[u8]) -> Self {
        let size = format!("{:x}\r\n", data.len());
        let chunk = Bytes::from([size.as_bytes(), data, b"\r\n"].concat());
        let data = chunk.slice(size.len()..chunk.len() - 2);
        Self { chunk, data }
    }

    /// The bytes.
    pub(crate) fn data(&self) -> &Bytes {
        &self.data
    }

    /// The bytes as a chunk (RFC 9112 section 7.1). Empty ones make none: theirs would be the last.
    pub(crate) fn chunk(&self) -> &Bytes {
        &self.chunk
    }
}
