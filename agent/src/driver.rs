//! The one loop: takes whatever happens to the machine and does what follows. The only writer of state.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use lambdock_protocol::{Assignment, Done, Status, ToAgent, ToControlPlane};
use nix::unistd::Pid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until, timeout};

use crate::api::{Happened, Permit};
use crate::clock;
use crate::lifecycle::{CallId, Effect, Event, Finish, Machine, Reply};
use crate::log::{debug, info, warn};
use crate::memory::Memory;
use crate::output::Pump;
use crate::output::journal::{Journal, Source};
use crate::process::{self, kill_group, reap, sweep};
use crate::report::{self, Ended, MB};
use crate::setup::bootstrap;
use crate::setup::user::User;
use crate::telemetry::measure::Measure;
use crate::telemetry::schema::{self, DurationMetrics, Micros, Phase, Record, ReportMetrics};
use crate::uplink::{Receiver, Sender};

/// What the runtime is started with.
pub(crate) struct Runtime {
    /// Its command line.
    pub command: bootstrap::Command,
    /// Its environment variables.
    pub variables: BTreeMap<String, String>,
    /// Whom it runs as; `None`: as we do.
    pub user: Option<User>,
}

/// Everything that a running environment holds.
pub(crate) struct Driver {
    machine: Machine,
    assignment: Assignment,
    runtime: Runtime,
    uplink: Sender,
    permit: Permit,
    journal: Rc<Journal>,
    measure: Measure,
    waiting: HashMap<CallId, oneshot::Sender<Reply>>,
    process: Option<(Pid, [Pump; 2])>,
    children: Signal,
    memory: Memory,
}

