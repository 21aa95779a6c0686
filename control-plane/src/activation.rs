//! Pending → Active: makes sure that what a function needs is there, away from the request that asked for it.

use std::io::BufReader;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lambdock_domain::code::{ImageDefaults, ImageVersion};
use lambdock_domain::function::{DeploymentId, Serving};
use lambdock_domain::{
    Architecture, Code, Configuration, Function, FunctionId, PublishedVersion, Reason, ReasonCode, State,
    Version,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error, info, info_span, warn};

use crate::adjustable::Adjustable;
use crate::ambient::new_id;
use crate::code::{Archives, Fault, verify};
use crate::executor::{self, Executor, ImageRequest, ResolvedImage};
use crate::invoke::Deployer;
use crate::pool::Pool;
use crate::store::{ChangeError, Store};

/// Prepares deployments of functions. Clones are the same.
#[derive(Clone)]
pub struct Activation {
    parts: Arc<Parts>,
    tasks: TaskTracker,
}

/// Time between two looks whether an archive is needed still.
const LOOKS: Duration = Duration::from_secs(1);

struct Parts {
    store: Store,
    archives: Archives,
    executor: Arc<dyn Executor>,
    deployer: Deployer,
    pool: Pool,
    settings: Adjustable<Settings>,
}

/// What preparation goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Bytes that an archive must stay below when unpacked.
    pub unzipped_limit: u64,
    /// `LAMBDOCK_UPDATE_MS`: the least time for which an update is in progress.
    pub update_time: Duration,
}

/// Progress of a pull is written this often at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

impl Activation {
    /// An activation over its parts.
    pub fn new(
        store: Store,
        archives: Archives,
        executor: Arc<dyn Executor>,
        deployer: Deployer,
        pool: Pool,
        settings: Adjustable<Settings>,
    ) -> Self {
        let parts = Parts { store, archives, executor, deployer, pool, settings };
        Self { parts: Arc::new(parts), tasks: TaskTracker::new() }
    }

