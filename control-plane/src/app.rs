//! The composition root: the only place that names concrete parts and puts them together.

mod adjustments;

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use lambdock_domain::code::Digest;
use lambdock_domain::concurrency::Share;
use lambdock_domain::{Architecture, FunctionId, Runtime};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use crate::activation::Activation;
use crate::adjustable::Adjustable;
use crate::api::Context;
use crate::cloudwatch::{LogForwarder, MetricForwarder};
use crate::code::Archives;
use crate::code_pages;
use crate::config::{Config, Environment, Live};
use crate::doctor;
use crate::durable::Executions;
use crate::event_sources::SourceLookup;
use crate::events::{Durability, Events};
use crate::executor::docker::{self, Docker, Flags, Hints, InitBinaries, InitBinary, Place, Sources};
use crate::executor::{EngineDescription, Executor, ImageRequest};
use crate::function_url;
use crate::gateway::dispatch::Gateway;
use crate::gateway::endpoints::Process;
use crate::gateway::function_urls::{Access, FunctionUrls};
use crate::gateway::scope::KeyDecoding;
use crate::gateway::server::{Server, bind};
use crate::gateway::upstream::Upstream;
use crate::init_scripts::{InitScripts, Stage};
use crate::invoke::{Deployer, Directory, Invoker};
use crate::logs::{Console, Everyone, Recent};
use crate::metrics::Metrics;
use crate::networks::Networks;
use crate::pool::Pool;
use crate::provisioning::Provisioning;
use crate::services::{Credentials, Services};
use crate::signals::Signals;
use crate::state::{Persistence, StateFolder};
use crate::store::{Observer, Store};
use crate::traces::Forwarder;
use crate::transitions::Transitions;
use crate::uplink::{ArchiveSource, EnvironmentInfo, LogSink, TraceSink, Tunnel, TunnelSink, Uplink};
use crate::{VERSION, init_binaries};
use adjustments::Adjustments;

/// Everything that runs.
struct App {
    server: Server<Gateway>,
    executor: Arc<dyn Executor>,
    pool: Pool,
    uplink: Uplink,
    outlets: Outlets,
    activation: Activation,
    transitions: Transitions,
    events: Events,
    executions: Executions,
    tunnels: mpsc::Receiver<Tunnel>,
}

/// What functions write and send, on its way elsewhere.
struct Outlets {
    traces: Arc<Forwarder>,
    logs: Arc<LogForwarder>,
    recent_logs: Arc<Recent>,
    metrics: MetricForwarder,
}

impl Outlets {
    /// Sends what is still here, within a bound.
    async fn close(&self) {
        self.recent_logs.close();
        let sent = async { tokio::join!(self.traces.flush(), self.logs.flush(), self.metrics.flush()) };
        if timeout(CLOSED_WITHIN, sent).await.is_err() {
            warn!("some traces, logs or metrics were not taken in time and are lost");
        }
    }
}

