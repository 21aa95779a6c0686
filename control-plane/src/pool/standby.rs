//! Sandboxes that stand by: started before anybody needs them, so that a cold start waits for nothing but the function
//! itself.
//!
//! AWS hides the start of its machines in the same way. `shelves` decides which images have how many; the keeper
//! carries it out, one container at a time, while there are turns that nobody else takes.

mod shelves;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::debug;

use super::sandbox::{Fitness, Sandbox, Wanted};
use super::{Error, Shared};
use crate::executor::{EnvironmentId, ImageRequest};

use shelves::{Shelves, Step};

/// How long the keeper leaves the machine to whoever has just taken a sandbox.
const PAUSE: Duration = Duration::from_millis(100);

/// Memory of a sandbox that is there for its network, in MB: only its init runs.
const NETWORK_MEMORY_MB: u32 = 128;

/// How often sandboxes are looked at though nothing has happened.
const LOOK: Duration = Duration::from_secs(10);

pub(super) struct Standbys {
    inner: Mutex<Inner>,
    changed: Notify,
}

struct Inner {
    shelves: Shelves<EnvironmentId>,
    ready: HashMap<EnvironmentId, Sandbox>,
    /// Promised by name, not fetched yet.
    claimed: HashMap<EnvironmentId, Sandbox>,
    /// For their networks.
    networks: Vec<Sandbox>,
    /// Of these, in use by others.
    networks_lent: usize,
    networks_wanted: usize,
    /// A network could not be made; it is tried again when somebody wants one.
    networks_fail: bool,
    /// To be removed.
    dead: Vec<Sandbox>,
    /// Those that began before are of no use.
    renewed: tokio::time::Instant,
    /// Memory is short: there are to be none.
    is_tight: bool,
}

impl Standbys {
    /// `capacity`: how many there are at most, over all images; `networks`: how many whose network is for others,
    /// in use or not.
    pub(super) fn new(capacity: usize, networks: usize) -> Self {
        let inner = Inner {
            shelves: Shelves::new(capacity),
            ready: HashMap::new(),
            claimed: HashMap::new(),
            networks: Vec::new(),
            networks_lent: 0,
            networks_wanted: networks,
            networks_fail: false,
            dead: Vec::new(),
            renewed: tokio::time::Instant::now(),
            is_tight: false,
        };
        Self { inner: Mutex::new(inner), changed: Notify::new() }
    }

    /// A function that uses the image will soon be invoked. `image_id`: what the engine has under that name, if it has
    /// just been looked up.
    pub(super) fn expect(&self, image: &ImageRequest, image_id: Option<&str>, memory_size_mb: u32) {
        self.inner().shelves.expect(image, image_id, memory_size_mb, Instant::now());
        self.changed.notify_one();
    }

    /// Sets a sandbox of the image aside, if there is one, for whoever calls [`Standbys::take`] with its name.
    pub(super) fn claim(&self, image: &ImageRequest, memory_size_mb: u32) -> Option<EnvironmentId> {
        let claimed = {
            let mut inner = self.inner();
            let inner = &mut *inner;
            inner.shelves.expect(image, None, memory_size_mb, Instant::now());
            loop {
                let Some(id) = inner.shelves.take(image, Instant::now()) else { break None };
                let Some(mut sandbox) = inner.ready.remove(&id) else { continue };
                if sandbox.is_dead() {
                    inner.dead.push(sandbox);
                    continue;
                }
                inner.claimed.insert(id, sandbox);
                break Some(id);
            }
        };
        self.changed.notify_one();
        claimed
    }

    /// A sandbox whose network another one may be started in, if there is one.
    pub(super) fn network(&self) -> Option<Sandbox> {
        let found = {
            let mut inner = self.inner();
            let Inner { networks, networks_lent, networks_fail, dead, .. } = &mut *inner;
            *networks_fail = false;
            dead.extend(networks.extract_if(.., Sandbox::is_dead));
            networks.pop().inspect(|_| *networks_lent += 1)
        };
        self.changed.notify_one();
        found
    }

