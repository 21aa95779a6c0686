//! Environments: which of them runs an invocation, when one is started, when one ends.
//!
//! `machine` decides, one machine for each deployment; `group` carries out what it decides; `life` is what one
//! environment goes through, from its container's start to its removal, as one task.

mod contents;
mod group;
mod groups;
mod life;
mod limits;
mod machine;
mod pressure;
mod sandbox;
mod standby;
mod starts;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_domain::Timestamp;
use lambdock_domain::configuration::Tenancy;
use lambdock_domain::durable::DurableConfig;
use lambdock_domain::function::DeploymentId;
use lambdock_protocol::{Assignment, Initialized, Invoke};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::adjustable::Adjustable;
use crate::executor::{self, Content, Death, EnvironmentId, Executor, FolderMount, ImageRequest};
use crate::uplink::Uplink;
pub use crate::uplink::{Ended, InvocationEvent, Running};

use group::Group;
use groups::Groups;
pub(crate) use limits::{INIT_LIMIT_MS, allowance, long_init_limit_ms};
use pressure::Pressure;
use standby::Standbys;
use starts::Starts;

/// One code with one configuration, ready to be run. Environments of one deployment never run another.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its name.
    pub id: DeploymentId,
    /// ARN of the version, qualified.
    pub function_arn: String,
    /// Name of the function.
    pub function_name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// What it runs in.
    pub image: ImageRequest,
    /// `MemorySize` in MB.
    pub memory_size_mb: u32,
    /// Folders that it is started with.
    pub mounts: Vec<FolderMount>,
    /// What its environments are told. Each gets its own log stream, and the operator's variables on top.
    pub assignment: Assignment,
    /// If it is of a durable function.
    pub durable: Option<DurableConfig>,
    /// Whether its environments are for one tenant each.
    pub tenancy: Tenancy,
}

/// Why an invocation could not be handed to an environment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A new environment was not ready in time.
    #[error(
        "no environment was ready within {} s, the last thing seen of it: {stage}; LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT sets the limit",
        .limit.as_secs()
    )]
    NotReady {
        /// The time it had.
        limit: Duration,
        /// What was going on when it was over.
        stage: &'static str,
    },
    /// The container could not be created or started, or there is no engine.
    #[error(transparent)]
    Executor(#[from] executor::Error),
    /// Containers have no way to reach this process.
    #[error("{0}")]
    Uplink(std::io::Error),
    /// The container ended before it could serve.
    #[error("the container ended before it was ready: {0}")]
    Ended(String),
    /// The agent in the container says that it cannot serve.
    #[error("the environment cannot serve: {0}")]
    Unusable(String),
    /// The control plane takes no new work.
    #[error("Lambdock is shutting down")]
    ShuttingDown,
}

/// What the pool goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `LAMBDA_KEEPALIVE_MS`: time that a free environment is kept; zero: every invocation is cold.
    pub keep_alive: Duration,
    /// `LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT`: time from the start of a container until it can serve.
    pub environment_timeout: Duration,
    /// Containers that are created and started at the same time. More only make all of them slower: measured, four
    /// at a time on two cores start as many per second as eight.
    pub parallel_starts: NonZeroUsize,
    /// `LAMBDOCK_STANDBY_CONTAINERS`: containers that are started before anybody needs them, at most.
    pub standby: usize,
    /// `LAMBDOCK_STANDBY_NETWORKS`: the same for networks of containers.
    pub standby_networks: usize,
    /// `LAMBDOCK_CODE_VOLUMES`: whether code that is large is unpacked once for all containers.
    pub code_volumes: bool,
    /// `LAMBDOCK_MEMORY_RESERVE`: memory that is to be left where containers run, in MB; 0: none has to be.
    pub memory_reserve_mb: u64,
}

impl Settings {
    /// Starts in parallel that suit this machine.
    pub fn parallel_starts_here() -> NonZeroUsize {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        cores.saturating_mul(NonZeroUsize::MIN.saturating_add(1))
    }
}

/// What an environment is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its container starts, its code is delivered, its runtime boots.
    Starting,
    /// Free.
    Idle,
    /// Working.
    Busy,
}

/// An environment as seen from outside.
#[derive(Debug, Clone)]
pub struct EnvironmentStatus {
    /// Its id.
    pub id: EnvironmentId,
    /// What it is doing.
    pub phase: Phase,
    /// How its init phase ended, with the error's JSON if it failed; absent while it is starting.
    pub initialized: Option<(Initialized, Bytes)>,
}

/// Environments of all functions, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Their containers start, or their code.
    pub starting: usize,
    /// Free.
    pub idle: usize,
    /// Working.
    pub busy: usize,
    /// Containers that stand by for a function.
    pub standby: usize,
    /// Containers that are there for their networks, in use or not.
    pub networks: usize,
}

