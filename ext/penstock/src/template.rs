//! The parts of env that requests share.

use std::{cell::RefCell, net::SocketAddr};

use http::Version;
use magnus::{
    Error, RHash, RString, Ruby, Value, gc,
    prelude::*,
    rb_sys::{AsRawValue, FromRawValue},
    value::Opaque,
};

use crate::strings::Text;

/// The parts of env that requests share: the server's template, and the same with what the last
/// request of each [`Protocol`] has asked for, since most ask for the same.
pub(crate) struct Templates {
    base: Opaque<RHash>,
    /// Whether HTTP_VERSION is in there.
    has_version: bool,
    recent: RefCell<[Option<Recent>; 6]>,
    clients: RefCell<Vec<Option<Client>>>,
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
    fn default_port(self) -> Text {
        if self.is_https {
            Text::Port443
        } else {
            Text::Port80
        }
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

/// A client whose connection stays open, and the template for what it asks of a host.
#[derive(Clone, Copy)]
struct Client {
    address: SocketAddr,
    /// The template of the host, with which it is made.
    host: Opaque<RHash>,
    /// Made for the second request: of many connections there is no second one.
    hash: Option<Opaque<RHash>>,
}

/// How many clients are remembered, by their ports.
const CLIENTS: usize = 512;

impl Templates {
    pub(crate) fn new(base: RHash) -> Self {
        Self {
            base: base.into(),
            has_version: base.get("HTTP_VERSION").is_some(),
            recent: RefCell::default(),
            clients: RefCell::new(vec![None; CLIENTS]),
        }
    }

    pub(crate) fn mark(&self, marker: &gc::Marker) {
        marker.mark(self.base);
        for recent in self.recent.borrow().iter().flatten() {
            marker.mark(recent.hash);
        }
        for client in self.clients.borrow().iter().flatten() {
            marker.mark(client.host);
            if let Some(hash) = client.hash {
                marker.mark(hash);
            }
        }
    }

    /// A template with the version of HTTP, the scheme, and SERVER_NAME and SERVER_PORT from the
    /// Host field of a request.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn for_host(
        &self,
        ruby: &Ruby,
        protocol: Protocol,
        host: &[u8],
    ) -> Result<RHash, Error> {
        if let Some(recent) = &self.recent.borrow()[protocol.slot()]
            && recent.host == host
        {
            return Ok(ruby.get_inner(recent.hash));
        }
        let hash = self.hostless(ruby, protocol)?;
        let (name, port) = split_host(host);
        hash.aset(Text::ServerName.get(ruby), frozen(ruby, name))?;
        if !port.is_empty() {
            hash.aset(Text::ServerPort.get(ruby), frozen(ruby, port))?;
        }
        self.recent.borrow_mut()[protocol.slot()] = Some(Recent {
            host: host.to_vec(),
            hash: hash.into(),
        });
        Ok(hash)
    }

    /// A template for a request that names no host, with the port that goes with its scheme.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn hostless(&self, ruby: &Ruby, protocol: Protocol) -> Result<RHash, Error> {
        let hash = duplicate(ruby, ruby.get_inner(self.base))?;
        self.set_version(ruby, hash, protocol.version)?;
        if protocol.is_https {
            hash.aset(Text::UrlScheme.get(ruby), Text::Https.get(ruby))?;
            hash.aset(Text::HttpsKey.get(ruby), Text::On.get(ruby))?;
        }
        hash.aset(
            Text::ServerPort.get(ruby),
            protocol.default_port().get(ruby),
        )?;
        Ok(hash)
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

    /// `host`, the template for a host, with the port of a client. None for a client that was not seen
    /// last in its place: its first request sets the port itself.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn for_client(
        &self,
        ruby: &Ruby,
        host: RHash,
        address: SocketAddr,
    ) -> Result<Option<RHash>, Error> {
        // Linux gives a client every other port, one after the other.
        let place = usize::from(address.port() / 2) % CLIENTS;
        let known = self.clients.borrow()[place].filter(|known| {
            known.address == address && ruby.get_inner(known.host).as_raw() == host.as_raw()
        });
        if let Some(hash) = known.and_then(|known| known.hash) {
            return Ok(Some(ruby.get_inner(hash)));
        }
        // Made before the list is borrowed, which the garbage collector reads.
        let hash = match known {
            Some(_) => {
                let hash = duplicate(ruby, host)?;
                hash.aset(Text::RemotePort.get(ruby), port_of(ruby, address))?;
                Some(hash)
            }
            None => None,
        };
        self.clients.borrow_mut()[place] = Some(Client {
            address,
            host: host.into(),
            hash: hash.map(Opaque::from),
        });
        Ok(hash)
    }
}

/// The port of a client, as a frozen string.
pub(crate) fn port_of(ruby: &Ruby, address: SocketAddr) -> RString {
    frozen(ruby, address.port().to_string().as_bytes())
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
