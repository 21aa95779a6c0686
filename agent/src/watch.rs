//! Hot reload: tells when something in the function's folders has changed.
//!
//! ```text
//! events   (inotify) ─┐
//!                     ├─▶ debounce (pure) ─▶ Watcher::changed
//! polling  (tree)    ─┘
//! ```
//!
//! inotify where the kernel sees the changes; polling where it does not, because the folder is another machine's or
//! the desktop's around our virtual one, or where its limits are reached. Looking through a large tree takes long, so
//! all this has a thread of its own, which only exists in environments with hot reload: invocations do not wait for
//! it.
//!
//! [LocalStack: lambda-runtime-init]

mod debounce;
mod events;
mod folders;
mod place;
mod polling;
mod session;
mod settings;
mod tree;

use std::io::{self, PipeWriter};
use std::sync::Arc;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;

use crate::log::{debug, info, warn};
use session::Session;
pub use settings::{Fault, Settings, Strategy};

/// Watches folders until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    settled: Arc<Notify>,
    /// Its other end tells the thread, by being closed, that nobody is interested any more.
    _interest: Option<PipeWriter>,
}

/// Stack of the thread, in bytes. Trees are walked without recursion.
const STACK_BYTES: usize = 256 * 1024;

impl Watcher {
    /// Begins to watch. Returns at once, and yet no change from now on is missed, also none to files that will only
    /// be looked at later. With no folders, or if the system refuses a thread, nothing ever changes; the latter is
    /// logged.
    pub fn start(settings: Settings) -> Self {
        let settled = Arc::new(Notify::new());
        if settings.folders.is_empty() {
            return Self { settled, _interest: None };
        }
        let since = clock_of_files();
        let started = io::pipe().and_then(|(stop, interest)| {
            let session = Session::new(&settings, since, stop, Arc::clone(&settled));
            let thread = std::thread::Builder::new().name("watch".to_owned()).stack_size(STACK_BYTES);
            thread.spawn(move || run(&settings, session)).map(|_thread| interest)
        });
        if let Err(error) = &started {
            warn!("hot reload is off: {error}");
        }
        Self { settled, _interest: started.ok() }
    }

    /// Waits until a burst of changes is over: nothing has changed for the time of quiet, or the burst goes on for
    /// too long. Bursts that end while nobody waits count as one. May be cancelled and called again.
    pub async fn changed(&mut self) {
        self.settled.notified().await;
    }
}

/// Watches in one way and, if that turns out not to work, in the other.
fn run(settings: &Settings, mut session: Session) {
    let polling = match settings.strategy {
        Strategy::Polling => true,
        Strategy::Event => false,
        Strategy::Auto => {
            let desktop = place::under_desktop();
            if desktop {
                info!("hot reload: folders of a desktop's host are polled");
            }
            desktop
        }
    };
    if !polling {
        match events::watch(&mut session, settings.strategy) {
            Ok(()) => return debug!("hot reload: no longer watching"),
            Err(events::Unable::Silent { folder, kind }) => {
                info!(
                    "hot reload: {} is on {kind}, which tells nothing of changes: polling",
                    folder.display()
                );
            }
            Err(events::Unable::Refused(reason)) => warn!("hot reload: {reason}: polling instead"),
        }
    }
    polling::watch(&mut session);
    debug!("hot reload: no longer watching");
}

/// Now, since the epoch, on the slowest clock that files are stamped with: no change from now on has an earlier stamp,
/// which the usual clock, being finer, does not promise.
fn clock_of_files() -> Duration {
    clock_gettime(ClockId::CLOCK_REALTIME_COARSE).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests;
