//! The one loop: takes whatever happens to the machine and does what follows. The only writer of state.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_protocol::{Assignment, Done, Log, LogSource, ToAgent, ToControlPlane};
use nix::unistd::Pid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until, timeout};

use crate::api::{Happened, Permit};
use crate::clock;
use crate::lifecycle::{CallId, Effect, Event, Finish, Machine, Reply};
use crate::log::{debug, info, warn};
use crate::memory::Memory;
use crate::output::{Current, Pump};
use crate::process::{self, kill_group, reap, sweep};
use crate::report::{Ended, Lines, Report};
use crate::setup::bootstrap;
use crate::setup::user::User;
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
    current: Current,
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
    ) -> std::io::Result<Self> {
        Ok(Self {
            machine,
            assignment,
            runtime,
            uplink,
            permit,
            current: Current::default(),
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
                        let lost =
                            self.waiting.remove(&call).is_none_or(|sender| sender.send(reply).is_err());
                        if lost {
                            events.push(Event::AnswerLost(call));
                        }
                    }
                    other => self.perform(other).await,
                }
            }
        }
        false
    }

    async fn perform(&mut self, effect: Effect) {
        let time = clock::iso(clock::now_ms());
        match effect {
            Effect::Kill => self.kill().await,
            Effect::InitStart => {
                let kind = self.assignment.initialization_type.as_str();
                let line = self.lines().init_start(&time, self.assignment.runtime_version.as_ref(), kind);
                self.platform(line).await;
            }
            Effect::InitReport { duration_us, phase, status, error_type } => {
                self.drain().await;
                let line = self.lines().init_report(&time, duration_us, phase, status, error_type.as_deref());
                self.platform(line).await;
            }
            Effect::Initialized(initialized, error) => {
                info!("init phase: {:?} after {} us", initialized.status, initialized.duration_us);
                self.uplink.send(ToControlPlane::Initialized(initialized, error)).await;
            }
            Effect::Start { request_id } => {
                self.drain().await;
                let line = self.lines().start(&time, &request_id);
                *self.current.borrow_mut() = Some(request_id);
                self.permit.set(true);
                self.platform(line).await;
            }
            Effect::TimedOut { request_id } => {
                self.drain().await;
                let line = self.lines().timed_out(&time, &request_id, self.assignment.timeout_ms);
                self.platform(line).await;
            }
            Effect::ResponseStart(start) => self.uplink.send(ToControlPlane::ResponseStart(start)).await,
            Effect::ResponseEnd(end, error) => {
                self.uplink.send(ToControlPlane::ResponseEnd(end, error)).await
            }
            Effect::Failed { request_id, failure } => {
                let head = lambdock_protocol::Failed { request_id, error_type: failure.error_type };
                self.uplink.send(ToControlPlane::Failed(head, failure.payload.into())).await;
            }
            Effect::RevokePermit => self.permit.set(false),
            Effect::Finish(finish) => self.finish(&time, finish).await,
            Effect::Spawn | Effect::Answer(..) | Effect::Exit => {}
        }
    }

    async fn finish(&mut self, time: &str, finish: Finish) {
        self.drain().await;
        let report = Report {
            request_id: &finish.request_id,
            status: finish.status,
            error_type: finish.error_type.as_deref(),
            duration_us: finish.duration_us,
            init_us: finish.init_us,
            max_memory_bytes: self.memory.peak(),
        };
        let done = Done {
            request_id: finish.request_id.clone(),
            status: finish.status,
            duration_us: finish.duration_us,
            billed_ms: report.billed_ms(),
            init_us: finish.init_us,
            max_memory_bytes: report.max_memory_bytes,
        };
        let line = self.lines().end(time, &report);
        let log = self.platform_log(line);
        *self.current.borrow_mut() = None;
        debug!("invocation {} is done: {:?}", done.request_id, done.status);
        self.uplink.send_all(log.into_iter().chain([ToControlPlane::Done(done)])).await;
    }

    fn lines(&self) -> Lines<'_> {
        Lines {
            logging: &self.assignment.logging,
            version: &self.assignment.function_version,
            memory_mb: self.assignment.memory_size_mb,
        }
    }

    fn platform_log(&self, line: String) -> Option<ToControlPlane> {
        let request_id = self.current.borrow().clone();
        let log = Log { source: LogSource::Platform, time_ms: clock::now_ms(), request_id };
        (!line.is_empty()).then(|| ToControlPlane::Log(log, Bytes::from(line)))
    }

    async fn platform(&self, line: String) {
        if let Some(message) = self.platform_log(line) {
            self.uplink.send(message).await;
        }
    }

    fn spawn(&mut self) -> Result<(), (&'static str, String)> {
        let Runtime { command, variables, user } = &self.runtime;
        info!("starting {:?}", command.arguments);
        let started = process::spawn(command, variables, *user)?;
        let pump = |pipe| {
            Pump::start(pipe, self.uplink.clone(), Rc::clone(&self.current))
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
