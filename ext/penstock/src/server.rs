//! `Penstock::Engine`: the core's server as Ruby sees it. `lib/penstock/server.rb` is the face.

use std::{collections::HashSet, sync::Arc, time::Duration};

use magnus::{
    Error, RArray, RClass, RHash, RString, Ruby, Symbol, TypedData, Value, function, gc, method,
    prelude::*, typed_data::Obj, value::Opaque,
};
use parking_lot::Mutex;
use penstock::{exchange::Exchange, input::Input, log::Level, queue::Sleeper, server::Server};

use crate::{
    config::{self, Options},
    env::{self, Env},
    error, fd,
    guarded::Guarded,
    gvl::{self, Wait},
    receiver::Receiver,
    stream::{self, Stream},
    strings::Text,
    template::Templates,
};

/// Names of fields that could not be sent, each told once; so many of them at the most.
const REJECTED_NAMES: usize = 100;

/// What an engine and its streams share.
pub(crate) struct Context {
    server: Arc<Server>,
    rejected: Mutex<HashSet<Vec<u8>>>,
}

impl Context {
    /// Logs, once for each name, that a response field was left out.
    pub(crate) fn tell_rejected(&self, name: &[u8]) {
        let mut rejected = self.rejected.lock();
        if rejected.len() < REJECTED_NAMES && rejected.insert(name.to_vec()) {
            let name = String::from_utf8_lossy(name);
            let text = format!(
                "penstock: a response field was left out, since its name or its value cannot be \
                 sent ({name:?}); correct it in the application"
            );
            self.server.log().write(Level::Warn, &text);
        }
    }

    /// Tells of a stream that had ended before somebody asked for it.
    pub(crate) fn tell_ended(&self, id: u64) {
        self.server.tell_ended(id);
    }
}

/// A server of the core.
#[derive(TypedData)]
#[magnus(class = "Penstock::Engine", free_immediately, mark)]
pub(crate) struct Engine {
    server: Guarded<Arc<Server>>,
    context: Guarded<Arc<Context>>,
    options: Options,
    templates: Templates,
    /// The `Penstock::Registry` of the streams.
    registry: Opaque<Value>,
    string_io: Opaque<RClass>,
    file: Opaque<RClass>,
    input: Opaque<RClass>,
}

impl magnus::DataTypeFunctions for Engine {
    fn mark(&self, marker: &gc::Marker) {
        self.templates.mark(marker);
        marker.mark(self.registry);
        marker.mark(self.string_io);
        marker.mark(self.file);
        marker.mark(self.input);
    }
}

impl Engine {
    /// `Engine.new(settings, binds, template, registry)`: binds, and serves nothing yet.
    /// `template` is the part of env that all requests share, `registry` what Ruby keeps of the
    /// streams.
    fn new(
        ruby: &Ruby,
        settings: RHash,
        binds: RArray,
        template: RHash,
        registry: Value,
    ) -> Result<Self, Error> {
        error::check_fork(ruby)?;
        let (config, options) = config::read(ruby, settings)?;
        let binds = config::read_binds(ruby, binds)?;
        let server = Server::bind(config, binds).map_err(|error| error::to_ruby(ruby, &error))?;
        let server = Arc::new(server);
        let context = Context {
            server: server.clone(),
            rejected: Mutex::new(HashSet::new()),
        };
        let object = ruby.class_object();
        let penstock: magnus::RModule = object.const_get("Penstock")?;
        Ok(Self {
            server: Guarded::new(server),
            context: Guarded::new(Arc::new(context)),
            options,
            templates: Templates::new(template),
            registry: registry.into(),
            string_io: object.const_get::<_, RClass>("StringIO")?.into(),
            file: object.const_get::<_, RClass>("File")?.into(),
            input: penstock.const_get::<_, RClass>("Input")?.into(),
        })
    }

    fn server(&self, ruby: &Ruby) -> Result<&Server, Error> {
        Ok(self.server.get(ruby)?)
    }

    /// Whether this process has made the engine: not in a forked child.
    fn is_ours(&self) -> bool {
        self.server.is_ours()
    }

    fn start(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        rb_self
            .server(ruby)?
            .start()
            .map_err(|error| error::to_ruby(ruby, &error))
    }

    fn urls(ruby: &Ruby, rb_self: &Self) -> Result<Vec<String>, Error> {
        Ok(rb_self.server(ruby)?.urls().to_vec())
    }

