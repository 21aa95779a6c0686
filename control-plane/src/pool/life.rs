//! What one environment goes through, as one task: container, connection, assignment, init, invocations, end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lambdock_protocol::{Assignment, InitializationType, Initialized, Shutdown, ShutdownReason, Status};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{debug, info, warn};

use super::group::{End, Group};
use super::{Error, Shared};
use crate::executor::{ContainerId, ContainerSpec, Death, EnvironmentId, PostMortem};
use crate::uplink::{Connection, EnvironmentInfo, Heard, Link, Observer, Reader, Registration};

/// Time for extensions to say good-bye when an environment is no longer needed. [AWS: Extensions API, shutdown
/// phase with registered extensions]
const SHUTDOWN_BUDGET: Duration = Duration::from_secs(2);

/// What the agent may take beyond its budget, then the container is ended from outside.
const SHUTDOWN_MARGIN: Duration = Duration::from_millis(250);

/// A container has died, its connection has to end too; what it wrote last is read until then.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The engine may take this long to tell what became of a container.
const POST_MORTEM: Duration = Duration::from_secs(2);

/// What an invocation may take beyond the function's timeout and init limit, which the agent enforces by itself:
/// then the agent is taken for hung.
const AGENT_MARGIN: Duration = Duration::from_secs(30);

/// Time that an invocation of `assignment` may take at the very most. A failed init is run again inside of it.
pub(super) fn allowance(assignment: &Assignment) -> Duration {
    let init = assignment.init_timeout_ms.unwrap_or_default();
    Duration::from_millis(assignment.timeout_ms.saturating_add(init)) + AGENT_MARGIN
}

pub(super) struct Life {
    shared: Arc<Shared>,
    group: Arc<Group>,
    id: EnvironmentId,
}

/// What is heard of an environment apart from its connection.
struct Fate {
    end: oneshot::Receiver<End>,
    died: oneshot::Receiver<Death>,
}

/// Frees the environment in the books before anybody else hears that it is free.
struct Books<'a> {
    shared: &'a Arc<Shared>,
    group: &'a Arc<Group>,
    id: EnvironmentId,
}

impl Observer for Books<'_> {
    fn responded(&self) {
        self.group.responded(self.id);
    }

    fn done(&self) {
        self.group.finished(self.shared, self.id);
    }
}

/// A start that went wrong.
struct Stillborn {
    cause: Error,
    container: Option<ContainerId>,
}

/// What keeps a container from becoming an environment.
enum Obstacle {
    /// All is known about it.
    Known(Error),
    /// The container ended.
    Died,
    /// The connection was closed, most likely because the container ended.
    Closed(String),
}

impl Life {
    pub(super) fn new(shared: Arc<Shared>, group: Arc<Group>, id: EnvironmentId) -> Self {
        Self { shared, group, id }
    }

    /// Lives. `end`: told when the environment has to end.
    pub(super) async fn live(self, end: oneshot::Receiver<End>) {
        let (death, died) = oneshot::channel();
        self.shared.alive().insert(self.id, Some(death));
        let info = Arc::new(self.describe());
        let registration = self.shared.uplink.register(Arc::clone(&info));
        self.run(registration, &info, Fate { end, died }).await;
        self.shared.alive().remove(&self.id);
    }

    fn describe(&self) -> EnvironmentInfo {
        let deployment = self.group.deployment();
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y/%m/%d").to_string();
        EnvironmentInfo {
            id: self.id,
            function_name: deployment.function_name.clone(),
            function_arn: deployment.function_arn.clone(),
            function_version: deployment.version.clone(),
            log_group: deployment.assignment.logging.group.clone(),
            log_stream: format!("{today}/[{}]{}", deployment.version, self.id),
        }
    }

    fn assignment(&self, info: &EnvironmentInfo) -> Assignment {
        let mut assignment = self.group.deployment().assignment.clone();
        assignment.logging.stream.clone_from(&info.log_stream);
        // A function that sets the variable itself has its way, like with every other one.
        let stream = assignment.environment.entry("AWS_LAMBDA_LOG_STREAM_NAME".to_owned());
        stream.or_insert_with(|| info.log_stream.clone());
        if self.group.is_provisioned(self.id) {
            let before = assignment.initialization_type.as_str();
            assignment.initialization_type = InitializationType::ProvisionedConcurrency;
            let variable = assignment.environment.get_mut("AWS_LAMBDA_INITIALIZATION_TYPE");
            // Unless the function has set it itself.
            if let Some(value) = variable.filter(|value| *value == before) {
                assignment.initialization_type.as_str().clone_into(value);
            }
        }
        assignment.environment.extend(self.shared.executor.variables().clone());
        assignment
    }

