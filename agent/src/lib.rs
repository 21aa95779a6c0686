//! Everything that happens inside a Lambda function's container.
//!
//! The init is PID 1. It dials out to the control plane over the uplink ([`lambdock_protocol`]), is told what function
//! it is for, fetches and unpacks the code, starts the runtime, and from then on stands between the two: invocations
//! come down, are handed to the runtime through Lambda's Runtime API on `127.0.0.1:9001`, and answers, log lines and
//! measurements go up as they happen.
//!
//! ```text
//! uplink ──┐                               ┌── process   start, kill, reap
//! api ─────┼─▶ driver ─▶ lifecycle (pure) ─┼── output    lines of the function, up
//! signals ─┘   one loop      events →      ├── uplink    answers, reports, up
//! processes      effects                   └── api       events, to the runtime
//! ```
//!
//! Everything that is logged, lines of processes and the platform's own, also passes [`telemetry`], for extensions
//! that subscribe to it.
//!
//! Everything runs on one thread, but for the watching of files ([`watch`]). State changes in one place,
//! [`lifecycle::Machine`], which does no I/O.

mod api;
mod clock;
pub mod config;
mod credentials;
mod driver;
mod environment;
pub mod lifecycle;
pub mod localstack;
pub mod log;
mod memory;
mod output;
mod process;
mod report;
mod setup;
pub mod telemetry;
mod tunnel;
mod uplink;
mod waiting;
pub mod watch;
mod xray;

use std::io::{Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use lambdock_protocol::{
    Archive, Assignment, InitializationType, Purpose, Segments, ToAgent, ToControlPlane, TracingMode,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use uuid::Uuid;

use api::{About, Api, Footing, Traffic};
use config::Config;
use credentials::Credentials;
use driver::{Driver, Ending, Runtime};
use lifecycle::{Asks, Machine, Reload, Settings};
use localstack::Options;
use log::{debug, error, info, warn};
use output::journal::Journal;
use output::stdout::Stdout;
use process::Logger;
use setup::{bootstrap, extensions, hosts, modes, unpack, user};
use telemetry::Telemetry;
use uplink::{Receiver, Sender};
use watch::Watcher;
use xray::Xray;

/// What is different between a container and a test.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Where `/var/task`, `/opt`, `/etc` and `/tmp` are.
    pub root: PathBuf,
    /// Where the Runtime API listens. [AWS: port 9001]
    pub api: SocketAddr,
    /// Where the X-Ray daemon listens. [AWS: port 2000]
    pub xray: SocketAddr,
    /// Variables of the container.
    pub variables: Vec<(String, String)>,
}

/// Why the init ends otherwise than it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the control plane.
    #[error(transparent)]
    Uplink(#[from] uplink::Error),
    /// The connection was lost before there was anything to do.
    #[error("the control plane is gone")]
    Abandoned,
    /// LocalStack does not take our calls.
    #[error("LocalStack cannot be told that the environment is ready: {0}")]
    LocalStack(#[source] localstack::Error),
    /// The environment cannot serve; the control plane has been told.
    #[error("{0}")]
    Unusable(String),
    /// The system refuses what the init needs.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let what = what.into();
    move |source| Error::System { what, source }
}

/// Calls of the runtime that may wait for the driver.
const CALLS_WAITING: usize = 64;

/// Asked to end, by a signal.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> Result<Self, Error> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(system("cannot catch SIGTERM"))?,
            interrupt: signal(SignalKind::interrupt()).map_err(system("cannot catch SIGINT"))?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs an environment from its first connection to its end. Needs a Tokio `LocalSet` around it.
///
/// # Errors
/// The environment could not be or become one; the exit status should say so.
pub async fn run(config: Config, platform: Platform) -> Result<(), Error> {
    let mut stop = Stop::new()?;
    let (stream, buffer) = uplink::dial(&config, Purpose::Environment).await?;
    let (sender, mut receiver) = uplink::split(stream, buffer);
    let assignment = tokio::select! {
        assignment = assigned(&mut receiver) => match assignment {
            Some(assignment) => assignment,
            None => return Ok(()),
        },
        () = stop.asked() => return Ok(()),
    };
    info!("assigned to {}:{}", assignment.function_name, assignment.function_version);
    if let Some(level) =
        assignment.environment.get("LOCALSTACK_INIT_LOG_LEVEL").and_then(|text| log::Level::parse(text))
    {
        log::set_level(level);
    }
    let prepared = match prepare(&assignment, &platform, Logger::Pipe, &sender, &mut receiver).await {
        Ok(runtime) => watched(&assignment, &platform).map(|watch| (runtime, watch)),
        Err(reason) => Err(reason),
    };
    let (runtime, watch) = match prepared {
        Ok(prepared) => prepared,
        Err(reason) => {
            sender.send(ToControlPlane::Unusable { reason: reason.clone() }).await;
            return Err(Error::Unusable(reason));
        }
    };
    let api = listen(platform.api)?;
    if let Some(port) = assignment.gateway_port {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => drop(tokio::task::spawn_local(tunnel::serve(listener, Rc::new(config.clone())))),
            Err(error) => warn!("functions cannot reach the API: cannot listen on port {port}: {error}"),
        }
    }
    let place = Place { environment: config.environment, reload: Reload::Eager, runtime, watch, api };
    serve(place, assignment, &platform, sender, receiver, stop).await
}

/// The same for an environment of LocalStack's, which says at the start all that there is to say.
///
/// # Errors
/// The environment could not be or become one; the exit status should say so.
pub async fn run_for_localstack(options: Options, platform: Platform) -> Result<(), Error> {
    let mut stop = Stop::new()?;
    // Before anything else: whoever has an address of ours then is found out at once, and nobody has to ask whether
    // we listen already.
    let control = listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, options.port)))?;
    let api = listen(platform.api)?;
    options.warnings.iter().for_each(|warning| warn!("{warning}"));
    let (sender, mut receiver, link) = localstack::connect(&options, control);
    let assignment = options.assignment;
    info!("the function is {}:{}", assignment.function_name, assignment.function_version);
    let prepared = tokio::select! {
        fetched = localstack::fetch(&options.archives, &platform.root) => match fetched {
            // LocalStack makes an event of each line: a message of several is better off on one, as runtimes have it then.
            Ok(()) => prepare(&assignment, &platform, Logger::Streams, &sender, &mut receiver).await,
            Err(reason) => Err(reason),
        },
        () = stop.asked() => return Ok(()),
    };
    let prepared = prepared.and_then(|runtime| Ok((runtime, watched(&assignment, &platform)?)));
    let (runtime, watch) = match prepared {
        Ok(prepared) => prepared,
        Err(reason) => {
            sender.send(ToControlPlane::Unusable { reason: reason.clone() }).await;
            tokio::select! {
                // It comes when LocalStack has been told.
                _ = receiver.receive() => {}
                () = stop.asked() => {}
            }
            return Err(Error::Unusable(reason));
        }
    };
    let place = Place { environment: Uuid::new_v4().to_string(), reload: Reload::Lazy, runtime, watch, api };
    let served = serve(place, assignment, &platform, sender, receiver, stop).await;
    link.end().await.map_err(Error::LocalStack)?;
    served
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    api::listen(address).map_err(system(format!("cannot listen on {address}")))
}

