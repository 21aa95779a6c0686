//! Pure: the environments of one deployment, who waits for one, and what to do about it.
//!
//! Everything that happens is a method; what is to be done about it comes back as [`Effect`]s. The one promise: a
//! waiter always has a supply on its way, which is an environment that is starting, or for a moment one that has
//! answered and is about to be free.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use smallvec::{SmallVec, smallvec};

/// How long an environment that has answered may take to become free until somebody who waits gets another one.
/// It normally takes less than a millisecond, on a machine with too much to do a hundred, and a start takes
/// hundreds: without this, a client that calls again right after an answer would now and then get a second, cold
/// environment.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// Something to be done. `K` names environments, `W` is somebody who waits for one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect<K, W> {
    /// Let the environment, which was free, work for the waiter.
    Give(K, W),
    /// Start a new environment by this name.
    Start(K),
    /// A start failed: tell the waiter why.
    Fail(W),
    /// The environment is free and not needed any more. It is forgotten here.
    Stop(K),
    /// The environment has not finished in the time it was given. It is forgotten here.
    Kill(K),
    /// Call [`Machine::tick`] at this time.
    Remind(Instant),
}

pub(crate) type Effects<K, W> = SmallVec<[Effect<K, W>; 2]>;

/// What an environment is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not ready yet.
    Starting,
    /// Ready and free.
    Idle { since: Instant },
    /// Working.
    Busy { until: Instant },
    /// Has answered, is not free yet.
    Finishing { since: Instant, until: Instant },
}

#[derive(Debug)]
struct Waiting<W> {
    waiter: W,
    allowance: Duration,
}

#[derive(Debug)]
pub(crate) struct Machine<K, W> {
    /// Time that a free environment is kept; zero: none serves twice.
    keep_alive: Duration,
    retired: bool,
    environments: HashMap<K, State>,
    /// Free ones; the one used last is last.
    idle: Vec<K>,
    waiting: VecDeque<Waiting<W>>,
    /// Environments that are kept ready whether or not anybody needs them.
    provisioned: HashSet<K>,
    provisioning: Provisioning,
}

/// Environments that are to be kept ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provisioning {
    /// So many.
    Wanted(usize),
    /// One could not be started, or its init failed. Nothing is tried again until somebody wants it anew.
    Failed,
}

impl<K: Copy + Eq + Hash, W> Machine<K, W> {
    pub(crate) fn new(keep_alive: Duration) -> Self {
        Self {
            keep_alive,
            retired: false,
            environments: HashMap::new(),
            idle: Vec::new(),
            waiting: VecDeque::new(),
            provisioned: HashSet::new(),
            provisioning: Provisioning::Wanted(0),
        }
    }

    /// From now on, free environments are kept for this long.
    pub(crate) fn keep_for(&mut self, keep_alive: Duration) {
        self.keep_alive = keep_alive;
    }

    /// `wanted` environments are to be kept ready from now on.
    pub(crate) fn provision(&mut self, wanted: usize, fresh: impl FnMut() -> K) -> Effects<K, W> {
        if self.retired {
            return smallvec![];
        }
        self.provisioning = Provisioning::Wanted(wanted);
        let mut effects = Effects::new();
        while self.provisioned.len() > wanted {
            // Free ones end; the others become like those that were started for an invocation.
            let free = self.idle.iter().rposition(|key| self.provisioned.contains(key));
            match free.map(|at| self.idle.remove(at)) {
                Some(key) => {
                    self.provisioned.remove(&key);
                    self.environments.remove(&key);
                    effects.push(Effect::Stop(key));
                }
                None => {
                    let Some(key) = self.provisioned.iter().next().copied() else { break };
                    self.provisioned.remove(&key);
                }
            }
        }
        effects.extend(self.complete(fresh));
        effects
    }

    /// Starts what is missing of what is to be kept ready.
    fn complete(&mut self, mut fresh: impl FnMut() -> K) -> Effects<K, W> {
        let Provisioning::Wanted(wanted) = self.provisioning else { return smallvec![] };
        let mut effects = Effects::new();
        for _ in self.provisioned.len()..wanted {
            let key = fresh();
            self.environments.insert(key, State::Starting);
            self.provisioned.insert(key);
            effects.push(Effect::Start(key));
        }
        effects
    }

    /// Provisioning has failed: what was started for it ends, except what is at work. Whoever has to wait longer for
    /// that is for the caller to look after.
    fn give_up_provisioning(&mut self) -> Effects<K, W> {
        self.provisioning = Provisioning::Failed;
        let mut effects = Effects::new();
        for key in std::mem::take(&mut self.provisioned) {
            if let Some(State::Starting | State::Idle { .. }) = self.environments.get(&key) {
                self.environments.remove(&key);
                self.idle.retain(|other| *other != key);
                effects.push(Effect::Stop(key));
            }
        }
        effects
    }

