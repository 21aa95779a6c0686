//! The environments of one deployment: the machine that decides, and the hands that carry it out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_protocol::{Initialized, Invoke, Status};
use tokio::sync::oneshot;
use tokio::time::sleep_until;
use tracing::{Instrument, debug, info_span};

use super::life::Life;
use super::machine::{Effect, Effects, Machine, State};
use super::starts::Need;
use super::{Deployment, EnvironmentStatus, Error, Order, Phase, Provision, Shared};
use crate::executor::EnvironmentId;
use crate::uplink::{Ended, Link, Lost, Running};

type Waiter = oneshot::Sender<Result<Lease, Error>>;

/// Why an environment has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is free and no longer needed; it may say good-bye.
    Spindown,
    /// It did not finish in time.
    Overdue,
}

struct Member {
    /// Once it is ready.
    link: Option<Link>,
    initialized: Option<(Initialized, Bytes)>,
    end: oneshot::Sender<End>,
}

struct Inner {
    machine: Machine<EnvironmentId, Waiter>,
    members: HashMap<EnvironmentId, Member>,
    /// What is to be kept ready.
    order: Option<Order>,
}

pub(super) struct Group {
    deployment: Arc<Deployment>,
    inner: Mutex<Inner>,
}

/// An effect together with what it needs, to be carried out when the lock is free again.
enum Action {
    Give(Waiter, EnvironmentId, Link),
    Start(EnvironmentId, oneshot::Receiver<End>),
    End(oneshot::Sender<End>, End),
    Fail(Waiter),
    Remind(Instant),
}

impl Group {
    pub(super) fn new(deployment: Arc<Deployment>, keep_alive: Duration) -> Self {
        let inner = Inner { machine: Machine::new(keep_alive), members: HashMap::new(), order: None };
        Self { deployment, inner: Mutex::new(inner) }
    }

    /// The same, of a deployment that is retired.
    pub(super) fn retired(self) -> Self {
        // There is nothing to stop yet.
        let _ = self.inner().machine.retire();
        self
    }

    pub(super) fn deployment(&self) -> &Arc<Deployment> {
        &self.deployment
    }

