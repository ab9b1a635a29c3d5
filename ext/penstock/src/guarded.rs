//! Values of the core inside of Ruby objects.

use std::mem::ManuallyDrop;

use magnus::{Error, Ruby};

use crate::{error, gvl};

/// A value that belongs to the process in which it was made. A forked child can neither reach
/// nor drop it: there the I/O thread does not exist, and a lock that it held at the fork would
/// never be free.
pub(crate) struct Guarded<T> {
    value: ManuallyDrop<T>,
    generation: u32,
}

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: ManuallyDrop::new(value),
            generation: gvl::generation(),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// `Penstock::ForkError` in a forked child.
    pub(crate) fn get(&self, ruby: &Ruby) -> Result<&T, Error> {
        if self.is_ours() {
            Ok(&self.value)
        } else {
            Err(error::fork_error(ruby))
        }
    }

    /// Whether this process has made the value.
    pub(crate) fn is_ours(&self) -> bool {
        self.generation == gvl::generation()
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: the value is dropped here alone, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
