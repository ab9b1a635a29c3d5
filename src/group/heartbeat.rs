//! Heartbeats: a group that is silent is heard from, by a task of the runtime and no other thread.

use std::sync::{Arc, Weak};

use tokio::time::{Instant, sleep_until};

use super::{Beating, Group, Heartbeat, SlowMember, State, Walk};
use crate::server::Shared;

impl Group {
    /// Sees to heartbeats for the members of `server`, unless that is done already.
    pub(super) fn start_heartbeat(self: &Arc<Self>, state: &mut State, server: &Arc<Shared>) {
        let Some(heartbeat) = &self.options.heartbeat else {
            return;
        };
        state.beating.retain(|each| each.server.strong_count() > 0);
        let server = Arc::downgrade(server);
        if state.beating.iter().any(|each| each.server.ptr_eq(&server)) {
            return;
        }
        let runtime = server.upgrade().and_then(|server| server.runtime());
        // Without a runtime the server has stopped, and its streams end.
        if let Some(runtime) = runtime {
            let task = beat(Arc::downgrade(self), server.clone(), heartbeat.clone());
            let task = runtime.spawn(task).abort_handle();
            state.beating.push(Beating { server, task });
        }
    }

    /// When the members of `server` are due, if nothing is written until then; `None`: it has no
    /// more members, and the next one starts anew.
    fn due(&self, server: &Arc<Shared>, heartbeat: &Heartbeat) -> Option<Instant> {
        let mut state = self.state.lock();
        let has_members = state
            .members
            .values()
            .any(|member| Arc::ptr_eq(&member.server, server));
        if !has_members {
            let server = Arc::as_ptr(server);
            state
                .beating
                .retain(|each| !std::ptr::eq(each.server.as_ptr(), server));
            return None;
        }
        Some(state.written + heartbeat.interval)
    }

    /// Sends a heartbeat to the members of `server`, but for those that have no room for it: they are
    /// not silent. Other tasks have their turn in between.
    async fn send_heartbeat(&self, server: &Arc<Shared>, heartbeat: &Heartbeat) {
        let mut walk = Walk::new(&self.state.lock());
        while self.advance(&mut walk) {
            walk.batch
                .retain(|member| Arc::ptr_eq(&member.server, server));
            // It is the I/O thread that sends it.
            let message = &heartbeat.message;
            self.offer(
                &walk.batch,
                message,
                Some(SlowMember::Drop),
                &mut Vec::new(),
            );
            tokio::task::yield_now().await;
        }
    }
}

/// Runs until the group or the last of its members on `server` has gone.
async fn beat(group: Weak<Group>, server: Weak<Shared>, heartbeat: Heartbeat) {
    let mut due = Instant::now() + heartbeat.interval;
    loop {
        sleep_until(due).await;
        let (Some(group), Some(server)) = (group.upgrade(), server.upgrade()) else {
            return;
        };
        let Some(next) = group.due(&server, &heartbeat) else {
            return;
        };
        let now = Instant::now();
        if next > now {
            due = next;
            continue;
        }
        group.send_heartbeat(&server, &heartbeat).await;
        due = now + heartbeat.interval;
    }
}
