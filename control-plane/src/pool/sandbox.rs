//! A sandbox: a container that runs, whose init has dialled in and waits to be told whose it is.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, sleep_until, timeout, timeout_at};
use tracing::{debug, warn};

use super::starts::{Lane, Need};
use super::{Alive, Error, Shared};
use crate::executor::{
    self, ContainerId, ContainerSpec, Death, EnvironmentId, FolderMount, FunctionNames, ImageRequest,
    PostMortem, Unpacked,
};
use crate::uplink::{Arrival, Registration};

/// A container has died, its connection has to end too; what it wrote last is read until then.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// The engine may take this long to tell what became of a container.
const POST_MORTEM: Duration = Duration::from_secs(2);

/// By when something has to be ready.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    /// All the time that there was, for people.
    limit: Duration,
}

impl Deadline {
    /// From now on.
    pub(super) fn within(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// So much later.
    pub(super) fn extended(self, by: Duration) -> Self {
        Self { at: self.at + by, limit: self.limit + by }
    }

    fn missed(self, stage: &'static str) -> Error {
        Error::NotReady { limit: self.limit, stage }
    }
}

/// A sandbox that is to be started.
pub(super) struct Wanted {
    pub(super) id: EnvironmentId,
    /// `None`: nobody's yet.
    pub(super) function: Option<FunctionNames>,
    pub(super) image: ImageRequest,
    pub(super) memory_size_mb: u32,
    pub(super) mounts: Vec<FolderMount>,
    /// By when it has to be ready, if some of its time is gone already; else it has all of it from when its turn comes.
    pub(super) deadline: Option<Deadline>,
    /// What it has of what is unpacked for all.
    pub(super) unpacked: Vec<Unpacked>,
    /// Whether it is to be in the network of one that is there for that, if there is one.
    pub(super) borrows: bool,
    /// Whom it takes turns with at being started.
    pub(super) lane: Lane,
    pub(super) need: Need,
}

impl Wanted {
    /// One that is started before it is known whose it will be.
    pub(super) fn ahead(id: EnvironmentId, image: ImageRequest, memory_size_mb: u32) -> Self {
        Self {
            id,
            function: None,
            image,
            memory_size_mb,
            mounts: Vec::new(),
            deadline: None,
            unpacked: Vec::new(),
            borrows: false,
            lane: Lane::Standby,
            need: Need::Ahead,
        }
    }
}

/// An environment in the books: the uplink admits it, and its death is heard of. It is there from before its container
/// exists until after that is gone.
pub(super) struct Presence {
    shared: Arc<Shared>,
    id: EnvironmentId,
    pub(super) registration: Registration,
    pub(super) died: oneshot::Receiver<Death>,
    /// Whose network its container is in, if not one of its own.
    network: Option<Box<Loan>>,
}

impl Presence {
    fn new(shared: &Arc<Shared>, id: EnvironmentId) -> Self {
        let (death, died) = oneshot::channel();
        shared.alive().insert(id, Alive { death: Some(death), borrower: None });
        let registration = shared.uplink.register(id);
        Self { shared: Arc::clone(shared), id, registration, died, network: None }
    }

    /// Something is wrong, and it may be the network: nobody else is to have the same.
    pub(super) fn doubt_network(&mut self) {
        if let Some(loan) = &mut self.network {
            loan.fitness = Fitness::Doubtful;
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.shared.alive().remove(&self.id);
    }
}

/// A sandbox whose network is lent to another one. It goes back when this is dropped.
struct Loan {
    shared: Arc<Shared>,
    sandbox: Option<Sandbox>,
    fitness: Fitness,
}

/// Whether a network that was lent can be lent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fitness {
    /// It has served well.
    Fit,
    /// Who was in it was not heard of, or no longer.
    Doubtful,
}

impl Loan {
    /// From now on the death of the lender is that of `borrower` too.
    fn new(shared: &Arc<Shared>, sandbox: Sandbox, borrower: EnvironmentId) -> Self {
        if let Some(lender) = shared.alive().get_mut(&sandbox.presence.id) {
            lender.borrower = Some(borrower);
        }
        Self { shared: Arc::clone(shared), sandbox: Some(sandbox), fitness: Fitness::Fit }
    }