/// Serves until the process is asked to stop; then finishes what is in flight and removes every container.
/// `announce` is given what a person who starts Lambdock wants to know.
///
/// # Errors
/// An address, the state folder or the store cannot be used.
pub async fn run(config: Config, in_container: bool, announce: impl FnOnce(String)) -> anyhow::Result<()> {
    let mut signals = Signals::catch().context("cannot catch signals")?;
    let endpoint = endpoint(&config);
    let init_scripts = Arc::new(InitScripts::find(&config.scripts_dir, endpoint));
    if asked_to_stop(&init_scripts, Stage::Boot, &mut signals).await.is_some() {
        return Ok(());
    }
    let listeners = bind(&config.gateway_listen).await?;
    let persistence = if config.persistence { Persistence::Kept } else { Persistence::Volatile };
    let instance = instance(&config);
    let state = StateFolder::take(&config.state_dir, persistence, &instance)?;
    let App {
        server,
        executor,
        pool,
        uplink,
        outlets,
        activation,
        transitions,
        events,
        executions,
        mut tunnels,
    } = build(&config, in_container, &state, &instance, &listeners, &init_scripts).await?;
    if asked_to_stop(&init_scripts, Stage::Start, &mut signals).await.is_some() {
        return Ok(());
    }

    for listener in listeners {
        let server = server.clone();
        tokio::spawn(async move { server.accept(listener).await });
    }
    let inside = server.clone();
    tokio::spawn(async move {
        while let Some(tunnel) = tunnels.recv().await {
            inside.serve(tunnel);
        }
    });
    activation.resume().await.context("cannot take up what was being prepared")?;
    transitions.resume().await.context("cannot take up what resources were becoming")?;
    let (described, pool_at_start) = (Arc::clone(&executor), pool.clone());
    let engine = timeout(DESCRIBED_WITHIN, described.describe()).await;
    let engine = match engine {
        Ok(described) => described.map_err(|error| error.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    };
    let engine_found = engine.is_ok();
    let asked = asked_to_stop(&init_scripts, Stage::Ready, &mut signals).await;
    announce(banner(&config, &state, engine));
    let examined =
        if engine_found { Some(doctor_of(&config, Arc::clone(&executor), instance)?) } else { None };
    tokio::spawn(async move {
        remove_leftovers(&pool_at_start).await;
        if let Some(examined) = examined {
            warn_of_missing_images(&examined).await;
        }
        if let Err(error) = code_pages::give_back() {
            debug!(%error, "the pages of code that only the start has needed stay");
        }
    });

    let signal = match asked {
        Some(signal) => signal,
        None => signals.next().await,
    };
    info!(signal, grace_s = config.shutdown_grace.as_secs(), "stopping; invocations in flight may finish");
    let stopping = async {
        if timeout(config.shutdown_grace, init_scripts.run(Stage::Shutdown)).await.is_err() {
            warn!("a script of shutdown.d takes too long and is ended");
        }
        server.stop();
        events.stop();
        match (executions.stop(), persistence) {
            (0, _) => {}
            (left, Persistence::Kept) => info!(left, "durable executions go on at the next start"),
            (left, Persistence::Volatile) => {
                warn!(left, "durable executions are lost; PERSISTENCE=1 keeps them");
            }
        }
        pool.shutdown(config.shutdown_grace).await;
        match (events.stopped().await, persistence) {
            (0, _) => {}
            (left, Persistence::Kept) => info!(left, "asynchronous invocations go on at the next start"),
            (left, Persistence::Volatile) => {
                warn!(left, "asynchronous invocations are lost; PERSISTENCE=1 keeps them");
            }
        }
        uplink.stop().await;
        outlets.close().await;
        if timeout(CLOSED_WITHIN, server.stopped()).await.is_err() {
            warn!("some clients have not read their answers");
        }
        transitions.stopped().await;
        if timeout(CLOSED_WITHIN, activation.stopped()).await.is_err() {
            warn!("some functions are still being prepared; that goes on at the next start");
        }
    };
    tokio::pin!(stopping);
    tokio::select! {
        () = &mut stopping => {}
        again = signals.next() => {
            warn!(signal = again, "ending what still runs; once more does not wait for containers to be removed");
            pool.kill();
            tokio::select! {
                () = &mut stopping => {}
                again = signals.next() => warn!(signal = again, "containers may be left; the next start removes them"),
            }
        }
    }
    info!("stopped");
    Ok(())
}

/// Runs the scripts of a stage. `Some`: the process was asked to stop meanwhile, and they were ended.
async fn asked_to_stop(scripts: &InitScripts, stage: Stage, signals: &mut Signals) -> Option<&'static str> {
    tokio::select! {
        () = scripts.run(stage) => None,
        signal = signals.next() => Some(signal),
    }
}

/// Where clients on this machine find us.
pub fn endpoint(config: &Config) -> String {
    let address = config.gateway_listen.first().map(ToString::to_string).unwrap_or_default();
    format!("http://{}", address.replace("0.0.0.0", "127.0.0.1"))
}

/// Time that the engine has to say what it is before we say that we are ready.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(3);

/// Time that clients have to read their answers once all work is done.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);

/// Tunnels that wait to be served. Each takes no time to be.
const TUNNELS_WAITING: usize = 256;