    /// Takes back a sandbox whose network nobody is in any more.
    pub(super) fn give_back(&self, mut sandbox: Sandbox, fitness: Fitness) {
        let mut inner = self.inner();
        inner.networks_lent -= 1;
        if fitness == Fitness::Doubtful
            || inner.is_tight
            || sandbox.is_dead()
            || sandbox.begun < inner.renewed
        {
            inner.dead.push(sandbox);
        } else {
            inner.networks.push(sandbox);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// What stands by is of no use any more: what containers are made with has changed.
    pub(super) fn renew(&self) {
        let mut inner = self.inner();
        let Inner { shelves, networks, networks_fail, dead, renewed, .. } = &mut *inner;
        shelves.renew();
        dead.append(networks);
        (*networks_fail, *renewed) = (false, tokio::time::Instant::now());
        drop(inner);
        self.changed.notify_one();
    }

    /// Whether memory is too short for any to stand by.
    pub(super) fn set_tight(&self, is_tight: bool) {
        let mut inner = self.inner();
        if inner.is_tight == is_tight {
            return;
        }
        inner.is_tight = is_tight;
        inner.shelves.set_closed(is_tight);
        if is_tight {
            let Inner { networks, dead, .. } = &mut *inner;
            dead.append(networks);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// The sandbox that was set aside under this name.
    pub(super) fn take(&self, id: EnvironmentId) -> Option<Sandbox> {
        self.inner().claimed.remove(&id)
    }

    /// How many stand by for a function, and how many are there for their networks.
    pub(super) fn count(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.ready.len(), inner.networks.len() + inner.networks_lent)
    }

    #[cfg(test)]
    pub(super) fn are_ready(&self, count: usize) -> bool {
        self.inner().ready.len() == count
    }

    /// Whether one was tried and failed.
    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        self.inner().shelves.has_failed()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Sandboxes are put in and taken out whole, and the shelves' steps do not panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps sandboxes ready until the pool closes, then ends those that are left.
    pub(super) async fn keep(&self, shared: &Arc<Shared>) {
        loop {
            let nothing_to_do = async {
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = sleep(if shared.starts.are_free() { LOOK } else { PAUSE }) => {}
                }
                sleep(PAUSE).await;
            };
            if shared.closing.run_until_cancelled(nothing_to_do).await.is_none() {
                break;
            }
            self.bury(shared).await;
            while !shared.closing.is_cancelled()
                && let Some(step) = self.next(shared)
            {
                self.carry_out(step, shared).await;
            }
            while !shared.closing.is_cancelled()
                && may_start(shared)
                && let Some(wanted) = self.network_wanted()
            {
                self.make_network(wanted, shared).await;
            }
        }
        self.end(shared).await;
    }

    /// Ends all that stand by.
    pub(super) async fn end(&self, shared: &Shared) {
        let left: Vec<_> = {
            let mut inner = self.inner();
            let Inner { ready, networks, dead, .. } = &mut *inner;
            let ready = ready.drain().map(|(_, sandbox)| sandbox);
            ready.chain(networks.drain(..)).chain(dead.drain(..)).collect()
        };
        discard(left, shared).await;
    }

    /// What is of no use ends at any time.
    fn next(&self, shared: &Shared) -> Option<Step<EnvironmentId>> {
        let now = Instant::now();
        if may_start(shared) {
            self.inner().shelves.next(EnvironmentId::random, now)
        } else {
            self.inner().shelves.surplus(now).map(Step::End)
        }
    }

    async fn carry_out(&self, step: Step<EnvironmentId>, shared: &Arc<Shared>) {
        match step {
            Step::Start { key, image, memory_size_mb } => {
                let wanted = Wanted::ahead(key, image, memory_size_mb);
                let failed = |cause: Error| debug!(%cause, "no sandbox stands by for this image");
                let started = Sandbox::start(shared, wanted, failed).await;
                let mut inner = self.inner();
                inner.shelves.started(key, started.is_some());
                inner.ready.extend(started.map(|sandbox| (key, sandbox)));
            }
            Step::End(key) => {
                let ended = self.inner().ready.remove(&key);
                discard(ended.into_iter().collect(), shared).await;
            }
        }
    }

    /// The sandbox that is missing among those that are there for their networks.
    fn network_wanted(&self) -> Option<Wanted> {
        let mut inner = self.inner();
        let Inner {
            shelves, networks, networks_lent, networks_wanted, networks_fail, dead, is_tight, ..
        } = &mut *inner;
        dead.extend(networks.extract_if(.., Sandbox::is_dead));
        if networks.len() + *networks_lent >= *networks_wanted || *networks_fail || *is_tight {
            return None;
        }
        // Any image will do; the one that was used last is there.
        let image = shelves.last_expected()?.clone();
        Some(Wanted::ahead(EnvironmentId::random(), image, NETWORK_MEMORY_MB))
    }

    async fn make_network(&self, wanted: Wanted, shared: &Arc<Shared>) {
        let failed = |cause: Error| debug!(%cause, "no network can be made for later");
        let made = Sandbox::start(shared, wanted, failed).await;
        let mut inner = self.inner();
        inner.networks_fail = made.is_none();
        match made {
            Some(made) if made.begun < inner.renewed || inner.is_tight => inner.dead.push(made),
            made => inner.networks.extend(made),
        }
    }

    /// Takes those away that have ended by themselves.
    async fn bury(&self, shared: &Shared) {
        let dead = {
            let mut inner = self.inner();
            let Inner { shelves, ready, dead, .. } = &mut *inner;
            let found = ready.extract_if(|key, sandbox| {
                let is_dead = sandbox.is_dead();
                if is_dead {
                    shelves.lost(*key);
                }
                is_dead
            });
            dead.extend(found.map(|(_, sandbox)| sandbox));
            std::mem::take(dead)
        };
        discard(dead, shared).await;
    }
}

/// Whether a container may be started that nobody needs yet.
fn may_start(shared: &Shared) -> bool {
    shared.executor.may_start_ahead() && shared.starts.are_free()
}

async fn discard(sandboxes: Vec<Sandbox>, shared: &Shared) {
    join_all(sandboxes.into_iter().map(|sandbox| sandbox.discard(shared))).await;
}
