//! What one environment goes through, as one task: container, connection, assignment, init, invocations, end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lambdock_protocol::{Assignment, InitializationType, Initialized, Shutdown, ShutdownReason, Status};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::group::{End, Group};
use super::limits::{init_beyond_the_usual, long_init_limit_ms};
use super::sandbox::{Deadline, LAST_WORDS, Obstacle, Presence, Sandbox, Wanted, dies};
use super::starts::Lane;
use super::{Error, Shared};
use crate::executor::{ContainerId, EnvironmentId, FunctionNames, Memory, Unpacked};
use crate::uplink::{Connection, EnvironmentInfo, Heard, Link, Observer, Reader};

/// Time for extensions to say good-bye when an environment is no longer needed. [AWS: Extensions API, shutdown
/// phase with registered extensions]
const SHUTDOWN_BUDGET: Duration = Duration::from_secs(2);

/// What the agent may take beyond its budget, then the container is ended from outside.
const SHUTDOWN_MARGIN: Duration = Duration::from_millis(250);

pub(super) struct Life {
    shared: Arc<Shared>,
    group: Arc<Group>,
    id: EnvironmentId,
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

/// An environment that takes invocations.
struct Settled {
    presence: Presence,
    container: ContainerId,
    connection: Connection,
    /// How its init phase ended, with the error's JSON if it failed.
    initialized: (Initialized, Bytes),
}

/// A sandbox that did not become one.
struct Unsettled {
    cause: Error,
    presence: Presence,
    container: ContainerId,
}

impl Life {
    pub(super) fn new(shared: Arc<Shared>, group: Arc<Group>, id: EnvironmentId) -> Self {
        Self { shared, group, id }
    }

    /// Lives. `end`: told when the environment has to end.
    pub(super) async fn live(self, end: oneshot::Receiver<End>) {
        let info = Arc::new(self.describe());
        if let Some(settled) = self.settled(&info).await {
            self.serve(settled, end).await;
            self.shared.unused(self.group.deployment());
        }
    }

    /// An environment for the function: in a sandbox that stands by, else in a new one. `None`: there is none, and who
    /// waits for it has been told.
    async fn settled(&self, info: &Arc<EnvironmentInfo>) -> Option<Settled> {
        let mut deadline = None;
        if let Some(mut sandbox) = self.shared.standbys.take(self.id) {
            sandbox.deadline = Deadline::within(self.shared.settings.get().environment_timeout);
            // One that follows has what is left of the time.
            deadline = Some(sandbox.deadline);
            match self.settle(sandbox, info, &[]).await {
                Ok(settled) => return Some(settled),
                Err(Unsettled {
                    cause: cause @ (Error::Ended(_) | Error::Executor(_)),
                    presence,
                    container,
                }) => {
                    warn!(%cause, "a sandbox that stood by was of no use; another one is started");
                    self.shared.remove(&container).await;
                    drop(presence);
                }
                Err(unsettled) => return self.give_up(unsettled).await,
            }
        }
        let deployment = self.group.deployment();
        let unpacked = self.unpacked().await;
        let wanted = Wanted {
            id: self.id,
            function: Some(self.names()),
            image: deployment.image.clone(),
            memory_size_mb: deployment.memory_size_mb,
            mounts: deployment.mounts.clone(),
            unpacked: unpacked.clone(),
            borrows: true,
            deadline,
            lane: Lane::Deployment(deployment.id.clone()),
            need: self.group.need(self.id),
        };
        let failed = |cause| self.group.lost(&self.shared, self.id, cause);
        let sandbox = Sandbox::start(&self.shared, wanted, failed).await?;
        match self.settle(sandbox, info, &unpacked).await {
            Ok(settled) => Some(settled),
            Err(unsettled) => self.give_up(unsettled).await,
        }
    }

    /// What the engine has unpacked of the function's code and layers. What it cannot unpack is sent to the container,
    /// which knows best what is wrong with it.
    async fn unpacked(&self) -> Vec<Unpacked> {
        let deployment = self.group.deployment();
        let limit = self.shared.settings.get().environment_timeout;
        let mut all = Vec::new();
        for content in self.shared.contents(deployment) {
            let unpacking = timeout(limit, self.shared.executor.unpack(&content, &deployment.image));
            match self.shared.kill.run_until_cancelled(unpacking).await {
                Some(Ok(Ok(unpacked))) => all.extend(unpacked),
                Some(Ok(Err(error))) => warn!(%error, content.target, "code is sent to each container"),
                Some(Err(_elapsed)) => {
                    warn!(content.target, "code is sent to a container, to unpack it takes long")
                }
                None => break,
            }
        }
        all
    }

    async fn give_up(&self, unsettled: Unsettled) -> Option<Settled> {
        let Unsettled { cause, mut presence, container } = unsettled;
        presence.doubt_network();
        warn!(error = %cause, "an environment did not start");
        self.group.lost(&self.shared, self.id, cause);
        self.shared.remove(&container).await;
        drop(presence);
        None
    }

