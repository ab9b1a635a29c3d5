//! The table of headers: what is one, and what is none.

use super::*;

/// What stands behind the header.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

fn announced(client: &str, server: &str) -> Option<Announced> {
    Some(Announced {
        client: client.parse().unwrap(),
        server: server.parse().unwrap(),
    })
}

/// A header of version 2 with its length.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, block].concat()
}

/// 192.0.2.1 port 4660 to 198.51.100.2 port 443, and a TLV of 3 bytes.
const V4: &[u8] = &[
    192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 1, 0xbb, 4, 0, 3, 7, 7, 7,
];

/// 2001:db8::1 port 1 to 2001:db8::2 port 65535.
fn v6() -> Vec<u8> {
    let ip = |last| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
    [ip(1), ip(2), vec![0, 1, 255, 255]].concat()
}

fn valid() -> Vec<(Vec<u8>, Option<Announced>)> {
    let v4 = announced("192.0.2.1:4660", "198.51.100.2:443");
    let ip6 = announced("[2001:db8::1]:1", "[2001:db8::2]:65535");
    let longest_line = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
    assert_eq!(longest_line.len(), LONGEST_LINE);
    let lines = [
        ("PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\r\n", v4),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            announced("255.255.255.255:65535", "255.255.255.255:65535"),
        ),
        (
            "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n",
            announced("0.0.0.0:0", "0.0.0.0:0"),
        ),
        ("PROXY TCP6 2001:db8::1 2001:DB8::2 1 65535\r\n", ip6),
        ("PROXY TCP6 :: :: 0 0\r\n", announced("[::]:0", "[::]:0")),
        (
            "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
             ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
            announced(
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN \r\n", None),
        ("PROXY UNKNOWN a\rb\nc\r\r\n", None),
        ("PROXY UNKNOWN 192.0.2.1 198.51.100.2 4660 443\r\n", None),
        (&longest_line, None),
    ];
    let lines = lines.map(|(line, expected)| (line.as_bytes().to_vec(), expected));
    let unix = [0; 216];
    let longest = [V4, &[0; LONGEST - FIXED - 18]].concat();
    let binaries = [
        (binary(0x21, 0x11, V4), v4),
        (binary(0x21, 0x11, &V4[..12]), v4),
        (binary(0x21, 0x12, V4), v4),
        (binary(0x21, 0x11, &longest), v4),
        (binary(0x21, 0x21, &v6()), ip6),
        (binary(0x21, 0x22, &v6()), ip6),
        (binary(0x21, 0x10, V4), None),
        (binary(0x21, 0x00, &[]), None),
        (binary(0x21, 0x00, b"ignored"), None),
        (binary(0x21, 0x01, b""), None),
        (binary(0x21, 0x31, &unix), None),
        (binary(0x21, 0x32, &unix), None),
        (binary(0x20, 0x00, &[]), None),
        (binary(0x20, 0x11, V4), None),
        (binary(0x20, 0xff, b"ignored"), None),
    ];
    lines.into_iter().chain(binaries).collect()
}

/// What is read of `bytes`, and how much is left of them.
async fn read_of(bytes: &[u8]) -> (io::Result<Option<Announced>>, usize) {
    let mut source = bytes;
    let read = read(&mut source).await;
    (read, source.len())
}

#[tokio::test]
async fn a_header_is_read_whole_and_nothing_behind_it() {
    for (header, expected) in valid() {
        let bytes = [&header, REQUEST].concat();
        let (read, left) = read_of(&bytes).await;
        assert_eq!(read.unwrap(), expected, "{}", header.escape_ascii());
        assert_eq!(left, REQUEST.len(), "{}", header.escape_ascii());
    }
}

#[tokio::test]
async fn a_header_may_come_in_two_parts_wherever_it_is_cut() {
    for (header, expected) in valid() {
        for cut in 1..header.len() {
            let behind = [&header[cut..], REQUEST].concat();
            let mut source = header[..cut].chain(&behind[..]);
            assert_eq!(read(&mut source).await.unwrap(), expected);
            assert_eq!(source.into_inner().1, REQUEST);
        }
    }
}

#[tokio::test]
async fn an_end_within_the_header_is_none() {
    for (header, _) in valid() {
        for end in 0..header.len() {
            let (read, _) = read_of(&header[..end]).await;
            let error = read.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_header_is_refused() {
    let line = |line: &str| (line.as_bytes().to_vec(), "");
    let too_long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(92));
    let cases = [
        (REQUEST.to_vec(), "another protocol"),
        (b"G".to_vec(), "another protocol"),
        (b"\x16\x03\x01".to_vec(), "another protocol"),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            "another protocol",
        ),
        (b"\r\n\r\nGET / HTTP/1.1".to_vec(), "another protocol"),
        (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), "another protocol"),
        line("proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY\tTCP4 1.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\nGET / HTTP/1.1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\r\n"),
        line("PROXY TCP4\r\n1.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY UNKNOWNS 1.2.3.4 1.2.3.4\r\n"),
        line("PROXY TCP4 ::1 ::1 1 1\r\n"),
        line("PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.04 1 1\r\n"),
        line("PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n"),
        line("PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n"),
        line("PROXY TCP4 0x7f.0.0.1 1.2.3.4 1 1\r\n"),
        line("PROXY TCP4 example.org 1.2.3.4 1 1\r\n"),
        line("PROXY TCP6 :::1 ::1 1 1\r\n"),
        line("PROXY TCP6 1::2::3 ::1 1 1\r\n"),
        line("PROXY TCP6 [::1] ::1 1 1\r\n"),
        line("PROXY TCP6 fe80::1%lo ::1 1 1\r\n"),
        line("PROXY TCP6 00001::1 ::1 1 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 1 00\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4 a 1\r\n"),
        line("PROXY TCP4 1.2.3.4 1.2.3.4  1\r\n"),
        (b"PROXY TCP4 1.2.3.\xff 1.2.3.4 1 1\r\n".to_vec(), "ASCII"),
        (too_long.into_bytes(), "107 bytes"),
        (binary(0x11, 0x11, V4), "version"),
        (binary(0x31, 0x11, V4), "version"),
        (binary(0x22, 0x11, V4), "command"),
        (binary(0x21, 0x41, V4), "family"),
        (binary(0x21, 0x13, V4), "transport"),
        (binary(0x21, 0x11, &V4[..11]), "too short"),
        (binary(0x21, 0x21, &v6()[..35]), "too short"),
        (binary(0x21, 0x21, V4), "too short"),
        (binary(0x21, 0x11, &[0; LONGEST - FIXED + 1]), "16 KiB"),
        (binary(0x20, 0x00, &[0; 65_535]), "16 KiB"),
    ];
    for (bytes, expected) in cases {
        let (read, _) = read_of(&bytes).await;
        let error = read.expect_err(&bytes.escape_ascii().to_string());
        assert_eq!(
            error.kind(),
            io::ErrorKind::InvalidData,
            "{}",
            bytes.escape_ascii()
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
}
