//! Containers of Docker, Podman and what speaks their API. Nothing outside of here knows the engine's client.
//!
//! The engine is looked for when it is first needed and again whenever it stopped answering, so one that is started
//! later is found, and one that is restarted is found again.

mod address;
mod connect;
mod container;
mod failure;
mod flags;
mod image;
mod init_volume;
mod topology;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::container::LogOutput;
use bollard::models::NetworkConnectRequest;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, EventsOptionsBuilder, KillContainerOptionsBuilder,
    ListContainersOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use lambdock_domain::Architecture;
use tokio::sync::{OnceCell, mpsc};
use tokio::time::sleep;
use tracing::{debug, info, warn};

pub use address::Hints;
pub use flags::{Fault, Flags, Sources};
pub use init_volume::InitBinaries;
pub use topology::Place;

use connect::{Found, REQUEST_LIMIT};
use container::{ENVIRONMENT_LABEL, Fittings, INSTANCE_LABEL};
use failure::{failure, status};
use image::{Images, Wanted};
use init_volume::InitVolumes;
use topology::{Topology, Wishes};

use super::{
    ContainerId, ContainerSpec, Death, EngineDescription, EnvironmentId, Error, Executor, ImagePlace,
    ImageRequest, PostMortem, PreparedImage, Progress, Reach,
};

/// Whether the function's architecture is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platforms {
    /// It is.
    Honoured,
    /// `LAMBDA_IGNORE_ARCHITECTURE`: the engine chooses.
    LeftToEngine,
}

/// What becomes of containers that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// They are removed.
    Removed,
    /// `LAMBDA_REMOVE_CONTAINERS=0`: they stay, to be looked at.
    Kept,
}

/// What function containers are made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the engine may be.
    pub hints: Hints,
    /// Where this process runs.
    pub place: Place,
    /// Name of the machine or container that this process runs in.
    pub hostname: Option<String>,
    /// `MAIN_CONTAINER_NAME`: first part of the names of containers, and the name under which the engine may know
    /// our own.
    pub main_container_name: String,
    /// Names this control plane in the labels of its containers.
    pub instance: String,
    /// `LAMBDA_DOCKER_NETWORK`.
    pub networks: Vec<String>,
    /// `LAMBDA_DOCKER_FLAGS`.
    pub flags: Flags,
    /// `LAMBDA_DOCKER_DNS`.
    pub dns: Option<String>,
    /// `LAMBDA_IGNORE_ARCHITECTURE`.
    pub platforms: Platforms,
    /// `LAMBDA_REMOVE_CONTAINERS`.
    pub ended: Ended,
    /// `HOSTNAME_FROM_LAMBDA`.
    pub host_from_containers: Option<String>,
    /// `DOCKER_GLOBAL_IMAGE_PREFIX`.
    pub image_prefix: String,
    /// The in-container init.
    pub init: InitBinaries,
}

/// An engine that answered, and what is known of it.
struct Engine {
    found: Found,
    topology: OnceCell<Topology>,
    init: InitVolumes,
}

/// Runs functions in containers.
pub struct Docker {
    settings: Settings,
    engine: RwLock<Option<Arc<Engine>>>,
    /// Held while an engine is looked for: one search is enough.
    search: tokio::sync::Mutex<()>,
    images: Images,
}

/// How long until the stream of events is opened again when it breaks.
const REOPEN: Duration = Duration::from_secs(1);

/// Lines of a container's output that are shown when it died.
const LAST_LINES: &str = "20";

/// A container without an environment fills a volume, which takes a moment; older ones were left behind.
const FILLING_TIME: Duration = Duration::from_secs(120);

impl Docker {
    /// An executor that has not looked for its engine yet.
    pub fn new(mut settings: Settings) -> Self {
        // `--network` is one more way to say it.
        if settings.networks.is_empty() {
            settings.networks.extend(settings.flags.network.clone());
        }
        Self {
            settings,
            engine: RwLock::default(),
            search: tokio::sync::Mutex::default(),
            images: Images::default(),
        }
    }

