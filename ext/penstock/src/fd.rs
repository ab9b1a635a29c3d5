//! Descriptors that cross between Ruby and Rust, and the unsafe code that this takes.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
};

use magnus::{Error, RClass, Value, prelude::*};

/// A duplicate of a descriptor that Ruby, or whoever started the process, owns.
///
/// # Errors
/// There is no such descriptor, or no more can be opened.
pub(crate) fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl takes any number and fails on one that is not open.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was made by the call above and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Makes an IO of Ruby that owns `fd`: an instance of `class`, by its `for_fd`, with
/// `mode` where that takes one.
///
/// # Errors
/// `for_fd` has raised; then the descriptor is closed.
pub(crate) fn give(fd: OwnedFd, class: RClass, mode: Option<&str>) -> Result<Value, Error> {
    let number = fd.as_raw_fd();
    let io = match mode {
        Some(mode) => class.funcall("for_fd", (number, mode))?,
        None => class.funcall("for_fd", (number,))?,
    };
    // The object closes it from now on.
    let _ = fd.into_raw_fd();
    Ok(io)
}

/// The descriptor that a socket of Ruby has left open, which was closed with `autoclose` off
/// (`hijacked_socket.rb`).
pub(crate) fn take(number: RawFd) -> OwnedFd {
    // SAFETY: no IO of Ruby will close it, and nobody else was told to.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Closes descriptors by their numbers, in a child process that must not use them.
pub(crate) fn close_all(fds: impl Iterator<Item = RawFd>) {
    for fd in fds {
        // SAFETY: the child owns its copies, and no Rust value of the child will close them
        // again, since none is dropped there (see `Guarded`).
        unsafe { libc::close(fd) };
    }
}