    /// A free environment, now or as soon as there is one.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        allowance: Duration,
    ) -> Result<Lease, Error> {
        let (sender, receiver) = oneshot::channel();
        let actions = {
            let now = Instant::now();
            let mut inner = self.inner();
            let inner = &mut *inner;
            if let Some(id) = inner.machine.take_idle(allowance, now)
                && let Some(link) = inner.members.get(&id).and_then(|member| member.link.clone())
            {
                return Ok(Lease::new(self, shared, id, link));
            }
            let effects = inner.machine.wait(sender, allowance, now, || shared.fresh(&self.deployment));
            inner.actions(effects)
        };
        if !actions.iter().any(|action| matches!(action, Action::Start(..))) {
            // It counts on one that is starting, perhaps only ahead of being needed.
            shared.starts.hurry(&self.deployment.id);
        }
        self.perform(shared, actions, None);
        // The sender is dropped unused only together with the pool.
        receiver.await.unwrap_or(Err(Error::ShuttingDown))
    }

    pub(super) fn ready(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        id: EnvironmentId,
        link: Link,
        initialized: (Initialized, Bytes),
    ) {
        let failed = initialized.0.status != Status::Success;
        self.update(shared, |inner| {
            if let Some(member) = inner.members.get_mut(&id) {
                member.link = Some(link);
                member.initialized = Some(initialized);
            }
            let now = Instant::now();
            let mut effects = if failed {
                inner.machine.init_failed(id, now, || shared.fresh(&self.deployment))
            } else {
                Effects::new()
            };
            effects.extend(inner.machine.ready(id, now));
            effects
        });
    }

    pub(super) fn responded(&self, id: EnvironmentId) {
        self.inner().machine.responded(id, Instant::now());
    }

    pub(super) fn finished(self: &Arc<Self>, shared: &Arc<Shared>, id: EnvironmentId) {
        self.update(shared, |inner| inner.machine.finished(id, Instant::now()));
    }

    /// The environment is gone. `cause` is for somebody who waits for it to be ready.
    pub(super) fn lost(self: &Arc<Self>, shared: &Arc<Shared>, id: EnvironmentId, cause: Error) {
        let actions = {
            let mut inner = self.inner();
            inner.members.remove(&id);
            let effects = inner.machine.lost(id, Instant::now(), || shared.fresh(&self.deployment));
            inner.actions(effects)
        };
        self.perform(shared, actions, Some(cause));
    }

    pub(super) fn tick(self: &Arc<Self>, shared: &Arc<Shared>) {
        self.update(shared, |inner| {
            inner.machine.keep_for(shared.settings.get().keep_alive);
            inner.machine.tick(Instant::now(), || shared.fresh(&self.deployment))
        });
    }

    /// Keeps environments ready. The same order twice is one.
    pub(super) fn provision(self: &Arc<Self>, shared: &Arc<Shared>, order: Option<Order>) {
        self.update(shared, |inner| {
            if inner.order == order {
                return Effects::new();
            }
            inner.order = order;
            let wanted = order.map_or(0, |order| order.environments);
            inner.machine.provision(wanted, || shared.fresh(&self.deployment))
        });
    }

    pub(super) fn provisioned(&self) -> Option<Provision> {
        let inner = self.inner();
        Some(Provision { order: inner.order?, ready: inner.machine.provisioned() })
    }

    pub(super) fn is_provisioned(&self, id: EnvironmentId) -> bool {
        self.inner().machine.is_provisioned(&id)
    }

    /// How much the start of an environment is needed.
    pub(super) fn need(&self, id: EnvironmentId) -> Need {
        let inner = self.inner();
        let is_ahead = inner.machine.is_provisioned(&id) && !inner.machine.is_waited_for();
        if is_ahead { Need::Ahead } else { Need::Now }
    }

    /// The environments that are free and need not be, and since when.
    pub(super) fn free(&self) -> Vec<(Instant, EnvironmentId)> {
        self.inner().machine.dispensable().collect()
    }

    /// Ends an environment if it is still free and need not be.
    pub(super) fn evict(self: &Arc<Self>, shared: &Arc<Shared>, id: EnvironmentId) {
        self.update(shared, |inner| inner.machine.evict(id));
    }

    pub(super) fn retire(self: &Arc<Self>, shared: &Arc<Shared>) {
        self.update(shared, |inner| inner.machine.retire());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inner().machine.is_empty()
    }

    pub(super) fn environments(&self) -> Vec<EnvironmentStatus> {
        let inner = self.inner();
        let status = |(id, state)| EnvironmentStatus {
            id,
            phase: match state {
                State::Starting => Phase::Starting,
                State::Idle { .. } => Phase::Idle,
                State::Busy { .. } | State::Finishing { .. } => Phase::Busy,
            },
            initialized: inner.members.get(&id).and_then(|member| member.initialized.clone()),
        };
        inner.machine.states().map(status).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // The machine's steps do not panic, and members are inserted and removed whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        step: impl FnOnce(&mut Inner) -> Effects<EnvironmentId, Waiter>,
    ) {
        let actions = {
            let mut inner = self.inner();
            let effects = step(&mut inner);
            inner.actions(effects)
        };
        self.perform(shared, actions, None);
    }

    fn perform(self: &Arc<Self>, shared: &Arc<Shared>, actions: Vec<Action>, mut cause: Option<Error>) {
        for action in actions {
            match action {
                Action::Give(waiter, id, link) => {
                    // Somebody who stopped waiting leaves the lease to be dropped, which frees the environment.
                    drop(waiter.send(Ok(Lease::new(self, shared, id, link))));
                }
                Action::Start(id, end) => {
                    let span = info_span!(
                        // It outlives the request that made it needed.
                        parent: None,
                        "environment",
                        environment.id = %id,
                        function.arn = %self.deployment.function_arn,
                    );
                    let life = Life::new(Arc::clone(shared), Arc::clone(self), id);
                    shared.lives.spawn(life.live(end).instrument(span));
                }
                Action::End(end, why) => {
                    // It may have ended by itself in the meantime.
                    let _ = end.send(why);
                }
                Action::Fail(waiter) => {
                    let cause = cause.take().unwrap_or(Error::ShuttingDown);
                    if waiter.send(Err(cause)).is_err() {
                        debug!("nobody waits any more for the environment that failed to start");
                    }
                }
                Action::Remind(at) => {
                    let (group, shared) = (Arc::clone(self), Arc::clone(shared));
                    tokio::spawn(async move {
                        sleep_until(at.into()).await;
                        group.tick(&shared);
                    });
                }
            }
        }
    }
}

impl Inner {
    fn actions(&mut self, effects: Effects<EnvironmentId, Waiter>) -> Vec<Action> {
        effects.into_iter().filter_map(|effect| self.action(effect)).collect()
    }

    fn action(&mut self, effect: Effect<EnvironmentId, Waiter>) -> Option<Action> {
        match effect {
            Effect::Give(id, waiter) => {
                let link = self.members.get(&id)?.link.clone()?;
                Some(Action::Give(waiter, id, link))
            }
            Effect::Start(id) => {
                let (end, ended) = oneshot::channel();
                self.members.insert(id, Member { link: None, initialized: None, end });
                Some(Action::Start(id, ended))
            }
            Effect::Fail(waiter) => Some(Action::Fail(waiter)),
            Effect::Stop(id) => Some(Action::End(self.members.remove(&id)?.end, End::Spindown)),
            Effect::Kill(id) => Some(Action::End(self.members.remove(&id)?.end, End::Overdue)),
            Effect::Remind(at) => Some(Action::Remind(at)),
        }
    }
}

/// The right to run one invocation in an environment. Dropped unused, the environment is free again.
pub(super) struct Lease {
    group: Arc<Group>,
    shared: Arc<Shared>,
    id: EnvironmentId,
    link: Link,
    used: bool,
}

impl Lease {
    fn new(group: &Arc<Group>, shared: &Arc<Shared>, id: EnvironmentId, link: Link) -> Self {
        Self { group: Arc::clone(group), shared: Arc::clone(shared), id, link, used: false }
    }

    /// Hands the invocation over.
    pub(super) async fn run(mut self, invoke: Invoke, payload: Bytes, ended: Ended) -> Result<Running, Lost> {
        let link = self.link.clone();
        link.invoke(invoke, payload, ended, || self.used = true).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.used {
            let now = Instant::now();
            self.group.update(&self.shared, |inner| inner.machine.returned(self.id, now));
        }
    }
}