    async fn engine(&self) -> Result<Arc<Engine>, Error> {
        if let Some(engine) = self.known_engine() {
            return Ok(engine);
        }
        let _searching = self.search.lock().await;
        if let Some(engine) = self.known_engine() {
            return Ok(engine);
        }
        let found = connect::find(&self.settings.hints).await?;
        let described = &found.description;
        info!(
            engine = described.name,
            version = described.version,
            address = described.address,
            "found an engine"
        );
        let init = InitVolumes::new(&self.settings.init, &self.settings.instance);
        let engine = Arc::new(Engine { found, topology: OnceCell::new(), init });
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&engine));
        Ok(engine)
    }

    fn known_engine(&self) -> Option<Arc<Engine>> {
        self.engine.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands on a result; an engine that stopped answering is looked for anew the next time.
    fn heard<T>(&self, engine: &Arc<Engine>, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Unavailable(_)) = &result {
            let mut known = self.engine.write().unwrap_or_else(PoisonError::into_inner);
            if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, engine)) {
                *known = None;
            }
        }
        result
    }

    async fn topology<'a>(&self, engine: &'a Engine) -> &'a Topology {
        let settings = &self.settings;
        let wishes = Wishes {
            networks: &settings.networks,
            host: settings.host_from_containers.as_deref(),
            place: settings.place,
            hostname: settings.hostname.as_deref(),
            main_container_name: &settings.main_container_name,
        };
        engine.topology.get_or_init(|| topology::discover(&engine.found, &wishes)).await
    }

    fn wanted(&self, image: &ImageRequest) -> Wanted {
        let prefix = &self.settings.image_prefix;
        let reference = if image.reference.starts_with(prefix.as_str()) {
            image.reference.clone()
        } else {
            format!("{prefix}{}", image.reference)
        };
        let platform = match (&self.settings.flags.platform, self.settings.platforms) {
            (Some(platform), _) => Some(platform.clone()),
            (None, Platforms::Honoured) => Some(image::platform(image.architecture).to_owned()),
            (None, Platforms::LeftToEngine) => None,
        };
        Wanted { reference, platform }
    }

    /// Which init a container of the image needs.
    async fn architecture(
        &self,
        engine: &Engine,
        wanted: &Wanted,
        asked: Architecture,
    ) -> Result<Architecture, Error> {
        if self.settings.platforms == Platforms::Honoured && self.settings.flags.platform.is_none() {
            return Ok(asked);
        }
        let found = image::inspect(&engine.found.client, &wanted.reference).await?;
        Ok(found.as_ref().and_then(image::architecture).unwrap_or(asked))
    }

    async fn start_on(&self, engine: &Engine, spec: &ContainerSpec) -> Result<ContainerId, Error> {
        let name = container::name(&self.settings.main_container_name, spec);
        match self.try_start(engine, spec, &name).await {
            Err(Trouble::ImageMissing) => {
                // Removed since the function was created.
                let wanted = self.wanted(&spec.image);
                self.images.prepare(&engine.found.client, &wanted, &|text| info!("{text}")).await?;
            }
            Err(Trouble::InitMissing(architecture)) => engine.init.doubt(architecture).await,
            started => return started.map_err(Trouble::into_error),
        }
        self.try_start(engine, spec, &name).await.map_err(Trouble::into_error)
    }

    async fn try_start(
        &self,
        engine: &Engine,
        spec: &ContainerSpec,
        name: &str,
    ) -> Result<ContainerId, Trouble> {
        let client = &engine.found.client;
        let wanted = self.wanted(&spec.image);
        let architecture = self.architecture(engine, &wanted, spec.image.architecture).await?;
        let platform = wanted.platform.as_deref();
        let init =
            engine.init.mount(client, architecture, &wanted.reference, platform).await.map_err(no_image)?;
        let topology = self.topology(engine).await;
        let fittings = Fittings {
            instance: &self.settings.instance,
            dns: self.settings.dns.as_deref(),
            flags: &self.settings.flags,
            topology,
        };
        let body = container::body(spec, &wanted.reference, init, &fittings);
        let options = CreateContainerOptionsBuilder::new().name(name);
        let options = match platform {
            Some(platform) => options.platform(platform),
            None => options,
        };
        let created = client.create_container(Some(options.build()), body).await;
        let id = match created {
            Ok(created) => ContainerId(created.id),
            Err(error) => {
                // The engine may have created it and failed to say so.
                self.remove(engine, name).await.unwrap_or_else(|error| debug!(%error, "nothing to clean up"));
                return Err(no_image(failure("create a container", REQUEST_LIMIT, &error)));
            }
        };
        let started = async {
            for network in &topology.further {
                let request = NetworkConnectRequest { container: id.0.clone(), endpoint_config: None };
                let connected = client.connect_network(network, request).await;
                connected
                    .map_err(|error| failure("connect a container to a network", REQUEST_LIMIT, &error))?;
            }
            let started = client.start_container(&id.0, None).await;
            started.map_err(|error| failure("start a container", REQUEST_LIMIT, &error))
        };
        match started.await {
            Ok(()) => Ok(id),
            Err(error) => {
                if let Err(error) = self.remove(engine, &id.0).await {
                    warn!(container.id = %id, %error, "a container that did not start could not be removed");
                }
                Err(match error {
                    Error::Refused { message, .. } if init_missing(&message) => {
                        Trouble::InitMissing(architecture)
                    }
                    error => Trouble::Other(error),
                })
            }
        }
    }

    async fn remove(&self, engine: &Engine, name: &str) -> Result<(), Error> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match engine.found.client.remove_container(name, Some(options)).await {
            Ok(()) => Ok(()),
            // Gone, or going.
            Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
            Err(error) => Err(failure("remove a container", REQUEST_LIMIT, &error)),
        }
    }

    async fn kill(&self, engine: &Engine, name: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        match engine.found.client.kill_container(name, Some(options)).await {
            Ok(()) => Ok(()),
            // Gone, or not running.
            Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
            Err(error) => Err(failure("end a container", REQUEST_LIMIT, &error)),
        }
    }

    async fn end(&self, engine: &Engine, name: &str) -> Result<(), Error> {
        match self.settings.ended {
            Ended::Removed => self.remove(engine, name).await,
            Ended::Kept => self.kill(engine, name).await,
        }
    }

    async fn look_at(&self, engine: &Engine, container: &ContainerId) -> PostMortem {
        let client = &engine.found.client;
        let inspected = client.inspect_container(&container.0, None).await;
        let state = inspected.ok().and_then(|container| container.state).unwrap_or_default();
        let running = state.running.unwrap_or_default();
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(LAST_LINES).build();
        let mut lines = client.logs(&container.0, Some(options));
        let mut output = String::new();
        while let Some(Ok(line)) = lines.next().await {
            let (LogOutput::StdErr { message }
            | LogOutput::StdOut { message }
            | LogOutput::StdIn { message }
            | LogOutput::Console { message }) = line;
            output.push_str(&String::from_utf8_lossy(&message));
        }
        PostMortem {
            exit_code: state.exit_code.filter(|_| !running),
            out_of_memory: state.oom_killed.unwrap_or_default(),
            error: state.error.unwrap_or_default(),
            output,
        }
    }

    fn label_filter(&self) -> (String, Vec<String>) {
        ("label".to_owned(), vec![format!("{INSTANCE_LABEL}={}", self.settings.instance)])
    }

    /// Tells of deaths until the stream breaks.
    async fn watch_once(&self, deaths: &mpsc::Sender<Death>) -> Result<(), Error> {
        let engine = self.engine().await?;
        let client = &engine.found.client;
        let filters: HashMap<_, _> = [
            self.label_filter(),
            ("type".to_owned(), vec!["container".to_owned()]),
            ("event".to_owned(), vec!["die".to_owned()]),
        ]
        .into();
        let mut events = client.events(Some(EventsOptionsBuilder::new().filters(&filters).build()));
        // Those that died while nobody listened.
        let ended: HashMap<_, _> =
            [self.label_filter(), ("status".to_owned(), vec!["exited".to_owned()])].into();
        let options = ListContainersOptionsBuilder::new().all(true).filters(&ended).build();
        let listed = client.list_containers(Some(options)).await;
        let listed = listed.map_err(|error| failure("list containers", REQUEST_LIMIT, &error));
        for container in self.heard(&engine, listed)? {
            if let Some(environment) = environment_of(container.labels.as_ref()) {
                // Nobody listens when the pool is gone, and then this future is dropped soon.
                let _ = deaths.send(Death { environment, exit_code: None }).await;
            }
        }
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| failure("tell of containers that end", REQUEST_LIMIT, &error));
            let attributes = self.heard(&engine, event)?.actor.and_then(|actor| actor.attributes);
            if let Some(environment) = environment_of(attributes.as_ref()) {
                let exit_code = attributes.as_ref().and_then(|all| all.get("exitCode")?.parse().ok());
                let _ = deaths.send(Death { environment, exit_code }).await;
            }
        }
        Ok(())
    }

    async fn remove_unknown(
        &self,
        engine: &Engine,
        known: &(dyn Fn(EnvironmentId) -> bool + Send + Sync),
    ) -> Result<usize, Error> {
        let client = &engine.found.client;
        let filters: HashMap<_, _> = [self.label_filter()].into();
        // Ended ones that are to be kept are no leftovers.
        let all = self.settings.ended == Ended::Removed;
        let options = ListContainersOptionsBuilder::new().all(all).filters(&filters).build();
        let listed = client.list_containers(Some(options)).await;
        let listed = listed.map_err(|error| failure("list containers", REQUEST_LIMIT, &error))?;
        let mut removed = 0;
        for container in listed {
            let is_leftover = match environment_of(container.labels.as_ref()) {
                Some(environment) => !known(environment),
                None => is_old(container.created),
            };
            if let Some(id) = container.id.filter(|_| is_leftover) {
                self.end(engine, &id).await?;
                removed += 1;
            }
        }
        engine.init.remove_old(client).await?;
        Ok(removed)
    }
}