    /// The stream of the next request, which has its env. While there is one the lock is kept;
    /// else it is given up and the thread waits. nil: the server takes no more requests.
    fn take(ruby: &Ruby, rb_self: Receiver<Self>) -> Result<Option<Obj<Stream>>, Error> {
        let server = rb_self.server(ruby)?;
        let exchange = match server.try_take() {
            Some(exchange) => Some(exchange),
            None => rb_self.wait_take(ruby, server)?,
        };
        exchange
            .map(|exchange| rb_self.stream(ruby, exchange))
            .transpose()
    }

    fn wait_take(&self, ruby: &Ruby, server: &Server) -> Result<Option<Exchange>, Error> {
        let mut sleeper = Sleeper::default();
        let waited = gvl::wait(ruby, None, |cx| server.poll_take(cx, &mut sleeper));
        server.cancel_take(&mut sleeper);
        match waited? {
            Wait::Ready(exchange) => Ok(exchange),
            Wait::TimedOut => Ok(None),
        }
    }

    fn stream(&self, ruby: &Ruby, exchange: Exchange) -> Result<Obj<Stream>, Error> {
        let Some(request) = exchange.take_request() else {
            return Err(error::penstock_error(
                ruby,
                "Error",
                "a request was taken twice".into(),
            ));
        };
        let mut env = Env::new(ruby, &self.templates, &exchange, &request)?;
        let offered = env::offered(&request);
        env.fill(&exchange, &request, &offered)?;
        drop(request);
        let input = exchange.take_input();
        let streams = matches!(input, Input::Streaming);
        let hints = self.options.early_hints && exchange.allows_interim();
        let context = self.context.get(ruby)?;
        // Made before the stream, which refers to a file from its start.
        let (mut body, mut file): (Option<Value>, Option<Value>) = (None, None);
        match input {
            Input::Memory(bytes) => {
                env.set_length(bytes.len() as u64)?;
                let string = ruby.str_from_slice(&bytes);
                body = Some(ruby.get_inner(self.string_io).new_instance((string,))?);
            }
            Input::File {
                file: spool,
                length,
            } => {
                env.set_length(length)?;
                let class = ruby.get_inner(self.file);
                file = Some(fd::give(spool.into(), class, Some("rb"))?);
                body = file;
            }
            Input::Empty | Input::Streaming => {}
        }
        let hash = env.hash();
        let registry = ruby.get_inner(self.registry);
        let stream = Stream::new(exchange, context.clone(), registry, offered, hash, file);
        let stream = ruby.obj_wrap(stream);
        env.set(Text::Stream, stream)?;
        env.set(Text::Hijack, stream)?;
        if hints {
            env.set(Text::EarlyHints, stream)?;
        }
        env.flush()?;
        if streams {
            body = Some(ruby.get_inner(self.input).new_instance((stream, hash))?);
        }
        if let Some(body) = body {
            stream.ivar_set("@input", body)?;
            let shown: Value = if streams {
                body.funcall("for_application", ())?
            } else {
                body
            };
            hash.aset(Text::RackInput.get(ruby), shown)?;
        }
        Ok(stream)
    }

    /// The next stream that was watched and has ended: `[id, exception or nil]`; nil once the
    /// server has stopped.
    fn next_ended(ruby: &Ruby, rb_self: &Self) -> Result<Option<RArray>, Error> {
        let server = rb_self.server(ruby)?;
        let mut sleeper = Sleeper::default();
        let waited = gvl::wait(ruby, None, |cx| server.poll_ended(cx, &mut sleeper));
        server.cancel_ended(&mut sleeper);
        let Wait::Ready(Some(ended)) = waited? else {
            return Ok(None);
        };
        let array = ruby.ary_new_capa(2);
        array.push(ended.id)?;
        match ended.gone {
            Some(gone) => array.push(stream::exception(ruby, &gone.to_error()))?,
            None => array.push(ruby.qnil())?,
        }
        Ok(Some(array))
    }

    /// Accepts no more, and lets connections end with the request under way.
    fn drain(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        rb_self.server(ruby)?.drain();
        Ok(())
    }

    /// Waits until no connection is open, so many seconds at the most; whether that is so.
    fn wait_idle(ruby: &Ruby, rb_self: &Self, seconds: Option<f64>) -> Result<bool, Error> {
        let server = rb_self.server(ruby)?;
        let timeout = seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
        let waited = gvl::wait(ruby, timeout, |cx| server.poll_idle(cx))?;
        Ok(matches!(waited, Wait::Ready(())))
    }