async fn build(
    config: &Config,
    in_container: bool,
    state: &StateFolder,
    instance: &str,
    listeners: &[TcpListener],
    init_scripts: &Arc<InitScripts>,
) -> anyhow::Result<App> {
    let directory = Arc::new(Directory::new(config.limits.concurrent_executions));
    let urls = Arc::new(function_url::Directory::default());
    let observer: Arc<dyn Observer> = Arc::new(Directories(Arc::clone(&directory), Arc::clone(&urls)));
    let store = match state.database() {
        Some(path) => {
            Store::open(&path, observer).with_context(|| format!("cannot use {}", path.display()))?
        }
        None => Store::in_memory(observer)?,
    };
    let archives = Archives::open(&state.code())
        .with_context(|| format!("cannot use the folder of code archives {}", state.code().display()))?;
    archives.discard_all_but(&store.archives_in_use().await?).context("cannot clean up code archives")?;

    let docker = Arc::new(Docker::new(docker_settings(config, in_container, instance)?));
    let executor = Arc::clone(&docker) as Arc<dyn Executor>;
    let (tunnel_sink, tunnels) = mpsc::channel(TUNNELS_WAITING);
    let traces =
        Arc::new(Forwarder::start(config.upstream.of(Some("xray")).map(ToString::to_string).as_deref()));
    let services = Arc::new(Services::new(
        config.upstream.clone(),
        Credentials::of_environment(|name| std::env::var(name).ok()),
    ));
    let metrics = Metrics::default();
    let metric_forwarder = MetricForwarder::start(metrics.clone(), Arc::clone(&services));
    let log_forwarder = Arc::new(LogForwarder::start(Arc::clone(&services)));
    let recent_logs = Arc::new(Recent::default());
    let uplink = Uplink::new(
        config.uplink_listen,
        Arc::new(archives.clone()),
        Arc::new(Everyone(vec![
            Arc::new(Console { truncate: config.truncate_stdout }),
            Arc::clone(&log_forwarder) as Arc<dyn LogSink>,
            Arc::clone(&recent_logs) as Arc<dyn LogSink>,
        ])),
        Arc::new(Entrance(tunnel_sink)),
        Arc::clone(&traces) as Arc<dyn TraceSink>,
    );
    let pool = Pool::new(adjustments::pool_settings(config), Arc::clone(&executor), uplink.clone());

    let gateway_port = listeners.first().context("GATEWAY_LISTEN names no address")?.local_addr()?.port();
    let assignment = Adjustable::new(adjustments::assignment_settings(config, gateway_port));
    let deployer = Deployer { settings: assignment.clone(), images: config.image_mapping.clone() };
    let activation_settings = Adjustable::new(adjustments::activation_settings(config));
    let activation = Activation::new(
        store.clone(),
        archives.clone(),
        Arc::clone(&executor),
        deployer.clone(),
        pool.clone(),
        activation_settings.clone(),
    );
    let invoker = Arc::new(Invoker::new(
        store.clone(),
        Arc::clone(&directory),
        deployer,
        pool.clone(),
        metrics.clone(),
    ));
    store.tell_concurrency().await?;
    let executions = Executions::start(state.executions().as_deref(), Arc::clone(&invoker))?;
    let event_settings = Adjustable::new(adjustments::event_settings(config));
    let events = Events::start(
        &state.events(),
        if config.persistence { Durability::Disk } else { Durability::Process },
        event_settings.clone(),
        (Arc::clone(&invoker), executions.clone()),
        store.clone(),
        Arc::clone(&services),
    )
    .with_context(|| format!("cannot use {}", state.events().display()))?;
    let provisioning =
        Provisioning::new(store.clone(), Arc::clone(&directory), Arc::clone(&invoker), pool.clone());
    // Orders to a pool that is shutting down are nobody's any more.
    tokio::spawn(provisioning.run());
    let transitions = Transitions::new(store.clone(), config.update_time);
    let rules = Adjustable::new(adjustments::rules(config));
    let creation = Adjustable::new(adjustments::creation(config));
    let adjustments = Adjustments {
        in_container,
        instance: instance.to_owned(),
        gateway_port,
        docker,
        pool: pool.clone(),
        directory: Arc::clone(&directory),
        assignment,
        activation: activation_settings,
        events: event_settings,
        rules: rules.clone(),
        creation: creation.clone(),
    };
    let live = Live::new(config.clone(), in_container, Environment::of_process(), move |before, config| {
        adjustments.apply(before, config)
    });
    let context = Context {
        transitions: transitions.clone(),
        services: Arc::clone(&services),
        sources: SourceLookup::new(Arc::clone(&services)),
        networks: Networks::new(services),
        invoker,
        events: events.clone(),
        executions: executions.clone(),
        store,
        archives,
        activation: activation.clone(),
        rules: rules.clone(),
        creation: creation.clone(),
        external_host: config.external_host.clone(),
    };
    let server = Server::new(Gateway {
        context,
        process: Process::started_now(instance.to_owned(), in_container),
        key_decoding: if config.parity_access_keys { KeyDecoding::AwsKeys } else { KeyDecoding::OwnKeys },
        settings: live,
        pool: pool.clone(),
        metrics,
        traces: Arc::clone(&traces),
        log_forwarder: Arc::clone(&log_forwarder),
        recent_logs: Arc::clone(&recent_logs),
        init_scripts: Arc::clone(init_scripts),
        executor: Arc::clone(&executor),
        init_binary: init_binaries(config)?.native(),
        upstream: Upstream::new(config.upstream.clone()),
        origins: config.origins.clone(),
        hosts: config.hosts.clone(),
        urls: FunctionUrls {
            directory: urls,
            access: if config.enforce_iam {
                Access::Enforced { secrets: config.secrets.clone() }
            } else {
                Access::Open
            },
        },
    });
    let outlets = Outlets { traces, logs: log_forwarder, recent_logs, metrics: metric_forwarder };
    Ok(App { server, executor, pool, uplink, outlets, activation, transitions, events, executions, tunnels })
}

