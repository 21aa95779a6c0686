//! Containers of Docker, Podman and what speaks their API. Nothing outside of here knows the engine's client.
//!
//! The engine is looked for when it is first needed and again whenever it stopped answering, so one that is started
//! later is found, and one that is restarted is found again.

mod address;
mod code_volume;
mod connect;
mod container;
mod door;
mod failure;
mod flags;
mod image;
mod init_volume;
mod launch;
mod memory;
mod reference;
mod topology;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{OnceCell, mpsc};
use tokio::time::sleep;
use tracing::{debug, info};

pub use address::Hints;
pub use flags::{Fault, Flags, Sources};
pub use init_volume::{InitBinaries, InitBinary};
pub use topology::Place;

use address::Address;
use code_volume::{CodeVolumes, Key, Means};
use connect::Found;
use image::{Images, Wanted};
use init_volume::InitVolumes;
use topology::{Topology, Wishes};

use crate::adjustable::Adjustable;

use super::{
    ContainerId, ContainerSpec, Content, Death, EngineDescription, EnvironmentId, Error, Executor,
    FunctionNames, ImagePlace, ImageRequest, Memory, OpenArchive, PostMortem, PreparedImage, Progress, Reach,
    ResolvedImage, Unpacked,
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

impl Settings {
    fn with_network_of_flags(mut self) -> Self {
        // The flag names the main network, and wins; further ones stay. [LocalStack: additional flags]
        if let Some(network) = &self.flags.network {
            let further = self.networks.iter().skip(1).filter(|further| *further != network);
            self.networks = [network].into_iter().chain(further).cloned().collect();
        }
        self
    }
}

/// An engine that answered, and what is known of it.
struct Engine {
    found: Found,
    topology: OnceCell<Topology>,
    init: InitVolumes,
}

/// Runs functions in containers.
pub struct Docker {
    settings: Adjustable<Settings>,
    engine: RwLock<Option<Arc<Engine>>>,
    /// Held while an engine is looked for: one search is enough.
    search: tokio::sync::Mutex<()>,
    images: Images,
    code: Arc<CodeVolumes>,
    /// `None`: code is always sent to containers.
    archives: Option<OpenArchive>,
    request_limit: Duration,
    /// How long what seems to be nobody's is left alone.
    business: Duration,
}

/// Time for the answer to any one request; pulls and the stream of events have their own. [LocalStack:
/// `DOCKER_SDK_DEFAULT_TIMEOUT_SECONDS`]
const REQUEST_LIMIT: Duration = Duration::from_secs(60);

/// A container without an environment fills a volume, which takes a moment, and whoever lost one looks at it for a
/// moment; older ones were left behind.
const BUSINESS: Duration = Duration::from_secs(120);

/// How long until the stream of events is opened again when it breaks.
const REOPEN: Duration = Duration::from_secs(1);

impl Docker {
    /// An executor that has not looked for its engine yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Adjustable::new(settings.with_network_of_flags()),
            engine: RwLock::default(),
            search: tokio::sync::Mutex::default(),
            images: Images::default(),
            code: Arc::default(),
            archives: None,
            request_limit: REQUEST_LIMIT,
            business: BUSINESS,
        }
    }

    /// The same, which unpacks these archives for all containers at once.
    #[must_use]
    pub fn with_archives(self, archives: OpenArchive) -> Self {
        Self { archives: Some(archives), ..self }
    }

    /// The same, with another time for the answer to any one request, in whole seconds.
    #[must_use]
    pub fn with_request_limit(self, request_limit: Duration) -> Self {
        Self { request_limit, ..self }
    }

    /// The same, with another time for which containers are left alone that seem to be nobody's.
    #[must_use]
    pub fn with_business(self, business: Duration) -> Self {
        Self { business, ..self }
    }

    /// Makes containers with these from now on.
    pub fn adjust(&self, settings: Settings) {
        self.settings.set(settings.with_network_of_flags());
        // What was found out about its networks is found out anew.
        *self.engine.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn engine(&self) -> Result<Arc<Engine>, Error> {
        if let Some(engine) = self.known_engine() {
            return Ok(engine);
        }
        let _searching = self.search.lock().await;
        if let Some(engine) = self.known_engine() {
            return Ok(engine);
        }
        let found = connect::find(&self.settings.get().hints, self.request_limit).await?;
        let described = &found.description;
        info!(
            engine = described.name,
            version = described.version,
            address = described.address,
            "found an engine"
        );
        let settings = self.settings.get();
        let init = InitVolumes::new(&settings.init, &settings.instance);
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
        let settings = self.settings.get();
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
        let settings = self.settings.get();
        let prefix = &settings.image_prefix;
        let reference = if image.reference.starts_with(prefix.as_str()) || reference::is_id(&image.reference)
        {
            image.reference.clone()
        } else {
            format!("{prefix}{}", image.reference)
        };
        let platform = match (&settings.flags.platform, settings.platforms) {
            (Some(platform), _) => Some(platform.clone()),
            (None, Platforms::Honoured) => Some(image::platform(image.architecture).to_owned()),
            (None, Platforms::LeftToEngine) => None,
        };
        Wanted { reference, platform }
    }
}