/// Environments of a deployment that are to be kept ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// How many, at least 1.
    pub environments: usize,
    /// When they were ordered: a later order for the same is another one, and tries again what has failed.
    pub placed: Timestamp,
}

/// What has become of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provision {
    /// The order.
    pub order: Order,
    /// Environments that have been started and initialised, free or at work; `None`: one could not be.
    pub ready: Option<usize>,
}

/// How often time is looked at, at least and at most.
const TICKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// How often containers are looked for that nobody knows.
const LEFTOVERS_EVERY: Duration = Duration::from_secs(120);

/// Time that everything left has to end once the grace period of a shutdown is over.
const KILL_TIME: Duration = Duration::from_secs(10);

/// Time for one last look, after that, for containers that nobody knows.
const LEFTOVERS_TIME: Duration = Duration::from_secs(5);

/// An environment that has a container or will have one.
struct Alive {
    /// Told when the container dies.
    death: Option<oneshot::Sender<Death>>,
    /// Who is in its network, and dies with it.
    borrower: Option<EnvironmentId>,
}

struct Shared {
    settings: Adjustable<Settings>,
    executor: Arc<dyn Executor>,
    uplink: Uplink,
    groups: RwLock<Groups>,
    /// Environments, from before their container exists.
    alive: Mutex<HashMap<EnvironmentId, Alive>>,
    starts: Starts,
    standbys: Standbys,
    lives: TaskTracker,
    /// A deployment is gone; what has been unpacked for it may be of no use any more.
    swept: Notify,
    /// No new work.
    closing: CancellationToken,
    /// Everything ends now.
    kill: CancellationToken,
}

