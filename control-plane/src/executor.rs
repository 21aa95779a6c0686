//! Where execution environments run: something that turns an image into a running sandbox.
//!
//! The control plane asks only for what is here. [`docker`] answers with a container engine; nothing outside of it
//! knows one.

pub mod docker;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use lambdock_domain::Architecture;
use tokio::sync::mpsc;

/// Id of an execution environment: 32 lower-case hex digits when shown, unguessable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentId(u128);

impl EnvironmentId {
    /// A new id.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().as_u128())
    }

    /// The id shown as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits =
            text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        digits.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Id that the engine gave to a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerId(pub String);

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The form in which engines' own tools print ids.
        f.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// An image that a function needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageRequest {
    /// As the user or the runtime table names it; the executor adds its prefix.
    pub reference: String,
    /// The function's architecture.
    pub architecture: Architecture,
}

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreparedImage {
    /// The engine's id, `sha256:…`.
    pub id: String,
    /// The reference under which the engine knows it.
    pub reference: String,
    /// Digest in its registry, `sha256:…`; none for an image that was built here.
    pub digest: Option<String>,
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// `WORKDIR`; empty: not set.
    pub working_directory: String,
    /// `ENV`, each `NAME=value`.
    pub environment: Vec<String>,
    /// Bytes of all layers.
    pub size: u64,
}

/// A sandbox to start.
#[derive(Debug, Clone)]
pub struct ContainerSpec {
    /// Id of the environment that it will be.
    pub environment: EnvironmentId,
    /// Its secret for the uplink.
    pub secret: String,
    /// Host and port of the uplink as the container reaches it.
    pub uplink: String,
    /// The function it is for, for people; none is known of a sandbox that is started before it is needed.
    pub function: Option<FunctionNames>,
    /// What it runs.
    pub image: ImageRequest,
    /// `MemorySize` in MB; more is not to be had.
    pub memory_size_mb: u32,
    /// Folders of the engine's machine that it sees, and cannot write to.
    pub mounts: Vec<FolderMount>,
    /// What it sees of what has been unpacked for all.
    pub unpacked: Vec<Unpacked>,
    /// The sandbox whose network it is to be in, instead of one of its own, which takes an engine most of the time of
    /// a start.
    pub network_of: Option<ContainerId>,
}

/// A folder of the engine's machine in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderMount {
    /// Where it is there.
    pub source: String,
    /// Where it is in the sandbox.
    pub target: String,
}

/// Archives that sandboxes have in a folder, each over the ones before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Content {
    /// The folder.
    pub target: String,
    /// Digests of the archives.
    pub archives: Vec<String>,
}

/// A content that has been unpacked for any number of sandboxes. They cannot write to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// What the executor calls it.
    pub name: String,
    /// The folder that it is for.
    pub target: String,
}

/// Opens the archive with a digest. Called on a thread that may block.
pub type OpenArchive = Arc<dyn Fn(&str) -> io::Result<File> + Send + Sync>;

/// Memory of a sandbox in MB, that it has and that its function is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// `MemorySize` that it was started with.
    pub has_mb: u32,
    /// `MemorySize` of the function.
    pub wanted_mb: u32,
}

/// What a sandbox's function is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionNames {
    /// Its name.
    pub name: String,
    /// ARN of the version.
    pub arn: String,
}

/// How containers reach this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Addresses to listen on, most private first; the next one is tried when one cannot be bound.
    pub bind: Vec<IpAddr>,
    /// Host name or address that containers dial.
    pub host: String,
}

/// A container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// The environment it was.
    pub environment: EnvironmentId,
    /// Exit status of its first process.
    pub exit_code: Option<i64>,
}

/// What is known of a container that ended without being told to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PostMortem {
    /// Exit status; `None`: it still runs or is gone.
    pub exit_code: Option<i64>,
    /// Whether the kernel ended its first process for want of memory.
    pub out_of_memory: bool,
    /// What the engine says went wrong; empty: nothing.
    pub error: String,
    /// Its last lines of output.
    pub output: String,
}

/// The engine found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineDescription {
    /// Such as `Docker Engine` or `Podman Engine`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Version of the API spoken with it.
    pub api_version: String,
    /// Where it answers, such as `unix:///var/run/docker.sock`.
    pub address: String,
    /// Operating system and architecture it runs on, such as `linux/amd64`.
    pub platform: String,
    /// Milliseconds by which its clock was ahead of ours when it was found; `None`: it does not tell the time.
    pub clock_ahead_ms: Option<i64>,
}

/// Which image a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    /// Its digest in its registry, or the engine's id of one that is in no registry; `sha256:…`.
    pub digest: String,
    /// A reference that means this very image for as long as there is one.
    pub reference: String,
}

/// Where an image could be had from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImagePlace {
    /// The engine has it.
    Engine,
    /// The engine can pull it.
    Registry,
}

/// What to do about an image that cannot be had.
const IMAGE_REMEDY: &str =
    "pull or build it by hand; for runtimes, LAMBDA_RUNTIME_IMAGE_MAPPING can name other images";

