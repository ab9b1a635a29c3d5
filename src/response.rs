//! The response of an application: its head, checked, and the kind of its body.

mod known_fields;

use std::fs::File;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// Fields that a protocol adds to most heads: Content-Length and Date.
const ADDED: usize = 2;

/// Status and header fields of a response, as they may go out.
#[derive(Debug)]
pub struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The value of `content-length`, where the application gave one.
    pub(crate) content_length: Option<u64>,
    /// The application sends chunks that it has made itself.
    pub(crate) chunked: bool,
    /// The connection is closed after this response.
    pub(crate) close: bool,
    /// The protocol that a 101 switches to.
    pub(crate) upgrade: Option<Box<HeaderValue>>,
}

/// Why a field was left out of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The name is no token (RFC 9110 section 5.1).
    Name,
    /// The value holds CR, LF, NUL or another control character (RFC 9110 section 5.5).
    Value,
    /// Two `content-length` fields that differ, or one that is no number.
    ContentLength,
}

impl Head {
    /// An empty head.
    ///
    /// # Errors
    /// `status` is no final status that can be sent: below 200 (101 apart) or above 999.
    pub fn new(status: u16) -> Result<Self, u16> {
        let code = StatusCode::from_u16(status).map_err(|_| status)?;
        if code.is_informational() && code != StatusCode::SWITCHING_PROTOCOLS {
            return Err(status);
        }
        Ok(Self {
            status: code,
            headers: HeaderMap::new(),
            content_length: None,
            chunked: false,
            close: false,
            upgrade: None,
        })
    }

    /// Makes room for `fields` header fields, and for those that the server adds.
    pub fn reserve(&mut self, fields: usize) {
        self.headers.reserve(fields + ADDED);
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether a body may follow: not behind 1xx, 204 and 304 (RFC 9110 section 6.4.1).
    pub fn allows_body(&self) -> bool {
        !(self.status.is_informational()
            || self.status == StatusCode::NO_CONTENT
            || self.status == StatusCode::NOT_MODIFIED)
    }

    /// Adds a field. Fields that belong to the connection (RFC 9110 section 7.6.1) are taken as
    /// what they ask for, and written by the protocol.
    ///
    /// # Errors
    /// The field cannot be sent; the head is as before.
    pub fn append(&mut self, name: &[u8], value: &[u8]) -> Result<(), Rejected> {
        let value = trim(value);
        let mut known = known_fields::lock();
        let (name, known_name) = known.name(name)?;
        match name {
            header::CONTENT_LENGTH => {
                let digits = std::str::from_utf8(value).ok();
                let length = digits.and_then(|digits| digits.parse().ok());
                let length: u64 = length.ok_or(Rejected::ContentLength)?;
                if self.content_length.is_some_and(|other| other != length) {
                    return Err(Rejected::ContentLength);
                }
                self.content_length = Some(length);
            }
            header::TRANSFER_ENCODING => {
                let value = known_fields::value(value)?.as_bytes().to_ascii_lowercase();
                self.chunked |= value.ends_with(b"chunked");
            }
            header::CONNECTION => {
                let value = known_fields::value(value)?.as_bytes().to_ascii_lowercase();
                self.close |= value
                    .split(|byte| *byte == b',')
                    .any(|s| s.trim_ascii() == b"close");
            }
            header::UPGRADE if self.status == StatusCode::SWITCHING_PROTOCOLS => {
                self.upgrade = Some(Box::new(known_fields::value(value)?));
            }
            // RFC 9110 section 7.6.1 again: they speak of a connection that is not theirs.
            _ if name == "keep-alive" || name == "proxy-connection" => {
                known_fields::value(value)?;
            }
            _ => {
                let value = match known_name {
                    Some(known_name) => known_name.value(value)?,
                    None => known_fields::value(value)?,
                };
                drop(known);
                self.headers.append(name, value);
            }
        }
        Ok(())
    }

    /// Answers 101 with `protocol`, whatever final status the application gave.
    pub fn switch_to(&mut self, protocol: &[u8]) -> Result<(), Rejected> {
        let protocol = HeaderValue::from_bytes(protocol).map_err(|_| Rejected::Value)?;
        self.upgrade = Some(Box::new(protocol));
        self.status = StatusCode::SWITCHING_PROTOCOLS;
        Ok(())
    }

    /// A head and a body for an error that the server itself answers; the connection closes.
    pub(crate) fn error(status: StatusCode) -> (Self, Body) {
        let reason = status.canonical_reason().unwrap_or("Error");
        let text = format!("{} {reason}\n", status.as_u16());
        let mut headers = HeaderMap::new();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, plain);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        let head = Self {
            status,
            headers,
            content_length: None,
            chunked: false,
            close: true,
            upgrade: None,
        };
        (head, Body::Full(text.into()))
    }

