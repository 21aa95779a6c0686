//! The function's processes as the driver has them: begun, heard out, ended.

use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::{Driver, Runtime};
use crate::api::Happened;
use crate::environment;
use crate::lifecycle::Event;
use crate::log::{info, warn};
use crate::output::journal::Source;
use crate::output::{Form, Pump};
use crate::process::{self, Dead, Logger, kill_group, sweep};
use crate::report::Ended;
use crate::setup::bootstrap;

/// A process of the function, and what reads its output.
pub(super) struct Child {
    pub(super) pid: Pid,
    pumps: Rc<[Pump]>,
}

/// Time that killed processes have to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// Time that calls of a process that has died have to arrive.
const SETTLED_WITHIN: Duration = Duration::from_millis(50);

/// Passes of the event loop in which nothing moves, after which nothing will: in one the system is asked, in the next
/// everybody who is to read does, and what they start in theirs is seen in one more.
const QUIET_PASSES: u32 = 3;

impl Driver {
    pub(super) fn spawn(&mut self) -> Result<(), (&'static str, String)> {
        let Runtime { command, variables, user, logger, .. } = &self.runtime;
        info!("starting {:?}", command.arguments);
        let started = process::spawn(command, variables, *user, *logger)?;
        self.process = Some(self.child(started, &Source::Function)?);
        Ok(())
    }

    pub(super) fn spawn_extension(&mut self, name: &str) -> Result<(), (&'static str, String)> {
        let Runtime { variables, user, extensions, .. } = &self.runtime;
        info!("starting the extension {name}");
        let path = extensions.files.join(name);
        let command = bootstrap::Command {
            arguments: vec![path.to_string_lossy().into_owned()],
            folder: extensions.folder.clone(),
        };
        let started = process::spawn(&command, &environment::extension(variables), *user, Logger::Streams)?;
        let child = self.child(started, &Source::Extension(name.into()))?;
        self.extensions.insert(name.to_owned(), child);
        Ok(())
    }

    fn child(&self, started: process::Running, source: &Source) -> Result<Child, (&'static str, String)> {
        let process::Running { pid, stdout, stderr, messages } = started;
        let pipes = [(stdout, Form::Lines), (stderr, Form::Lines)].into_iter();
        let pipes = pipes.chain(messages.map(|pipe| (pipe, Form::Frames)));
        let pump = |(pipe, form)| {
            Pump::start(pipe, Rc::clone(&self.journal), source.clone(), form)
                .map_err(|error| ("Sandbox.Failure", format!("its output cannot be read: {error}")))
        };
        Ok(Child { pid, pumps: pipes.map(pump).collect::<Result<Vec<_>, _>>()?.into() })
    }

    /// Takes every dead process off the list, and lets the machine know of those that it knows. `true`: that is the
    /// end.
    pub(super) async fn reap(&mut self, calls: &mut mpsc::Receiver<Happened>) -> bool {
        let dead: Vec<Dead> = std::iter::from_fn(|| self.reap_one()).collect();
        if dead.iter().any(|dead| self.is_known(dead.pid)) && self.settle(calls).await {
            return true;
        }
        for Dead { pid, ended, .. } in dead {
            // Its last words may have led to its end, and to another in its place.
            let event = if self.process.as_ref().is_some_and(|child| child.pid == pid) {
                info!("the runtime ended: {ended:?}");
                let exhausted = ended == Ended::Signal(9) && self.memory.was_exhausted();
                Event::Exited(if exhausted { Ended::OutOfMemory } else { ended })
            } else if let Some((name, _)) = self.extensions.iter().find(|(_, child)| child.pid == pid) {
                info!("the extension {name} ended: {ended:?}");
                Event::ExtensionExited { name: name.clone(), ended }
            } else {
                continue;
            };
            if self.happened(event).await {
                return true;
            }
        }
        false
    }

    fn reap_one(&mut self) -> Option<Dead> {
        let dead = process::reap()?;
        self.memory.died(dead.peak);
        Some(dead)
    }

    fn is_known(&self, pid: Pid) -> bool {
        self.process.iter().chain(self.extensions.values()).any(|child| child.pid == pid)
    }

    /// Takes in what the dead have sent before they died. `true`: that is the end.
    async fn settle(&mut self, calls: &mut mpsc::Receiver<Happened>) -> bool {
        let until = Instant::now() + SETTLED_WITHIN;
        let (mut moved, mut quiet) = (self.traffic.moved(), 0);
        while quiet < QUIET_PASSES && Instant::now() < until {
            if let Ok(happened) = calls.try_recv() {
                quiet = 0;
                let event = self.take(happened);
                if self.happened(event).await {
                    return true;
                }
                continue;
            }
            // The system is asked for what has come, and then everybody gets on with it.
            yield_now().await;
            if std::mem::replace(&mut moved, self.traffic.moved()) != self.traffic.moved() {
                quiet = 0;
            } else if self.traffic.is_taking() {
                // On the way to the control plane, mostly.
                sleep(Duration::from_millis(1)).await;
            } else {
                quiet += 1;
            }
        }
        false
    }

    /// Kills whatever of the function is there, and takes in what it wrote last.
    pub(super) async fn kill(&mut self) {
        let children: Vec<Child> = self
            .process
            .take()
            .into_iter()
            .chain(std::mem::take(&mut self.extensions).into_values())
            .collect();
        if children.is_empty() {
            return;
        }
        for child in &children {
            kill_group(child.pid);
        }
        let gone = async {
            while sweep(self.runtime.mark.as_deref()) {
                // Each pass takes what the ones before it have started in the meantime.
                while self.reap_one().is_some() {}
                sleep(Duration::from_millis(1)).await;
            }
        };
        if timeout(GONE_WITHIN, gone).await.is_err() {
            warn!("some processes of the function cannot be killed");
        }
        while self.reap_one().is_some() {}
        for child in &children {
            self.patiently(child.drain()).await;
        }
        self.flushing = None;
        self.journal.telemetry().reset();
    }

    pub(super) async fn drain(&self) {
        for child in self.process.iter().chain(self.extensions.values()) {
            self.patiently(child.drain()).await;
        }
    }
}

impl Child {
    /// Passes on what was written until now; also when the child is no more.
    fn drain(&self) -> impl Future<Output = ()> + 'static {
        let pumps = Rc::clone(&self.pumps);
        async move {
            for pump in &*pumps {
                pump.drain().await;
            }
        }
    }
}