/// Why something could not be done. Shown to users in `StateReason` and in service errors.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No engine answers, or it stopped answering.
    #[error("Docker not available: {0}")]
    Unavailable(String),
    /// The engine did not answer in time.
    #[error("the container engine did not answer within {} s while it was asked to {action}", .limit.as_secs())]
    Timeout {
        /// What it was asked to do.
        action: &'static str,
        /// How long it was given.
        limit: Duration,
    },
    /// No registry has the image, nor has the engine. Lambda's reason code `InvalidImage`.
    #[error("image {reference} was not found: {message}; {IMAGE_REMEDY}")]
    ImageNotFound {
        /// The reference.
        reference: String,
        /// The engine's words.
        message: String,
    },
    /// The registry wants a login. Lambda's reason code `ImageAccessDenied`.
    #[error("access to image {reference} was denied: {message}")]
    ImageAccessDenied {
        /// The reference.
        reference: String,
        /// The engine's words.
        message: String,
    },
    /// The image exists for another processor only. Lambda's reason code `InvalidImage`.
    #[error(
        "image {reference} is for {found}, the function is for {wanted}; set the function's Architectures, or LAMBDA_IGNORE_ARCHITECTURE=1 to leave the choice to the engine"
    )]
    WrongArchitecture {
        /// The reference.
        reference: String,
        /// Platform of the image.
        found: String,
        /// Platform of the function.
        wanted: String,
    },
    /// The image could not be pulled for another reason: no network, no disk space.
    #[error("image {reference} could not be pulled: {message}; {IMAGE_REMEDY}")]
    Pull {
        /// The reference.
        reference: String,
        /// The engine's words.
        message: String,
    },
    /// The engine refused.
    #[error("the container engine refused to {action}: {message}")]
    Refused {
        /// What it was asked to do.
        action: &'static str,
        /// The engine's words.
        message: String,
    },
}

/// Told what a long preparation is doing, in words for the function's `StateReason`.
pub type Progress<'a> = &'a (dyn Fn(String) + Send + Sync);

/// Runs sandboxes.
pub trait Executor: Send + Sync + 'static {
    /// Finds the engine, or says why there is none.
    fn describe(&self) -> BoxFuture<'_, Result<EngineDescription, Error>>;

    /// How containers reach this process.
    fn reach(&self) -> BoxFuture<'_, Result<Reach, Error>>;

    /// Makes sure that the engine has the image; pulls it when it is missing. Pulls of the same image are shared.
    fn prepare<'a>(
        &'a self,
        image: &'a ImageRequest,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, Result<PreparedImage, Error>>;

    /// Which image is meant now. The registry is asked where there is one, else the engine; nothing is pulled.
    fn resolve<'a>(&'a self, image: &'a ImageRequest) -> BoxFuture<'a, Result<ResolvedImage, Error>>;

    /// Gives an image that the engine has a name, by which it is found when its registry is away.
    fn name<'a>(
        &'a self,
        image: &'a ResolvedImage,
        name: &'a ImageRequest,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Where the image would come from. Nothing is pulled.
    fn look_up<'a>(&'a self, image: &'a ImageRequest) -> BoxFuture<'a, Result<ImagePlace, Error>>;

    /// Unpacks a content once for all sandboxes of the image, unless that has been done. `None`: it cannot be had in
    /// this way, and has to be sent to each.
    fn unpack<'a>(
        &'a self,
        content: &'a Content,
        image: &'a ImageRequest,
    ) -> BoxFuture<'a, Result<Option<Unpacked>, Error>>;

    /// Starts a sandbox. On an error nothing is left behind.
    fn start<'a>(&'a self, spec: &'a ContainerSpec) -> BoxFuture<'a, Result<ContainerId, Error>>;

    /// Whether a sandbox may be started before its function is known. It may not where containers take something that
    /// only one can have, such as a port of this machine.
    fn may_start_ahead(&self) -> bool;

    /// Memory that is left where containers run, in MB, if that can be known.
    fn available_memory_mb(&self) -> Option<u64>;

    /// Gives a sandbox that was started for nobody to a function: it gets the name and the memory.
    fn dedicate<'a>(
        &'a self,
        container: &'a ContainerId,
        environment: EnvironmentId,
        function: &'a FunctionNames,
        memory: Memory,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// What became of a container that ended by itself.
    fn post_mortem<'a>(&'a self, container: &'a ContainerId) -> BoxFuture<'a, PostMortem>;

    /// Ends a container, at once, and removes it unless it is to be kept. Not an error: it is gone already.
    fn stop<'a>(&'a self, container: &'a ContainerId) -> BoxFuture<'a, Result<(), Error>>;

    /// Tells of containers of this control plane that end, for as long as the future is polled. Never returns.
    fn watch(&self, deaths: mpsc::Sender<Death>) -> BoxFuture<'_, ()>;

    /// Removes containers that carry this control plane's label and whose environment `known` does not have:
    /// those of a process that was killed. Returns how many. What has been unpacked and is not `used` goes, too.
    fn remove_leftovers<'a>(
        &'a self,
        known: &'a (dyn Fn(EnvironmentId) -> bool + Send + Sync),
        used: &'a (dyn Fn(&Content) -> bool + Send + Sync),
    ) -> BoxFuture<'a, Result<usize, Error>>;

    /// Variables that the operator sets in every function, over the function's own.
    fn variables(&self) -> BTreeMap<String, String>;

    /// Whom the operator has functions run as, where nothing else says it: `name[:group]`, names or numbers.
    fn user(&self) -> Option<String>;
}
