//! A group of streams: what is written to it is handed to each of its members, by the calling
//! thread, in one walk and from one buffer.
//!
//! A member that does not keep up is never waited for. A stream leaves its groups when it ends; as
//! long as it is a member the group keeps it open, also where the application has let go of it.
//!
//! Order of the locks: the group's, then the outbox'. A stream that ends tells its groups without
//! its own.

mod heartbeat;
mod turn;

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{Arc, Weak},
    task::{Context, Waker},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};

pub use self::turn::Turn;
use crate::{
    error::{Error, Kind, Result},
    exchange::{Exchange, Inner},
    line::Line,
    message::Message,
    outbox::Offered,
    server::Shared,
};

/// How many members are served before the lock is looked at again, wakers are passed on, and
/// (heartbeats) other tasks have their turn.
const BATCH: usize = 64;

/// What is done with a member for which a message does not fit into its send buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowMember {
    /// Its stream is broken off.
    Disconnect,
    /// It does not get the message, and stays.
    Drop,
}

/// What members get when nothing was written for a while.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// How long a group may be silent.
    pub interval: Duration,
    /// What is sent then.
    pub message: Message,
}

/// How a group behaves.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `None`: a group may be silent for ever.
    pub heartbeat: Option<Heartbeat>,
    /// `None`: each stream's own policy, where waiting means to disconnect and raising to drop.
    pub slow: Option<SlowMember>,
}

/// Streams that get the same.
pub struct Group {
    options: Options,
    /// Those who write: see [`Turn`].
    line: Mutex<Line>,
    state: Mutex<State>,
}

/// What changes of a group.
struct State {
    /// By the numbers of their exchanges, which grow: a walk goes on behind a number.
    members: BTreeMap<u64, Arc<Inner>>,
    closed: bool,
    /// When something was written last.
    written: Instant,
    /// The servers that have a task for the heartbeats of their members.
    beating: Vec<Beating>,
    /// The servers with members for which the last message waits for the I/O thread.
    owing: Vec<Weak<Shared>>,
}

/// A task for the heartbeats of the members on one server.
struct Beating {
    server: Weak<Shared>,
    task: AbortHandle,
}

