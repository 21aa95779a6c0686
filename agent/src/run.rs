//! An environment, whoever its control plane is: its parts put together, and its life.

pub(crate) mod lambdock;
pub(crate) mod localstack;
mod prepare;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use lambdock_protocol::{Assignment, InitializationType, Segments, ToControlPlane, TracingMode};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::api::{self, About, Api, Footing, Permit, Traffic};
use crate::credentials::Credentials;
use crate::driver::{Driver, Ending, Runtime};
use crate::lifecycle::{Asks, Machine, Reload, Settings};
use crate::log::info;
use crate::output::journal::Journal;
use crate::output::stdout::Stdout;
use crate::setup::{bootstrap, extensions};
use crate::telemetry::Telemetry;
use crate::uplink::{Receiver, Sender};
use crate::watch::{self, Watcher};
use crate::xray::{self, Xray};
use crate::{Error, Platform, system};

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
    let permit = Permit::default();
    let traffic = Rc::new(Traffic::default());
    let limit = assignment.payload_limit;
    let credentials = (assignment.initialization_type == InitializationType::SnapStart).then(|| {
        let token = Uuid::new_v4().to_string();
        Credentials::withdraw(&mut runtime.variables, &platform.api.to_string(), token)
    });
    let extensions = extensions::find(&runtime.extensions.files);
    let about = extensions.is_some().then(|| about(&assignment));
    let served = Api::new(Footing {
        events,
        uplink: sender.clone(),
        permit: permit.clone(),
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

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    api::listen(address).map_err(system(format!("cannot listen on {address}")))
}