/// All environments. Clones are the same pool.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    /// A pool without environments. Needs a Tokio runtime around it, where it looks after itself until
    /// [`Pool::shutdown`].
    pub fn new(settings: Settings, executor: Arc<dyn Executor>, uplink: Uplink) -> Self {
        let standbys = if executor.may_start_ahead() {
            Standbys::new(settings.standby, settings.standby_networks)
        } else {
            Standbys::new(0, 0)
        };
        let shared = Arc::new(Shared {
            standbys,
            starts: Starts::new(settings.parallel_starts.get()),
            settings: Adjustable::new(settings),
            executor,
            uplink,
            groups: RwLock::default(),
            alive: Mutex::default(),
            lives: TaskTracker::new(),
            swept: Notify::new(),
            closing: CancellationToken::new(),
            kill: CancellationToken::new(),
        });
        tokio::spawn(shared.clone().keep_time());
        tokio::spawn(shared.clone().hear_of_deaths());
        tokio::spawn(shared.clone().look_for_leftovers());
        tokio::spawn(shared.clone().mind_memory());
        let keeper = shared.clone();
        shared.lives.spawn(async move { keeper.standbys.keep(&keeper).await });
        Self { shared }
    }

    /// Runs the function once, in a free environment or a new one.
    ///
    /// # Errors
    /// No environment could be had; the function has not run.
    pub async fn invoke(
        &self,
        deployment: &Arc<Deployment>,
        invoke: Invoke,
        payload: Bytes,
        ended: Ended,
    ) -> Result<Running, Error> {
        let group = self.shared.group(deployment, invoke.tenant_id.as_deref());
        let allowance = limits::allowance(&deployment.assignment);
        loop {
            if self.shared.closing.is_cancelled() {
                return Err(Error::ShuttingDown);
            }
            let lease = group.reserve(&self.shared, allowance).await?;
            match lease.run(invoke.clone(), payload.clone(), Arc::clone(&ended)).await {
                Ok(running) => return Ok(running),
                // It died while it was free, which nobody had noticed yet. Its frame was not sent, so another may try;
                // each round ends with one dead environment less, or with a new one.
                Err(lost) => debug!(%lost, "a free environment turned out to be gone"),
            }
        }
    }

    /// The deployment was replaced or deleted: its environments end as soon as they are free.
    pub fn retire(&self, id: &DeploymentId) {
        let retired = {
            let mut groups = self.shared.groups_mut();
            groups.retire(id);
            groups.of(id)
        };
        retired.iter().for_each(|group| group.retire(&self.shared));
    }

    /// A function of this size that runs in the image will soon be invoked, as far as anybody can tell.
    /// `image_id`: what the engine has under the image's name now.
    pub fn expect(&self, image: &ImageRequest, image_id: &str, memory_size_mb: u32) {
        self.shared.standbys.expect(image, Some(image_id), memory_size_mb);
    }

    /// Keeps environments of a deployment ready, beyond those that invocations need.
    pub fn provision(&self, deployment: &Arc<Deployment>, order: Order) {
        if !self.shared.closing.is_cancelled() {
            self.shared.group(deployment, None).provision(&self.shared, Some(order));
        }
    }

    /// No environments of a deployment are to be kept ready any more.
    pub fn unprovision(&self, id: &DeploymentId) {
        if let Some(group) = self.shared.common(id) {
            group.provision(&self.shared, None);
        }
    }

    /// What has become of the order for environments of a deployment, if there is one.
    pub fn provisioned(&self, id: &DeploymentId) -> Option<Provision> {
        self.shared.common(id).and_then(|group| group.provisioned())
    }

    /// The environments of a deployment.
    pub fn environments(&self, id: &DeploymentId) -> Vec<EnvironmentStatus> {
        let groups = self.shared.groups().of(id);
        groups.iter().flat_map(|group| group.environments()).collect()
    }

    /// Whether an environment is starting that is yet to get the archive, as far as anybody knows.
    pub fn is_starting_with(&self, digest: &str) -> bool {
        let has = |group: &Arc<Group>| {
            group.deployment().assignment.archives.iter().any(|archive| archive.digest == digest)
        };
        let groups = self.shared.groups().all();
        let mut environments =
            groups.iter().filter(|group| has(group)).flat_map(|group| group.environments());
        environments.any(|environment| environment.phase == Phase::Starting)
    }

    /// Goes by these settings from now on, but for how many start in parallel and stand by.
    pub fn adjust(&self, settings: Settings) {
        self.shared.settings.set(settings);
        let groups = self.shared.groups().all();
        for group in groups {
            group.tick(&self.shared);
        }
    }

    /// What containers are made with has changed: those that stand by are started anew.
    pub fn renew_standbys(&self) {
        self.shared.standbys.renew();
    }

    /// How many environments there are, and what they do.
    pub fn census(&self) -> Census {
        let groups = self.shared.groups().all();
        let mut census = Census::default();
        for environment in groups.iter().flat_map(|group| group.environments()) {
            match environment.phase {
                Phase::Starting => census.starting += 1,
                Phase::Idle => census.idle += 1,
                Phase::Busy => census.busy += 1,
            }
        }
        (census.standby, census.networks) = self.shared.standbys.count();
        census
    }

    /// Removes containers that an earlier process left behind. Returns how many.
    ///
    /// # Errors
    /// There is no engine, or it refused.
    pub async fn remove_leftovers(&self) -> Result<usize, executor::Error> {
        self.shared.remove_leftovers().await
    }

    /// Ends every environment at once, whatever it does.
    pub fn kill(&self) {
        self.shared.kill.cancel();
    }

    /// Takes no new work; invocations in flight have `grace` to finish; then no container is left.
    pub async fn shutdown(&self, grace: Duration) {
        let shared = &self.shared;
        shared.closing.cancel();
        let groups = shared.groups().all();
        for group in groups {
            group.retire(shared);
        }
        shared.lives.close();
        if timeout(grace, shared.lives.wait()).await.is_err() {
            warn!(left = shared.lives.len(), "environments are ended before they have finished");
        }
        self.kill();
        let ended = async {
            shared.lives.wait().await;
            shared.standbys.end(shared).await;
        };
        if timeout(KILL_TIME, ended).await.is_err() {
            error!(
                left = shared.lives.len(),
                "environments could not be ended; their containers may be left"
            );
        }
        // Such as containers that were being created when the engine stopped answering for a while.
        match timeout(LEFTOVERS_TIME, shared.remove_leftovers()).await {
            Ok(Ok(0) | Err(executor::Error::Unavailable(_))) => {}
            Ok(Ok(count)) => warn!(count, "containers were left that nobody knew, and are removed"),
            Ok(Err(error)) => warn!(%error, "cannot look for containers that are left"),
            Err(_elapsed) => warn!("the container engine does not tell which containers are left"),
        }
    }
}

impl Shared {
    fn groups(&self) -> RwLockReadGuard<'_, Groups> {
        // Entries are inserted and removed whole, here and below: a panic elsewhere leaves nothing half done.
        self.groups.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn groups_mut(&self) -> RwLockWriteGuard<'_, Groups> {
        self.groups.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> MutexGuard<'_, HashMap<EnvironmentId, Alive>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The environments of a deployment that are for the tenant.
    fn group(&self, deployment: &Arc<Deployment>, tenant: Option<&str>) -> Arc<Group> {
        let found = self.groups().find(&deployment.id, tenant);
        found.unwrap_or_else(|| {
            self.groups_mut().find_or_add(deployment, tenant, self.settings.get().keep_alive)
        })
    }

    /// The environments of a deployment that are for no tenant.
    fn common(&self, id: &DeploymentId) -> Option<Arc<Group>> {
        self.groups().find(id, None)
    }

