//! `Penstock::Stream`: one exchange as Ruby sees it. It answers the request (`response.rs`), it
//! is the stream of a streaming body, which is written here, and it reads the request and takes the
//! socket over (`receiving.rs`); Ruby's half is in `lib/penstock/stream.rb`.

use std::{
    cell::{Cell, Ref, RefCell},
    sync::Arc,
    time::Duration,
};

use magnus::{
    Error, ExceptionClass, RArray, RHash, RString, Ruby, Symbol, TypedData, Value, gc, method,
    prelude::*,
    scan_args::{get_kwargs, scan_args},
    value::Opaque,
};
use penstock::{
    error::Error as CoreError,
    exchange::{Exchange, Rest},
    stream::Gone,
};

use crate::{
    config, error,
    guarded::Guarded,
    gvl::{self, Wait},
    receiver::Receiver,
    receiving,
    response::{self, bytes, string},
    server::Context,
    strings::Text,
};

/// One exchange.
#[derive(TypedData)]
#[magnus(class = "Penstock::Stream", free_immediately, mark, wb_protected)]
pub(crate) struct Stream {
    id: u64,
    /// Empty once the exchange is over, which it may be long before the garbage collector
    /// comes: see [`Stream::release`]. Borrowed by a thread that waits, and changed only with
    /// the lock.
    exchange: Guarded<RefCell<Option<Exchange>>>,
    context: Guarded<Arc<Context>>,
    /// The `Penstock::Registry` of the server. Set before the object exists, as `env` is.
    registry: Opaque<Value>,
    /// What the request's Upgrade field offers.
    pub(crate) offered: Vec<Vec<u8>>,
    /// The env of the request until the thread is free: a stream that stays open keeps no env.
    /// It is set before the object exists and only cleared later, so that no write barrier is
    /// missed.
    env: Cell<Option<Opaque<RHash>>>,
    /// The file in which the request body is; empty where there is none. The stream's `@input`
    /// keeps it alive.
    spool: Cell<Option<Opaque<Value>>>,
    read_closed: Cell<bool>,
}

impl magnus::DataTypeFunctions for Stream {
    fn mark(&self, marker: &gc::Marker) {
        marker.mark(self.registry);
        if let Some(env) = self.env.get() {
            marker.mark(env);
        }
        if let Some(spool) = self.spool.get() {
            marker.mark(spool);
        }
    }
}

impl Stream {
    pub(crate) fn new(
        exchange: Exchange,
        context: Arc<Context>,
        registry: Value,
        offered: Vec<Vec<u8>>,
        env: RHash,
        spool: Option<Value>,
    ) -> Self {
        let env = Cell::new(Some(env.into()));
        let spool = Cell::new(spool.map(Opaque::from));
        Self {
            id: exchange.id(),
            exchange: Guarded::new(RefCell::new(Some(exchange))),
            context: Guarded::new(context),
            registry: registry.into(),
            offered,
            env,
            spool,
            read_closed: Cell::new(false),
        }
    }

    /// The env of the request; nil once the application's part is over.
    fn env(ruby: &Ruby, rb_self: Receiver<Self>) -> Option<RHash> {
        rb_self.env.get().map(|env| ruby.get_inner(env))
    }

    /// What Ruby keeps of the server's streams.
    fn registry(ruby: &Ruby, rb_self: Receiver<Self>) -> Value {
        ruby.get_inner(rb_self.registry)
    }