    /// Prepares a deployment in the background. The receiver hears when it is done, well or not.
    pub fn prepare(&self, id: FunctionId, deployment: DeploymentId) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        let parts = Arc::clone(&self.parts);
        let span = info_span!(parent: None, "activation", function.arn = %id.arn());
        self.tasks.spawn(
            async move {
                parts.prepare(&id, &deployment).await;
                // Nobody has to be waiting.
                let _ = done.send(());
            }
            .instrument(span),
        );
        receiver
    }

    /// Takes up, after a start, what the last process did not finish, and tries failed creations again.
    ///
    /// # Errors
    /// The store failed.
    pub async fn resume(&self) -> Result<(), crate::store::Error> {
        for id in self.parts.store.unsettled_functions().await? {
            let restarted = self.parts.store.change(&id, |changing| {
                changing.function.restart();
                let mut unprepared = Vec::new();
                if changing.function.needs_preparation() {
                    unprepared.push(changing.function.latest.deployment.clone());
                }
                for mut version in changing.unsettled_versions()? {
                    version.restart();
                    changing.put_version(&version)?;
                    if !unprepared.iter().any(|deployment| version.is_preparing(deployment)) {
                        unprepared.push(version.version.deployment);
                    }
                }
                Ok(unprepared)
            });
            match restarted.await {
                Ok(unprepared) => {
                    for deployment in unprepared {
                        self.prepare(id.clone(), deployment);
                    }
                }
                Err(ChangeError::Missing) => {}
                Err(error) => error!(function.arn = %id.arn(), %error, "cannot take up its preparation"),
            }
        }
        Ok(())
    }

    /// Which image a function would run whose `ImageUri` is `uri`. `None`: nobody can tell now; preparation asks again.
    ///
    /// # Errors
    /// There is no such image, or it may not be had.
    pub async fn resolve_image(
        &self,
        uri: &str,
        architecture: Architecture,
    ) -> Result<Option<ImageVersion>, executor::Error> {
        match self.parts.resolve(uri, architecture).await {
            Ok(version) => Ok(Some(version)),
            Err(
                error @ (executor::Error::ImageNotFound { .. } | executor::Error::ImageAccessDenied { .. }),
            ) => Err(error),
            Err(error) => {
                warn!(image = uri, %error, "cannot tell which image this is");
                Ok(None)
            }
        }
    }

    /// Lets go of what a function and its versions had that are no more.
    pub async fn deleted(&self, function: &Function, versions: &[PublishedVersion]) {
        if let Some(serving) = &function.serving {
            self.parts.pool.retire(&serving.deployment);
        }
        for digest in function.archives() {
            self.parts.discard(digest).await;
        }
        self.versions_deleted(versions).await;
    }

    /// Lets go of what versions had that are no more.
    pub async fn versions_deleted(&self, versions: &[PublishedVersion]) {
        for version in versions {
            for deployment in version.deployments() {
                self.parts.pool.retire(deployment);
            }
            for digest in version.archives() {
                self.parts.discard(digest).await;
            }
        }
    }

    /// Lets go of an archive that had one more use.
    pub async fn unused(&self, digest: &lambdock_domain::code::Digest) {
        self.parts.discard(digest).await;
    }

    /// Waits for preparations that are going on, which end by themselves once the engine answers or its time is up.
    pub async fn stopped(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Parts {
    async fn prepare(self: &Arc<Self>, id: &FunctionId, deployment: &DeploymentId) {
        let wanted = deployment.clone();
        let found = self.store.read(id, move |view| {
            let Some(function) = view.function()? else { return Ok(None) };
            if function.is_preparing(&wanted) {
                return Ok(Some(function.latest));
            }
            let versions = view.unsettled_versions()?;
            let version = versions.into_iter().find(|version| version.is_preparing(&wanted));
            Ok(version.map(|version| version.version))
        });
        let begun = Instant::now();
        let Version { configuration, code, state, .. } = match found.await {
            Ok(Some(version)) => version,
            // Deleted or changed again in the meantime; whoever did that takes care of the rest.
            Ok(None) => return,
            Err(crate::store::Error::Closed) => return,
            Err(error) => return error!(%error, "cannot be prepared"),
        };
        let outcome = self.make_ready(id, deployment, &configuration, code).await;
        match &outcome {
            Ok(_) => info!("prepared"),
            Err(reason) => {
                warn!(reason.code = reason.code.as_str(), reason = %reason.text, "cannot be prepared")
            }
        }
        if !matches!(state, State::Pending(_)) {
            sleep_until(begun + self.settings.get().update_time).await;
        }
        self.record(id, deployment.clone(), outcome).await;
    }

    /// Writes down how the preparation of `deployment` ended, for `$LATEST` and for versions published from it, and
    /// lets go of what was served before.
    async fn record(
        self: &Arc<Self>,
        id: &FunctionId,
        deployment: DeploymentId,
        outcome: Result<Code, Reason>,
    ) {
        let written = self.store.change(id, move |changing| {
            let mut left = Vec::new();
            for mut version in changing.unsettled_versions()? {
                if version.is_preparing(&deployment) {
                    match &outcome {
                        Ok(code) => {
                            version.version.code = code.clone();
                            left.extend(version.prepared(new_id()));
                        }
                        Err(reason) => version.preparation_failed(reason.clone(), new_id()),
                    }
                    changing.put_version(&version)?;
                }
            }
            let function = &mut changing.function;
            let before = function.serving.clone();
            let mut archives: Vec<_> = function.archives().cloned().collect();
            archives.extend(left.iter().flat_map(Serving::archives).cloned());
            match outcome {
                Ok(code) => {
                    function.learn(&deployment, code);
                    function.prepared(&deployment, new_id())
                }
                Err(reason) => function.preparation_failed(&deployment, reason, new_id()),
            };
            let serves = function.serving.as_ref().map(|serving| &serving.deployment);
            let replaced = before
                .map(|before| before.deployment)
                .filter(|before| serves.is_some_and(|now| now != before));
            let replaced: Vec<_> =
                replaced.into_iter().chain(left.into_iter().map(|left| left.deployment)).collect();
            let left: Vec<_> = archives
                .into_iter()
                .filter(|digest| function.archives().all(|kept| kept != digest))
                .collect();
            Ok((replaced, left))
        });
        match written.await {
            Ok((replaced, left)) => {
                for deployment in &replaced {
                    self.pool.retire(deployment);
                }
                for digest in left {
                    self.discard(&digest).await;
                }
            }
            Err(ChangeError::Missing) => {}
            Err(error) => error!(%error, "its preparation cannot be recorded"),
        }
    }

    /// Makes sure that everything is there. Returns the code with what was found out about it.
    async fn make_ready(
        &self,
        id: &FunctionId,
        deployment: &DeploymentId,
        configuration: &Configuration,
        mut code: Code,
    ) -> Result<Code, Reason> {
        self.verify(&code).await?;
        if let Code::Image { uri, version: version @ None, .. } = &mut code {
            let resolved = self.resolve(uri, configuration.architecture).await;
            *version = Some(resolved.map_err(|error| reason(&error))?);
        }
        let image = self
            .deployer
            .image(configuration, &code)
            .map_err(|text| Reason { code: ReasonCode::InvalidRuntime, text })?;
        // The latest word only: a pull has more to tell than anybody reads.
        let news = Mutex::new(None);
        let progress = |text: String| *news.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        let mut preparing = self.executor.prepare(&image, &progress);
        let mut report = interval(PROGRESS_INTERVAL);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let prepared = loop {
            tokio::select! {
                prepared = &mut preparing => break prepared,
                _ = report.tick() => {
                    let latest = news.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(text) = latest {
                        self.report(id, deployment, text).await;
                    }
                }
            }
        };
        let prepared = prepared.map_err(|error| reason(&error))?;
        // Nothing that stands by has the folder.
        if !matches!(code, Code::Folder { .. }) {
            self.pool.expect(&image, &prepared.id, configuration.memory_mb);
        }
        if let Code::Image { uri, version, own } = &mut code {
            if let (Some(version), None) = (&version, &own) {
                self.name(uri, version, configuration.architecture).await;
            }
            *own = Some(ImageDefaults {
                entry_point: prepared.entrypoint,
                command: prepared.command,
                working_directory: Some(prepared.working_directory).filter(|folder| !folder.is_empty()),
            });
        }
        Ok(code)
    }

    async fn resolve(&self, uri: &str, architecture: Architecture) -> Result<ImageVersion, executor::Error> {
        let request = ImageRequest { reference: uri.to_owned(), architecture };
        let ResolvedImage { digest, reference } = self.executor.resolve(&request).await?;
        Ok(ImageVersion { digest, reference })
    }

    /// What was pulled by its digest is found under its name, too, as if that had been pulled.
    async fn name(&self, uri: &str, version: &ImageVersion, architecture: Architecture) {
        let ImageVersion { digest, reference } = version.clone();
        let name = ImageRequest { reference: uri.to_owned(), architecture };
        if let Err(error) = self.executor.name(&ResolvedImage { digest, reference }, &name).await {
            warn!(image = uri, %error, "an image that was pulled will be missed when its registry is away");
        }
    }

    async fn report(&self, id: &FunctionId, deployment: &DeploymentId, text: String) {
        let deployment = deployment.clone();
        let written =
            self.store.change_function(id, move |function| Ok(function.report_progress(&deployment, &text)));
        if let Err(error @ ChangeError::Store(_)) = written.await {
            warn!(%error, "progress cannot be told");
        }
    }

    async fn verify(&self, code: &Code) -> Result<(), Reason> {
        let Code::Zip { digest, .. } = code else { return Ok(()) };
        let (archives, digest, limit) =
            (self.archives.clone(), digest.clone(), self.settings.get().unzipped_limit);
        let verified = tokio::task::spawn_blocking(move || {
            let archive = archives.read(&digest).map_err(|error| Reason {
                code: ReasonCode::InternalError,
                text: format!("{PREFIX}its code archive cannot be read: {error}"),
            })?;
            verify(BufReader::new(archive), limit).map_err(|fault: Fault| Reason {
                code: ReasonCode::InvalidZipFileException,
                text: fault.to_string(),
            })
        });
        verified.await.unwrap_or_else(|_| {
            Err(Reason {
                code: ReasonCode::InternalError,
                text: format!("{PREFIX}Lambdock is shutting down."),
            })
        })
    }

    /// Removes an archive that nobody needs, once environments that are starting with it have it: invocations that
    /// came before an update or a deletion finish on the old code.
    async fn discard(self: &Arc<Self>, digest: &lambdock_domain::code::Digest) {
        if !self.pool.is_starting_with(&digest.0) {
            return self.remove_unused(digest).await;
        }
        let (parts, digest) = (Arc::clone(self), digest.clone());
        // If the process ends before, the next one does it.
        tokio::spawn(async move {
            while parts.pool.is_starting_with(&digest.0) {
                sleep(LOOKS).await;
            }
            parts.remove_unused(&digest).await;
        });
    }

    async fn remove_unused(&self, digest: &lambdock_domain::code::Digest) {
        match self.store.archive_is_in_use(digest).await {
            Ok(true) => {}
            Ok(false) => {
                if let Err(error) = self.archives.discard(digest) {
                    warn!(%error, archive = %digest.0, "an archive that nobody needs cannot be removed");
                }
            }
            Err(error) => warn!(%error, "cannot tell whether an archive is needed"),
        }
    }
}

/// Where users of LocalStack look for it.
const PREFIX: &str = "Error while creating lambda: ";

fn reason(error: &executor::Error) -> Reason {
    Reason { code: reason_code(error), text: format!("{PREFIX}{error}") }
}

fn reason_code(error: &executor::Error) -> ReasonCode {
    match error {
        executor::Error::ImageNotFound { .. } | executor::Error::WrongArchitecture { .. } => {
            ReasonCode::InvalidImage
        }
        executor::Error::ImageAccessDenied { .. } => ReasonCode::ImageAccessDenied,
        executor::Error::Unavailable(_)
        | executor::Error::Timeout { .. }
        | executor::Error::Pull { .. }
        | executor::Error::Refused { .. } => ReasonCode::InternalError,
    }
}
