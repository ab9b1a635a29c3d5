//! `Penstock::Group`: streams that get the same. Ruby's half is in `lib/penstock/group.rb`.

use std::{cell::RefCell, sync::Arc, task::Context, time::Duration};

use magnus::{
    Error, RClass, RString, Ruby, Symbol, TypedData, Value, method, prelude::*, typed_data::Obj,
};
use penstock::{
    group::{Group as Core, Heartbeat, Options, SlowMember, Turn},
    message::Message,
};

use crate::{
    error,
    guarded::Guarded,
    gvl,
    response::{bytes, string},
    stream::Stream,
};

/// Up to so many members are written to with the lock of the VM, as one stream is: to take it again
/// can cost a quantum of another thread.
const FEW: usize = 16;

/// What a heartbeat's interval may be.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A group of the core. It refers to no object of Ruby.
#[derive(TypedData)]
#[magnus(class = "Penstock::Group", free_immediately, wb_protected)]
pub(crate) struct Group {
    options: Options,
    /// Replaced in a child that was forked while no server ran, where a group that was made early
    /// is as good as new.
    core: RefCell<Guarded<Arc<Core>>>,
}

impl magnus::DataTypeFunctions for Group {}

impl Group {
    /// `Group.create(seconds or nil, String, Symbol or nil)`
    fn create(
        ruby: &Ruby,
        class: RClass,
        heartbeat: Option<f64>,
        data: RString,
        slow: Option<Symbol>,
    ) -> Result<Obj<Self>, Error> {
        let slow = slow.map(|slow| slow_member(ruby, slow)).transpose()?;
        let interval = heartbeat
            .map(|seconds| interval(ruby, seconds))
            .transpose()?;
        let message = Message::new(&bytes(data.as_value())?);
        let heartbeat = interval.map(|interval| Heartbeat { interval, message });
        let options = Options { heartbeat, slow };
        let group = Self {
            core: RefCell::new(Guarded::new(Core::new(options.clone()))),
            options,
        };
        Ok(ruby.obj_wrap_as(group, class))
    }

    /// The core's group.
    ///
    /// # Errors
    /// `Penstock::ForkError` in a child that was forked from a running server.
    fn core(&self, ruby: &Ruby) -> Result<Arc<Core>, Error> {
        let mut core = self.core.borrow_mut();
        if !core.is_ours() && !gvl::is_forked_from_server() {
            *core = Guarded::new(Core::new(self.options.clone()));
        }
        core.get(ruby).cloned()
    }

    /// Makes a stream a member; false: it has ended.
    fn join(ruby: &Ruby, rb_self: &Self, stream: Obj<Stream>) -> Result<bool, Error> {
        let core = rb_self.core(ruby)?;
        let added = stream.ask(ruby, Ok(false), |exchange| core.add(exchange))?;
        added.map_err(|error| error::to_ruby(ruby, &error))
    }

    /// Lets a stream go; whether it was a member.
    fn leave(ruby: &Ruby, rb_self: &Self, stream: Obj<Stream>) -> Result<bool, Error> {
        let core = rb_self.core(ruby)?;
        stream.ask(ruby, false, |exchange| core.delete(exchange))
    }

    fn has(ruby: &Ruby, rb_self: &Self, stream: Obj<Stream>) -> Result<bool, Error> {
        let core = rb_self.core(ruby)?;
        stream.ask(ruby, false, |exchange| core.contains(exchange))
    }

    fn size(ruby: &Ruby, rb_self: &Self) -> Result<usize, Error> {
        Ok(rb_self.core(ruby)?.len())
    }

    /// Hands the strings, as one, to each member; to how many.
    fn write(ruby: &Ruby, rb_self: &Self, args: &[Value]) -> Result<usize, Error> {
        let mut message = Message::builder();
        for part in args {
            let part = string(*part)?;
            // SAFETY: the bytes are copied before anything of Ruby can run.
            message.push(unsafe { part.as_slice() });
        }
        let message = message.build();
        let core = rb_self.core(ruby)?;
        if core.len() <= FEW
            && let Some(count) = core.try_write(&message)
        {
            return Ok(count);
        }
        let poll = |turn: &mut Turn<'_>, cx: &mut Context<'_>| turn.poll_write(cx, &message);
        gvl::wait_in_line(ruby, || core.turn(), poll)
    }

    /// Ends each member as it should end.
    fn close(ruby: &Ruby, rb_self: &Self) -> Result<(), Error> {
        let core = rb_self.core(ruby)?;
        gvl::wait_in_line(ruby, || core.turn(), Turn::poll_close)
    }

    fn is_closed(ruby: &Ruby, rb_self: &Self) -> Result<bool, Error> {
        Ok(rb_self.core(ruby)?.is_closed())
    }
}

/// What is done with a member that has no room, by its name.
fn slow_member(ruby: &Ruby, slow: Symbol) -> Result<SlowMember, Error> {
    match &*slow.name()? {
        "disconnect" => Ok(SlowMember::Disconnect),
        "drop" => Ok(SlowMember::Drop),
        _ => {
            let text = "slow_consumer of a group is :disconnect, :drop, or nil for what each \
                        stream says; a group never waits for one of its members";
            Err(Error::new(ruby.exception_arg_error(), text))
        }
    }
}

/// The interval of heartbeats.
fn interval(ruby: &Ruby, seconds: f64) -> Result<Duration, Error> {
    let interval = Duration::try_from_secs_f64(seconds).ok();
    interval
        .filter(|interval| (SHORTEST..=LONGEST).contains(interval))
        .ok_or_else(|| {
            let text = "heartbeat is seconds, 0.001 to a year, or nil for none";
            Error::new(ruby.exception_arg_error(), text)
        })
}

pub(crate) fn init(ruby: &Ruby, penstock: magnus::RModule) -> Result<(), Error> {
    let class = penstock.define_class("Group", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_singleton_method("create", method!(Group::create, 3))?;
    class.define_method("join", method!(Group::join, 1))?;
    class.define_method("leave", method!(Group::leave, 1))?;
    class.define_method("has?", method!(Group::has, 1))?;
    class.define_method("size", method!(Group::size, 0))?;
    class.define_method("write", method!(Group::write, -1))?;
    class.define_method("close", method!(Group::close, 0))?;
    class.define_method("closed?", method!(Group::is_closed, 0))
}
