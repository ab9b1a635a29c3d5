//! The receiving half of `Penstock::Stream`: the body of the request, and the socket itself.

use std::{task::Poll, time::Instant};

use magnus::{Error, RArray, RClass, RHash, RString, Ruby, Value, method, prelude::*};
use penstock::{error::Error as CoreError, exchange::Exchange};

use crate::{
    error, fd,
    gvl::{self, Wait},
    lease::Lease,
    receiver::Receiver,
    stream::Stream,
};

impl Stream {
    /// The next piece of the request body, or nil at its end. Waits without the lock.
    fn receive(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<Option<RString>, Error> {
        let exchange = rb_self.exchange(ruby)?;
        let fail = |error: CoreError| error::to_ruby(ruby, &error);
        let began = Instant::now();
        let waited = gvl::wait(ruby, exchange.receive_timeout(), |cx| {
            exchange.poll_receive(cx)
        });
        if !matches!(waited, Ok(Wait::Ready(_))) {
            exchange.cancel_receive();
        }
        match waited? {
            Wait::Ready(received) => {
                let received = received.map_err(fail)?;
                exchange.waited(began.elapsed(), false).map_err(fail)?;
                Ok(received.map(|data| ruby.str_from_slice(&data)))
            }
            Wait::TimedOut => {
                exchange.waited(began.elapsed(), true).map_err(fail)?;
                Ok(None)
            }
        }
    }

    /// What has come of the request body, nil at its end, or :wait_readable.
    fn receive_nonblock(ruby: &Ruby, rb_self: &Self) -> Result<Value, Error> {
        let exchange = rb_self.exchange(ruby)?;
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match exchange.poll_receive(&mut cx) {
            Poll::Pending => Ok(error::wait_symbol(ruby, true).as_value()),
            Poll::Ready(Ok(Some(data))) => Ok(ruby.str_from_slice(&data).as_value()),
            Poll::Ready(Ok(None)) => Ok(ruby.qnil().as_value()),
            Poll::Ready(Err(error)) => Err(error::to_ruby(ruby, &error)),
        }
    }

    /// The trailers of the request by lower-case name; nil where none have come.
    fn trailers(ruby: &Ruby, rb_self: &Self) -> Result<Option<RHash>, Error> {
        let Some(trailers) = rb_self.exchange(ruby)?.trailers() else {
            return Ok(None);
        };
        let hash = ruby.hash_new();
        for (name, value) in &trailers {
            hash.aset(name.as_str(), ruby.str_from_slice(value.as_bytes()))?;
        }
        Ok(Some(hash))
    }

    fn is_hijacked(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<bool, Error> {
        rb_self.ask(ruby, false, Exchange::is_hijacked)
    }

    /// Takes the socket: `[socket, lease]`, and of a pair the addresses of the client and of the
    /// listener besides, `[ip, port]`, or nil on a Unix socket. Where the I/O thread has to be waited
    /// for, and that is interrupted, it can be begun again until the thread is free.
    fn hijack(ruby: &Ruby, rb_self: &Self) -> Result<RArray, Error> {
        let exchange = rb_self.exchange(ruby)?;
        let fail = |error: CoreError| error::to_ruby(ruby, &error);
        exchange.want_hijack().map_err(fail)?;
        let waited = gvl::wait(ruby, None, |cx| exchange.poll_hijacked(cx));
        if waited.is_err() {
            exchange.cancel_hijack();
        }
        let Wait::Ready(hijacked) = waited? else {
            return Err(error::penstock_error(
                ruby,
                "Error",
                "the socket did not come".into(),
            ));
        };
        let hijacked = hijacked.map_err(fail)?;
        let class = Lease::socket_class(ruby, hijacked.kind);
        let ends = hijacked.ends;
        let lease = ruby.obj_wrap(Lease::new(hijacked.lease));
        let array = ruby.ary_new_capa(4);
        array.push(fd::give(hijacked.fd, class, None)?)?;
        array.push(lease)?;
        if let Some((peer, local)) = ends {
            array.push(Lease::address(ruby, peer)?)?;
            array.push(Lease::address(ruby, local)?)?;
        }
        Ok(array)
    }
}

/// Defines the methods of this half.
pub(crate) fn init(class: RClass) -> Result<(), Error> {
    class.define_method("receive", method!(Stream::receive, 0))?;
    class.define_method("receive_nonblock", method!(Stream::receive_nonblock, 0))?;
    class.define_method("trailers", method!(Stream::trailers, 0))?;
    class.define_method("hijacked?", method!(Stream::is_hijacked, 0))?;
    class.define_method("hijack", method!(Stream::hijack, 0))
}
