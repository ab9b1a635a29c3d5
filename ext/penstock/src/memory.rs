//! The allocator's memory.

/// Gives free memory back to the system, where the allocator has a way to be asked.
pub(crate) const RELEASE: Option<fn()> = release();

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const fn release() -> Option<fn()> {
    fn trim() {
        // SAFETY: it takes the allocator's own locks and has no other precondition.
        unsafe { libc::malloc_trim(0) };
    }
    Some(trim)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn release() -> Option<fn()> {
    None
}
