//! What both ways of watching share: the folders, bursts, and being stopped.

use std::fmt;
use std::io::PipeReader;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::Notify;

use super::Settings;
use super::debounce::Debounce;
use crate::log::{debug, warn};

/// Watching, from its start to its end, by whatever means.
pub(super) struct Session {
    /// What to watch.
    pub folders: Vec<PathBuf>,
    /// See [`Settings::most_folders`].
    pub most_folders: usize,
    since: Duration,
    debounce: Debounce,
    stop: PipeReader,
    settled: Arc<Notify>,
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Nobody is interested in changes any more.
    Stop,
    /// There is something to read.
    Readable,
    /// The time has come.
    Elapsed,
}

impl Session {
    /// Changes that were made `since` (time since the epoch on the files' clock) count, whenever they are seen. The
    /// session is over when the other end of `stop` is closed.
    pub(super) fn new(settings: &Settings, since: Duration, stop: PipeReader, settled: Arc<Notify>) -> Self {
        Self {
            folders: settings.folders.clone(),
            most_folders: settings.most_folders,
            since,
            debounce: Debounce::new(settings.debounce),
            stop,
            settled,
        }
    }

    /// Something changed.
    pub(super) fn changed(&mut self, what: fmt::Arguments<'_>) {
        debug!("hot reload: {what}");
        self.debounce.change(Instant::now());
    }

    /// Whether a file was changed after watching was asked for, in whatever way: no call can set this time.
    pub(super) fn is_recent(&self, file: &std::fs::Metadata) -> bool {
        let seconds = Duration::from_secs(u64::try_from(file.ctime()).unwrap_or(0));
        seconds + Duration::from_nanos(u64::try_from(file.ctime_nsec()).unwrap_or(0)) >= self.since
    }

    /// Whether it is time to stop. To be called now and then during long work: bursts end meanwhile.
    pub(super) fn is_over(&mut self) -> bool {
        self.wait(None, Some(Instant::now())) == Woken::Stop
    }

    /// Waits until `readable` is, or `until` has come, which the end of a burst does not interrupt.
    pub(super) fn wait(&mut self, readable: Option<BorrowedFd<'_>>, until: Option<Instant>) -> Woken {
        loop {
            let now = Instant::now();
            if self.debounce.settle(now) {
                debug!("hot reload: a burst of changes is over");
                self.settled.notify_one();
            }
            let next = [until, self.debounce.deadline()].into_iter().flatten().min();
            let mut waiting = vec![PollFd::new(self.stop.as_fd(), PollFlags::POLLIN)];
            waiting.extend(readable.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            let answer = poll(&mut waiting, timeout(next, now));
            let is_ready = |index: usize| waiting.get(index).and_then(PollFd::any).unwrap_or(false);
            match answer {
                Err(error) if error != Errno::EINTR => {
                    warn!("hot reload is off: cannot wait for changes: {}", error.desc());
                    return Woken::Stop;
                }
                Ok(ready) if ready > 0 && is_ready(0) => return Woken::Stop,
                Ok(ready) if ready > 0 && is_ready(1) => return Woken::Readable,
                _ if until.is_some_and(|until| until <= Instant::now()) => return Woken::Elapsed,
                _ => {}
            }
        }
    }
}

/// Rounded up: a wait that ends too early would be followed by many very short ones.
fn timeout(next: Option<Instant>, now: Instant) -> PollTimeout {
    let Some(next) = next else { return PollTimeout::NONE };
    let micros = next.saturating_duration_since(now).as_micros();
    PollTimeout::try_from(micros.div_ceil(1000)).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_shorter_than_asked_for_and_endless_only_when_nothing_is_due() {
        let now = Instant::now();
        let after = |micros| timeout(Some(now + Duration::from_micros(micros)), now);
        assert_eq!(timeout(None, now), PollTimeout::NONE);
        assert_eq!(after(0), PollTimeout::ZERO);
        assert_eq!(after(1), PollTimeout::from(1_u8));
        assert_eq!(after(2000), PollTimeout::from(2_u8));
        assert_eq!(timeout(Some(now), now + Duration::from_secs(1)), PollTimeout::ZERO);
        assert_eq!(after(u64::from(u32::MAX) * 1_000_000), PollTimeout::MAX);
    }
}
