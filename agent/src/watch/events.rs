//! Watching by the kernel's events. [Linux: inotify(7)]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::folders::Folders;
use super::session::{Session, Woken};
use super::{Strategy, place};
use crate::log::{debug, warn};

/// Why there is no watching by events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unable {
    /// None would come.
    Silent {
        /// The folder that is not this kernel's alone.
        folder: PathBuf,
        /// Its file system.
        kind: &'static str,
    },
    /// The system does not give them, or not enough.
    Refused(String),
}

/// Time between two looks for folders that do not exist.
const PAUSE: Duration = Duration::from_millis(200);

/// What counts. Opening, reading and closing a file changes nothing.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_MODIFY)
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE)
    .union(AddWatchFlags::IN_MOVE_SELF);

const FOLDERS_ONLY: AddWatchFlags = CHANGES.union(AddWatchFlags::IN_ONLYDIR);

/// Watches until the session is over.
///
/// # Errors
/// Events do not do, or no longer; nothing that happened until now is lost to the session.
pub(super) fn watch(session: &mut Session, strategy: Strategy) -> Result<(), Unable> {
    let mut watches = Watches::new(session, strategy)?;
    watches.find_roots(session, Look::First)?;
    debug!("hot reload: {} folders are watched", watches.folders.len());
    while watches.follow(session)? == Followed::UntilItOverflowed {
        watches = watches.renewed(session)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// There was nothing more, or nobody interested.
    ToItsEnd,
    /// The queue was full; some events are lost.
    UntilItOverflowed,
}

/// Whether the files in a folder have to be looked at when it comes to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Yes: they may have been changed since watching was asked for.
    First,
    /// No: that the folder is there is a change in itself.
    Again,
}

/// The folders that are watched.
pub(super) struct Watches {
    inotify: Inotify,
    folders: Folders<WatchDescriptor>,
    /// Those of the session's folders that do not exist.
    missing: BTreeSet<PathBuf>,
    strategy: Strategy,
    most: usize,
}