/// For the container engine, which is looked for when it is first needed.
fn docker_settings(config: &Config, in_container: bool, instance: &str) -> anyhow::Result<docker::Settings> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let sources = Sources { file: &|path| std::fs::read_to_string(path), variable: &variable };
    Ok(docker::Settings {
        hints: Hints {
            docker_host: config.docker_host.clone(),
            docker_socket: config.docker_socket.clone(),
            home: variable("HOME").map(Into::into),
            runtime_dir: variable("XDG_RUNTIME_DIR").map(Into::into),
        },
        place: if in_container { Place::Container } else { Place::Host },
        hostname: Some(hostname()).filter(|name| !name.is_empty()),
        main_container_name: config.main_container_name.clone(),
        instance: instance.to_owned(),
        networks: config.docker_networks.clone(),
        flags: Flags::parse(&config.docker_flags, &sources)?,
        dns: config.docker_dns.clone(),
        platforms: if config.ignore_architecture {
            docker::Platforms::LeftToEngine
        } else {
            docker::Platforms::Honoured
        },
        ended: if config.remove_containers { docker::Ended::Removed } else { docker::Ended::Kept },
        host_from_containers: config.host_from_containers.clone(),
        image_prefix: config.image_prefix.clone(),
        init: init_binaries(config)?,
    })
}

fn init_binaries(config: &Config) -> anyhow::Result<InitBinaries> {
    if let Some(path) = &config.init_path {
        let content = std::fs::read(path)
            .with_context(|| format!("LAMBDA_INIT_BIN_PATH: cannot read {}", path.display()))?;
        let binary = InitBinary::new(content.into());
        return Ok(InitBinaries { x86_64: binary.clone(), aarch64: binary });
    }
    anyhow::ensure!(
        !init_binaries::X86_64.is_empty(),
        "this lambdock was built without its in-container init; build it with: cargo xtask build"
    );
    Ok(InitBinaries {
        x86_64: InitBinary::embedded(init_binaries::X86_64, init_binaries::X86_64_SHA256),
        aarch64: InitBinary::embedded(init_binaries::AARCH64, init_binaries::AARCH64_SHA256),
    })
}

/// What `lambdock doctor` looks at.
///
/// # Errors
/// The configuration cannot be used.
pub fn doctor_settings(config: &Config, in_container: bool) -> anyhow::Result<doctor::Settings> {
    let instance = instance(config);
    let executor = Arc::new(Docker::new(docker_settings(config, in_container, &instance)?));
    doctor_of(config, executor, instance)
}

