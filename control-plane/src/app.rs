//! The composition root: the only place that names concrete parts and puts them together.

mod adjustments;
mod banner;
mod run;
mod settings;
mod stopping;

use std::fs::File;
use std::io;
use std::sync::Arc;

use anyhow::Context as _;
use lambdock_domain::FunctionId;
use lambdock_domain::code::Digest;
use lambdock_domain::concurrency::Share;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::warn;

use crate::activation::Activation;
use crate::adjustable::Adjustable;
use crate::api::Context;
use crate::cloudwatch::{LogForwarder, MetricForwarder};
use crate::code::Archives;
use crate::config::{Config, Environment, Live};
use crate::durable::Executions;
use crate::event_sources::SourceLookup;
use crate::events::{Durability, Events};
use crate::executor::Executor;
use crate::executor::docker::Docker;
use crate::function_url;
use crate::gateway::body::Uploads;
use crate::gateway::dispatch::Gateway;
use crate::gateway::endpoints::Process;
use crate::gateway::function_urls::{Access, FunctionUrls};
use crate::gateway::scope::KeyDecoding;
use crate::gateway::server::Server;
use crate::gateway::upstream::Upstream;
use crate::init_scripts::InitScripts;
use crate::invoke::{Deployer, Directory, Invoker};
use crate::logs::{Console, Everyone, Recent};
use crate::metrics::Metrics;
use crate::networks::Networks;
use crate::pool::Pool;
use crate::provisioning::Provisioning;
use crate::services::{Credentials, Services};
use crate::state::StateFolder;
use crate::store::{Observer, Store};
use crate::traces::Forwarder;
use crate::transitions::Transitions;
use crate::uplink::{ArchiveSource, EnvironmentInfo, LogSink, TraceSink, Tunnel, TunnelSink, Uplink};
use adjustments::Adjustments;
use settings::{docker_settings, init_binaries};

pub use run::run;
pub use settings::{doctor_settings, endpoint};

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
}

impl App {
    /// Answers whoever connects, from outside and from inside of containers.
    fn listen(&self, listeners: Vec<TcpListener>, mut tunnels: mpsc::Receiver<Tunnel>) {
        for listener in listeners {
            let server = self.server.clone();
            tokio::spawn(async move { server.accept(listener).await });
        }
        let inside = self.server.clone();
        tokio::spawn(async move {
            while let Some(tunnel) = tunnels.recv().await {
                inside.serve(tunnel);
            }
        });
    }
}

/// What functions write and send, on its way elsewhere.
struct Outlets {
    traces: Arc<Forwarder>,
    logs: Arc<LogForwarder>,
    recent_logs: Arc<Recent>,
    metrics: MetricForwarder,
}

/// Tunnels that wait to be served. Each takes no time to be.
const TUNNELS_WAITING: usize = 256;

/// Makes all parts. The second is for [`App::listen`].
async fn build(
    config: &Config,
    in_container: bool,
    state: &StateFolder,
    instance: &str,
    listeners: &[TcpListener],
    init_scripts: &Arc<InitScripts>,
) -> anyhow::Result<(App, mpsc::Receiver<Tunnel>)> {
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

    let docker = {
        let archives = archives.clone();
        let docker = Docker::new(docker_settings(config, in_container, instance)?);
        let docker = docker.with_request_limit(config.docker_request_limit);
        Arc::new(docker.with_archives(Arc::new(move |digest| archives.open(digest))))
    };
    let executor = Arc::clone(&docker) as Arc<dyn Executor>;
    let (tunnel_sink, tunnels) = mpsc::channel(TUNNELS_WAITING);
    let traces =
        Arc::new(Forwarder::start(config.upstream.of(Some("xray")).map(ToString::to_string).as_deref()));
    let services = Arc::new(Services::new(
        config.upstream.clone(),
        Credentials::of_aws(
            config.access_key_id.clone(),
            config.secret_access_key.clone(),
            config.session_token.clone(),
        ),
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
        metric_forwarder: metric_forwarder.clone(),
        recent_logs: Arc::clone(&recent_logs),
        init_scripts: Arc::clone(init_scripts),
        executor: Arc::clone(&executor),
        init_binary: init_binaries(config)?.native(),
        upstream: Upstream::new(config.upstream.clone()),
        origins: config.origins.clone(),
        hosts: config.hosts.clone(),
        uploads: Uploads::default(),
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
    let app = App { server, executor, pool, uplink, outlets, activation, transitions, events, executions };
    Ok((app, tunnels))
}

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
