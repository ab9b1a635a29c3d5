//! Which descriptors the core has open, for a child process that has to close its copies.

use std::{
    collections::HashSet,
    fs,
    os::fd::RawFd,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Descriptors above this are not listed; no limit of a process is that high in practice.
const CAPACITY: usize = 1 << 20;

/// A set of descriptor numbers that can be read without a lock.
#[derive(Debug)]
pub(crate) struct FdTable {
    words: Box<[AtomicU64]>,
}

impl Default for FdTable {
    fn default() -> Self {
        // Untouched pages of it cost nothing.
        let words = (0..CAPACITY / 64).map(|_| AtomicU64::new(0)).collect();
        Self { words }
    }
}

impl FdTable {
    /// Lists a descriptor that was just opened.
    fn insert(&self, fd: RawFd) {
        if let Some((word, bit)) = self.place(fd) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Strikes a descriptor that is about to be closed or given away.
    fn remove(&self, fd: RawFd) {
        if let Some((word, bit)) = self.place(fd) {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// All that are listed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RawFd> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let word = word.load(Ordering::Relaxed);
            (0..64)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| {
                    // Below CAPACITY, so it fits.
                    (index * 64 + bit) as RawFd
                })
        })
    }

    fn place(&self, fd: RawFd) -> Option<(&AtomicU64, u64)> {
        let fd = usize::try_from(fd).ok()?;
        Some((self.words.get(fd / 64)?, 1 << (fd % 64)))
    }
}

/// A descriptor's place in the table. To be given up before the descriptor is closed: its number
/// may belong to somebody else right after that.
#[derive(Debug)]
pub(crate) struct Listed {
    table: Arc<FdTable>,
    fd: RawFd,
}

impl Listed {
    /// Has a forked child close its copy of `fd`.
    pub(crate) fn new(table: &Arc<FdTable>, fd: RawFd) -> Self {
        table.insert(fd);
        Self {
            table: table.clone(),
            fd,
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.table.remove(self.fd);
    }
}

/// The descriptors of this process that an event loop may have opened. Empty where the system
/// does not tell; there they are closed by a fork itself (kqueue).
pub(crate) fn of_event_loops() -> HashSet<RawFd> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return HashSet::new();
    };
    entries
        .flatten()
        .filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|name| {
                let name = name.to_string_lossy();
                name.starts_with("anon_inode:")
            })
        })
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Those that are there now, and were not before.
pub(crate) fn opened_since(before: &HashSet<RawFd>) -> Vec<RawFd> {
    of_event_loops().difference(before).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_is_open() {
        let table = FdTable::default();
        [3, 64, 1000].into_iter().for_each(|fd| table.insert(fd));
        table.remove(64);
        table.insert(-1);
        assert_eq!(table.iter().collect::<Vec<_>>(), [3, 1000]);
    }

    #[test]
    fn a_place_is_given_up_with_its_value() {
        let table = Arc::new(FdTable::default());
        let listed = Listed::new(&table, 7);
        assert_eq!(table.iter().collect::<Vec<_>>(), [7]);
        drop(listed);
        assert_eq!(table.iter().count(), 0);
    }
}