/// What an environment is made of, whoever its control plane is.
struct Place {
    /// Id for failures that belong to no invocation.
    environment: String,
    reload: Reload,
    runtime: Runtime,
    watch: watch::Settings,
    api: TcpListener,
}

/// Runs an environment whose code is in place.
async fn serve(
    place: Place,
    assignment: Assignment,
    platform: &Platform,
    sender: Sender,
    receiver: Receiver,
    mut stop: Stop,
) -> Result<(), Error> {
    let Place { environment, reload, mut runtime, watch, api } = place;
    let telemetry = Rc::new(Telemetry::new());
    let journal = Journal::new(sender.clone(), telemetry, assignment.logging.clone());
    let journal = Rc::new(journal.on(Stdout::new()));
    let (events, calls) = mpsc::channel(CALLS_WAITING);
    let permit = driver::permit();
    let traffic = Rc::new(Traffic::default());
    let limit = assignment.payload_limit;
    let credentials = (assignment.initialization_type == InitializationType::SnapStart).then(|| {
        let token = Uuid::new_v4().to_string();
        Credentials::withdraw(&mut runtime.variables, &platform.api.to_string(), token)
    });
    let extensions = extensions::find(&runtime.extensions);
    let about = extensions.is_some().then(|| about(&assignment));
    let served = Api::new(Footing {
        events,
        uplink: sender.clone(),
        permit: Rc::clone(&permit),
        payload_limit: limit,
        extensions: about,
        credentials,
        journal: Rc::clone(&journal),
        traffic: Rc::clone(&traffic),
    });
    tokio::task::spawn_local(Rc::new(served).serve(api));
    let xray = trace(&assignment, platform, &sender).await;
    let machine = Machine::new(Settings {
        init_limit: assignment.init_timeout_ms.map(Duration::from_millis),
        timeout: Duration::from_millis(assignment.timeout_ms),
        payload_limit: limit,
        environment,
        extensions: extensions.unwrap_or_default(),
        reload,
        asks: match assignment.initialization_type {
            InitializationType::LambdaManagedInstances => Asks::ForSeveral,
            InitializationType::OnDemand
            | InitializationType::ProvisionedConcurrency
            | InitializationType::SnapStart => Asks::ForOne,
        },
    });
    let driver = Driver::new(machine, assignment, runtime, sender, permit, traffic, journal)
        .map_err(system("cannot catch SIGCHLD"))?;
    match driver.run(receiver, calls, Watcher::start(watch), async || stop.asked().await).await {
        Ending::Asked => {
            info!("ending, as asked");
            if let Some(xray) = xray {
                xray.flush().await;
            }
        }
        Ending::Abandoned => info!("ending: the control plane is gone"),
    }
    Ok(())
}

