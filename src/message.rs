//! What is written to many streams at once.

use bytes::Bytes;

/// Bytes for all members of a group, which share them.
#[derive(Clone, Debug)]
pub struct Message {
    data: Bytes,
}

impl Message {
    /// A message of its own copy of `data`.
    pub fn new(data: &[u8]) -> Self {
        Self {
            data: Bytes::copy_from_slice(data),
        }
    }

    /// The bytes.
    pub(crate) fn data(&self) -> &Bytes {
        &self.data
    }
}
