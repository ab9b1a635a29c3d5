//! Errors of the core as exceptions of Ruby: those that IO raises where IO would raise them,
//! and Penstock's own, which are defined in Ruby (`lib/penstock/errors.rb`).

use magnus::{
    Error, ExceptionClass, Module, RModule, Ruby, Symbol, exception::Exception, value::ReprValue,
};

use crate::gvl;

/// The exception for an error of the core.
pub(crate) fn to_ruby(ruby: &Ruby, error: &penstock::error::Error) -> Error {
    let text = error.to_string();
    if error.is_closed() {
        return Error::new(ruby.exception_io_error(), "closed stream");
    }
    if error.is_malformed() {
        return Error::new(ruby.exception_eof_error(), text);
    }
    if error.is_too_large() {
        return Error::new(ruby.exception_io_error(), text);
    }
    if error.is_timed_out() {
        return system_call_error(ruby, libc::ETIMEDOUT, &text);
    }
    if error.is_gone()
        && let Some(number) = error.os_error()
    {
        return system_call_error(ruby, number, error.message());
    }
    let name = match () {
        () if error.is_bind() => "ConfigurationError",
        () if error.is_slow_consumer() => "SlowConsumerError",
        () => "Error",
    };
    penstock_error(ruby, name, text)
}

/// An exception below `Penstock::Error`.
pub(crate) fn penstock_error(ruby: &Ruby, name: &str, text: String) -> Error {
    let class = ruby
        .class_object()
        .const_get::<_, RModule>("Penstock")
        .and_then(|penstock| penstock.const_get::<_, ExceptionClass>(name));
    match class {
        Ok(class) => Error::new(class, text),
        Err(error) => error,
    }
}

/// A bad setting.
pub(crate) fn configuration_error(ruby: &Ruby, text: String) -> Error {
    penstock_error(ruby, "ConfigurationError", text)
}

/// Where a new server may be started.
///
/// # Errors
/// In a process that was forked while a server ran.
pub(crate) fn check_fork(ruby: &Ruby) -> Result<(), Error> {
    if gvl::is_forked_from_server() {
        Err(fork_error(ruby))
    } else {
        Ok(())
    }
}

/// What every call raises in a forked child.
pub(crate) fn fork_error(ruby: &Ruby) -> Error {
    let text = "this process was forked from a running server, whose connections belong to the \
                parent; do not use them here, or start a server of its own in a new process";
    penstock_error(ruby, "ForkError", text.into())
}

fn system_call_error(ruby: &Ruby, number: i32, text: &str) -> Error {
    let built = ruby
        .class_object()
        .const_get::<_, magnus::RClass>("SystemCallError")
        .and_then(|class| class.funcall::<_, _, Exception>("new", (text, number)));
    built.map_or_else(|error| error, Error::from)
}

/// `IO::WaitReadable` or `IO::WaitWritable`, as IO's non-blocking methods raise them.
pub(crate) fn wait_error(ruby: &Ruby, readable: bool) -> Error {
    let name = if readable {
        "EAGAINWaitReadable"
    } else {
        "EAGAINWaitWritable"
    };
    let built = ruby
        .class_io()
        .const_get::<_, ExceptionClass>(name)
        .and_then(|class| class.funcall::<_, _, Exception>("new", ("nothing to do yet",)));
    built.map_or_else(|error| error, Error::from)
}

/// What a non-blocking method returns in place of raising, with `exception: false`.
pub(crate) fn wait_symbol(ruby: &Ruby, readable: bool) -> Symbol {
    ruby.to_symbol(if readable {
        "wait_readable"
    } else {
        "wait_writable"
    })
}