/// Why a container did not start.
enum Trouble {
    ImageMissing,
    InitMissing(Architecture),
    Other(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Trouble {
    fn into_error(self) -> Error {
        let refused =
            |message: &str| Error::Refused { action: "start a container", message: message.to_owned() };
        match self {
            Self::ImageMissing => refused("its image was removed while it was being started"),
            Self::InitMissing(_) => {
                refused("the volume with its init was emptied while it was being started")
            }
            Self::Other(error) => error,
        }
    }
}

/// Engines say "No such image" with all kinds of words around it.
fn no_image(error: Error) -> Trouble {
    match &error {
        Error::Refused { message, .. } => {
            let lower = message.to_lowercase();
            let missing = [
                "no such image",
                "image not known",
                "unable to find image",
                "does not match the specified platform",
            ];
            if missing.iter().any(|words| lower.contains(words)) {
                Trouble::ImageMissing
            } else {
                error.into()
            }
        }
        _ => error.into(),
    }
}

fn init_missing(message: &str) -> bool {
    message.contains(init_volume::PATH) && message.contains("no such file")
}

fn environment_of(labels: Option<&HashMap<String, String>>) -> Option<EnvironmentId> {
    EnvironmentId::parse(labels?.get(ENVIRONMENT_LABEL)?)
}

fn is_old(created: Option<i64>) -> bool {
    let created = created.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    created.is_none_or(|created| now.saturating_sub(created) > FILLING_TIME)
}

impl Executor for Docker {
    fn describe(&self) -> BoxFuture<'_, Result<EngineDescription, Error>> {
        Box::pin(async { Ok(self.engine().await?.found.description.clone()) })
    }

    fn reach(&self) -> BoxFuture<'_, Result<Reach, Error>> {
        Box::pin(async {
            let engine = self.engine().await?;
            Ok(self.topology(&engine).await.reach.clone())
        })
    }