/// Which changes of the code the environment follows. An error is for people.
fn watched(assignment: &Assignment, platform: &Platform) -> Result<watch::Settings, String> {
    let variable = |name: &str| {
        let container = platform.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        assignment.environment.get(name).or(container).cloned()
    };
    let mut settings =
        watch::Settings::read(&assignment.hot_reload_paths, variable).map_err(|fault| fault.to_string())?;
    for folder in &mut settings.folders {
        *folder = bootstrap::below(&platform.root, &folder.to_string_lossy());
    }
    Ok(settings)
}

/// What extensions are told.
fn about(assignment: &Assignment) -> About {
    let command = assignment.command.as_deref().unwrap_or_default();
    let argument = command.last().filter(|_| command.len() > 1).cloned();
    About {
        account_id: assignment.account_id.clone(),
        function_name: assignment.function_name.clone(),
        function_version: assignment.function_version.clone(),
        handler: Some(assignment.handler.clone())
            .filter(|handler| !handler.is_empty())
            .or(argument)
            .unwrap_or_default(),
    }
}

/// The X-Ray daemon, if there is anything to trace and somebody to tell.
async fn trace(assignment: &Assignment, platform: &Platform, sender: &Sender) -> Option<Xray> {
    if assignment.tracing != TracingMode::Active || !assignment.segments {
        return None;
    }
    let settings = xray::Settings {
        address: platform.xray,
        region: assignment.region.clone(),
        account: assignment.account_id.clone(),
    };
    let sender = sender.clone();
    let deliver = async move |documents: Vec<Bytes>| {
        let (head, body) = Segments::pack(&documents);
        sender.send(ToControlPlane::Segments(head, body)).await;
    };
    Some(Xray::start(settings, deliver).await)
}

/// Waits for the assignment; `None`: none will come.
async fn assigned(receiver: &mut Receiver) -> Option<Assignment> {
    loop {
        match receiver.receive().await? {
            ToAgent::Assign(assignment) => return Some(*assignment),
            ToAgent::Shutdown(_) => return None,
            other => warn!("the control plane sent what is not expected now: {other:?}"),
        }
    }
}

/// Puts everything in place that the runtime needs. An error is for people.
async fn prepare(
    assignment: &Assignment,
    platform: &Platform,
    logger: Logger,
    sender: &Sender,
    receiver: &mut Receiver,
) -> Result<Runtime, String> {
    for archive in &assignment.archives {
        fetch(archive, platform, sender, receiver).await?;
    }
    for entry in &assignment.modes {
        if let Err(error) = modes::apply(&bootstrap::below(&platform.root, &entry.path), &entry.mode) {
            warn!("cannot change the mode of {}: {error}", entry.path);
        }
    }
    let of_container =
        |name: &str| platform.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let name = user::name(|name| assignment.environment.get(name), assignment.user.as_deref(), of_container);
    let (user, made) = user::prepare(&platform.root, name);
    if let Err(error) = made {
        warn!("the function's user cannot be set up completely: {error}");
    }
    if let Err(error) = hosts::prepare(&platform.root) {
        warn!("extensions cannot listen on sandbox.localdomain: {error}");
    }
    let root = nix::unistd::geteuid().is_root();
    let command = bootstrap::find(
        &platform.root,
        assignment.command.as_deref(),
        assignment.working_directory.as_deref(),
    );
    let variables =
        environment::runtime(platform.variables.iter().cloned(), assignment, &platform.api.to_string());
    let extensions = bootstrap::below(&platform.root, extensions::FOLDER);
    let mark = environment::mark(&platform.variables);
    Ok(Runtime { command, variables, user: user.filter(|_| root), logger, mark, extensions })
}

/// Fetches an archive over the uplink and unpacks it.
async fn fetch(
    archive: &Archive,
    platform: &Platform,
    sender: &Sender,
    receiver: &mut Receiver,
) -> Result<(), String> {
    let describe = |error: std::io::Error| format!("the code cannot be stored in the container: {error}");
    sender.send(ToControlPlane::FetchArchive { digest: archive.digest.clone() }).await;
    let mut file = tempfile::tempfile_in(bootstrap::below(&platform.root, "/tmp"))
        .or_else(|_| tempfile::tempfile())
        .map_err(describe)?;
    loop {
        match receiver.receive().await {
            Some(ToAgent::ArchiveChunk { bytes, last }) => {
                file.write_all(&bytes).map_err(describe)?;
                if last {
                    break;
                }
            }
            Some(other) => warn!("the control plane sent what is not expected now: {other:?}"),
            None => return Err("the control plane is gone".to_owned()),
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(describe)?;
    let target = bootstrap::below(&platform.root, &archive.target);
    std::fs::create_dir_all(&target).map_err(describe)?;
    debug!("unpacking {} bytes into {}", archive.size, archive.target);
    unpack::unpack(std::io::BufReader::new(file), &target).map_err(|error| {
        error!("{error}");
        error.to_string()
    })
}
