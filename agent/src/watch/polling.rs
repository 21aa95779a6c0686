//! Watching by looking again and again.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::place;
use super::session::{Session, Woken};
use super::tree::{Entry, Fingerprint, Tree, difference};
use crate::log::{debug, warn};

/// Time between two looks. [LocalStack: init]
const PAUSE: Duration = Duration::from_millis(200);

/// Longest time between two looks, however long a look takes.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A look that takes longer is worth a word to whoever wonders why changes are seen late.
const SLOW: Duration = Duration::from_secs(1);

/// Pure: how long to wait after a look that took `look`: so long that looking takes a quarter of the time at most,
/// unless that were too long for whoever waits for the change.
fn pause_after(look: Duration) -> Duration {
    (look * 3).clamp(PAUSE, LONGEST_PAUSE)
}

/// Watches until the session is over.
pub(super) fn watch(session: &mut Session) {
    let mut poller = Poller::default();
    while let Some(took) = poller.look(session) {
        if session.wait(None, Some(Instant::now() + pause_after(took))) == Woken::Stop {
            return;
        }
    }
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Poller {
    before: Option<Tree>,
    missing: BTreeSet<PathBuf>,
    is_slow: bool,
}

impl Poller {
    /// Looks once more, and tells the session of changes. Returns how long that took; `None`: the session is over.
    pub(super) fn look(&mut self, session: &mut Session) -> Option<Duration> {
        let started = Instant::now();
        let look = look(session, self.before.as_ref())?;
        let took = started.elapsed();
        match &self.before {
            None => {
                debug!("hot reload: {} files are polled, which takes {took:?}", look.files);
                if let Some(path) = &look.recent {
                    session.changed(format_args!("{} changed before it was looked at", path.display()));
                }
            }
            Some(before) => {
                if let Some(difference) = difference(before, &look.tree) {
                    let place = look.differs.as_deref().unwrap_or(Path::new("somewhere")).display();
                    session.changed(format_args!("{place}: {difference:?}"));
                }
            }
        }
        for path in look.missing.difference(&self.missing) {
            warn!("hot reload: {} is not there; waiting for it", path.display());
        }
        if took > SLOW && !self.is_slow {
            self.is_slow = true;
            warn!(
                "hot reload: looking at {} files takes {} ms, so changes are seen late; where file events arrive, \
                 LOCALSTACK_FILE_WATCHER_STRATEGY=event is faster",
                look.files,
                took.as_millis()
            );
        }
        self.missing = look.missing;
        self.before = Some(look.tree);
        Some(took)
    }
}

/// What one look has found.
struct Look {
    tree: Tree,
    /// Folders of the session that are not there.
    missing: BTreeSet<PathBuf>,
    /// Files and folders.
    files: usize,
    /// A file that was changed since watching was asked for; looked for the first time only.
    recent: Option<PathBuf>,
    /// A folder that is otherwise than before.
    differs: Option<PathBuf>,
}

/// Looks at everything. `None`: the session is over.
fn look(session: &mut Session, before: Option<&Tree>) -> Option<Look> {
    let mut look = Look {
        tree: Tree::new(session.most_folders),
        missing: BTreeSet::new(),
        files: 0,
        recent: None,
        differs: None,
    };
    for root in session.folders.clone() {
        // What we were asked to watch may be a link to it; what is below may not.
        let Ok(itself) = fs::metadata(&root).and_then(|itself| {
            if itself.is_dir() { Ok(itself) } else { Err(std::io::ErrorKind::NotADirectory.into()) }
        }) else {
            look.missing.insert(root);
            continue;
        };
        let stable_inodes = place::of(&root).stable_inodes;
        let mut folders = vec![(root.clone(), Some(itself))];
        while let Some((folder, itself)) = folders.pop() {
            if session.is_over() {
                return None;
            }
            let mut entries = Fingerprint::default();
            if let Some(itself) = itself {
                entries.add(entry(root.as_os_str(), &itself, stable_inodes));
            }
            // It may be gone again, which is seen in its parent.
            for found in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(metadata) = found.metadata() else { continue };
                let name = found.file_name();
                entries.add(entry(&name, &metadata, stable_inodes));
                look.files += 1;
                if metadata.is_dir() {
                    folders.push((found.path(), None));
                }
                if before.is_none() && look.recent.is_none() && session.is_recent(&metadata) {
                    look.recent = Some(found.path());
                }
            }
            if look.differs.is_none() && before.is_some_and(|before| !before.has(&folder, entries)) {
                look.differs = Some(folder.clone());
            }
            look.tree.insert(&folder, entries);
        }
    }
    Some(look)
}

fn entry<'a>(name: &'a OsStr, metadata: &Metadata, stable_inodes: bool) -> Entry<'a> {
    Entry {
        name,
        mode: metadata.mode(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        size: metadata.size(),
        inode: stable_inodes.then(|| metadata.ino()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_takes_a_quarter_of_the_time_at_most_but_is_not_put_off_for_ever() {
        let pause = |ms| pause_after(Duration::from_millis(ms)).as_millis();
        assert_eq!([pause(0), pause(60), pause(300), pause(60_000)], [200, 200, 900, 3000]);
    }
}