    /// Keep-alives, and environments that do not finish.
    async fn keep_time(self: Arc<Self>) {
        let period = || (self.settings.get().keep_alive / 4).clamp(TICKS.0, TICKS.1);
        while self.kill.run_until_cancelled(sleep(period())).await.is_some() {
            let groups = self.groups().all();
            for group in groups {
                group.tick(&self);
            }
            let gone = self.groups_mut().tidy();
            gone.iter().for_each(|deployment| self.unused(deployment));
        }
    }

    /// Ends what is not needed when memory gets short.
    async fn mind_memory(self: Arc<Self>) {
        let mut pressure = Pressure::default();
        let mut was_short = false;
        while self.kill.run_until_cancelled(sleep(pressure::LOOK)).await.is_some() {
            let reserve_mb = self.settings.get().memory_reserve_mb;
            let available_mb = (reserve_mb > 0).then(|| self.executor.available_memory_mb()).flatten();
            let now = Instant::now();
            let verdict = pressure.look(available_mb, reserve_mb, now);
            if verdict.is_short && !was_short {
                warn!(
                    available_mb,
                    reserve_mb,
                    "memory is short: containers that are not at work end; LAMBDOCK_MEMORY_RESERVE says how much is \
                     to be left"
                );
            }
            was_short = verdict.is_short;
            self.standbys.set_tight(verdict.is_tight);
            if verdict.is_short {
                self.end_dispensable(now);
            }
        }
    }

    fn end_dispensable(self: &Arc<Self>, now: Instant) {
        let groups = self.groups().all();
        let free = groups
            .iter()
            .flat_map(|group| group.free().into_iter().map(move |(since, id)| (since, (group, id))));
        let ended = pressure::dispensable(free.collect(), now);
        if !ended.is_empty() {
            info!(count = ended.len(), "environments that are free end to give their memory back");
        }
        for (group, id) in ended {
            group.evict(self, id);
        }
    }

    async fn hear_of_deaths(self: Arc<Self>) {
        let (sender, mut deaths) = mpsc::channel::<Death>(64);
        let hear = async {
            while let Some(death) = deaths.recv().await {
                let mut alive = self.alive();
                let borrower = alive.get(&death.environment).and_then(|lender| lender.borrower);
                for id in [Some(death.environment), borrower].into_iter().flatten() {
                    let concerned = alive.get_mut(&id).and_then(|concerned| concerned.death.take());
                    // Unheard if its end is known already.
                    let _ = concerned.map(|concerned| concerned.send(death.clone()));
                }
            }
        };
        tokio::select! {
            () = self.executor.watch(sender) => {}
            () = hear => {}
            () = self.kill.cancelled() => {}
        }
    }

    async fn look_for_leftovers(self: Arc<Self>) {
        let mut ticks = interval(LEFTOVERS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once, when whoever starts the pool does this.
        ticks.tick().await;
        let mut asked = async || {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.swept.notified() => {}
            }
        };
        while self.kill.run_until_cancelled(asked()).await.is_some() {
            match self.remove_leftovers().await {
                Ok(0) | Err(executor::Error::Unavailable(_)) => {}
                Ok(count) => warn!(count, "containers were removed that nobody knew"),
                Err(error) => warn!(%error, "cannot look for containers that nobody knows"),
            }
        }
    }

    async fn remove_leftovers(&self) -> Result<usize, executor::Error> {
        self.executor.remove_leftovers(&|id| self.known(id), &|content| self.uses(content)).await
    }

    /// What is unpacked once for all environments of the deployment.
    fn contents(&self, deployment: &Deployment) -> Vec<Content> {
        if self.settings.get().code_volumes {
            contents::shared(&deployment.assignment.archives)
        } else {
            Vec::new()
        }
    }

    /// A deployment or one of its containers is gone: what has been unpacked for it is of no use once both are.
    fn unused(&self, deployment: &Deployment) {
        let is_gone = self.common(&deployment.id).is_none();
        if is_gone && !self.contents(deployment).is_empty() {
            self.swept.notify_one();
        }
    }

    /// Whether environments of any deployment are or will be started with the content.
    fn uses(&self, content: &Content) -> bool {
        !self.closing.is_cancelled()
            && self.groups().deployments().any(|deployment| self.contents(deployment).contains(content))
    }

    /// The name of a new environment of the deployment: that of a sandbox that stands by, if there is one.
    fn fresh(&self, deployment: &Deployment) -> EnvironmentId {
        // What is mounted is mounted when a container is created.
        let mounts = !deployment.mounts.is_empty()
            || self.settings.get().code_volumes
                && contents::outweigh_a_start(&deployment.assignment.archives);
        let claimed = (!mounts).then(|| self.standbys.claim(&deployment.image, deployment.memory_size_mb));
        claimed.flatten().unwrap_or_else(EnvironmentId::random)
    }

    fn known(&self, id: EnvironmentId) -> bool {
        self.alive().contains_key(&id)
    }
}

#[cfg(test)]
mod tests;
