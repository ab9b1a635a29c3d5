//! Values of the core inside of Ruby objects.

use std::{mem::ManuallyDrop, ops::Deref};

use crate::gvl;

/// A value that is dropped with its owner, but never in a forked child: there the I/O thread
/// does not exist, and a lock that it held at the fork would never be free.
pub(crate) struct Guarded<T>(ManuallyDrop<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if !gvl::is_forked() {
            // SAFETY: the value is dropped here alone, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}
