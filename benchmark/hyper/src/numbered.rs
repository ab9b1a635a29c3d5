//! Text in which no two lines are alike.

use std::fmt::Write;

use bytes::Bytes;

/// The same as `apps/numbered.rb` makes: `size` bytes in lines of 8, each with its number.
pub fn numbered(size: usize) -> Bytes {
    let mut text = String::with_capacity(size + 8);
    for number in 0..size.div_ceil(8) {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{number:07}");
    }
    let mut bytes = Bytes::from(text);
    bytes.truncate(size);
    bytes
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn has_as_many_bytes_as_were_asked_for() {
        assert_eq!(&numbered(16)[..], b"0000000\n0000001\n");
        assert_eq!(numbered(1_000_000).len(), 1_000_000);
        assert_eq!(&numbered(3)[..], b"000");
    }
}