    /// Ends everything now; returns when the I/O thread has ended.
    fn stop(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        let server = rb_self.server(ruby)?;
        server.stop();
        gvl::blocking(ruby, || server.join())
    }

    /// Reads the certificates again.
    fn reload_certificates(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        let server = rb_self.server(ruby)?;
        gvl::blocking(ruby, || server.reload_certificates())?
            .map_err(|error| error::to_ruby(ruby, &error))
    }

    fn stats(ruby: &Ruby, rb_self: &Self) -> Result<RHash, Error> {
        let stats = rb_self.server(ruby)?.stats();
        let hash = ruby.hash_new();
        for (name, value) in [
            ("accepted", stats.accepted),
            ("connections", stats.connections),
            ("requests", stats.requests),
            ("refused", stats.refused),
            ("hijacked", stats.hijacked),
            ("queued", stats.queued),
        ] {
            hash.aset(ruby.to_symbol(name), value)?;
        }
        Ok(hash)
    }

    /// `log(level, text)`: one line.
    fn log(ruby: &Ruby, rb_self: &Self, level: Symbol, text: RString) -> Result<(), Error> {
        let level = match &*level.name()? {
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warn" => Level::Warn,
            _ => Level::Error,
        };
        let text = text_of(text);
        rb_self.server(ruby)?.log().write(level, &text);
        Ok(())
    }

    /// Text for the log as it is, whatever the level.
    fn log_raw(ruby: &Ruby, rb_self: &Self, text: RString) -> Result<(), Error> {
        let text = text_of(text);
        rb_self.server(ruby)?.log().raw(text);
        Ok(())
    }

    /// Writes what was logged, which takes so many seconds at the most, and ends the log.
    fn close_log(ruby: &Ruby, rb_self: &Self, seconds: f64) -> Result<(), Error> {
        let log = rb_self.server(ruby)?.log().clone();
        gvl::blocking(ruby, || log.close(Duration::from_secs_f64(seconds)))
    }

    fn reopen_logs(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        rb_self.server(ruby)?.log().reopen();
        Ok(())
    }

    /// `Engine.forked(running)`, in a forked child: closes the core's descriptors of the engines
    /// that ran at the fork, and makes every later call of what the parent has made raise.
    /// Takes no lock and drops nothing: the I/O thread may have held any of them at the fork.
    fn forked(ruby: &Ruby, _class: RClass, running: RArray) -> Result<(), Error> {
        for engine in running {
            let engine = Obj::<Self>::try_convert(engine)?;
            fd::close_all(engine.server(ruby)?.open_fds());
        }
        gvl::set_forked(!running.is_empty());
        Ok(())
    }
}

/// The text of a String, whatever its encoding.
fn text_of(text: RString) -> String {
    // SAFETY: the bytes are copied before anything of Ruby can run.
    String::from_utf8_lossy(unsafe { text.as_slice() }).into_owned()
}

pub(crate) fn init(ruby: &Ruby, penstock: magnus::RModule) -> Result<(), Error> {
    let class = penstock.define_class("Engine", ruby.class_object())?;
    class.define_singleton_method("new", function!(Engine::new, 4))?;
    class.define_singleton_method("forked", method!(Engine::forked, 1))?;
    class.define_method("ours?", method!(Engine::is_ours, 0))?;
    class.define_method("start", method!(Engine::start, 0))?;
    class.define_method("urls", method!(Engine::urls, 0))?;
    class.define_method("take", method!(Engine::take, 0))?;
    class.define_method("next_ended", method!(Engine::next_ended, 0))?;
    class.define_method("drain", method!(Engine::drain, 0))?;
    class.define_method("wait_idle", method!(Engine::wait_idle, 1))?;
    class.define_method("stop", method!(Engine::stop, 0))?;
    class.define_method(
        "reload_certificates",
        method!(Engine::reload_certificates, 0),
    )?;
    class.define_method("stats", method!(Engine::stats, 0))?;
    class.define_method("log", method!(Engine::log, 2))?;
    class.define_method("log_raw", method!(Engine::log_raw, 1))?;
    class.define_method("close_log", method!(Engine::close_log, 1))?;
    class.define_method("reopen_logs", method!(Engine::reopen_logs, 0))
}