    pub(crate) fn exchange(&self, ruby: &Ruby) -> Result<Ref<'_, Exchange>, Error> {
        Ref::filter_map(self.exchange.get(ruby)?.borrow(), Option::as_ref)
            .map_err(|_| Error::new(ruby.exception_io_error(), "closed stream"))
    }

    /// What `question` says of the exchange, or `over` when it is over.
    pub(crate) fn ask<T>(
        &self,
        ruby: &Ruby,
        over: T,
        question: impl FnOnce(&Exchange) -> T,
    ) -> Result<T, Error> {
        let exchange = self.exchange.get(ruby)?.borrow();
        Ok(exchange.as_ref().map_or(over, question))
    }

    /// What all streams of the server share.
    pub(crate) fn context(&self, ruby: &Ruby) -> Result<&Context, Error> {
        Ok(self.context.get(ruby)?)
    }

    fn id(&self) -> u64 {
        self.id
    }

    // Asking

    fn is_answered(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<bool, Error> {
        rb_self.ask(ruby, true, Exchange::is_answered)
    }

    fn is_head(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<bool, Error> {
        rb_self.ask(ruby, false, Exchange::is_head)
    }

    /// The status that answers a request whose body broke; nil: it did not.
    fn input_failure(ruby: &Ruby, rb_self: &Self) -> Result<Option<u16>, Error> {
        rb_self.ask(ruby, None, Exchange::input_failure)
    }

    fn release(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<(), Error> {
        rb_self.free_thread(ruby)
    }

    /// The thread of the exchange is free. An exchange of which nothing more can come is given
    /// up here, and not with the garbage: its memory is used again while it is in the caches.
    fn free_thread(&self, ruby: &Ruby) -> Result<(), Error> {
        // Where the thread was killed behind the first time there is nothing left to do.
        let rest = self.ask(ruby, Rest::End, Exchange::release)?;
        // A thread that waits for the client at this moment keeps it.
        if matches!(rest, Rest::Nothing | Rest::Socket)
            && let Ok(mut exchange) = self.exchange.get(ruby)?.try_borrow_mut()
        {
            *exchange = None;
        }
        self.env.set(None);
        match self.spool.take() {
            // A file that nobody reads any more must not wait for the garbage collector.
            Some(file) if matches!(rest, Rest::Nothing | Rest::End) => ruby
                .get_inner(file)
                .funcall::<_, _, Value>("close", ())
                .map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Frees the thread where nothing of Ruby is to be called before; whether it is free.
    pub(crate) fn release_if_idle(&self, ruby: &Ruby) -> Result<bool, Error> {
        let Some(env) = self.env.get() else {
            return Ok(false);
        };
        let callables = ruby
            .get_inner(env)
            .get(Text::ResponseFinished.get(ruby))
            .and_then(RArray::from_value);
        let spool = self.spool.get();
        if !callables.is_some_and(|callables| callables.is_empty()) || spool.is_some() {
            return Ok(false);
        }
        self.free_thread(ruby)?;
        Ok(true)
    }

    // Writing

    fn write(ruby: &Ruby, rb_self: Receiver<Self>, args: &[Value]) -> Result<usize, Error> {
        if let [one] = args {
            return rb_self.write_string(ruby, string(*one)?);
        }
        let mut all = Vec::new();
        for part in args {
            all.extend_from_slice(&bytes(*part)?);
        }
        rb_self.write_string(ruby, ruby.str_from_slice(&all))
    }

    fn append_self(ruby: &Ruby, rb_self: Receiver<Self>, value: Value) -> Result<Value, Error> {
        rb_self.write_string(ruby, string(value)?)?;
        Ok(rb_self.value())
    }

    fn write_string(&self, ruby: &Ruby, string: RString) -> Result<usize, Error> {
        let exchange = self.exchange(ruby)?;
        let fail = |error: CoreError| error::to_ruby(ruby, &error);
        // SAFETY: the bytes are copied before anything else of Ruby can run.
        let data = unsafe { string.as_slice() };
        let length = data.len();
        if let Some(mut pending) = exchange.write(data).map_err(fail)? {
            match gvl::wait(ruby, None, |cx| pending.poll(cx))? {
                Wait::Ready(result) => result.map_err(fail)?,
                Wait::TimedOut => {}
            }
        }
        Ok(length)
    }

    fn write_nonblock(ruby: &Ruby, rb_self: &Self, args: &[Value]) -> Result<Value, Error> {
        let (data, raises) = nonblock_args::<Value>(args)?;
        let data = string(data)?;
        let exchange = rb_self.exchange(ruby)?;
        // SAFETY: the bytes are copied before anything else of Ruby can run.
        let data = unsafe { data.as_slice() };
        let written = exchange.write_some(data);
        match written.map_err(|error| error::to_ruby(ruby, &error))? {
            0 if !data.is_empty() => blocked(ruby, raises, false),
            written => Ok(ruby.into_value(written)),
        }
    }

    /// What was written is on its way already.
    fn flush(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<Value, Error> {
        if Self::is_finished(ruby, &rb_self)? {
            return Err(Error::new(ruby.exception_io_error(), "closed stream"));
        }
        Ok(rb_self.value())
    }

    fn close(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<(), Error> {
        rb_self.ask(ruby, (), |exchange| {
            exchange.outbox().finish();
            exchange.discard_input();
        })?;
        rb_self.read_closed.set(true);
        Ok(())
    }

    fn close_write(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<(), Error> {
        rb_self.ask(ruby, (), |exchange| exchange.outbox().finish())
    }

    fn close_read(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        rb_self.ask(ruby, (), Exchange::discard_input)?;
        rb_self.read_closed.set(true);
        Ok(())
    }

    /// Breaks the response off, so that the client sees it as broken.
    fn abort(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        rb_self.ask(ruby, (), |exchange| {
            exchange.outbox().abort();
            exchange.discard_input();
        })
    }

    fn is_closed(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<bool, Error> {
        rb_self.ask(ruby, true, |exchange| exchange.outbox().is_closed())
    }

    /// Whether this side has closed the stream for reading.
    fn is_read_closed(&self) -> bool {
        self.read_closed.get()
    }

    /// Whether this side has closed the stream for writing.
    fn is_finished(ruby: &Ruby, rb_self: &Self) -> Result<bool, Error> {
        rb_self.ask(ruby, true, |exchange| exchange.outbox().is_finished())
    }

    /// Asks for the end of the stream to be told by the engine, at once where it has ended.
    fn watch(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<(), Error> {
        match rb_self.exchange.get(ruby)?.borrow().as_ref() {
            Some(exchange) => exchange.outbox().watch(),
            None => rb_self.context(ruby)?.tell_ended(rb_self.id),
        }
        Ok(())
    }

    /// What a write raises, of a stream whose server has stopped; nil after a local close.
    fn failure(ruby: &Ruby, rb_self: &Self) -> Result<Option<Value>, Error> {
        let gone = rb_self.ask(ruby, None, |exchange| {
            let outbox = exchange.outbox();
            let gone = outbox.gone().unwrap_or(Gone::Stopped);
            (!outbox.is_finished()).then_some(gone)
        })?;
        Ok(gone.map(|gone| exception(ruby, &gone.to_error())))
    }

    fn set_slow_consumer(ruby: &Ruby, rb_self: &Self, policy: Symbol) -> Result<(), Error> {
        let policy = config::slow_consumer(ruby, &policy.name()?)?;
        rb_self.ask(ruby, (), |exchange| exchange.outbox().set_policy(policy))
    }

    fn set_write_timeout(ruby: &Ruby, rb_self: &Self, seconds: Option<f64>) -> Result<(), Error> {
        let timeout = seconds
            .map(Duration::try_from_secs_f64)
            .transpose()
            .map_err(|_| {
                Error::new(
                    ruby.exception_arg_error(),
                    "write_timeout is seconds, or nil for none",
                )
            })?;
        rb_self.ask(ruby, (), |exchange| exchange.set_write_timeout(timeout))
    }
}

/// An error of the core as an exception object that is not raised.
pub(crate) fn exception(ruby: &Ruby, error: &CoreError) -> Value {
    match error::to_ruby(ruby, error).error_type() {
        magnus::error::ErrorType::Exception(exception) => exception.as_value(),
        magnus::error::ErrorType::Error(class, text) => {
            let class: ExceptionClass = *class;
            class
                .new_instance((text.to_string(),))
                .map_or_else(|_| ruby.qnil().as_value(), |exception| exception.as_value())
        }
        magnus::error::ErrorType::Jump(_) => ruby.qnil().as_value(),
    }
}

/// The argument of a non-blocking method, and whether it raises (`exception: true`).
fn nonblock_args<T: magnus::TryConvert>(args: &[Value]) -> Result<(T, bool), Error> {
    let args = scan_args::<(T,), (), (), (), RHash, ()>(args)?;
    let keywords =
        get_kwargs::<_, (), (Option<Option<bool>>,), ()>(args.keywords, &[], &["exception"])?;
    Ok((
        args.required.0,
        keywords.optional.0.flatten().unwrap_or(true),
    ))
}

fn blocked(ruby: &Ruby, raises: bool, readable: bool) -> Result<Value, Error> {
    if raises {
        return Err(error::wait_error(ruby, readable));
    }
    Ok(error::wait_symbol(ruby, readable).as_value())
}

pub(crate) fn init(ruby: &Ruby, penstock: magnus::RModule) -> Result<(), Error> {
    let class = penstock.define_class("Stream", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("id", method!(Stream::id, 0))?;
    class.define_method("env", method!(Stream::env, 0))?;
    class.define_method("registry", method!(Stream::registry, 0))?;
    response::init(class)?;
    receiving::init(class)?;
    class.define_method("answered?", method!(Stream::is_answered, 0))?;
    class.define_method("head?", method!(Stream::is_head, 0))?;
    class.define_method("input_failure", method!(Stream::input_failure, 0))?;
    class.define_method("release", method!(Stream::release, 0))?;
    class.define_method("write", method!(Stream::write, -1))?;
    class.define_method("<<", method!(Stream::append_self, 1))?;
    class.define_method("write_nonblock", method!(Stream::write_nonblock, -1))?;
    class.define_method("flush", method!(Stream::flush, 0))?;
    class.define_method("close", method!(Stream::close, 0))?;
    class.define_method("close_write", method!(Stream::close_write, 0))?;
    class.define_method("close_read", method!(Stream::close_read, 0))?;
    class.define_method("abort", method!(Stream::abort, 0))?;
    class.define_method("closed?", method!(Stream::is_closed, 0))?;
    class.define_method("read_closed?", method!(Stream::is_read_closed, 0))?;
    class.define_method("finished?", method!(Stream::is_finished, 0))?;
    class.define_method("watch", method!(Stream::watch, 0))?;
    class.define_method("failure", method!(Stream::failure, 0))?;
    class.define_method("slow_consumer=", method!(Stream::set_slow_consumer, 1))?;
    class.define_method("write_timeout=", method!(Stream::set_write_timeout, 1))
}
