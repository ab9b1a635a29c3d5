//! The parts of env that requests share.

use std::cell::RefCell;

use magnus::{
    Error, RHash, RString, Ruby, Value, gc,
    prelude::*,
    rb_sys::{AsRawValue, FromRawValue},
    value::Opaque,
};

use crate::strings::Text;

/// The parts of env that requests share: the server's template, and the same with the name and
/// the port that the last request has asked for, since most ask for the same.
pub(crate) struct Templates {
    pub(crate) base: Opaque<RHash>,
    /// Whether HTTP_VERSION is in there.
    pub(crate) has_version: bool,
    recent: RefCell<Option<(Vec<u8>, Opaque<RHash>)>>,
}

impl Templates {
    pub(crate) fn new(base: RHash) -> Self {
        Self {
            base: base.into(),
            has_version: base.get("HTTP_VERSION").is_some(),
            recent: RefCell::new(None),
        }
    }

    pub(crate) fn mark(&self, marker: &gc::Marker) {
        marker.mark(self.base);
        if let Some((_, hash)) = &*self.recent.borrow() {
            marker.mark(*hash);
        }
    }

    /// A template with SERVER_NAME and SERVER_PORT from the Host field of a request.
    ///
    /// # Errors
    /// Ruby is out of memory.
    pub(crate) fn for_host(&self, ruby: &Ruby, host: &[u8]) -> Result<RHash, Error> {
        if let Some((recent, hash)) = &*self.recent.borrow()
            && recent == host
        {
            return Ok(ruby.get_inner(*hash));
        }
        let hash = duplicate(ruby, ruby.get_inner(self.base))?;
        let (name, port) = split_host(host);
        let port = if port.is_empty() { b"80" } else { port };
        hash.aset(Text::ServerName.get(ruby), frozen(ruby, name))?;
        hash.aset(Text::ServerPort.get(ruby), frozen(ruby, port))?;
        *self.recent.borrow_mut() = Some((host.to_vec(), hash.into()));
        Ok(hash)
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
pub(crate) fn split_host(host: &[u8]) -> (&[u8], &[u8]) {
    let colon = host.iter().rposition(|byte| *byte == b':');
    match colon {
        Some(colon) if !host[colon..].contains(&b']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, b""),
    }
}
