//! Builds the env of a request (contract, section 1): a duplicate of the server's template, in
//! which only what differs is set. The template has every key that is always there, so that the
//! duplicate does not grow. Keys are frozen strings made once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName, Method, Version, header};
use magnus::{
    Error, RHash, RModule, RString, Ruby, Value,
    prelude::*,
    rb_sys::{AsRawValue, protect},
};
use penstock::{exchange::Exchange, request::Request, socket::Address};
use rb_sys::VALUE;

use crate::{
    strings::{Text, known_key, unknown_key},
    template::{Protocol, Templates, duplicate, port_of},
};

/// The field in which a proxy says how its client speaks.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How many fields wait at the most to be set together.
const PENDING: usize = 32;

/// An env under construction. All of Ruby's calls here could raise `NoMemoryError` alone.
pub(crate) struct Env<'a> {
    ruby: &'a Ruby,
    hash: RHash,
    /// Whether the template has name and port of the server.
    has_host: bool,
    /// Whether it has the client's port.
    has_port: bool,
    /// Keys and values that are not in the Hash yet. They are on the stack, where the garbage
    /// collector sees them.
    pending: [(VALUE, VALUE); PENDING],
    length: usize,
}

impl<'a> Env<'a> {
    /// A duplicate of the template.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn new(
        ruby: &'a Ruby,
        templates: &Templates,
        exchange: &Exchange,
        request: &Request,
    ) -> Result<Self, Error> {
        let protocol = Protocol {
            version: request.version,
            is_https: exchange.is_secure() || is_forwarded_https(exchange, request),
        };
        let host = request.headers.get(header::HOST);
        let mut has_port = false;
        let hash = match host {
            Some(host) => {
                let mut template = templates.for_host(ruby, protocol, host.as_bytes())?;
                if let Address::Ip(client) = exchange.peer()
                    && let Some(with_client) = templates.for_client(ruby, template, client)?
                {
                    template = with_client;
                    has_port = true;
                }
                duplicate(ruby, template)?
            }
            None => templates.hostless(ruby, protocol)?,
        };
        let nil = ruby.qnil().as_raw();
        Ok(Self {
            ruby,
            hash,
            has_host: host.is_some(),
            has_port,
            pending: [(nil, nil); PENDING],
            length: 0,
        })
    }

    /// The Hash, which [`Env::flush`] completes.
    pub(crate) fn hash(&self) -> RHash {
        self.hash
    }

    /// Sets what `request` says, and what is known of its connection. `offered`: the protocols
    /// that it offers to switch to.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn fill(
        &mut self,
        exchange: &Exchange,
        request: &Request,
        offered: &[Vec<u8>],
    ) -> Result<(), Error> {
        self.set_line(request)?;
        self.set_fields(&request.headers)?;
        self.set_protocol(offered)?;
        if !self.has_host {
            self.set_server(exchange)?;
        }
        self.set_client(exchange.peer())?;
        if let Some(verified) = exchange.client_verified() {
            self.set_client_certificate(verified)?;
        }
        // Without room: most stay empty.
        self.set(Text::ResponseFinished, self.ruby.ary_new_capa(0))?;
        self.set(Text::QueueTime, exchange.queue_time().as_secs_f64())
    }

    /// Sets one field.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn set(&mut self, key: Text, value: impl magnus::IntoValue) -> Result<(), Error> {
        self.put(key.get(self.ruby), value)
    }

    fn put(&mut self, key: RString, value: impl magnus::IntoValue) -> Result<(), Error> {
        if self.length == PENDING {
            self.flush()?;
        }
        let value = value.into_value_with(self.ruby).as_raw();
        self.pending[self.length] = (key.as_raw(), value);
        self.length += 1;
        Ok(())
    }

    /// Sets what is pending, behind one guard against what Ruby raises: a guard for each field
    /// would cost as much as setting it.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let hash = self.hash.as_raw();
        let pending = &self.pending[..self.length];
        protect(|| {
            for (key, value) in pending {
                // SAFETY: the lock is held, and all three are objects that `self` keeps alive.
                // What this raises jumps over this frame, which owns nothing.
                unsafe { rb_sys::rb_hash_aset(hash, *key, *value) };
            }
            hash
        })?;
        self.length = 0;
        Ok(())
    }

    /// A frozen string where `bytes` is a frequent value, else a new one of bytes.
    fn string(&self, bytes: &[u8]) -> RString {
        match Text::known(bytes) {
            Some(text) => text.get(self.ruby),
            None => self.ruby.str_from_slice(bytes),
        }
    }

    /// A buffered body has a length, and no coding any more (contract, rule 5).
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn set_length(&mut self, length: u64) -> Result<(), Error> {
        self.flush()?;
        let coding = known_key(self.ruby, &header::TRANSFER_ENCODING);
        if !self.hash.delete::<_, Value>(coding)?.is_nil() {
            self.set(Text::ContentLength, self.ruby.str_new(&length.to_string()))?;
        }
        Ok(())
    }

    fn set_line(&mut self, request: &Request) -> Result<(), Error> {
        let Request { method, uri, .. } = request;
        if *method != Method::GET {
            self.set(Text::RequestMethod, self.string(method.as_str().as_bytes()))?;
        }
        let path = uri.path();
        let path = if path.is_empty() { "/" } else { path };
        // A String of its own for each key, and not frozen: applications change some in place.
        let path = || self.ruby.str_from_slice(path.as_bytes());
        self.set(Text::PathInfo, path())?;
        self.set(Text::RequestPath, path())?;
        if let Some(query) = uri.query() {
            self.set(Text::QueryString, self.string(query.as_bytes()))?;
        }
        let target = match uri.path_and_query() {
            _ if uri.scheme().is_some() => self.ruby.str_new(&uri.to_string()),
            Some(target) if uri.query().is_some() => {
                self.ruby.str_from_slice(target.as_str().as_bytes())
            }
            _ => path(),
        };
        self.set(Text::RequestUri, target)
    }

    /// RFC 9110 section 5.3: the values of a name are one, joined by commas; cookies by semicolons
    /// (RFC 6265).
    fn set_fields(&mut self, headers: &HeaderMap) -> Result<(), Error> {
        // A name's values come one behind the other.
        let mut fields = headers.iter().peekable();
        while let Some((name, first)) = fields.next() {
            let key = match known_key(self.ruby, name) {
                Some(key) => key,
                None if is_hidden(name) => continue,
                None => unknown_key(self.ruby, name),
            };
            let mut joined: Option<Vec<u8>> = None;
            while let Some((_, next)) = fields.next_if(|(next, _)| *next == name) {
                let value = joined.get_or_insert_with(|| first.as_bytes().to_vec());
                value.extend_from_slice(separator(name));
                value.extend_from_slice(next.as_bytes());
            }
            let value = joined.as_deref().unwrap_or(first.as_bytes());
            let value = self.ruby.str_from_slice(value);
            self.put(key, value)?;
        }
        Ok(())
    }

    /// `rack.protocol`: see [`offered`].
    fn set_protocol(&mut self, offered: &[Vec<u8>]) -> Result<(), Error> {
        if offered.is_empty() {
            return Ok(());
        }
        let array = self.ruby.ary_new_capa(offered.len());
        for token in offered {
            array.push(self.ruby.str_from_slice(token))?;
        }
        self.set(Text::Protocol, array)
    }

    /// Name and port from the listener, where the client has asked for no authority: only
    /// HTTP/1.0 may.
    fn set_server(&mut self, exchange: &Exchange) -> Result<(), Error> {
        let (name, port) = match exchange.local() {
            Address::Ip(SocketAddr::V6(address)) => {
                (format!("[{}]", address.ip()), address.port().to_string())
            }
            Address::Ip(address) => (address.ip().to_string(), address.port().to_string()),
            // The template has the port that goes with the scheme.
            Address::Unix => return self.set(Text::ServerName, Text::Localhost.get(self.ruby)),
        };
        self.set(Text::ServerName, self.ruby.str_new(&name))?;
        self.set(Text::ServerPort, self.ruby.str_new(&port))
    }

    /// What Apache's mod_ssl has made usual: `SSL_CLIENT_VERIFY`, and where there is a certificate
    /// what is in it (see `lib/penstock/client_certificate.rb`).
    fn set_client_certificate(&mut self, certificate: Option<&[u8]>) -> Result<(), Error> {
        let verify = self.ruby.str_new("SSL_CLIENT_VERIFY");
        let Some(certificate) = certificate else {
            return self.put(verify, self.ruby.str_new("NONE"));
        };
        self.put(verify, self.ruby.str_new("SUCCESS"))?;
        let penstock: RModule = self.ruby.class_object().const_get("Penstock")?;
        let module: RModule = penstock.const_get("ClientCertificate")?;
        let der = self.ruby.str_from_slice(certificate);
        self.flush()?;
        let fields: RHash = module.funcall("env", (der,))?;
        self.hash.funcall::<_, _, Value>("update", (fields,))?;
        Ok(())
    }

    /// The template says what is right for a Unix socket, and for a proxy on the same machine.
    fn set_client(&mut self, peer: Address) -> Result<(), Error> {
        let Address::Ip(address) = peer else {
            return Ok(());
        };
        if address.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) {
            let text = self.ruby.str_new(&address.ip().to_string());
            self.set(Text::RemoteAddr, text)?;
        }
        if !self.has_port {
            self.set(Text::RemotePort, port_of(self.ruby, address))?;
        }
        Ok(())
    }
}