    /// The init of an environment has failed, which only matters to those that are kept ready: an invocation has it
    /// run again.
    pub(crate) fn init_failed(&mut self, key: K, now: Instant, fresh: impl FnMut() -> K) -> Effects<K, W> {
        if !self.provisioned.contains(&key) {
            return smallvec![];
        }
        let mut effects = self.give_up_provisioning();
        effects.extend(self.cover(now, fresh));
        effects
    }

    /// Whether an environment is kept ready.
    pub(crate) fn is_provisioned(&self, key: &K) -> bool {
        self.provisioned.contains(key)
    }

    /// Whether an invocation waits for an environment.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many of the environments that are to be kept ready are; `None`: that has failed.
    pub(crate) fn provisioned(&self) -> Option<usize> {
        match self.provisioning {
            Provisioning::Failed => None,
            Provisioning::Wanted(_) => {
                let ready = |key: &&K| !matches!(self.environments.get(*key), Some(State::Starting) | None);
                Some(self.provisioned.iter().filter(ready).count())
            }
        }
    }

    /// Somebody wants to run the function; at best a free environment is theirs at once, for as long as
    /// `allowance`.
    pub(crate) fn take_idle(&mut self, allowance: Duration, now: Instant) -> Option<K> {
        // Those that are kept ready go first, they are there anyway.
        let at = self.idle.iter().rposition(|key| self.provisioned.contains(key));
        let key = match at {
            Some(at) => self.idle.remove(at),
            None => self.idle.pop()?,
        };
        self.environments.insert(key, State::Busy { until: now + allowance });
        Some(key)
    }

    /// Somebody wants to run the function and no environment is free.
    pub(crate) fn wait(
        &mut self,
        waiter: W,
        allowance: Duration,
        now: Instant,
        fresh: impl FnMut() -> K,
    ) -> Effects<K, W> {
        self.waiting.push_back(Waiting { waiter, allowance });
        self.cover(now, fresh)
    }

    /// A starting environment can work now.
    pub(crate) fn ready(&mut self, key: K, now: Instant) -> Effects<K, W> {
        match self.environments.get(&key) {
            Some(State::Starting) => self.free(key, now),
            Some(State::Idle { .. } | State::Busy { .. } | State::Finishing { .. }) | None => smallvec![],
        }
    }

    /// An environment has answered.
    pub(crate) fn responded(&mut self, key: K, now: Instant) {
        if let Some(state) = self.environments.get_mut(&key)
            && let State::Busy { until } = *state
        {
            *state = State::Finishing { since: now, until };
        }
    }

    /// An environment has done its work.
    pub(crate) fn finished(&mut self, key: K, now: Instant) -> Effects<K, W> {
        match self.environments.get(&key) {
            Some(State::Busy { .. } | State::Finishing { .. })
                if self.keep_alive.is_zero() && !self.provisioned.contains(&key) =>
            {
                self.environments.remove(&key);
                smallvec![Effect::Stop(key)]
            }
            Some(State::Busy { .. } | State::Finishing { .. }) => self.free(key, now),
            Some(State::Starting | State::Idle { .. }) | None => smallvec![],
        }
    }

    /// An environment was given to somebody who did not use it.
    pub(crate) fn returned(&mut self, key: K, now: Instant) -> Effects<K, W> {
        match self.environments.get(&key) {
            Some(State::Busy { .. }) => self.free(key, now),
            Some(State::Starting | State::Idle { .. } | State::Finishing { .. }) | None => smallvec![],
        }
    }