    async fn run(&self, mut registration: Registration, info: &EnvironmentInfo, mut fate: Fate) {
        let limit = self.shared.settings.environment_timeout;
        let Some(turn) = self.shared.starts.turn(limit).await else {
            let stage = "it waited for other containers to be created";
            return self.group.lost(&self.shared, self.id, self.not_ready(stage));
        };
        if self.shared.kill.is_cancelled() {
            return self.group.lost(&self.shared, self.id, Error::ShuttingDown);
        }
        let deadline = Instant::now() + limit;
        let started = self.container(&registration, deadline).await;
        drop(turn);
        let born = match started {
            Ok(container) => self.boot(&mut registration, info, container, &mut fate.died, deadline).await,
            Err(cause) => Err(Stillborn { cause, container: None }),
        };
        match born {
            Ok((connection, container, initialized)) => {
                self.serve(connection, container, initialized, fate).await
            }
            Err(Stillborn { cause, container }) => {
                warn!(error = %cause, "an environment did not start");
                self.group.lost(&self.shared, self.id, cause);
                if let Some(container) = container {
                    self.remove(&container).await;
                }
            }
        }
    }

    /// Creates and starts the container. When it takes too long, whoever waits is told, and the container is removed
    /// as soon as the engine has answered.
    async fn container(&self, registration: &Registration, deadline: Instant) -> Result<ContainerId, Error> {
        let reaching = timeout_at(deadline, self.shared.executor.reach()).await;
        let reach = reaching.map_err(|_elapsed| self.not_ready("the container engine was being asked"))??;
        let address = self.shared.uplink.listen(&reach.bind).await.map_err(Error::Uplink)?;
        let deployment = self.group.deployment();
        let spec = ContainerSpec {
            environment: self.id,
            secret: registration.secret().to_owned(),
            uplink: host_and_port(&reach.host, address.port()),
            function_name: deployment.function_name.clone(),
            function_arn: deployment.function_arn.clone(),
            image: deployment.image.clone(),
            memory_size_mb: deployment.memory_size_mb,
        };
        let mut starting = self.shared.executor.start(&spec);
        tokio::select! {
            started = &mut starting => return Ok(started?),
            () = sleep_until(deadline) => {}
        }
        self.group.lost(&self.shared, self.id, self.not_ready("the container was being created"));
        let container = starting.await?;
        self.remove(&container).await;
        Err(self.not_ready("the container was being created"))
    }

    fn not_ready(&self, stage: &'static str) -> Error {
        Error::NotReady { limit: self.shared.settings.environment_timeout, stage }
    }

    /// From a started container to an environment that takes invocations.
    async fn boot(
        &self,
        registration: &mut Registration,
        info: &EnvironmentInfo,
        container: ContainerId,
        died: &mut oneshot::Receiver<Death>,
        deadline: Instant,
    ) -> Result<(Connection, ContainerId, (Initialized, Bytes)), Stillborn> {
        let setting_up = async {
            let dials_in = async {
                let lost = || Obstacle::Closed("its connection was lost at once".to_owned());
                registration.arrived().await.ok_or_else(lost)
            };
            let stage = "the container runs, its init has not dialled in";
            let mut connection = self.within(deadline, stage, &mut *died, dials_in).await?;
            let sets_up = async {
                let assigned = connection.link.assign(self.assignment(info)).await;
                assigned.map_err(|lost| Obstacle::Closed(lost.0))?;
                let books = Books { shared: &self.shared, group: &self.group, id: self.id };
                match connection.reader.next(&books).await {
                    Heard::Initialized(initialized, error) => Ok((initialized, error)),
                    Heard::Unusable(reason) => Err(Obstacle::Known(Error::Unusable(reason))),
                    Heard::Closed(reason) => Err(Obstacle::Closed(reason)),
                }
            };
            let stage = "its init dialled in and sets the function up";
            let initialized = self.within(deadline, stage, &mut *died, sets_up).await?;
            Ok((connection, initialized))
        };
        let cause = match setting_up.await {
            Ok((connection, initialized)) => return Ok((connection, container, initialized)),
            Err(Obstacle::Known(cause)) => cause,
            Err(Obstacle::Died) => Error::Ended(self.post_mortem(&container).await),
            Err(Obstacle::Closed(reason)) => {
                dies(died).await;
                Error::Ended(format!("{reason}; {}", self.post_mortem(&container).await))
            }
        };
        Err(Stillborn { cause, container: Some(container) })
    }