    fn names(&self) -> FunctionNames {
        let deployment = self.group.deployment();
        FunctionNames { name: deployment.function_name.clone(), arn: deployment.function_arn.clone() }
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

    fn assignment(&self, info: &EnvironmentInfo, unpacked: &[Unpacked]) -> Assignment {
        let mut assignment = self.group.deployment().assignment.clone();
        assignment.archives.retain(|archive| unpacked.iter().all(|one| one.target != archive.target));
        assignment.logging.stream.clone_from(&info.log_stream);
        // A function that sets the variable itself has its way, like with every other one.
        let stream = assignment.environment.entry("AWS_LAMBDA_LOG_STREAM_NAME".to_owned());
        stream.or_insert_with(|| info.log_stream.clone());
        if self.group.is_provisioned(self.id) {
            assignment.init_timeout_ms = Some(long_init_limit_ms(assignment.timeout_ms));
            let before = assignment.initialization_type.as_str();
            assignment.initialization_type = InitializationType::ProvisionedConcurrency;
            let variable = assignment.environment.get_mut("AWS_LAMBDA_INITIALIZATION_TYPE");
            // Unless the function has set it itself.
            if let Some(value) = variable.filter(|value| *value == before) {
                assignment.initialization_type.as_str().clone_into(value);
            }
        }
        assignment.environment.extend(self.shared.executor.variables());
        assignment.user = assignment.user.or_else(|| self.shared.executor.user());
        assignment
    }

    /// From a sandbox to an environment that takes invocations.
    async fn settle(
        &self,
        sandbox: Sandbox,
        info: &Arc<EnvironmentInfo>,
        unpacked: &[Unpacked],
    ) -> Result<Settled, Unsettled> {
        let Sandbox { mut presence, container, arrival, deadline, memory_size_mb, ahead, begun: _ } = sandbox;
        let mut connection = presence.registration.connect(arrival, Arc::clone(info));
        let assignment = self.assignment(info, unpacked);
        let deadline = deadline.extended(init_beyond_the_usual(&assignment));
        let is_dedicated = async {
            if ahead {
                let wanted_mb = self.group.deployment().memory_size_mb;
                let memory = Memory { has_mb: memory_size_mb, wanted_mb };
                let dedicated =
                    self.shared.executor.dedicate(&container, self.id, &self.names(), memory).await;
                dedicated.map_err(|error| Obstacle::Known(error.into()))?;
            }
            Ok(())
        };
        let Connection { link, reader } = &mut connection;
        let is_set_up = async {
            let assigned = link.assign(assignment).await;
            assigned.map_err(|lost| Obstacle::Closed(lost.0))?;
            let books = Books { shared: &self.shared, group: &self.group, id: self.id };
            match reader.next(&books).await {
                Heard::Initialized(initialized, error) => Ok((initialized, error)),
                Heard::Unusable(reason) => Err(Obstacle::Known(Error::Unusable(reason))),
                Heard::Closed(reason) => Err(Obstacle::Closed(reason)),
            }
        };
        let both = async {
            let ((), initialized) = tokio::try_join!(is_dedicated, is_set_up)?;
            Ok(initialized)
        };
        let stage = "its init dialled in and sets the function up";
        match self.shared.within(deadline, stage, &mut presence.died, both).await {
            Ok(initialized) => Ok(Settled { presence, container, connection, initialized }),
            Err(obstacle) => {
                let cause = obstacle.into_error(&self.shared, &container, &mut presence.died).await;
                Err(Unsettled { cause, presence, container })
            }
        }
    }

    async fn serve(&self, settled: Settled, mut end: oneshot::Receiver<End>) {
        let Settled { mut presence, container, connection, initialized } = settled;
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
                        dies(&mut presence.died).await;
                        break Err(reason);
                    }
                    // A new init in the same environment, after a crash or a timeout.
                    Heard::Initialized(again, _) => debug!(status = ?again.status, "initialised again"),
                },
                Ok(end) = &mut end => match end {
                    End::Spindown => {
                        let says_good_bye = good_bye(&link, &mut reader, &books);
                        tokio::select! {
                            () = says_good_bye => {}
                            () = kill.cancelled() => {}
                        }
                        break Ok("the environment was stopped");
                    }
                    End::Overdue => {
                        presence.doubt_network();
                        warn!(container.id = %container, "an environment did not finish in time and is ended");
                        break Ok("the environment did not finish in time and was ended");
                    }
                },
                Ok(_death) = &mut presence.died => {
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
                presence.doubt_network();
                let ended = self.shared.post_mortem(&container).await;
                warn!(container.id = %container, reason, ended, "an environment was lost");
                reader.close(&format!("{reason}: {ended}"));
            }
        }
        self.shared.remove(&container).await;
    }

    /// Takes an environment that was ready out of the books.
    fn lost(&self) {
        self.group.lost(&self.shared, self.id, Error::Unusable("it ended".to_owned()));
    }
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
