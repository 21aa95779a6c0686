//! The one loop: takes whatever happens to the machine and does what follows. The only writer of state.

mod processes;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lambdock_protocol::{
    Assignment, Done, InitializationType, Shutdown, ShutdownReason, ToAgent, ToControlPlane,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout_at};

use crate::api::{Happened, Permit, Traffic};
use crate::clock;
use crate::lifecycle::{Effect, Event, Finish, InitEnd, Machine, Reason, Reply, RestoreEnd};
use crate::log::{self, Level, debug, info, warn};
use crate::memory::Memory;
use crate::output::journal::Journal;
use crate::process::{self, Logger, kill_group};
use crate::report::{self, MB};
use crate::setup::bootstrap;
use crate::setup::user::User;
use crate::story;
use crate::telemetry::measure::Measure;
use crate::telemetry::schema::{self, DurationMetrics, Micros, Phase, Record, ReportMetrics, Tracing};
use crate::uplink::{Receiver, Sender};
use crate::waiting::{Entered, Waiting};
use crate::watch::Watcher;
use processes::Child;

/// What the runtime is started with.
pub(crate) struct Runtime {
    /// Its command line.
    pub command: bootstrap::Command,
    /// Its environment variables.
    pub variables: BTreeMap<String, String>,
    /// Whom it runs as; `None`: as we do.
    pub user: Option<User>,
    /// How it can log.
    pub logger: Logger,
    /// `NAME=value` of a variable of the container that it does not have.
    pub mark: Option<Vec<u8>>,
    /// How extensions are started.
    pub extensions: Extensions,
}

/// What extensions have in common.
#[derive(Debug)]
pub(crate) struct Extensions {
    /// Where their files are, below our root.
    pub files: PathBuf,
    /// Folder that they run in.
    pub folder: PathBuf,
}

/// Everything that a running environment holds.
pub(crate) struct Driver {
    machine: Machine,
    assignment: Assignment,
    runtime: Runtime,
    uplink: Sender,
    permit: Permit,
    traffic: Rc<Traffic>,
    journal: Rc<Journal>,
    measure: Measure,
    waiting: Waiting,
    process: Option<Child>,
    extensions: BTreeMap<String, Child>,
    children: Signal,
    memory: Memory,
    /// Subscribers of telemetry are being sent what they have not been yet.
    flushing: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// The end of an invocation whose last lines are written, and which is yet to be told.
    reported: Option<Done>,
    /// Until when may be waited for the control plane to take what it is told.
    patience: tokio::time::Instant,
}

/// Time that subscribers of telemetry have to take what they have not been sent before the end.
const FLUSHED_WITHIN: Duration = Duration::from_secs(1);

/// Time that the control plane has to take what it is told of one event. It may not want anything just now, while
/// whoever has asked for a response takes its time; then what it is told waits for it, and the loop goes on.
const PATIENCE: Duration = Duration::from_millis(500);

/// The same when something else is due.
const LEAST_PATIENCE: Duration = Duration::from_millis(50);

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// We were told to.
    Asked,
    /// The control plane is gone.
    Abandoned,
}