    fn container(&self) -> Option<ContainerId> {
        self.sandbox.as_ref().map(|sandbox| sandbox.container.clone())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            if let Some(lender) = self.shared.alive().get_mut(&sandbox.presence.id) {
                lender.borrower = None;
            }
            self.shared.standbys.give_back(sandbox, self.fitness);
        }
    }
}

pub(super) struct Sandbox {
    pub(super) presence: Presence,
    pub(super) container: ContainerId,
    pub(super) arrival: Arrival,
    /// When its container began to be made.
    pub(super) begun: Instant,
    /// When it has to be ready for an invocation.
    pub(super) deadline: Deadline,
    /// What it was started with.
    pub(super) memory_size_mb: u32,
    /// Whether it was started before it was known whose it would be.
    pub(super) ahead: bool,
}

impl Sandbox {
    /// Starts one, when its turn has come. `failed` is told as soon as it is known that none will come of it; `None` is
    /// returned when nothing is left of it.
    pub(super) async fn start(
        shared: &Arc<Shared>,
        wanted: Wanted,
        failed: impl FnOnce(Error),
    ) -> Option<Self> {
        let mut failed = Some(failed);
        let mut fail = |cause: Error| {
            if let Some(failed) = failed.take() {
                warn!(error = %cause, "an environment did not start");
                failed(cause);
            }
        };
        let limit = shared.settings.get().environment_timeout;
        let patience = wanted.deadline.map_or(limit, |deadline| deadline.at - Instant::now());
        let Some(turn) = shared.starts.turn(wanted.lane.clone(), wanted.need, patience).await else {
            let deadline = wanted.deadline.unwrap_or_else(|| Deadline::within(limit));
            fail(deadline.missed("it waited for other containers to be created"));
            return None;
        };
        if shared.kill.is_cancelled() {
            fail(Error::ShuttingDown);
            return None;
        }
        let begun = Instant::now();
        let deadline = wanted.deadline.unwrap_or_else(|| Deadline::within(limit));
        let mut presence = Presence::new(shared, wanted.id);
        let lender = wanted.borrows.then(|| shared.standbys.network()).flatten();
        presence.network = lender.map(|lender| Box::new(Loan::new(shared, lender, wanted.id)));
        let started = container(shared, &mut presence, &wanted, deadline, &mut fail).await;
        drop(turn);
        let container = match started {
            Ok(container) => container,
            Err(cause) => {
                fail(cause);
                return None;
            }
        };
        let Presence { registration, died, .. } = &mut presence;
        let dials_in = async {
            let lost = || Obstacle::Closed("its connection was lost at once".to_owned());
            registration.arrived().await.ok_or_else(lost)
        };
        match shared.within(deadline, "the container runs, its init has not dialled in", died, dials_in).await
        {
            Ok(arrival) => Some(Self {
                presence,
                container,
                arrival,
                begun,
                deadline,
                memory_size_mb: wanted.memory_size_mb,
                ahead: wanted.function.is_none(),
            }),
            Err(obstacle) => {
                presence.doubt_network();
                fail(obstacle.into_error(shared, &container, &mut presence.died).await);
                shared.remove(&container).await;
                None
            }
        }
    }

