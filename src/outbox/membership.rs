//! The groups of which a stream is a member. They let go of it when it ends.

use std::sync::{Arc, Weak};

use super::Outbox;
use crate::group::Group;

impl Outbox {
    /// Makes the stream a member of `group`, which hears of its end; may be called again. False:
    /// it has ended.
    pub(crate) fn join(&self, group: &Arc<Group>) -> bool {
        let mut state = self.state.lock();
        if state.is_ended() || state.full {
            return false;
        }
        let group = Arc::downgrade(group);
        if !state.groups.iter().any(|each| each.ptr_eq(&group)) {
            state.groups.push(group);
        }
        true
    }

    /// The stream is no longer a member of `group`. Whether it is lost by that: nothing else
    /// refers to it, and nobody can close it any more.
    pub(crate) fn leave(&self, group: *const Group) -> bool {
        let mut state = self.state.lock();
        state
            .groups
            .retain(|each| !std::ptr::eq(each.as_ptr(), group));
        state.groups.is_empty() && state.orphaned && !state.is_ended()
    }

    /// The application refers to the stream no longer. Whether a group keeps it open.
    pub(crate) fn orphan(&self) -> bool {
        let mut state = self.state.lock();
        state.orphaned = true;
        !state.groups.is_empty()
    }

    /// The stream is no longer a member of any group, since its connection is taken over.
    pub(crate) fn leave_all(&self) {
        let groups = std::mem::take(&mut self.state.lock().groups);
        self.quit(groups);
    }

    /// The groups learn that the stream has ended. Without a lock: the last reference to a group
    /// may be among these.
    pub(super) fn quit(&self, groups: Vec<Weak<Group>>) {
        groups
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|group| group.forget(self.id));
    }
}