impl Driver {
    /// A driver for what was assigned.
    ///
    /// # Errors
    /// The system does not tell of dead children.
    pub(crate) fn new(
        machine: Machine,
        assignment: Assignment,
        runtime: Runtime,
        uplink: Sender,
        permit: Permit,
        traffic: Rc<Traffic>,
        journal: Rc<Journal>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            machine,
            assignment,
            runtime,
            uplink,
            permit,
            traffic,
            journal,
            measure: Measure::default(),
            waiting: Waiting::default(),
            process: None,
            extensions: BTreeMap::new(),
            children: signal(SignalKind::child())?,
            memory: Memory::new(),
            flushing: None,
            reported: None,
            patience: tokio::time::Instant::now(),
        })
    }

    /// Runs until the environment ends.
    pub(crate) async fn run(
        mut self,
        mut control: Receiver,
        mut calls: mpsc::Receiver<Happened>,
        mut watcher: Watcher,
        mut stop: impl AsyncFnMut(),
    ) -> Ending {
        self.happened(Event::Assigned).await;
        loop {
            let deadline = self.machine.deadline().map(tokio::time::Instant::from_std);
            let event = tokio::select! {
                // The runtime's calls and its death come before news from outside: what it has done, it has done.
                biased;
                Some(happened) = calls.recv() => self.take(happened),
                _ = self.children.recv() => {
                    if self.reap(&mut calls).await {
                        return Ending::Asked;
                    }
                    continue;
                }
                () = async { sleep_until(deadline.unwrap_or_else(tokio::time::Instant::now)).await }, if deadline.is_some() => Event::Tick,
                message = control.receive() => match message {
                    Some(ToAgent::Invoke(invoke, payload)) => {
                        Event::Invoke(invoke, payload)
                    }
                    Some(ToAgent::Shutdown(shutdown)) => asked_to_end(shutdown),
                    Some(other) => {
                        warn!("the control plane sent what is not expected now: {other:?}");
                        continue;
                    }
                    None => {
                        self.kill().await;
                        return Ending::Abandoned;
                    }
                },
                () = watcher.changed() => {
                    info!("the code has changed");
                    Event::Changed
                }
                () = async { if let Some(flushing) = &mut self.flushing { flushing.await } }, if self.flushing.is_some() => {
                    self.flushing = None;
                    Event::Flushed
                }
                () = stop() => Event::Shutdown { reason: Reason::Spindown, within: None },
            };
            if self.happened(event).await {
                return Ending::Asked;
            }
            self.uplink.send_deferred_soon();
        }
    }

    /// What a call is to the machine. The call begins to wait for its answer.
    fn take(&mut self, Happened { event, waiting }: Happened) -> Event {
        if let Some((call, sender)) = waiting
            && self.waiting.enter(call, sender) == Entered::AndTidied
        {
            self.machine.forget(|call| !self.waiting.contains(call));
        }
        event
    }

    /// Lets the machine know and does what follows. `true`: that is the end.
    async fn happened(&mut self, event: Event) -> bool {
        let mut events = VecDeque::from([event]);
        let debugging = log::enabled(Level::Debug);
        while let Some(event) = events.pop_front() {
            if debugging && let Some(line) = story::of_event(&event) {
                debug!("{line}");
            }
            let (before, now) = (self.machine.state(), Instant::now());
            let effects = self.machine.step(event, now);
            let due = self.machine.deadline().map(|due| due.max(now + LEAST_PATIENCE));
            self.patience = due.into_iter().fold(now + PATIENCE, Instant::min).into();
            for effect in effects {
                if debugging && let Some(line) = story::of_effect(&effect, now) {
                    debug!("{line}");
                }
                match effect {
                    Effect::Exit => return true,
                    Effect::Spawn => {
                        if let Err((error_type, message)) = self.spawn() {
                            events.push_back(Event::SpawnFailed { error_type, message });
                        }
                    }
                    Effect::SpawnExtension(name) => {
                        if let Err((_, message)) = self.spawn_extension(&name) {
                            events.push_back(Event::ExtensionNotLaunched { name, message });
                        }
                    }
                    Effect::Answer(call, reply) => {
                        match reply {
                            Reply::Event { .. } => self.measure.released(clock::now_ms()),
                            Reply::Permit => self.permit.give(call),
                            _ => {}
                        }
                        if !self.waiting.answer(call, reply) {
                            events.push_back(Event::AnswerLost(call));
                        }
                    }
                    other => self.perform(other).await,
                }
            }
            if before != self.machine.state() {
                debug!("the environment is {}, was {before}", self.machine.state());
            }
        }
        false
    }

    /// Does what may have to wait for the control plane: while there is time, here, and then beside us. What is done so
    /// keeps its order.
    async fn patiently(&self, work: impl Future<Output = ()> + 'static) {
        let mut work = Box::pin(work);
        if timeout_at(self.patience, &mut work).await.is_err() {
            debug!("the control plane takes its time");
            tokio::task::spawn_local(work);
        }
    }

    async fn send(&self, message: ToControlPlane) {
        self.send_all([message]).await;
    }

    async fn send_all(&self, messages: impl IntoIterator<Item = ToControlPlane> + 'static) {
        let uplink = self.uplink.clone();
        self.patiently(async move { uplink.send_all(messages).await }).await;
    }

    /// Logs what the platform has to tell.
    async fn log(&self, record: &Record) {
        if let Some(message) = self.journal.message(record) {
            self.send(message).await;
        }
    }

    async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Kill => self.kill().await,
            Effect::TerminateRuntime => {
                if let Some(child) = &self.process {
                    process::terminate_group(child.pid);
                }
            }
            Effect::KillRuntime => {
                if let Some(child) = &self.process {
                    kill_group(child.pid);
                }
            }
            Effect::KillExtension(name) => {
                if let Some(child) = self.extensions.get(&name) {
                    kill_group(child.pid);
                }
            }
            Effect::Take(invoke) => self.measure = Measure::of(&invoke),
            Effect::InitStart { phase } => {
                // What was told since the last processes ended is not for those that begin now.
                self.journal.telemetry().reset();
                let record = self.init_start(phase);
                self.log(&record).await;
            }
            Effect::InitRuntimeDone(end) => {
                self.drain().await;
                let (initialization_type, tracing) = self.init_context(end.phase);
                let InitEnd { phase, status, error_type, .. } = end;
                let done =
                    schema::InitRuntimeDone { initialization_type, phase, status, error_type, tracing };
                self.log(&Record::InitRuntimeDone(done)).await;
            }
            Effect::RestoreStart => {
                let record = self.restore_start();
                self.log(&record).await;
            }
            Effect::RestoreReport(end) => {
                self.drain().await;
                let RestoreEnd { duration_us, status, error_type } = end;
                let metrics = DurationMetrics { duration: Micros(duration_us) };
                let done = schema::RestoreRuntimeDone { status, error_type: error_type.clone() };
                self.log(&Record::RestoreRuntimeDone(done)).await;
                let report = schema::RestoreReport { status, error_type, metrics };
                self.log(&Record::RestoreReport(report)).await;
            }
            Effect::ExtensionStands(standing) => {
                self.drain().await;
                self.log(&Record::Extension(standing)).await;
            }
            Effect::InitReport(end) => {
                self.drain().await;
                let (initialization_type, tracing) = self.init_context(end.phase);
                let InitEnd { phase, status, error_type, duration_us } = end;
                let metrics = DurationMetrics { duration: Micros(duration_us) };
                let report =
                    schema::InitReport { initialization_type, phase, status, error_type, metrics, tracing };
                self.log(&Record::InitReport(report)).await;
            }
            Effect::Initialized(initialized, error) => {
                info!("init phase: {:?} after {} us", initialized.status, initialized.duration_us);
                self.send(ToControlPlane::Initialized(initialized, error)).await;
            }
            Effect::Start { request_id, after_init } => {
                if after_init {
                    // What was written in the init phase comes before the line.
                    self.drain().await;
                }
                self.journal.belongs_to(Some(request_id.clone()));
                let start = Record::Start(schema::Start {
                    request_id,
                    version: Some(self.assignment.function_version.clone()),
                    function_arn: self.measure.function_arn(),
                    tracing: self.measure.tracing(),
                });
                // It is on its way soon enough when the runtime has its event.
                if let Some(message) = self.journal.message(&start) {
                    self.uplink.defer(message);
                }
            }
            Effect::TimedOut { request_id, limit_ms } => {
                self.drain().await;
                let time = clock::iso(clock::now_ms());
                let fault = report::timeout_fault(&time, &request_id, limit_ms);
                self.log(&Record::Fault(fault)).await;
            }
            Effect::Response { start, body, end, error } => {
                let chunk = (!body.is_empty()).then_some(ToControlPlane::ResponseChunk(body));
                let messages = [ToControlPlane::ResponseStart(start)].into_iter().chain(chunk);
                self.send_all(messages.chain([ToControlPlane::ResponseEnd(end, error)])).await;
            }
            Effect::ResponseStart(start) => self.send(ToControlPlane::ResponseStart(start)).await,
            Effect::ResponseEnd(end, error) => self.send(ToControlPlane::ResponseEnd(end, error)).await,
            Effect::Failed { request_id, failure } => {
                let fault = failure.fault(&request_id);
                let head = lambdock_protocol::Failed { request_id, error_type: failure.error_type };
                self.send(ToControlPlane::Failed(head, failure.payload.into())).await;
                if let Some(fault) = fault {
                    self.drain().await;
                    self.log(&Record::Fault(fault)).await;
                }
            }
            Effect::RuntimeDone(done) => {
                self.drain().await;
                let record = Record::RuntimeDone(self.measure.runtime_done(done));
                self.log(&record).await;
            }
            Effect::RevokePermit => self.permit.revoke(),
            Effect::CloseRegistration => self.journal.telemetry().close(),
            Effect::FlushTelemetry => {
                let journal = Rc::clone(&self.journal);
                self.flushing = Some(Box::pin(async move {
                    if !journal.telemetry().flush(FLUSHED_WITHIN).await {
                        debug!("subscribers of telemetry have not taken everything");
                    }
                }));
            }
            Effect::Report(finish) => {
                let (lines, done) = self.report(finish).await;
                self.send_all(lines).await;
                self.reported = Some(done);
            }
            Effect::Finish(finish) => {
                let reported = self.reported.take_if(|done| done.request_id == finish.request_id);
                let (lines, done) = match reported {
                    Some(done) => (Vec::new(), done),
                    None => self.report(finish).await,
                };
                self.journal.belongs_to(None);
                debug!("invocation {} is done: {:?}", done.request_id, done.status);
                self.send_all(lines.into_iter().chain([ToControlPlane::Done(done)])).await;
                self.memory.begin_anew();
            }
            Effect::Spawn | Effect::SpawnExtension(_) | Effect::Answer(..) | Effect::Exit => {}
        }
    }

    fn init_start(&self, phase: Phase) -> Record {
        let Assignment { runtime_version, logging, .. } = &self.assignment;
        let (initialization_type, tracing) = self.init_context(phase);
        Record::InitStart(schema::InitStart {
            initialization_type,
            phase,
            runtime_version: runtime_version.as_ref().map(|runtime| runtime.version.clone()),
            runtime_version_arn: runtime_version.as_ref().map(|runtime| runtime.arn.clone()),
            function_name: self.assignment.function_name.clone(),
            function_version: self.assignment.function_version.clone(),
            instance_id: logging.stream.clone(),
            instance_max_memory: u64::from(self.assignment.memory_size_mb) * MB,
            tracing,
        })
    }

    /// What is told of every part of an init phase.
    fn init_context(&self, phase: Phase) -> (InitializationType, Option<Tracing>) {
        let tracing = if phase == Phase::Invoke { self.measure.tracing() } else { None };
        (self.assignment.initialization_type, tracing)
    }

    fn restore_start(&self) -> Record {
        let Assignment { runtime_version, logging, .. } = &self.assignment;
        Record::RestoreStart(schema::RestoreStart {
            runtime_version: runtime_version.as_ref().map(|runtime| runtime.version.clone()),
            runtime_version_arn: runtime_version.as_ref().map(|runtime| runtime.arn.clone()),
            function_name: self.assignment.function_name.clone(),
            function_version: self.assignment.function_version.clone(),
            instance_id: logging.stream.clone(),
            instance_max_memory: u64::from(self.assignment.memory_size_mb) * MB,
        })
    }

    /// What is told of the memory that was used. It is more than there was to use only where nobody holds the function to
    /// that.
    fn used_mb(&self, bytes: Option<u64>) -> u64 {
        let size = u64::from(self.assignment.memory_size_mb);
        let used = bytes.map_or(size, |bytes| bytes.div_ceil(MB));
        let is_limited = self.memory.limit().is_some_and(|limit| limit <= size * MB);
        if is_limited { used.min(size) } else { used }
    }

    /// Measures an invocation that is over, and tells subscribers of it. Gives its last lines, and its end.
    async fn report(&mut self, finish: Finish) -> (Vec<ToControlPlane>, Done) {
        self.drain().await;
        let max_memory_bytes = self.memory.peak();
        let memory_mb = u64::from(self.assignment.memory_size_mb);
        let request_id = finish.request_id.clone();
        let metrics = ReportMetrics {
            duration: Micros(finish.duration_us),
            billed_ms: report::billed_ms(finish.duration_us, finish.init_us),
            memory_mb,
            used_mb: self.used_mb(max_memory_bytes),
            init: finish.init_us.map(Micros),
            restore: finish.restore_us.map(Micros),
        };
        let report = Record::Report(schema::Report {
            request_id: request_id.clone(),
            status: finish.status,
            error_type: finish.error_type,
            metrics,
            spans: Vec::new(),
            tracing: self.measure.tracing(),
        });
        let end = Record::End(schema::End { request_id: request_id.clone() });
        let lines = [end, report].iter().filter_map(|record| self.journal.message(record)).collect();
        let done = Done {
            request_id,
            status: finish.status,
            duration_us: finish.duration_us,
            billed_ms: metrics.billed_ms,
            init_us: finish.init_us,
            max_memory_bytes,
            extensions_us: finish.extensions_us,
        };
        (lines, done)
    }
}

/// What it is to the machine that the control plane wants the environment to end.
fn asked_to_end(Shutdown { reason, budget_ms }: Shutdown) -> Event {
    let reason = match reason {
        ShutdownReason::Spindown => Reason::Spindown,
        ShutdownReason::Timeout => Reason::Timeout,
        ShutdownReason::Failure => Reason::Failure,
    };
    Event::Shutdown { reason, within: Some(Duration::from_millis(budget_ms)) }
}