    fn prepare<'a>(
        &'a self,
        image: &'a ImageRequest,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, Result<PreparedImage, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let wanted = self.wanted(image);
            let prepared = self.images.prepare(&engine.found.client, &wanted, progress).await;
            self.heard(&engine, prepared)
        })
    }

    fn look_up<'a>(&'a self, image: &'a ImageRequest) -> BoxFuture<'a, Result<ImagePlace, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let found = image::look_up(&engine.found.client, &self.wanted(image)).await;
            self.heard(&engine, found)
        })
    }

    fn start<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<ContainerId, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let started = self.start_on(&engine, spec).await;
            self.heard(&engine, started)
        })
    }

    fn post_mortem<'a>(&'a self, container: &'a ContainerId) -> BoxFuture<'a, PostMortem> {
        Box::pin(async move {
            match self.engine().await {
                Ok(engine) => self.look_at(&engine, container).await,
                Err(error) => PostMortem { error: error.to_string(), ..PostMortem::default() },
            }
        })
    }

    fn stop<'a>(&'a self, container: &'a ContainerId) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let stopped = self.end(&engine, &container.0).await;
            self.heard(&engine, stopped)
        })
    }

    fn watch(&self, deaths: mpsc::Sender<Death>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                if let Err(error) = self.watch_once(&deaths).await {
                    debug!(%error, "not told of containers that end");
                }
                sleep(REOPEN).await;
            }
        })
    }

    fn remove_leftovers<'a>(
        &'a self,
        known: &'a (dyn Fn(EnvironmentId) -> bool + Send + Sync),
    ) -> BoxFuture<'a, Result<usize, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let removed = self.remove_unknown(&engine, known).await;
            self.heard(&engine, removed)
        })
    }

    fn variables(&self) -> &BTreeMap<String, String> {
        &self.settings.flags.environment
    }
}