fn doctor_of(
    config: &Config,
    executor: Arc<dyn Executor>,
    instance: String,
) -> anyhow::Result<doctor::Settings> {
    let runtime = Runtime::find(EXAMPLE_RUNTIME).context("the table of runtimes has lost its example")?;
    Ok(doctor::Settings {
        executor,
        instance,
        image: ImageRequest {
            reference: config.image_mapping.image(runtime),
            architecture: Architecture::default(),
        },
        listen: config.gateway_listen.clone(),
        state_dir: config.state_dir.clone(),
    })
}

/// The runtime whose image the doctor looks for.
const EXAMPLE_RUNTIME: &str = "python3.12";

impl ArchiveSource for Archives {
    fn open(&self, digest: &str) -> io::Result<File> {
        self.read(&Digest(digest.to_owned()))
    }
}

/// Both directories that remember what the store says.
struct Directories(Arc<Directory>, Arc<function_url::Directory>);

impl Observer for Directories {
    fn changed(&self, id: &FunctionId) {
        self.0.changed(id);
        self.1.changed(id);
    }

    fn concurrency(&self, share: &Share) {
        self.0.concurrency(share);
        self.1.concurrency(share);
    }
}

/// Where tunnels wait until the gateway serves them.
struct Entrance(mpsc::Sender<Tunnel>);

impl TunnelSink for Entrance {
    fn accept(&self, environment: &EnvironmentInfo, stream: Tunnel) {
        if self.0.try_send(stream).is_err() {
            warn!(environment.id = %environment.id, "too many connections at once from inside containers; one was dropped");
        }
    }
}

/// Better before the first function fails than after.
async fn warn_of_missing_images(examined: &doctor::Settings) {
    let finding = doctor::images(examined).await;
    if !finding.is_fine() {
        warn!(remedy = finding.remedy, "functions may not find what they run in: {}", finding.seen);
    }
}

async fn remove_leftovers(pool: &Pool) {
    match pool.remove_leftovers().await {
        Ok(0) => {}
        Ok(removed) => info!(removed, "containers of an earlier process that was killed are gone"),
        Err(error) => error!(%error, "cannot look for containers of an earlier process"),
    }
}

/// Names this control plane on its engine: the same for the same configuration, so that a restart finds what it left.
fn instance(config: &Config) -> String {
    let mut hash = Sha256::new();
    for address in &config.gateway_listen {
        hash.update(address.to_string());
    }
    hash.update(config.state_dir.as_os_str().as_encoded_bytes());
    hash.update(&config.main_container_name);
    hash.update(hostname());
    hash.finalize().iter().take(6).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

/// Tells control planes with the same configuration apart that share one remote engine.
fn hostname() -> String {
    std::fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_owned()
}

/// What a person who starts Lambdock wants to know, on one screen. `Ready.` is what tools wait for. (LocalStack)
fn banner(config: &Config, state: &StateFolder, engine: Result<EngineDescription, String>) -> String {
    let addresses: Vec<String> =
        config.gateway_listen.iter().map(|address| format!("http://{address}")).collect();
    let endpoint = endpoint(config);
    let engine = match engine {
        Ok(found) => format!("{} {} ({}), {}", found.name, found.version, found.platform, found.address),
        Err(error) => format!("none: {error}"),
    };
    let state = match state.database() {
        Some(path) => format!("kept in {}", path.parent().unwrap_or(Path::new("/")).display()),
        None => "gone when Lambdock stops; PERSISTENCE=1 keeps it".to_owned(),
    };
    let others = config.upstream.in_words();
    let others =
        others.unwrap_or_else(|| "nobody; AWS_ENDPOINT_URL names who plays other services".to_owned());
    format!(
        "\
Lambdock {VERSION}: AWS Lambda on your own containers

  API      {}
  Engine   {engine}
  State    {state}
  Others   {others}

Try:
  aws --endpoint-url {endpoint} lambda create-function --function-name hello --runtime python3.12 \\
      --zip-file fileb://function.zip --handler index.handler --role arn:aws:iam::000000000000:role/lambda-role
  aws --endpoint-url {endpoint} lambda wait function-active-v2 --function-name hello
  aws --endpoint-url {endpoint} lambda invoke --function-name hello output.txt

  lambdock --help lists all settings, lambdock doctor checks this machine. Ctrl-c stops Lambdock and its containers.

Ready.",
        addresses.join(", ")
    )
}
