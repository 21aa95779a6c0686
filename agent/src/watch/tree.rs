//! Pure: what a tree of files looks like at one moment, in little memory, and how two moments differ.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// What is compared of an entry. Times of access are not in it: reading is no change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Entry<'a> {
    /// Its name in its folder.
    pub name: &'a OsStr,
    /// `st_mode`: kind and permissions.
    pub mode: u32,
    /// `st_mtim`: seconds and nanoseconds.
    pub modified: (i64, i64),
    /// Bytes.
    pub size: u64,
    /// `None` on file systems that give the same file another number now and then.
    pub inode: Option<u64>,
}

/// Stands for the entries of one folder, in whatever order they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    /// Adds an entry.
    pub(super) fn add(&mut self, entry: Entry<'_>) {
        self.0 = self.0.wrapping_add(digest(entry));
    }
}

/// Everything below the watched folders. Takes 16 bytes for a folder and none for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// Stands for all folders.
    whole: u64,
    /// By the digest of their paths, to tell where a change was; as many as there is room for.
    folders: HashMap<u64, Fingerprint>,
    room: usize,
}

/// How two trees differ, in folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    /// New ones.
    pub created: usize,
    /// Those that are gone.
    pub removed: usize,
    /// Those with other entries than before.
    pub altered: usize,
}

impl Tree {
    /// An empty tree. Beyond `room` folders it still differs when something differs, but cannot say in how many.
    pub(super) fn new(room: usize) -> Self {
        Self { whole: 0, folders: HashMap::new(), room }
    }

    /// Adds a folder.
    pub(super) fn insert(&mut self, path: &Path, entries: Fingerprint) {
        let path = digest(path);
        self.whole = self.whole.wrapping_add(digest((path, entries.0)));
        if self.folders.len() < self.room {
            self.folders.insert(path, entries);
        }
    }

    /// Whether a folder was in it with these entries, as far as is known.
    pub(super) fn has(&self, path: &Path, entries: Fingerprint) -> bool {
        self.folders.get(&digest(path)) == Some(&entries)
    }
}

/// What has become different from `before` to `after`; `None`: nothing.
pub(super) fn difference(before: &Tree, after: &Tree) -> Option<Difference> {
    if before.whole == after.whole {
        return None;
    }
    let created = after.folders.keys().filter(|path| !before.folders.contains_key(path)).count();
    let removed = before.folders.keys().filter(|path| !after.folders.contains_key(path)).count();
    let altered = after
        .folders
        .iter()
        .filter(|(path, entries)| before.folders.get(path).is_some_and(|was| was != *entries));
    Some(Difference { created, removed, altered: altered.count() })
}

fn digest(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(name: &str) -> Entry<'_> {
        Entry {
            name: OsStr::new(name),
            mode: 0o100_644,
            modified: (1_700_000_000, 5),
            size: 10,
            inode: Some(7),
        }
    }

    fn folder(entries: &[Entry<'_>]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        entries.iter().for_each(|entry| fingerprint.add(*entry));
        fingerprint
    }

    fn tree(room: usize, folders: &[(&str, Fingerprint)]) -> Tree {
        let mut tree = Tree::new(room);
        folders.iter().for_each(|(path, entries)| tree.insert(Path::new(path), *entries));
        tree
    }

    #[test]
    fn every_field_of_an_entry_tells() {
        let was = entry("a");
        let others = [
            Entry { name: OsStr::new("b"), ..was },
            Entry { mode: 0o100_755, ..was },
            Entry { mode: 0o040_644, ..was },
            Entry { modified: (1_700_000_000, 6), ..was },
            Entry { size: 11, ..was },
            Entry { inode: Some(8), ..was },
        ];
        for other in others {
            let (before, after) = (tree(9, &[("/t", folder(&[was]))]), tree(9, &[("/t", folder(&[other]))]));
            let altered = Difference { created: 0, removed: 0, altered: 1 };
            assert_eq!(difference(&before, &after), Some(altered), "{other:?}");
        }
    }

    #[test]
    fn folders_come_and_go() {
        let one = folder(&[entry("a")]);
        let before = tree(9, &[("/t", one), ("/t/old", one)]);
        let after = tree(9, &[("/t", folder(&[entry("b")])), ("/t/new", one)]);
        assert_eq!(difference(&before, &after), Some(Difference { created: 1, removed: 1, altered: 1 }));
        assert!(before.has(Path::new("/t/old"), one) && !after.has(Path::new("/t/old"), one));
    }

    #[test]
    fn a_file_that_moves_to_another_folder_is_a_change_of_both() {
        let (full, empty) = (folder(&[entry("a")]), folder(&[]));
        let (before, after) =
            (tree(9, &[("/x", full), ("/y", empty)]), tree(9, &[("/x", empty), ("/y", full)]));
        assert_eq!(difference(&before, &after), Some(Difference { created: 0, removed: 0, altered: 2 }));
    }

    #[test]
    fn changes_beyond_the_room_are_seen_too() {
        let one = folder(&[entry("a")]);
        let before = tree(1, &[("/1", one), ("/2", one), ("/3", one)]);
        let after = tree(1, &[("/1", one), ("/2", one), ("/3", folder(&[entry("b")]))]);
        assert!(difference(&before, &after).is_some());
        assert_eq!(before.folders.len(), 1);
    }

    proptest! {
        #[test]
        fn the_order_of_reading_makes_no_difference(
            mut names in proptest::collection::vec("[a-z]{1,8}", 0..20)
        ) {
            let entries = |names: &[String]| folder(&names.iter().map(|name| entry(name)).collect::<Vec<_>>());
            let paths = |names: &[String]| {
                let folders: Vec<(&str, Fingerprint)> =
                    names.iter().map(|name| (name.as_str(), entries(names))).collect();
                tree(100, &folders)
            };
            names.sort_unstable();
            names.dedup();
            let before = paths(&names);
            names.reverse();
            prop_assert_eq!(difference(&before, &paths(&names)), None);
        }
    }
}