impl Group {
    /// A group without members.
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            options,
            line: Mutex::default(),
            state: Mutex::new(State {
                members: BTreeMap::new(),
                closed: false,
                written: Instant::now(),
                beating: Vec::new(),
                owing: Vec::new(),
            }),
        })
    }

    /// Makes the stream of `exchange` a member; may be called again. Before its response has begun,
    /// what is written waits for that. False: the stream has ended.
    ///
    /// # Errors
    /// The group was closed, or the connection was hijacked.
    pub fn add(self: &Arc<Self>, exchange: &Exchange) -> Result<bool> {
        if exchange.is_hijacked() {
            return Err(Error::new(
                Kind::Misuse,
                "the connection was taken over, and its socket is the application's to write to; \
                 for a group, answer with a streaming body or a rack.hijack header",
            ));
        }
        let inner = &exchange.inner;
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::new(
                Kind::Misuse,
                "the group was closed and takes no more streams; make a new one",
            ));
        }
        // Under the lock of the group: a stream that ends now is forgotten behind this.
        if !inner.outbox.join(self) {
            return Ok(false);
        }
        state.members.insert(exchange.id(), inner.clone());
        self.start_heartbeat(&mut state, &inner.server);
        Ok(true)
    }

    /// Lets the stream of `exchange` go, and leaves it open. Whether it was a member.
    pub fn delete(&self, exchange: &Exchange) -> bool {
        let mut state = self.state.lock();
        exchange.inner.outbox.leave(self);
        state.members.remove(&exchange.id()).is_some()
    }

    /// Whether the stream of `exchange` is a member.
    pub fn contains(&self, exchange: &Exchange) -> bool {
        self.state.lock().members.contains_key(&exchange.id())
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.state.lock().members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the I/O thread has come to what was written before, so far that `message` finds room at
    /// each member that takes what it gets; `cx`: who is woken when it has.
    fn has_caught_up(&self, message: &Message, cx: Option<&Context<'_>>) -> bool {
        let state = self.state.lock();
        let mut owing = state.owing.iter().filter_map(Weak::upgrade);
        owing.all(|server| {
            // The other half is for what it had not come to when it was asked.
            let limit = server.config.send_buffer_bytes / 2;
            let length = message.data().len();
            server.wakeups.has_caught_up(length, limit, cx)
        })
    }

    fn hand_out(&self, message: &Message) -> usize {
        if message.data().is_empty() {
            return self.len();
        }
        let mut walk = {
            let mut state = self.state.lock();
            state.written = Instant::now();
            Walk::new(&state)
        };
        let mut count = 0;
        let mut owing = Vec::new();
        while self.advance(&mut walk) {
            count += self.offer(&walk.batch, message, self.options.slow, &mut owing);
        }
        for server in owing.iter().filter_map(Weak::upgrade) {
            server.wakeups.note_given(message.data().len());
        }
        self.state.lock().owing = owing;
        count
    }

    /// Takes the next members; false: there are no more.
    fn advance(&self, walk: &mut Walk) -> bool {
        // Not under the lock: this may be the last reference to an exchange.
        walk.batch.clear();
        let state = self.state.lock();
        let rest = state.members.range((walk.behind, Bound::Unbounded));
        let rest = rest.take_while(|(id, _)| **id <= walk.last).take(BATCH);
        rest.clone().for_each(|(_, member)| member.look_ahead());
        for (id, member) in rest {
            walk.batch.push(member.clone());
            walk.behind = Bound::Excluded(*id);
        }
        !walk.batch.is_empty()
    }

    /// Hands `message` to `members`, and says to how many. `owing`: where it waits for the I/O thread.
    fn offer(
        &self,
        members: &[Arc<Inner>],
        message: &Message,
        slow: Option<SlowMember>,
        owing: &mut Vec<Weak<Shared>>,
    ) -> usize {
        let mut count = 0;
        for members in members.chunk_by(|a, b| Arc::ptr_eq(&a.server, &b.server)) {
            let mut readers: Vec<Waker> = Vec::new();
            let mut waits = false;
            for member in members {
                match member.offer(message, slow) {
                    Offered::Sent => count += 1,
                    Offered::Taken(reader) => {
                        count += 1;
                        waits = true;
                        readers.extend(reader);
                    }
                    Offered::Refused => {}
                }
            }
            let server = &members[0].server;
            if !readers.is_empty() {
                server.wakeups.wake_all(readers);
            }
            let known = |each: &Weak<Shared>| std::ptr::eq(each.as_ptr(), Arc::as_ptr(server));
            if waits && !owing.iter().any(known) {
                owing.push(Arc::downgrade(server));
            }
        }
        count
    }

    fn end_members(&self) {
        let members = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.members)
        };
        for member in members.values() {
            member.outbox.finish();
            // One that is no stream yet may still read its request.
            if member.streams() {
                member.discard_input();
            }
        }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// A member has ended.
    pub(crate) fn forget(&self, id: u64) {
        let member = self.state.lock().members.remove(&id);
        // Without the lock, since it may be the last reference.
        drop(member);
    }
}

/// How far a walk over the members has come.
struct Walk {
    batch: Vec<Arc<Inner>>,
    behind: Bound<u64>,
    /// The last one of those that were members when it began: others do not prolong it.
    last: u64,
}

impl Walk {
    fn new(state: &State) -> Self {
        Self {
            batch: Vec::with_capacity(BATCH),
            behind: Bound::Unbounded,
            last: state.members.last_key_value().map_or(0, |(id, _)| *id),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        for beating in &state.beating {
            beating.task.abort();
        }
        let members = std::mem::take(&mut state.members);
        let mut lost = Vec::new();
        for member in members.values() {
            if member.outbox.leave(self) {
                member.outbox.abort();
                lost.push(member);
            }
        }
        // One line, however many they are.
        if let Some(first) = lost.first() {
            let lost = lost.len();
            first.server.log.warn(&format!(
                "a group was lost with {lost} streams: nothing refers to it any more, and it was not \
                 closed; their responses were broken off"
            ));
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("members", &self.len())
            .finish_non_exhaustive()
    }
}