    /// A step on the way to being ready, as far as time, the container and the control plane allow.
    async fn within<T>(
        &self,
        deadline: Instant,
        stage: &'static str,
        died: &mut oneshot::Receiver<Death>,
        step: impl Future<Output = Result<T, Obstacle>>,
    ) -> Result<T, Obstacle> {
        tokio::select! {
            // What the agent said goes before what happened since.
            biased;
            done = step => done,
            Ok(_death) = died => Err(Obstacle::Died),
            () = self.shared.kill.cancelled() => Err(Obstacle::Known(Error::ShuttingDown)),
            () = sleep_until(deadline) => Err(Obstacle::Known(self.not_ready(stage))),
        }
    }

    async fn serve(
        &self,
        connection: Connection,
        container: ContainerId,
        initialized: (Initialized, Bytes),
        mut fate: Fate,
    ) {
        let Connection { link, mut reader } = connection;
        if initialized.0.status == Status::Success {
            info!(container.id = %container, init.us = initialized.0.duration_us, "an environment is ready");
        } else {
            let error = String::from_utf8_lossy(&initialized.1);
            info!(container.id = %container, %error, "an environment is ready, its init failed and is run again");
        }
        self.group.ready(&self.shared, self.id, link.clone(), initialized);
        let books = Books { shared: &self.shared, group: &self.group, id: self.id };
        let kill = self.shared.kill.clone();
        let reason = loop {
            tokio::select! {
                // What was read goes before what happened since.
                biased;
                heard = reader.next(&books) => match heard {
                    Heard::Closed(reason) | Heard::Unusable(reason) => {
                        // Nobody is to be given it any more, whatever there is to find out about its end.
                        self.lost();
                        dies(&mut fate.died).await;
                        break Err(reason);
                    }
                    // A new init in the same environment, after a crash or a timeout.
                    Heard::Initialized(again, _) => debug!(status = ?again.status, "initialised again"),
                },
                Ok(end) = &mut fate.end => match end {
                    End::Spindown => {
                        let says_good_bye = good_bye(&link, &mut reader, &books);
                        tokio::select! {
                            () = says_good_bye => {}
                            () = kill.cancelled() => {}
                        }
                        break Ok("the environment was stopped");
                    }
                    End::Overdue => {
                        warn!(container.id = %container, "an environment did not finish in time and is ended");
                        break Ok("the environment did not finish in time and was ended");
                    }
                },
                Ok(_death) = &mut fate.died => {
                    let last_words = timeout(LAST_WORDS, until_closed(&mut reader, &books)).await;
                    break Err(last_words.unwrap_or_else(|_elapsed| "the container ended".to_owned()));
                }
                () = kill.cancelled() => break Ok("Lambdock is shutting down"),
            }
        };
        self.lost();
        match reason {
            Ok(reason) => {
                debug!(container.id = %container, reason, "an environment ends");
                reader.close(reason);
            }
            Err(reason) => {
                let ended = self.post_mortem(&container).await;
                warn!(container.id = %container, reason, ended, "an environment was lost");
                reader.close(&format!("{reason}: {ended}"));
            }
        }
        self.remove(&container).await;
    }

    /// Takes an environment that was ready out of the books.
    fn lost(&self) {
        self.group.lost(&self.shared, self.id, Error::Unusable("it ended".to_owned()));
    }

    /// What became of the container, for people.
    async fn post_mortem(&self, container: &ContainerId) -> String {
        let found = timeout(POST_MORTEM, self.shared.executor.post_mortem(container)).await;
        found.map_or_else(|_elapsed| "the container engine does not say why".to_owned(), in_words)
    }

    async fn remove(&self, container: &ContainerId) {
        if let Err(error) = self.shared.executor.stop(container).await {
            // The look for leftovers tries again.
            warn!(container.id = %container, %error, "a container could not be removed");
        }
    }
}

/// Gives the engine, which learns of a container's end a moment after its connection has closed, time to do so.
async fn dies(died: &mut oneshot::Receiver<Death>) {
    // If it goes on living, it is ended later.
    let _ = timeout(LAST_WORDS, died).await;
}

/// Asks the environment to end and reads on until it has, or has had its time.
async fn good_bye(link: &Link, reader: &mut Reader, books: &Books<'_>) {
    let budget_ms = u64::try_from(SHUTDOWN_BUDGET.as_millis()).unwrap_or(u64::MAX);
    let shutdown = Shutdown { reason: ShutdownReason::Spindown, budget_ms };
    if link.shut_down(shutdown).await.is_ok() {
        // Past its time, it is ended from outside.
        let _ = timeout(SHUTDOWN_BUDGET + SHUTDOWN_MARGIN, until_closed(reader, books)).await;
    }
}

async fn until_closed(reader: &mut Reader, books: &Books<'_>) -> String {
    loop {
        if let Heard::Closed(reason) = reader.next(books).await {
            return reason;
        }
    }
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