impl Docker {
    async fn unpack_on(
        &self,
        engine: &Engine,
        content: &Content,
        image: &ImageRequest,
    ) -> Result<Option<Unpacked>, Error> {
        let Some(archives) = &self.archives else { return Ok(None) };
        let settings = self.settings.get();
        if settings.flags.mount_below(&content.target) {
            return Ok(None);
        }
        let Wanted { reference, platform } = self.wanted(image);
        let client = engine.found.client.clone();
        // One that has been removed is there again once a container has been started.
        let Some(id) = image::inspect(&client, &reference).await?.and_then(|found| found.id) else {
            return Ok(None);
        };
        let means = Means { client, instance: settings.instance.clone(), image: reference, platform };
        let key = Key { image: id, content: content.clone() };
        let name = self.code.filled(means, key, Arc::clone(archives)).await?;
        Ok(Some(Unpacked { name, target: content.target.clone() }))
    }
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

    fn resolve<'a>(&'a self, image: &'a ImageRequest) -> BoxFuture<'a, Result<ResolvedImage, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let resolved = reference::resolve(&engine.found.client, &self.wanted(image)).await;
            self.heard(&engine, resolved)
        })
    }

    fn name<'a>(
        &'a self,
        image: &'a ResolvedImage,
        name: &'a ImageRequest,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let named = reference::name(&engine.found.client, &image.reference, &self.wanted(name)).await;
            self.heard(&engine, named)
        })
    }

    fn look_up<'a>(&'a self, image: &'a ImageRequest) -> BoxFuture<'a, Result<ImagePlace, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let found = image::look_up(&engine.found.client, &self.wanted(image)).await;
            self.heard(&engine, found)
        })
    }

    fn unpack<'a>(
        &'a self,
        content: &'a Content,
        image: &'a ImageRequest,
    ) -> BoxFuture<'a, Result<Option<Unpacked>, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let unpacked = self.unpack_on(&engine, content, image).await;
            self.heard(&engine, unpacked)
        })
    }

    fn start<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<ContainerId, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let started = self.start_on(&engine, spec).await;
            self.heard(&engine, started)
        })
    }

    fn may_start_ahead(&self) -> bool {
        let settings = self.settings.get();
        let network = settings.networks.first().map(String::as_str);
        settings.flags.ports.is_empty() && network != Some("host") && settings.ended == Ended::Removed
    }

    fn available_memory_mb(&self) -> Option<u64> {
        // A socket leads to an engine that shares our memory.
        let engine = self.known_engine()?;
        matches!(engine.found.address, Address::Socket(_)).then(memory::available_mb).flatten()
    }

    fn dedicate<'a>(
        &'a self,
        container: &'a ContainerId,
        environment: EnvironmentId,
        function: &'a FunctionNames,
        memory: Memory,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let name = self.name(environment, Some(function));
            let dedicated = self.dedicate_on(&engine, container, &name, memory).await;
            self.heard(&engine, dedicated)
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
        used: &'a (dyn Fn(&Content) -> bool + Send + Sync),
    ) -> BoxFuture<'a, Result<usize, Error>> {
        Box::pin(async move {
            let engine = self.engine().await?;
            let removed = self.remove_unknown(&engine, known, used).await;
            self.heard(&engine, removed)
        })
    }

    fn variables(&self) -> BTreeMap<String, String> {
        self.settings.get().flags.environment.clone()
    }

    fn user(&self) -> Option<String> {
        self.settings.get().flags.user.clone()
    }
}
