//! Decodes the chunks of an application that has set `transfer-encoding: chunked` itself: hyper
//! frames what it is given, and would chunk them a second time.

use bytes::{Buf, Bytes, BytesMut};

/// Longest line of a chunk's size or of a trailer field, in bytes.
const MAX_LINE: usize = 16 * 1024;

/// A decoder of chunked coding (RFC 9112 section 7.1), fed piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Dechunk {
    state: State,
    line: BytesMut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Complete,
}

impl Dechunk {
    /// The data in `input`; what follows the last chunk's trailers is dropped.
    ///
    /// # Errors
    /// The input is not chunked.
    pub(crate) fn decode(&mut self, input: &Bytes) -> Result<Bytes, ()> {
        let mut input = input.clone();
        let mut output = BytesMut::new();
        while !input.is_empty() {
            match self.state {
                State::Data(left) => {
                    let length = left.min(input.len() as u64);
                    let data = input.split_to(length as usize);
                    if output.is_empty() && input.is_empty() {
                        // The rule: one write, one chunk.
                        self.advance_data(left - length);
                        return Ok(data);
                    }
                    output.extend_from_slice(&data);
                    self.advance_data(left - length);
                }
                State::Complete => return Ok(output.freeze()),
                State::Size | State::DataEnd | State::Trailers => {
                    if self.take_line(&mut input)? {
                        self.line_done()?;
                    }
                }
            }
        }
        Ok(output.freeze())
    }

    /// Whether the last chunk and its trailers have come.
    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    fn advance_data(&mut self, left: u64) {
        self.state = if left == 0 {
            State::DataEnd
        } else {
            State::Data(left)
        };
    }

    /// Moves bytes up to a line's end into `line`; true: it is whole, without its end.
    fn take_line(&mut self, input: &mut Bytes) -> Result<bool, ()> {
        let end = memchr::memchr(b'\n', input);
        let length = end.unwrap_or(input.len());
        if self.line.len() + length > MAX_LINE {
            return Err(());
        }
        self.line.extend_from_slice(&input[..length]);
        input.advance(end.map_or(length, |end| end + 1));
        if end.is_some() && self.line.ends_with(b"\r") {
            self.line.truncate(self.line.len() - 1);
        }
        Ok(end.is_some())
    }

    fn line_done(&mut self) -> Result<(), ()> {
        let line = std::mem::take(&mut self.line);
        self.state = match self.state {
            State::Size => {
                let digits = line[..]
                    .split(|byte| *byte == b';')
                    .next()
                    .unwrap_or_default();
                let digits = std::str::from_utf8(digits.trim_ascii()).map_err(|_| ())?;
                // from_str_radix would take a sign.
                if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(());
                }
                match u64::from_str_radix(digits, 16).map_err(|_| ())? {
                    0 => State::Trailers,
                    size => State::Data(size),
                }
            }
            State::DataEnd if line.is_empty() => State::Size,
            State::DataEnd => return Err(()),
            State::Trailers if line.is_empty() => State::Complete,
            other => other,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&str]) -> Result<(String, bool), ()> {
        let mut dechunk = Dechunk::default();
        let mut output = Vec::new();
        for piece in pieces {
            output.extend_from_slice(&dechunk.decode(&Bytes::copy_from_slice(piece.as_bytes()))?);
        }
        Ok((String::from_utf8(output).unwrap(), dechunk.is_complete()))
    }

    #[test]
    fn decodes_whole_and_split_at_every_byte() {
        let body = "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nx: y\r\n\r\n";
        assert_eq!(decode(&[body]), Ok(("hello world".into(), true)));
        for at in 0..body.len() {
            let (left, right) = body.split_at(at);
            assert_eq!(
                decode(&[left, right]),
                Ok(("hello world".into(), true)),
                "split at {at}"
            );
        }
    }

    #[test]
    fn is_incomplete_without_a_last_chunk() {
        assert_eq!(decode(&["5\r\nhello\r\n"]), Ok(("hello".into(), false)));
    }

    #[test]
    fn refuses_what_is_no_chunk() {
        for body in [
            "hello\r\n",
            "+5\r\nhello\r\n",
            "\r\n",
            "5\r\nhelloX\r\n",
            "11111111111111111\r\n",
        ] {
            assert_eq!(decode(&[body]), Err(()), "{body:?}");
        }
    }
}