    /// Whether its container has ended.
    pub(super) fn is_dead(&mut self) -> bool {
        !matches!(self.presence.died.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    /// Ends one that is nobody's.
    pub(super) async fn discard(self, shared: &Shared) {
        shared.remove(&self.container).await;
    }
}

/// Creates and starts the container. When it takes too long, whoever waits is told, and the container is removed as
/// soon as the engine has answered.
async fn container(
    shared: &Shared,
    presence: &mut Presence,
    wanted: &Wanted,
    deadline: Deadline,
    fail: &mut impl FnMut(Error),
) -> Result<ContainerId, Error> {
    let reaching = timeout_at(deadline.at, shared.executor.reach()).await;
    let reach = reaching.map_err(|_elapsed| deadline.missed("the container engine was being asked"))??;
    let address = shared.uplink.listen(&reach.bind).await.map_err(Error::Uplink)?;
    let mut spec = ContainerSpec {
        environment: wanted.id,
        secret: presence.registration.secret().to_owned(),
        uplink: host_and_port(&reach.host, address.port()),
        function: wanted.function.clone(),
        image: wanted.image.clone(),
        memory_size_mb: wanted.memory_size_mb,
        mounts: wanted.mounts.clone(),
        unpacked: wanted.unpacked.clone(),
        network_of: presence.network.as_ref().and_then(|network| network.container()),
    };
    if spec.network_of.is_some() {
        match created(shared, &spec, deadline, fail).await {
            // The other one may be gone, or the engine cannot do this: everybody can have a network of his own.
            Err(Error::Executor(error @ executor::Error::Refused { .. })) => {
                debug!(%error, "a network that was made before is of no use");
                spec.network_of = None;
                presence.network = None;
            }
            done => return done,
        }
    }
    created(shared, &spec, deadline, fail).await
}

async fn created(
    shared: &Shared,
    spec: &ContainerSpec,
    deadline: Deadline,
    fail: &mut impl FnMut(Error),
) -> Result<ContainerId, Error> {
    let mut starting = shared.executor.start(spec);
    tokio::select! {
        started = &mut starting => return Ok(started?),
        () = sleep_until(deadline.at) => {}
    }
    let late = || deadline.missed("the container was being created");
    fail(late());
    let container = starting.await?;
    shared.remove(&container).await;
    Err(late())
}

/// What keeps a container from becoming an environment.
pub(super) enum Obstacle {
    /// All is known about it.
    Known(Error),
    /// The container ended.
    Died,
    /// The connection was closed, most likely because the container ended.
    Closed(String),
}

impl Obstacle {
    /// The same with what the engine knows about it.
    pub(super) async fn into_error(
        self,
        shared: &Shared,
        container: &ContainerId,
        died: &mut oneshot::Receiver<Death>,
    ) -> Error {
        match self {
            Self::Known(cause) => cause,
            Self::Died => Error::Ended(shared.post_mortem(container).await),
            Self::Closed(reason) => {
                dies(died).await;
                Error::Ended(format!("{reason}; {}", shared.post_mortem(container).await))
            }
        }
    }
}

impl Shared {
    /// A step on the way to being ready, as far as time, the container and the control plane allow.
    pub(super) async fn within<T>(
        &self,
        deadline: Deadline,
        stage: &'static str,
        died: &mut oneshot::Receiver<Death>,
        step: impl Future<Output = Result<T, Obstacle>>,
    ) -> Result<T, Obstacle> {
        tokio::select! {
            // What the agent said goes before what happened since.
            biased;
            done = step => done,
            Ok(_death) = died => Err(Obstacle::Died),
            () = self.kill.cancelled() => Err(Obstacle::Known(Error::ShuttingDown)),
            () = sleep_until(deadline.at) => Err(Obstacle::Known(deadline.missed(stage))),
        }
    }

    /// What became of the container, for people.
    pub(super) async fn post_mortem(&self, container: &ContainerId) -> String {
        let found = timeout(POST_MORTEM, self.executor.post_mortem(container)).await;
        found.map_or_else(|_elapsed| "the container engine does not say why".to_owned(), in_words)
    }

    pub(super) async fn remove(&self, container: &ContainerId) {
        if let Err(error) = self.executor.stop(container).await {
            // The look for leftovers tries again.
            warn!(container.id = %container, %error, "a container could not be removed");
        }
    }
}

/// Gives the engine, which learns of a container's end a moment after its connection has closed, time to do so.
pub(super) async fn dies(died: &mut oneshot::Receiver<Death>) {
    // If it goes on living, it is ended later.
    let _ = timeout(LAST_WORDS, died).await;
}

fn host_and_port(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        Ok(IpAddr::V4(_)) | Err(_) => format!("{host}:{port}"),
    }
}

fn in_words(found: PostMortem) -> String {
    let mut words = match found.exit_code {
        _ if found.out_of_memory => "out of memory".to_owned(),
        Some(code) => format!("exit status {code}"),
        None => "the container still runs or was removed".to_owned(),
    };
    if !found.error.is_empty() {
        words = format!("{words}, {}", found.error);
    }
    if !found.output.is_empty() {
        words = format!("{words}, its output ends with: {}", found.output.trim_end());
    }
    words
}