/// Time that killed processes have to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(2);

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
        journal: Rc<Journal>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            machine,
            assignment,
            runtime,
            uplink,
            permit,
            journal,
            measure: Measure::default(),
            waiting: HashMap::new(),
            process: None,
            children: signal(SignalKind::child())?,
            memory: Memory::new(),
        })
    }

    /// Runs until the environment ends.
    pub(crate) async fn run(
        mut self,
        mut control: Receiver,
        mut calls: mpsc::Receiver<Happened>,
        mut stop: impl AsyncFnMut(),
    ) -> Ending {
        self.happened(Event::Assigned).await;
        loop {
            let deadline = self.machine.deadline().map(tokio::time::Instant::from_std);
            let event = tokio::select! {
                // The runtime's calls and its death come before news from outside: what it has done, it has done.
                biased;
                Some(Happened { event, waiting }) = calls.recv() => {
                    if let Some((call, sender)) = waiting {
                        self.waiting.insert(call, sender);
                    }
                    event
                }
                _ = self.children.recv() => match self.reap() {
                    Some(ended) => Event::Exited(ended),
                    None => continue,
                },
                () = async { sleep_until(deadline.unwrap_or_else(tokio::time::Instant::now)).await }, if deadline.is_some() => Event::Tick,
                message = control.receive() => match message {
                    Some(ToAgent::Invoke(invoke, payload)) => {
                        debug!("invocation {} arrived, {} bytes", invoke.request_id, payload.len());
                        self.measure = Measure::of(&invoke);
                        Event::Invoke(invoke, payload)
                    }
                    Some(ToAgent::Shutdown(_)) => Event::Shutdown,
                    Some(other) => {
                        warn!("the control plane sent what is not expected now: {other:?}");
                        continue;
                    }
                    None => {
                        self.kill().await;
                        return Ending::Abandoned;
                    }
                },
                () = stop() => Event::Shutdown,
            };
            if self.happened(event).await {
                return Ending::Asked;
            }
        }
    }

    /// Lets the machine know and does what follows. `true`: that is the end.
    async fn happened(&mut self, event: Event) -> bool {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let mut effects = self.machine.step(event, Instant::now()).into_iter();
            for effect in effects.by_ref() {
                match effect {
                    Effect::Exit => return true,
                    Effect::Spawn => {
                        if let Err((error_type, message)) = self.spawn() {
                            events.push(Event::SpawnFailed { error_type, message });
                        }
                    }
                    Effect::Answer(call, reply) => {
                        if matches!(reply, Reply::Event { .. }) {
                            self.measure.released(Instant::now(), clock::now_ms());
                        }
                        let lost =
                            self.waiting.remove(&call).is_none_or(|sender| sender.send(reply).is_err());
                        if lost {
                            events.push(Event::AnswerLost);
                        }
                    }
                    other => self.perform(other).await,
                }
            }
        }
        false
    }

    async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Kill => self.kill().await,
            Effect::InitStart => self.journal.platform(&self.init_start(Phase::Init)).await,
            Effect::InitReport { duration_us, phase, status, error_type } => {
                self.drain().await;
                let phase = if phase == "init" { Phase::Init } else { Phase::Invoke };
                self.init_report(phase, duration_us, status, error_type).await;
            }
            Effect::Initialized(initialized, error) => {
                info!("init phase: {:?} after {} us", initialized.status, initialized.duration_us);
                if initialized.status == Status::Success {
                    // Of one that failed the machine has told before.
                    self.drain().await;
                    self.init_report(Phase::Init, initialized.duration_us, Status::Success, None).await;
                    self.journal.telemetry().close();
                }
                self.uplink.send(ToControlPlane::Initialized(initialized, error)).await;
            }
            Effect::Start { request_id } => {
                self.drain().await;
                // An init phase within the invocation is over as well.
                self.journal.telemetry().close();
                self.journal.belongs_to(Some(request_id.clone()));
                self.permit.set(true);
                let start = schema::Start {
                    request_id,
                    version: Some(self.assignment.function_version.clone()),
                    function_arn: self.measure.function_arn(),
                    tracing: self.measure.tracing(),
                };
                self.journal.platform(&Record::Start(start)).await;
            }
            Effect::TimedOut { request_id } => {
                self.drain().await;
                let time = clock::iso(clock::now_ms());
                let fault = report::timeout_fault(&time, &request_id, self.assignment.timeout_ms);
                self.journal.platform(&Record::Fault(fault)).await;
            }
            Effect::ResponseStart(start) => {
                self.measure.response_began(Instant::now(), start.length);
                self.uplink.send(ToControlPlane::ResponseStart(start)).await;
            }
            Effect::ResponseEnd(end, error) => {
                self.measure.response_ended(Instant::now(), None);
                self.uplink.send(ToControlPlane::ResponseEnd(end, error)).await;
            }
            Effect::Failed { request_id, failure } => {
                let fault = failure.fault(&request_id);
                let head = lambdock_protocol::Failed { request_id, error_type: failure.error_type };
                self.uplink.send(ToControlPlane::Failed(head, failure.payload.into())).await;
                if let Some(fault) = fault {
                    self.drain().await;
                    self.journal.platform(&Record::Fault(fault)).await;
                }
            }
            Effect::RevokePermit => self.permit.set(false),
            Effect::Finish(finish) => self.finish(finish).await,
            Effect::Spawn | Effect::Answer(..) | Effect::Exit => {}
        }
    }

    fn init_start(&self, phase: Phase) -> Record {
        let Assignment { runtime_version, logging, .. } = &self.assignment;
        Record::InitStart(schema::InitStart {
            initialization_type: self.assignment.initialization_type,
            phase,
            runtime_version: runtime_version.as_ref().map(|runtime| runtime.version.clone()),
            runtime_version_arn: runtime_version.as_ref().map(|runtime| runtime.arn.clone()),
            function_name: self.assignment.function_name.clone(),
            function_version: self.assignment.function_version.clone(),
            instance_id: logging.stream.clone(),
            instance_max_memory: u64::from(self.assignment.memory_size_mb) * MB,
            tracing: None,
        })
    }

    async fn init_report(&self, phase: Phase, us: u64, status: Status, error_type: Option<String>) {
        let initialization_type = self.assignment.initialization_type;
        let tracing = if phase == Phase::Invoke { self.measure.tracing() } else { None };
        let done = schema::InitRuntimeDone {
            initialization_type,
            phase,
            status,
            error_type: error_type.clone(),
            tracing: tracing.clone(),
        };
        self.journal.platform(&Record::InitRuntimeDone(done)).await;
        let metrics = DurationMetrics { duration: Micros(us) };
        let report = schema::InitReport { initialization_type, phase, status, error_type, metrics, tracing };
        self.journal.platform(&Record::InitReport(report)).await;
    }

    /// Tells that the runtime is done with an invocation.
    fn runtime_done(&self, finish: &Finish) -> Record {
        let now = Instant::now();
        Record::RuntimeDone(schema::RuntimeDone {
            request_id: finish.request_id.clone(),
            status: finish.status,
            error_type: finish.error_type.clone(),
            metrics: Some(self.measure.metrics(finish.duration_us, now)),
            spans: self.measure.spans(now),
            tracing: self.measure.tracing(),
        })
    }

    async fn finish(&mut self, finish: Finish) {
        self.drain().await;
        let done = self.runtime_done(&finish);
        let max_memory_bytes = self.memory.peak();
        let memory_mb = u64::from(self.assignment.memory_size_mb);
        let request_id = finish.request_id.clone();
        let metrics = ReportMetrics {
            duration: Micros(finish.duration_us),
            billed_ms: report::billed_ms(finish.duration_us, finish.init_us),
            memory_mb,
            used_mb: max_memory_bytes.map_or(memory_mb, |bytes| bytes.div_ceil(MB)).min(memory_mb),
            init: finish.init_us.map(Micros),
            restore: None,
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
        let logs: Vec<_> =
            [done, end, report].iter().filter_map(|record| self.journal.message(record)).collect();
        let done = Done {
            request_id,
            status: finish.status,
            duration_us: finish.duration_us,
            billed_ms: metrics.billed_ms,
            init_us: finish.init_us,
            max_memory_bytes,
        };
        self.journal.belongs_to(None);
        debug!("invocation {} is done: {:?}", done.request_id, done.status);
        self.uplink.send_all(logs.into_iter().chain([ToControlPlane::Done(done)])).await;
    }

    fn spawn(&mut self) -> Result<(), (&'static str, String)> {
        let Runtime { command, variables, user } = &self.runtime;
        info!("starting {:?}", command.arguments);
        let started = process::spawn(command, variables, *user)?;
        let pump = |pipe| {
            Pump::start(pipe, Rc::clone(&self.journal), Source::Function)
                .map_err(|error| ("Sandbox.Failure", format!("its output cannot be read: {error}")))
        };
        self.process = Some((started.pid, [pump(started.stdout)?, pump(started.stderr)?]));
        Ok(())
    }

    /// Takes every dead process off the list. How the runtime ended, if it is among them.
    fn reap(&mut self) -> Option<Ended> {
        let mut runtime = None;
        while let Some((pid, ended)) = reap() {
            if self.process.as_ref().is_some_and(|(running, _)| *running == pid) {
                let exhausted = ended == Ended::Signal(9) && self.memory.was_exhausted();
                runtime = Some(if exhausted { Ended::OutOfMemory } else { ended });
                info!("the runtime ended: {ended:?}");
            }
        }
        runtime
    }

    /// Kills whatever of the function is there, and takes in what it wrote last.
    async fn kill(&mut self) {
        let Some((pid, pumps)) = self.process.take() else { return };
        kill_group(pid);
        let gone = async {
            while sweep() {
                // Each pass takes what the ones before it have started in the meantime.
                while reap().is_some() {}
                sleep(Duration::from_millis(1)).await;
            }
        };
        if timeout(GONE_WITHIN, gone).await.is_err() {
            warn!("some processes of the function cannot be killed");
        }
        while reap().is_some() {}
        for pump in &pumps {
            pump.drain().await;
        }
        self.journal.telemetry().hurry();
    }

    async fn drain(&self) {
        if let Some((_, pumps)) = &self.process {
            for pump in pumps {
                pump.drain().await;
            }
        }
    }
}

/// A permit that is not given yet.
pub(crate) fn permit() -> Permit {
    Rc::new(Cell::new(false))
}
