//! What is written to many streams at once.

use bytes::Bytes;

/// Room for the line in front of a chunk: 16 digits, CR and LF.
const SIZE_LINE: usize = 18;

/// Bytes for all members of a group, which share them.
#[derive(Clone, Debug)]
pub struct Message {
    chunk: Bytes,
    data: Bytes,
}

/// A message that is put together, of one copy of each of its parts.
#[derive(Debug)]
pub struct Builder {
    /// Begins with room for the line that says the size.
    chunk: Vec<u8>,
}

impl Message {
    /// A message of its own copy of `data`.
    pub fn new(data: &[u8]) -> Self {
        let mut builder = Self::builder();
        builder.push(data);
        builder.build()
    }

    /// A message of many parts.
    pub fn builder() -> Builder {
        Builder { chunk: Vec::new() }
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

impl Builder {
    /// Appends a copy of `part`.
    pub fn push(&mut self, part: &[u8]) {
        if self.chunk.is_empty() {
            // Of a single part this is all that there is to allocate.
            self.chunk.reserve(SIZE_LINE + part.len() + 2);
            self.chunk.resize(SIZE_LINE, b'0');
        }
        self.chunk.extend_from_slice(part);
    }

    /// The message.
    pub fn build(mut self) -> Message {
        self.push(b"");
        let length = self.chunk.len() - SIZE_LINE;
        let size = format!("{length:x}\r\n");
        let begin = SIZE_LINE - size.len();
        self.chunk[begin..SIZE_LINE].copy_from_slice(size.as_bytes());
        self.chunk.extend_from_slice(b"\r\n");
        let all = Bytes::from(self.chunk);
        Message {
            chunk: all.slice(begin..),
            data: all.slice(SIZE_LINE..SIZE_LINE + length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_chunk_of_its_parts() {
        let mut builder = Message::builder();
        for part in ["seven", "", "teen bytes.."] {
            builder.push(part.as_bytes());
        }
        let message = builder.build();
        assert_eq!(message.data(), "seventeen bytes..");
        assert_eq!(message.chunk(), "11\r\nseventeen bytes..\r\n");
        assert_eq!(Message::new(b"").data(), "");
    }
}
