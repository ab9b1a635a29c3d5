//! `Penstock::Lease`: keeps a hijacked connection counted, and sees its end through.

use std::os::fd::RawFd;

use magnus::{Error, RArray, RClass, RModule, Ruby, TypedData, method, prelude::*};
use parking_lot::Mutex;
use penstock::{
    hijack::{Lease as CoreLease, SocketKind},
    socket::Address,
};

use crate::{fd, guarded::Guarded};

/// The server's part in a hijacked connection. It is over when the application closes the
/// socket, or with the socket's garbage.
#[derive(TypedData)]
#[magnus(class = "Penstock::Lease", free_immediately, wb_protected)]
pub(crate) struct Lease {
    lease: Guarded<Mutex<Option<CoreLease>>>,
}

impl magnus::DataTypeFunctions for Lease {}

impl Lease {
    pub(crate) fn new(lease: CoreLease) -> Self {
        Self {
            lease: Guarded::new(Mutex::new(Some(lease))),
        }
    }

    /// The class of a hijacked socket, of those in `hijacked_socket.rb`.
    pub(crate) fn socket_class(ruby: &Ruby, kind: SocketKind) -> Result<RClass, Error> {
        let penstock: RModule = ruby.class_object().const_get("Penstock")?;
        let sockets: RModule = penstock.const_get("HijackedSocket")?;
        sockets.const_get(match kind {
            SocketKind::Tcp => "TCP",
            SocketKind::Unix => "UNIX",
            SocketKind::Pair => "Pair",
        })
    }

    /// `[ip, port]`, or nil.
    pub(crate) fn address(ruby: &Ruby, address: Address) -> Result<Option<RArray>, Error> {
        let Address::Ip(address) = address else {
            return Ok(None);
        };
        let array = ruby.ary_new_capa(2);
        array.push(address.ip().to_string())?;
        array.push(address.port())?;
        Ok(Some(array))
    }

    /// To be called before the descriptor is closed: the connection is closed so that all that
    /// was written arrives. Where no more descriptors can be opened it is just closed; a forked
    /// child only closes its copy, and the connection is the parent's.
    fn end(ruby: &Ruby, rb_self: &Self, number: RawFd) -> Result<(), Error> {
        if !rb_self.lease.is_ours() {
            return Ok(());
        }
        let Some(lease) = rb_self.lease.get(ruby)?.lock().take() else {
            return Ok(());
        };
        if let Ok(duplicate) = fd::duplicate(number)
            && !fd::is_at_eof(&duplicate)
        {
            lease.linger(duplicate);
        }
        Ok(())
    }
}

pub(crate) fn init(ruby: &Ruby, penstock: magnus::RModule) -> Result<(), Error> {
    let class = penstock.define_class("Lease", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("end", method!(Lease::end, 1))
}
