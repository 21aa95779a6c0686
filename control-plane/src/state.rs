//! The state folder: what survives, what does not, and that one process at a time uses it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// A state folder that is ours while this lives.
#[derive(Debug)]
pub struct StateFolder {
    folder: PathBuf,
    persistence: Persistence,
    /// Locked; the lock goes with the process, however it ends.
    _lock: File,
}

/// `PERSISTENCE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Everything is found again.
    Kept,
    /// Everything is gone with the process.
    Volatile,
}

impl StateFolder {
    /// Takes the state folder of this control plane. Without persistence it is a part of `state_dir` named after
    /// `instance`, emptied of what a killed process left there.
    ///
    /// # Errors
    /// The folder cannot be made, or another process uses it.
    pub fn take(state_dir: &Path, persistence: Persistence, instance: &str) -> anyhow::Result<Self> {
        let folder = match persistence {
            Persistence::Kept => state_dir.to_owned(),
            Persistence::Volatile => state_dir.join("volatile").join(instance),
        };
        fs::create_dir_all(&folder).with_context(|| {
            format!(
                "cannot make the state folder {}; set LAMBDOCK_STATE_DIR to one that can be written",
                folder.display()
            )
        })?;
        let lock_file = folder.join("lambdock.lock");
        let lock = File::create(&lock_file).with_context(|| {
            format!(
                "cannot write to {}; set LAMBDOCK_STATE_DIR to a folder that can be written",
                folder.display()
            )
        })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another Lambdock uses the state folder {}; stop it, or set LAMBDOCK_STATE_DIR to another folder",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", lock_file.display()));
            }
        }
        let state = Self { folder, persistence, _lock: lock };
        if persistence == Persistence::Volatile {
            state.empty().with_context(|| format!("cannot empty {}", state.folder.display()))?;
            remove_abandoned(&state_dir.join("volatile"));
        }
        Ok(state)
    }

    /// The database, with persistence.
    pub fn database(&self) -> Option<PathBuf> {
        (self.persistence == Persistence::Kept).then(|| self.folder.join("lambdock.db"))
    }

    /// The journal of asynchronous invocations.
    pub fn events(&self) -> PathBuf {
        self.folder.join("events.db")
    }

    /// The journal of durable executions, with persistence.
    pub fn executions(&self) -> Option<PathBuf> {
        (self.persistence == Persistence::Kept).then(|| self.folder.join("durable.db"))
    }

    /// The folder of code archives.
    pub fn code(&self) -> PathBuf {
        self.folder.join("code")
    }

    fn empty(&self) -> io::Result<()> {
        let missing_is_fine = |removed: io::Result<()>| match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        missing_is_fine(fs::remove_dir_all(self.code()))?;
        // SQLite's own names for what belongs to a database.
        for suffix in ["", "-wal", "-shm"] {
            missing_is_fine(fs::remove_file(self.folder.join(format!("events.db{suffix}"))))?;
        }
        Ok(())
    }
}

/// Time within which a process has locked the folder that it made.
const IN_THE_MAKING: Duration = Duration::from_secs(60);

/// Removes what other processes without persistence left when they were killed: the folders that nobody has locked. Some
/// of them will never be taken again, such as those of containers that were replaced.
fn remove_abandoned(volatile: &Path) {
    let Ok(entries) = fs::read_dir(volatile) else { return };
    for folder in entries.flatten().map(|entry| entry.path()) {
        // One that is being made has no lock file yet, or a new one.
        let Ok(lock) = File::open(folder.join("lambdock.lock")) else { continue };
        let modified = lock.metadata().and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > IN_THE_MAKING))
            && lock.try_lock().is_ok()
            && let Err(error) = fs::remove_dir_all(&folder)
        {
            tracing::warn!(%error, folder = %folder.display(), "cannot remove");
        }
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        if self.persistence == Persistence::Volatile
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(%error, folder = %self.folder.display(), "cannot remove");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let first = StateFolder::take(root.path(), Persistence::Kept, "i").unwrap();
        let second = StateFolder::take(root.path(), Persistence::Kept, "i").unwrap_err();
        assert!(second.to_string().contains("another Lambdock uses"), "{second}");
        drop(first);
        StateFolder::take(root.path(), Persistence::Kept, "i").unwrap();
    }

    #[test]
    fn volatile_state_is_gone_at_the_end_and_after_a_kill() {
        let root = tempfile::tempdir().unwrap();
        let left = root.path().join("volatile").join("i").join("code").join("old.zip");
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, b"x").unwrap();
        let journal = root.path().join("volatile").join("i").join("events.db");
        fs::write(&journal, b"x").unwrap();
        let state = StateFolder::take(root.path(), Persistence::Volatile, "i").unwrap();
        assert!(!left.exists() && !journal.exists());
        assert_eq!(state.events(), journal);
        assert_eq!(state.database(), None);
        drop(state);
        assert!(!root.path().join("volatile").join("i").exists());
    }

    #[test]
    fn what_killed_processes_left_is_removed_and_what_others_use_is_not() {
        let root = tempfile::tempdir().unwrap();
        let killed = |name: &str| {
            let folder = root.path().join("volatile").join(name);
            fs::create_dir_all(&folder).unwrap();
            File::create(folder.join("lambdock.lock")).unwrap()
        };
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        killed("old").set_modified(long_ago).unwrap();
        let used = killed("used");
        used.set_modified(long_ago).unwrap();
        used.lock().unwrap();
        killed("new");
        let _ours = StateFolder::take(root.path(), Persistence::Volatile, "ours").unwrap();
        let mut left: Vec<_> = fs::read_dir(root.path().join("volatile"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["new", "ours", "used"]);
    }
}
