//! The PROXY protocol, versions 1 and 2 (HAProxy's `doc/proxy-protocol.txt`; the sections below are
//! its): a header in front of everything else, in which a proxy says for whom it has connected.
//!
//! Whatever the header stands in front of reads from the same socket, so no byte behind it is
//! taken: at each step no more is read than the header still lacks in any case.

#[cfg(test)]
mod tests;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with (section 2.2).
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What version 1 begins with (section 2.1).
const WORD: &[u8] = b"PROXY ";

/// Shortest header, in bytes: `PROXY UNKNOWN` with its CRLF.
const SHORTEST: usize = 15;

/// Longest line of version 1 with its CRLF, in bytes (section 2.1).
const LONGEST_LINE: usize = 107;

/// The part of version 2 that has always the same length, in bytes (section 2.2).
const FIXED: usize = 16;

/// Longest header of version 2, in bytes. Addresses need 232 at the most; what follows them can be
/// long, up to a certificate of the client. HAProxy's own buffer, in which it makes and reads
/// headers, has by default this size.
const LONGEST: usize = 16 * 1024;

/// For whom a proxy has connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The client's address.
    pub(crate) client: SocketAddr,
    /// The address that the client has connected to.
    pub(crate) server: SocketAddr,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    /// A part of a header, which lacks at least so many bytes.
    Partial(usize),
    /// A whole one; `None`: the proxy has connected for itself, or says nothing of its client.
    Whole(Option<Announced>),
}

/// Reads the header, and nothing behind it; `None`: the addresses are those of the socket.
///
/// # Errors
/// That of the socket, `UnexpectedEof` where it ends within the header, or `InvalidData` with what
/// is wrong with it.
pub(crate) async fn read(source: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Announced>> {
    let mut bytes = Vec::new();
    loop {
        let parsed = parse(&bytes);
        match parsed.map_err(|what| io::Error::new(io::ErrorKind::InvalidData, what))? {
            Header::Whole(announced) => return Ok(announced),
            Header::Partial(lacking) => {
                let mut source = (&mut *source).take(lacking as u64);
                if source.read_buf(&mut bytes).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
}

/// What `bytes` are of a header; whatever follows them may stand behind it.
///
/// # Errors
/// They are none, by what is told.
fn parse(bytes: &[u8]) -> Result<Header, &'static str> {
    let begins = |start: &[u8]| {
        let length = start.len().min(bytes.len());
        bytes[..length] == start[..length]
    };
    if bytes.len() < SHORTEST && (begins(WORD) || begins(SIGNATURE)) {
        Ok(Header::Partial(SHORTEST - bytes.len()))
    } else if begins(WORD) {
        parse_line(bytes)
    } else if begins(SIGNATURE) {
        parse_binary(bytes)
    } else {
        Err("the first bytes are those of another protocol")
    }
}

/// Version 1.
fn parse_line(bytes: &[u8]) -> Result<Header, &'static str> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        let lacking = lacking(bytes);
        return if bytes.len() + lacking <= LONGEST_LINE {
            Ok(Header::Partial(lacking))
        } else {
            Err("its line is longer than 107 bytes")
        };
    };
    // Anything may stand behind the word.
    if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        return Ok(Header::Whole(None));
    }
    let line = std::str::from_utf8(line).map_err(|_| "its line is not ASCII")?;
    let fields: Vec<&str> = line.split(' ').collect();
    let [_, family, client, server, client_port, server_port] = fields[..] else {
        return Err("its line does not have six fields");
    };
    let read = match family {
        "TCP4" => address::<Ipv4Addr>,
        "TCP6" => address::<Ipv6Addr>,
        _ => return Err("its line names neither TCP4 nor TCP6 nor UNKNOWN"),
    };
    Ok(Header::Whole(Some(Announced {
        client: SocketAddr::new(read(client)?, port(client_port)?),
        server: SocketAddr::new(read(server)?, port(server_port)?),
    })))
}

/// The least that a line still lacks, in bytes: its CRLF, and the spaces between its fields, each
/// with something behind it.
fn lacking(line: &[u8]) -> usize {
    let end = if line.ends_with(b"\r") { 1 } else { 2 };
    if line.starts_with(b"PROXY TCP") {
        let spaces = line.iter().filter(|byte| **byte == b' ').count();
        2 * 5_usize.saturating_sub(spaces) + end
    } else {
        end
    }
}

fn address<A: FromStr + Into<IpAddr>>(text: &str) -> Result<IpAddr, &'static str> {
    let address = text.parse::<A>();
    address
        .map(A::into)
        .map_err(|_| "an address cannot be read")
}

fn port(text: &str) -> Result<u16, &'static str> {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = text.len() > 1 && text.starts_with('0');
    let port = text.parse().ok().filter(|_| is_decimal && !is_padded);
    port.ok_or("a port cannot be read")
}

/// Version 2.
fn parse_binary(bytes: &[u8]) -> Result<Header, &'static str> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Header::Partial(FIXED - bytes.len()));
    };
    let is_local = match fixed[12] {
        0x20 => true,
        0x21 => false,
        _ => return Err("its version or its command is unknown"),
    };
    let (family, transport) = (fixed[13] >> 4, fixed[13] & 0x0f);
    if !is_local && (family > 3 || transport > 2) {
        return Err("its address family or its transport is unknown");
    }
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if FIXED + length > LONGEST {
        return Err("it is longer than 16 KiB");
    }
    if rest.len() < length {
        return Ok(Header::Partial(length - rest.len()));
    }
    let announced = match family {
        // Of an unspecified transport too the addresses are to be ignored.
        _ if is_local || transport == 0 => return Ok(Header::Whole(None)),
        1 => addresses::<4>(rest),
        2 => addresses::<16>(rest),
        // Unspecified, or those of a Unix socket, whose clients have none.
        _ => return Ok(Header::Whole(None)),
    };
    let announced = announced.ok_or("it is too short for its addresses")?;
    Ok(Header::Whole(Some(announced)))
}

/// The addresses of `N` bytes each that a block of version 2 begins with; `None`: it is too short.
fn addresses<const N: usize>(block: &[u8]) -> Option<Announced>
where
    [u8; N]: Into<IpAddr>,
{
    let (client, rest) = block.split_first_chunk::<N>()?;
    let (server, rest) = rest.split_first_chunk::<N>()?;
    let (client_port, rest) = rest.split_first_chunk()?;
    let (server_port, _) = rest.split_first_chunk()?;
    Some(Announced {
        client: SocketAddr::new((*client).into(), u16::from_be_bytes(*client_port)),
        server: SocketAddr::new((*server).into(), u16::from_be_bytes(*server_port)),
    })
}
