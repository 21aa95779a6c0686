//! Pure: what a code archive may contain. The control plane takes no archive that an agent could not unpack.

use std::path::{Component, Path, PathBuf};

/// What an entry becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file or a symbolic link.
    Leaf,
}

/// Why an archive cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An entry would be outside of the target folder, or its name is none.
    #[error("it has an entry that leads out of its folder or is too long: {0:?}")]
    LeadsOut(String),
    /// Two entries want the same place, one for a folder, the other for something else.
    #[error("it has an entry that is a folder and something else: {0:?}")]
    Twofold(PathBuf),
}

/// Longest path of an entry in bytes, so that it fits into a system call below any target. [Linux: PATH_MAX]
const LONGEST: usize = 4000;

/// Longest name of a file or folder in bytes. [Linux: NAME_MAX]
const LONGEST_NAME: usize = 255;

/// Mode of folders that have none of their own.
pub const FOLDER_MODE: u32 = 0o755;

/// Longest target of a symbolic link that is believed, in bytes.
pub const LINK_LIMIT: u64 = 4096;

/// The path of an entry below the target, where absolute names begin too, as for `unzip`; `None`: it climbs out, is
/// too long, or is no path.
pub fn place(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) if part.len() > LONGEST_NAME => return None,
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir if path.pop() => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    let fits = (1..=LONGEST).contains(&path.as_os_str().len());
    (fits && !name.contains('\0')).then_some(path)
}

/// The mode that an entry gets: its own, or else the usual one, which those of archives from Windows have. The function
/// is nobody's owner, and has to be able to read what there is. [AWS: keeps modes, and asks for 644 and 755]
pub fn mode(given: Option<u32>, kind: Kind) -> u32 {
    const READABLE: u32 = 0o444;
    let usual = match kind {
        Kind::Folder => FOLDER_MODE,
        Kind::Leaf => 0o644,
    };
    let bits = given.map(|mode| mode & 0o777).filter(|bits| *bits != 0).unwrap_or(usual);
    // Folders have to be searched as well.
    bits | (usual & (READABLE | 0o111))
}

/// The places of an archive's entries.
#[derive(Debug, Default)]
pub struct Layout {
    places: Vec<(PathBuf, Kind)>,
}

impl Layout {
    /// Adds an entry.
    ///
    /// # Errors
    /// It has no place.
    pub fn add(&mut self, name: &str, kind: Kind) -> Result<(), Fault> {
        let path = place(name).ok_or_else(|| Fault::LeadsOut(name.to_owned()))?;
        self.places.push((path, kind));
        Ok(())
    }

    /// Checks that the entries can be next to each other. Of several files of one name the last counts.
    ///
    /// # Errors
    /// A place is wanted for a folder and for something else.
    pub fn check(mut self) -> Result<(), Fault> {
        // Paths are ordered by their components: what is below a path comes right behind it.
        self.places.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for pair in self.places.windows(2) {
            let [(before, kind), (behind, other)] = pair else { continue };
            let is_below = behind.starts_with(before) && behind != before;
            if (is_below && *kind == Kind::Leaf) || (behind == before && kind != other) {
                return Err(Fault::Twofold(before.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(entries: &[&str]) -> Result<(), Fault> {
        let mut layout = Layout::default();
        for name in entries {
            layout.add(name, if name.ends_with('/') { Kind::Folder } else { Kind::Leaf })?;
        }
        layout.check()
    }

    #[test]
    fn ordinary_archives_can_be_unpacked() {
        assert_eq!(check(&["a", "b/", "b/c", "b.d", "b-/x", "d/e/f", "d/e/g", "a"]), Ok(()));
        assert_eq!(check(&["/etc/a", "b/../c", "./d"]), Ok(()));
    }

    #[test]
    fn nothing_is_a_folder_and_something_else() {
        for entries in [
            &["a", "a/b"][..],
            &["a/b", "a"],
            &["a/b/c", "a.x", "a-/y", "a"],
            &["a", "a/"],
            &["a", "a", "a/b"],
            &["x/../a", "./a/b"],
            &["/a", "a/b/"],
        ] {
            assert!(matches!(check(entries), Err(Fault::Twofold(_))), "{entries:?}");
        }
    }

    #[test]
    fn nothing_leads_out() {
        for name in [
            "../a",
            "a/../../b",
            "..",
            "",
            "/",
            ".",
            "a\0b",
            &"x/".repeat(4000),
            &format!("a/{}", "n".repeat(256)),
        ] {
            assert_eq!(check(&[name]), Err(Fault::LeadsOut(name.to_owned())), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn the_verdict_is_that_of_a_file_system(
            names in proptest::collection::vec("[ab./-]{1,6}", 0..8),
        ) {
            let mut kinds: BTreeMap<PathBuf, Kind> = BTreeMap::new();
            let mut sound = true;
            let mut layout = Layout::default();
            for name in &names {
                let kind = if name.ends_with('/') { Kind::Folder } else { Kind::Leaf };
                if layout.add(name, kind).is_err() {
                    prop_assert!(place(name).is_none());
                    continue;
                }
                let path = place(name).unwrap();
                let parents = path.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
                for (path, kind) in parents.map(|path| (path, Kind::Folder)).chain([(path.as_path(), kind)]) {
                    sound &= *kinds.entry(path.to_owned()).or_insert(kind) == kind;
                }
            }
            prop_assert_eq!(layout.check().is_ok(), sound);
        }
    }
}