    /// The head as HTTP/1.1 bytes, for answers that are written behind hyper's back: a 101,
    /// an interim response, an error where hyper no longer speaks.
    pub(crate) fn to_http1(&self, body_length: Option<usize>) -> Vec<u8> {
        let reason = self.status.canonical_reason().unwrap_or("");
        let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", self.status.as_u16()).into_bytes();
        let mut field = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.headers {
            field(name.as_str(), value.as_bytes());
        }
        if let Some(protocol) = &self.upgrade {
            field("connection", b"upgrade");
            field("upgrade", protocol.as_bytes());
        }
        if let Some(length) = body_length {
            field("content-length", length.to_string().as_bytes());
            field(
                "date",
                httpdate::fmt_http_date(std::time::SystemTime::now()).as_bytes(),
            );
            field("connection", b"close");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

/// The value of a `content-length` field. `HeaderValue::from` makes it growable, in two allocations.
pub(crate) fn length_value(length: u64) -> HeaderValue {
    let mut buffer = itoa::Buffer::new();
    HeaderValue::from_str(buffer.format(length)).expect("digits can be sent")
}

/// The body behind a [`Head`].
#[derive(Debug)]
pub enum Body {
    /// None.
    Empty,
    /// All of it.
    Full(Bytes),
    /// A file from its current position.
    File {
        /// The open file.
        file: File,
        /// How many bytes of it are sent.
        length: u64,
    },
    /// What is written to the exchange's outbox.
    Stream,
}

/// A value without the white space around it (RFC 9110 section 5.5). CR is none: see
/// [`Rejected::Value`].
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// A 103 (RFC 8297) with those of `fields` that can be sent.
pub(crate) fn fields<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Head {
    let mut head = Head {
        status: StatusCode::EARLY_HINTS,
        headers: HeaderMap::new(),
        content_length: None,
        chunked: false,
        close: false,
        upgrade: None,
    };
    for (name, value) in fields {
        // A field that cannot be sent is no reason to keep the others back.
        let _ = head.append(name, value);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_final_status() {
        assert!(Head::new(103).is_err());
        assert!(Head::new(99).is_err());
        assert!(Head::new(101).is_ok());
    }

    #[test]
    fn refuses_fields_that_would_split_the_response() {
        let mut head = Head::new(200).unwrap();
        assert_eq!(
            head.append(b"x", b"a\r\nset-cookie: b"),
            Err(Rejected::Value)
        );
        assert_eq!(head.append(b"x", b"a\r"), Err(Rejected::Value));
        assert_eq!(head.append(b"a b", b"c"), Err(Rejected::Name));
        assert_eq!(
            head.append(b"content-length", b"-1"),
            Err(Rejected::ContentLength)
        );
        assert!(head.headers.is_empty());
    }

    #[test]
    fn takes_connection_fields_as_what_they_ask_for() {
        let mut head = Head::new(200).unwrap();
        head.append(b"Connection", b"keep-alive, Close").unwrap();
        head.append(b"transfer-encoding", b"chunked").unwrap();
        head.append(b"Keep-Alive", b"timeout=5").unwrap();
        assert!(head.close && head.chunked && head.headers.is_empty());
    }
}