impl Watches {
    pub(super) fn new(session: &Session, strategy: Strategy) -> Result<Self, Unable> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .map_err(|error| Unable::Refused(format!("no file events: {}", error.desc())))?;
        let missing = session.folders.iter().cloned().collect();
        Ok(Self { inotify, folders: Folders::new(), missing, strategy, most: session.most_folders })
    }

    /// Watches everything anew, after events were lost.
    pub(super) fn renewed(self, session: &mut Session) -> Result<Self, Unable> {
        let Self { inotify, strategy, .. } = self;
        // First, since there is a limit to how many watches there can be.
        drop(inotify);
        let mut renewed = Self::new(session, strategy)?;
        renewed.find_roots(session, Look::Again)?;
        // Only now, when all folders are watched: what was written to those that were not, was not told.
        session.changed(format_args!("more changed at once than the system tells"));
        Ok(renewed)
    }

    fn follow(&mut self, session: &mut Session) -> Result<Followed, Unable> {
        loop {
            let until = (!self.missing.is_empty()).then(|| Instant::now() + PAUSE);
            match session.wait(Some(self.inotify.as_fd()), until) {
                Woken::Stop => return Ok(Followed::ToItsEnd),
                Woken::Elapsed => self.find_roots(session, Look::Again)?,
                Woken::Readable => {
                    if self.take_all(session)? == Followed::UntilItOverflowed {
                        return Ok(Followed::UntilItOverflowed);
                    }
                }
            }
        }
    }

    /// Takes in what is to be read.
    pub(super) fn take_all(&mut self, session: &mut Session) -> Result<Followed, Unable> {
        loop {
            let events = match self.inotify.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => return Ok(Followed::ToItsEnd),
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(Unable::Refused(format!("no more file events: {}", error.desc()))),
            };
            for event in events {
                if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                    return Ok(Followed::UntilItOverflowed);
                }
                self.take(&event, session)?;
            }
        }
    }

    fn take(&mut self, event: &InotifyEvent, session: &mut Session) -> Result<(), Unable> {
        let (folder, mask) = (event.wd, event.mask);
        if mask.contains(AddWatchFlags::IN_IGNORED) {
            self.folders.remove(folder);
            return Ok(());
        }
        if !self.folders.contains(folder) {
            // Left over from a folder that we no longer watch.
            return Ok(());
        }
        let name = event.name.as_deref();
        if let Some(path) = self.folders.path(folder) {
            let path = name.map_or_else(|| path.clone(), |name| path.join(name));
            session.changed(format_args!("{}: {mask:?}", path.display()));
        }
        let is_folder = mask.contains(AddWatchFlags::IN_ISDIR);
        let gone = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_UNMOUNT;
        if let Some(name) = name.filter(|_| is_folder) {
            if mask.contains(AddWatchFlags::IN_MOVED_FROM)
                && let Some(moved) = self.folders.child(folder, name)
            {
                self.forget(moved);
            }
            if mask.intersects(AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO)
                && let Some(path) = self.folders.path(folder)
            {
                self.add_below(folder, name, path.join(name), Look::Again, session)?;
                // What was written before the folder was watched is not told by events. It belongs to the burst.
                session.changed(format_args!("{} is watched", path.join(name).display()));
            }
        } else if mask.intersects(gone)
            && let Some(path) = self.folders.root(folder).map(Path::to_owned)
        {
            warn!(
                "hot reload: {} was removed or renamed; waiting for it to be there again (a mounted folder \
                 that the host replaces is only seen by a new container)",
                path.display()
            );
            self.forget(folder);
            self.missing.insert(path);
        }
        Ok(())
    }

    fn forget(&mut self, folder: WatchDescriptor) {
        for gone in self.folders.remove_tree(folder) {
            // The folder may be gone, and the watch with it.
            let _ = self.inotify.rm_watch(gone);
        }
    }

    /// Looks for those of the session's folders that were not there.
    pub(super) fn find_roots(&mut self, session: &mut Session, look: Look) -> Result<(), Unable> {
        for path in std::mem::take(&mut self.missing) {
            // What we were asked to watch may be a link to it; what is below may not.
            let Some(key) = self.add(&path, FOLDERS_ONLY)? else {
                if look == Look::First {
                    warn!("hot reload: {} is not there; waiting for it", path.display());
                }
                self.missing.insert(path);
                continue;
            };
            if self.strategy == Strategy::Auto
                && let Some(kind) = place::of(&path).silent
            {
                if look == Look::Again {
                    session.changed(format_args!("{} is there", path.display()));
                }
                return Err(Unable::Silent { folder: path, kind });
            }
            self.folders.insert_root(key, &path);
            self.add_all(vec![(key, path.clone())], look, session)?;
            if look == Look::Again {
                session.changed(format_args!("{} is there", path.display()));
            }
        }
        Ok(())
    }

    /// Watches the folder `name` of `parent`, at `path`, and all below it.
    fn add_below(
        &mut self,
        parent: WatchDescriptor,
        name: &OsStr,
        path: PathBuf,
        look: Look,
        session: &mut Session,
    ) -> Result<(), Unable> {
        let Some(key) = self.add(&path, FOLDERS_ONLY | AddWatchFlags::IN_DONT_FOLLOW)? else {
            return Ok(());
        };
        self.folders.insert(key, parent, name);
        self.add_all(vec![(key, path)], look, session)
    }

    /// Watches what is below folders that are watched.
    fn add_all(
        &mut self,
        mut folders: Vec<(WatchDescriptor, PathBuf)>,
        look: Look,
        session: &mut Session,
    ) -> Result<(), Unable> {
        let looked = look == Look::First;
        let mut recent = None;
        while let Some((key, folder)) = folders.pop() {
            if session.is_over() {
                break;
            }
            // From a folder something may have been removed before it was watched.
            if looked
                && recent.is_none()
                && fs::metadata(&folder).is_ok_and(|found| session.is_recent(&found))
            {
                recent = Some(folder.clone());
            }
            // It may be gone again; then it has been told that it is.
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                if looked && recent.is_none() && entry.metadata().is_ok_and(|found| session.is_recent(&found))
                {
                    recent = Some(entry.path());
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir())
                    && let Some(below) =
                        self.add(&entry.path(), FOLDERS_ONLY | AddWatchFlags::IN_DONT_FOLLOW)?
                {
                    self.folders.insert(below, key, &entry.file_name());
                    folders.push((below, entry.path()));
                }
            }
        }
        if let Some(path) = recent {
            session.changed(format_args!("{} changed before it was watched", path.display()));
        }
        Ok(())
    }

    /// Adds one watch. `None`: the folder is not there, or nothing for us.
    fn add(&self, path: &Path, flags: AddWatchFlags) -> Result<Option<WatchDescriptor>, Unable> {
        if self.folders.len() >= self.most {
            return Err(Unable::Refused(format!("there are more than {} folders", self.most)));
        }
        match self.inotify.add_watch(path, flags) {
            Ok(key) => Ok(Some(key)),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG) => Ok(None),
            Err(error @ (Errno::EACCES | Errno::EPERM)) => {
                debug!("hot reload: {} cannot be watched: {}", path.display(), error.desc());
                Ok(None)
            }
            Err(Errno::ENOSPC) => Err(Unable::Refused(
                "the system's limit of file watches (fs.inotify.max_user_watches) is reached".to_owned(),
            )),
            Err(error) => {
                Err(Unable::Refused(format!("{} cannot be watched: {}", path.display(), error.desc())))
            }
        }
    }
}
