//! The parts of env that requests share.

use std::cell::RefCell;

use http::Version;
use magnus::{
    Error, RHash, RString, Ruby, Value, gc,
    prelude::*,
    rb_sys::{AsRawValue, FromRawValue},
    value::Opaque,
};

use crate::strings::Text;

/// The parts of env that requests share: the server's template, and the same with what the last
/// request of each version of HTTP and each scheme has asked for, since most ask for the same.
pub(crate) struct Templates {
    base: Opaque<RHash>,
    /// Whether HTTP_VERSION is in there.
    has_version: bool,
    recent: RefCell<[Option<Recent>; 6]>,
    ports: RefCell<Vec<Option<Port>>>,
}

/// What a template depends on, besides the host.
#[derive(Clone, Copy)]
pub(crate) struct Protocol {
    pub(crate) version: Version,
    /// Whether the client has asked by https, of this server or of a proxy that is trusted.
    pub(crate) is_https: bool,
}

impl Protocol {
    /// The port that a client means that names none.
    pub(crate) fn default_port(self) -> &'static str {
        if self.is_https { "443" } else { "80" }
    }

    fn slot(self) -> usize {
        let version = match self.version {
            Version::HTTP_10 => 0,
            Version::HTTP_2 => 2,
            _ => 1,
        };
        2 * version + usize::from(self.is_https)
    }
}

/// The template for a value of the Host field.
struct Recent {
    host: Vec<u8>,
    hash: Opaque<RHash>,
}

/// The port of a client.
#[derive(Clone, Copy)]
struct Port {
    number: u16,
    text: Opaque<RString>,
}

/// How many ports of clients are kept as strings: those of connections that stay open.
const PORTS: usize = 512;

impl Templates {
    pub(crate) fn new(base: RHash) -> Self {
        Self {
            base: base.into(),
            has_version: base.get("HTTP_VERSION").is_some(),
            recent: RefCell::default(),
            ports: RefCell::new(vec![None; PORTS]),
        }
    }

    pub(crate) fn mark(&self, marker: &gc::Marker) {
        marker.mark(self.base);
        for recent in self.recent.borrow().iter().flatten() {
            marker.mark(recent.hash);
        }
        for port in self.ports.borrow().iter().flatten() {
            marker.mark(port.text);
        }
    }

    /// A template with the version of HTTP and the scheme, and with SERVER_NAME and SERVER_PORT from
    /// the Host field of a request.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn for_host(
        &self,
        ruby: &Ruby,
        protocol: Protocol,
        host: &[u8],
    ) -> Result<RHash, Error> {
        let slot = protocol.slot();
        if let Some(recent) = &self.recent.borrow()[slot]
            && recent.host == host
        {
            return Ok(ruby.get_inner(recent.hash));
        }
        let hash = duplicate(ruby, ruby.get_inner(self.base))?;
        let (name, port) = split_host(host);
        let port = match port {
            b"" => protocol.default_port().as_bytes(),
            port => port,
        };
        hash.aset(Text::ServerName.get(ruby), frozen(ruby, name))?;
        hash.aset(Text::ServerPort.get(ruby), frozen(ruby, port))?;
        self.set_protocol(ruby, hash, protocol)?;
        self.recent.borrow_mut()[slot] = Some(Recent {
            host: host.to_vec(),
            hash: hash.into(),
        });
        Ok(hash)
    }

    /// A template for a request that names no host.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn hostless(&self, ruby: &Ruby, protocol: Protocol) -> Result<RHash, Error> {
        let hash = duplicate(ruby, ruby.get_inner(self.base))?;
        self.set_protocol(ruby, hash, protocol)?;
        Ok(hash)
    }

    fn set_protocol(&self, ruby: &Ruby, hash: RHash, protocol: Protocol) -> Result<(), Error> {
        if protocol.is_https {
            hash.aset(Text::UrlScheme.get(ruby), Text::Https.get(ruby))?;
            hash.aset(Text::HttpsKey.get(ruby), Text::On.get(ruby))?;
        }
        self.set_version(ruby, hash, protocol.version)
    }

    fn set_version(&self, ruby: &Ruby, hash: RHash, version: Version) -> Result<(), Error> {
        let (protocol, http) = (Text::ServerProtocol.get(ruby), Text::HttpVersion.get(ruby));
        match version {
            Version::HTTP_10 => {
                hash.aset(protocol, Text::Http10.get(ruby))?;
                hash.aset(http, Text::Http10.get(ruby))
            }
            // HTTP_VERSION stays what the base says (contract, rule 33): MessageBus streams where
            // it finds HTTP/1.1.
            Version::HTTP_2 => hash.aset(protocol, Text::Http2.get(ruby)),
            _ if self.has_version => Ok(()),
            _ => hash.aset(http, Text::Http11.get(ruby)),
        }
    }

    /// The port of a client, as a frozen string.
    pub(crate) fn port(&self, ruby: &Ruby, number: u16) -> RString {
        let slot = usize::from(number) % PORTS;
        if let Some(port) = self.ports.borrow()[slot]
            && port.number == number
        {
            return ruby.get_inner(port.text);
        }
        // Made before the list is borrowed, which the garbage collector reads.
        let text = ruby.str_new(&number.to_string());
        text.freeze();
        self.ports.borrow_mut()[slot] = Some(Port {
            number,
            text: text.into(),
        });
        text
    }
}

/// A Hash of its own with the same content.
pub(crate) fn duplicate(ruby: &Ruby, hash: RHash) -> Result<RHash, Error> {
    // SAFETY: a Hash is duplicated with the lock held; the result is a Hash.
    let copy = unsafe { Value::from_raw(rb_sys::rb_hash_dup(hash.as_raw())) };
    RHash::from_value(copy)
        .ok_or_else(|| Error::new(ruby.exception_type_error(), "the env template is no Hash"))
}

fn frozen(ruby: &Ruby, bytes: &[u8]) -> RString {
    let string = ruby.str_from_slice(bytes);
    string.freeze();
    string
}

/// Host and port; the brackets of IPv6 stay.
fn split_host(host: &[u8]) -> (&[u8], &[u8]) {
    let colon = host.iter().rposition(|byte| *byte == b':');
    match colon {
        Some(colon) if !host[colon..].contains(&b']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, b""),
    }
}