/// Whether a proxy that is trusted says that its client has asked by https.
fn is_forwarded_https(exchange: &Exchange, request: &Request) -> bool {
    if !exchange.is_from_trusted_proxy() {
        return false;
    }
    let proto = request.headers.get(FORWARDED_PROTO);
    let first = proto.and_then(|proto| proto.as_bytes().split(|byte| *byte == b',').next());
    first.is_some_and(|first| first.trim_ascii().eq_ignore_ascii_case(b"https"))
}

/// What stands between the values of a field that came in several.
fn separator(name: &HeaderName) -> &'static [u8] {
    if *name == header::COOKIE {
        b"; "
    } else {
        b", "
    }
}

/// Fields that never reach env: a name with an underscore would pass for the dashed one, Proxy
/// would pass for the variable of CGI programs (httpoxy), and Version for the server's own key.
fn is_hidden(name: &HeaderName) -> bool {
    name.as_str().contains('_') || name == "proxy" || name == "version"
}

/// The elements of a list field (RFC 9110 section 5.6.1).
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// The protocols that a request offers to switch to, as they were written: where Connection
/// names the Upgrade field, and not on HTTP/1.0 (RFC 9110 section 7.8).
pub(crate) fn offered(request: &Request) -> Vec<Vec<u8>> {
    let headers = &request.headers;
    let offers = headers.contains_key(header::UPGRADE)
        && request.version != Version::HTTP_10
        && tokens(headers, &header::CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade"));
    if !offers {
        return Vec::new();
    }
    tokens(headers, &header::UPGRADE)
        .map(<[u8]>::to_vec)
        .collect()
}