    /// An environment is gone, or will never be ready.
    pub(crate) fn lost(&mut self, key: K, now: Instant, mut fresh: impl FnMut() -> K) -> Effects<K, W> {
        let state = self.environments.remove(&key);
        let mut effects = if self.provisioned.remove(&key) && state == Some(State::Starting) {
            self.give_up_provisioning()
        } else {
            self.complete(&mut fresh)
        };
        match state {
            Some(State::Starting) => {
                // Whatever is in the way of this start is in the way of the next one too: somebody has to be told,
                // unless there are starts enough for all who wait.
                if self.waiting.len() > self.supply(now)
                    && let Some(first) = self.waiting.pop_front()
                {
                    effects.push(Effect::Fail(first.waiter));
                }
                effects.extend(self.cover(now, fresh));
            }
            Some(State::Idle { .. }) => self.idle.retain(|other| *other != key),
            Some(State::Busy { .. } | State::Finishing { .. }) => effects.extend(self.cover(now, fresh)),
            None => {}
        }
        effects
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant, mut fresh: impl FnMut() -> K) -> Effects<K, W> {
        let mut effects = Effects::new();
        let (keep_alive, provisioned) = (self.keep_alive, &self.provisioned);
        self.environments.retain(|key, state| {
            let over = match *state {
                State::Starting => None,
                State::Idle { .. } if provisioned.contains(key) => None,
                State::Idle { since } => (since + keep_alive <= now).then_some(Effect::Stop(*key)),
                State::Busy { until } | State::Finishing { until, .. } => {
                    (until <= now).then_some(Effect::Kill(*key))
                }
            };
            let kept = over.is_none();
            effects.extend(over);
            kept
        });
        let environments = &self.environments;
        self.idle.retain(|key| environments.contains_key(key));
        self.provisioned.retain(|key| environments.contains_key(key));
        effects.extend(self.complete(&mut fresh));
        effects.extend(self.cover(now, fresh));
        effects
    }

    /// Environments that are free and not to be kept ready, and since when.
    pub(crate) fn dispensable(&self) -> impl Iterator<Item = (Instant, K)> {
        self.environments.iter().filter_map(|(key, state)| match state {
            State::Idle { since } if !self.provisioned.contains(key) => Some((*since, *key)),
            State::Idle { .. } | State::Starting | State::Busy { .. } | State::Finishing { .. } => None,
        })
    }

    /// The memory of an environment is needed: it ends if it is dispensable still.
    pub(crate) fn evict(&mut self, key: K) -> Effects<K, W> {
        if !self.dispensable().any(|(_, other)| other == key) {
            return smallvec![];
        }
        self.environments.remove(&key);
        self.idle.retain(|other| *other != key);
        smallvec![Effect::Stop(key)]
    }

    /// The deployment was replaced or deleted: no environment is kept. Who waits is still served.
    pub(crate) fn retire(&mut self) -> Effects<K, W> {
        self.retired = true;
        self.provisioned.clear();
        self.provisioning = Provisioning::Wanted(0);
        let idle = std::mem::take(&mut self.idle);
        for key in &idle {
            self.environments.remove(key);
        }
        idle.into_iter().map(Effect::Stop).collect()
    }

    /// Whether there is neither an environment nor anybody who waits for one.
    pub(crate) fn is_empty(&self) -> bool {
        self.environments.is_empty() && self.waiting.is_empty()
    }

    /// All environments and what they do.
    pub(crate) fn states(&self) -> impl Iterator<Item = (K, State)> {
        self.environments.iter().map(|(key, state)| (*key, *state))
    }

    fn free(&mut self, key: K, now: Instant) -> Effects<K, W> {
        if let Some(Waiting { waiter, allowance }) = self.waiting.pop_front() {
            self.environments.insert(key, State::Busy { until: now + allowance });
            return smallvec![Effect::Give(key, waiter)];
        }
        if self.retired {
            self.environments.remove(&key);
            return smallvec![Effect::Stop(key)];
        }
        self.environments.insert(key, State::Idle { since: now });
        self.idle.push(key);
        smallvec![]
    }

    /// Environments that somebody who waits can count on.
    fn supply(&self, now: Instant) -> usize {
        self.environments.values().filter(|state| self.supplies(**state, now)).count()
    }

    fn supplies(&self, state: State, now: Instant) -> bool {
        match state {
            State::Starting => true,
            State::Finishing { since, .. } => !self.keep_alive.is_zero() && now < since + PATIENCE,
            State::Idle { .. } | State::Busy { .. } => false,
        }
    }

    /// Starts what is missing for everybody who waits.
    fn cover(&mut self, now: Instant, mut fresh: impl FnMut() -> K) -> Effects<K, W> {
        let mut effects = Effects::new();
        if self.waiting.is_empty() {
            return effects;
        }
        for _ in self.supply(now)..self.waiting.len() {
            let key = fresh();
            self.environments.insert(key, State::Starting);
            effects.push(Effect::Start(key));
        }
        let patience_ends = self.environments.values().filter_map(|state| match state {
            State::Finishing { since, .. } if self.supplies(*state, now) => Some(*since + PATIENCE),
            State::Finishing { .. } | State::Starting | State::Idle { .. } | State::Busy { .. } => None,
        });
        effects.extend(patience_ends.min().map(Effect::Remind));
        effects
    }
}

#[cfg(test)]
mod tests;
