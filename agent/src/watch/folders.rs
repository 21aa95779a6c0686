//! Pure: which watch belongs to which folder.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::hash::Hash;
use std::path::{Path, PathBuf};

/// Folders by the key of their watch. Each knows its parent rather than its path, so that the paths of what is below
/// a renamed folder need no care.
#[derive(Debug)]
pub(super) struct Folders<K> {
    by_key: HashMap<K, Folder<K>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Folder<K> {
    /// One of those we were asked to watch.
    Root(PathBuf),
    Below {
        parent: K,
        name: OsString,
    },
}

impl<K: Copy + Eq + Hash> Folders<K> {
    /// No folders.
    pub(super) fn new() -> Self {
        Self { by_key: HashMap::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Notes a folder that was asked for.
    pub(super) fn insert_root(&mut self, key: K, path: &Path) {
        self.by_key.insert(key, Folder::Root(path.to_owned()));
    }

    /// Notes the folder `name` in `parent`. A watch that was there already is moved.
    pub(super) fn insert(&mut self, key: K, parent: K, name: &OsStr) {
        // The root of one watched tree may lie in another; it stays what it is.
        if !matches!(self.by_key.get(&key), Some(Folder::Root(_))) {
            self.by_key.insert(key, Folder::Below { parent, name: name.to_owned() });
        }
    }

    /// Forgets one folder; those below it have watches of their own.
    pub(super) fn remove(&mut self, key: K) {
        self.by_key.remove(&key);
    }

    /// Forgets a folder and all below it, and returns their keys.
    pub(super) fn remove_tree(&mut self, key: K) -> Vec<K> {
        let gone: Vec<K> = self.by_key.keys().copied().filter(|other| self.is_within(*other, key)).collect();
        for key in &gone {
            self.by_key.remove(key);
        }
        gone
    }

    /// The folder `name` in `parent`.
    pub(super) fn child(&self, parent: K, name: &OsStr) -> Option<K> {
        let is_it = |folder: &Folder<K>| matches!(folder, Folder::Below { parent: of, name: called } if *of == parent && called == name);
        self.by_key.iter().find(|(_, folder)| is_it(folder)).map(|(key, _)| *key)
    }

    /// Whether a watch is one of ours.
    pub(super) fn contains(&self, key: K) -> bool {
        self.by_key.contains_key(&key)
    }

    /// The path of a folder that was asked for.
    pub(super) fn root(&self, key: K) -> Option<&Path> {
        match self.by_key.get(&key)? {
            Folder::Root(path) => Some(path),
            Folder::Below { .. } => None,
        }
    }

    /// The path of a folder; `None`: it is not watched, or no longer below a root.
    pub(super) fn path(&self, key: K) -> Option<PathBuf> {
        let mut names = Vec::new();
        let mut path = self.ancestors(key).find_map(|folder| match folder {
            Folder::Root(path) => Some(path.clone()),
            Folder::Below { name, .. } => {
                names.push(name);
                None
            }
        })?;
        path.extend(names.into_iter().rev());
        Some(path)
    }

    fn is_within(&self, key: K, above: K) -> bool {
        key == above
            || self
                .ancestors(key)
                .any(|folder| matches!(folder, Folder::Below { parent, .. } if *parent == above))
    }

    /// The folder and those above it. Ends in any case, also if moves that we saw too late have made a ring.
    fn ancestors(&self, key: K) -> impl Iterator<Item = &Folder<K>> {
        let mut next = self.by_key.get(&key);
        let step = move || {
            let folder = next?;
            next = match folder {
                Folder::Root(_) => None,
                Folder::Below { parent, .. } => self.by_key.get(parent),
            };
            Some(folder)
        };
        std::iter::from_fn(step).take(self.by_key.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Folders<u32> {
        let mut folders = Folders::new();
        folders.insert_root(1, Path::new("/var/task"));
        folders.insert(2, 1, OsStr::new("src"));
        folders.insert(3, 2, OsStr::new("deep"));
        folders.insert(4, 1, OsStr::new("lib"));
        folders
    }

    #[test]
    fn paths_follow_a_folder_that_was_moved() {
        let mut folders = tree();
        assert_eq!(folders.path(3).unwrap(), Path::new("/var/task/src/deep"));
        folders.insert(2, 4, OsStr::new("moved"));
        assert_eq!(folders.path(3).unwrap(), Path::new("/var/task/lib/moved/deep"));
        assert_eq!(folders.child(4, OsStr::new("moved")), Some(2));
        assert_eq!(folders.child(1, OsStr::new("src")), None);
    }

    #[test]
    fn a_folder_goes_with_all_below_it() {
        let mut folders = tree();
        let mut gone = folders.remove_tree(2);
        gone.sort_unstable();
        assert_eq!(gone, [2, 3]);
        assert_eq!((folders.len(), folders.path(3), folders.contains(4)), (2, None, true));
    }

    #[test]
    fn a_root_inside_of_another_stays_a_root() {
        let mut folders = tree();
        folders.insert_root(3, Path::new("/var/task/src/deep"));
        folders.insert(3, 2, OsStr::new("deep"));
        assert_eq!(folders.root(3), Some(Path::new("/var/task/src/deep")));
    }

    #[test]
    fn folders_that_are_each_others_parents_end_nothing_but_themselves() {
        let mut folders = tree();
        folders.insert(2, 3, OsStr::new("src"));
        assert_eq!(folders.path(3), None);
        let mut gone = folders.remove_tree(3);
        gone.sort_unstable();
        assert_eq!(gone, [2, 3]);
    }
}
