//! `Penstock::Lease`: keeps a hijacked connection counted, and sees its end through.

use std::os::fd::RawFd;

use magnus::{Error, RArray, RClass, RModule, Ruby, TypedData, method, prelude::*, value::Lazy};
use parking_lot::Mutex;
use penstock::{
    hijack::{Lease as CoreLease, SocketKind},
    socket::Address,
};

use crate::{fd, guarded::Guarded};

static TCP: Lazy<RClass> = Lazy::new(|ruby| class(ruby, "TCP"));
static UNIX: Lazy<RClass> = Lazy::new(|ruby| class(ruby, "UNIX"));
static PAIR: Lazy<RClass> = Lazy::new(|ruby| class(ruby, "Pair"));

/// One of `hijacked_socket.rb`.
fn class(ruby: &Ruby, name: &str) -> RClass {
    let find = || {
        let penstock: RModule = ruby.class_object().const_get("Penstock")?;
        let sockets: RModule = penstock.const_get("HijackedSocket")?;
        sockets.const_get(name)
    };
    find().expect("hijacked_socket.rb is loaded before a server can be made")
}

/// The server's part in a hijacked connection. It is over when the application closes the
/// socket, or with the socket's garbage.
#[derive(TypedData)]
#[magnus(class = "Penstock::Lease", free_immediately, wb_protected)]
pub(crate) struct Lease {
    state: Guarded<Mutex<State>>,
}

enum State {
    Held(CoreLease),
    /// Given back, since the socket was found closed. The number is Ruby's, unless a close is under way.
    Released,
    Closed,
}

impl magnus::DataTypeFunctions for Lease {}

impl Lease {
    pub(crate) fn new(lease: CoreLease) -> Self {
        Self {
            state: Guarded::new(Mutex::new(State::Held(lease))),
        }
    }

    /// The class of a hijacked socket.
    pub(crate) fn socket_class(ruby: &Ruby, kind: SocketKind) -> RClass {
        ruby.get_inner(match kind {
            SocketKind::Tcp => &TCP,
            SocketKind::Unix => &UNIX,
            SocketKind::Pair => &PAIR,
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

    /// To be called when the socket was closed but for its descriptor: the connection is closed so
    /// that all that was written arrives. A second call does nothing. A forked child only closes its
    /// copy, and the connection is the parent's.
    fn close(ruby: &Ruby, rb_self: &Self, number: RawFd) -> Result<(), Error> {
        if !rb_self.state.is_ours() {
            drop(fd::take(number));
            return Ok(());
        }
        let before = std::mem::replace(&mut *rb_self.state.get(ruby)?.lock(), State::Closed);
        match before {
            State::Held(lease) => lease.close(fd::take(number)),
            // Another thread has found the socket closed before this one has come to the number.
            State::Released => drop(fd::take(number)),
            State::Closed => {}
        }
        Ok(())
    }

    /// The connection is counted no longer: its socket was found closed.
    fn release(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        if rb_self.state.is_ours() {
            let mut state = rb_self.state.get(ruby)?.lock();
            let held = matches!(*state, State::Held(_));
            let _lease = held.then(|| std::mem::replace(&mut *state, State::Released));
            drop(state);
        }
        Ok(())
    }
}

pub(crate) fn init(ruby: &Ruby, penstock: magnus::RModule) -> Result<(), Error> {
    let class = penstock.define_class("Lease", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("close", method!(Lease::close, 1))?;
    class.define_method("release", method!(Lease::release, 0))
}
