//! Pure: the states of an environment.

mod ending;
mod extension_calls;
mod init;
mod invocation;
mod runtime_calls;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_protocol::Invoke;

pub use self::ending::Reason;
use self::ending::Stopping;
use self::init::Init;
use self::invocation::Invocation;
use super::extensions::Extensions;
use super::runtime_state::RuntimeState;
use super::{CallId, Effect, Event};

/// What the machine has to know of the function.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Limit of the init phase; none: it may take as long as it takes.
    pub init_limit: Option<Duration>,
    /// Limit of an invocation.
    pub timeout: Duration,
    /// Largest response in bytes.
    pub payload_limit: u64,
    /// Id for failures that belong to no invocation.
    pub environment: String,
    /// File names of the extensions that have processes of their own, in the order in which they are started.
    pub extensions: Vec<String>,
    /// When changed code is loaded.
    pub reload: Reload,
    /// How many events the runtime asks for at the same time.
    pub asks: Asks,
}

/// How many events a runtime asks for at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asks {
    /// One. Who asks again while it has an event has lost it.
    #[default]
    ForOne,
    /// As many as its function may serve at once, on managed instances. Here it is given one at a time, and the others
    /// that ask wait.
    ForSeveral,
}

/// When changed code is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reload {
    /// At once, so that the next invocation finds it ready.
    #[default]
    Eager,
    /// By the next invocation. [LocalStack: init]
    Lazy,
}

/// One execution environment.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    phase: Phase,
    runtime: Option<RuntimeState>,
    extensions: Extensions,
    /// Calls of the runtime for the next event.
    parked: VecDeque<CallId>,
    /// `Init Duration` that no REPORT line has told yet.
    init_us: Option<u64>,
    /// An invocation that came while the environment was being made ready again.
    held: Option<(Invoke, Bytes)>,
    /// The code has changed since the runtime was started.
    changed: bool,
    /// An extension that has said it ends, and until when it has time to.
    condemned: Option<(String, Instant)>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and it is never moved about")]
enum Phase {
    /// Not yet anything.
    Waiting,
    /// The init phase of its own.
    Init(Init),
    /// Nothing to do; the runtime waits, or there is none.
    Idle,
    /// An invocation.
    Invocation(Invocation),
    /// All processes are being ended.
    Stopping(Stopping),
    /// Over.
    Ended,
}

impl Machine {
    /// A sandbox that is nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Waiting,
            runtime: None,
            extensions: Extensions::default(),
            parked: VecDeque::new(),
            init_us: None,
            held: None,
            changed: false,
            condemned: None,
        }
    }

    /// Forgets the runtime's calls for the next event whose callers are gone.
    pub fn forget(&mut self, is_gone: impl Fn(CallId) -> bool) {
        self.parked.retain(|call| !is_gone(*call));
    }

    /// When [`Event::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Init(init) => init.deadline,
            Phase::Invocation(invocation) => Some(invocation.due()),
            Phase::Stopping(stopping) => Some(stopping.due()),
            Phase::Waiting | Phase::Idle | Phase::Ended => None,
        };
        let condemned = self.condemned.as_ref().map(|(_, until)| *until);
        phase.into_iter().chain(condemned).min()
    }

    /// What follows from `event`.
    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        let out = &mut effects;
        match event {
            Event::Assigned => self.assigned(now, out),
            Event::Invoke(invoke, payload) => self.invoke(invoke, payload, now, out),
            Event::Next(call) => self.next(call, now, out),
            Event::RestoreNext(call) => self.restore_next(call, out),
            Event::AnswerLost(call) => self.answer_lost(call, now, out),
            Event::Response { call, head, body, error } => self.response(call, head, body, error, now, out),
            Event::ResponseStarted { call, head } => self.response_started(call, head, now, out),
            Event::ResponseEnded { call, posted, end } => self.response_ended(call, posted, end, now, out),
            Event::InvocationError { call, request_id, error_type, payload } => {
                self.invocation_error(call, &request_id, error_type, payload, out);
            }
            Event::InitError { call, at, error_type, payload } => {
                self.init_error(call, at, error_type, payload, now, out);
            }
            Event::Register { call, name, events, id } => self.register(call, &name, &events, id, now, out),
            Event::ExtensionNext { call, id } => self.extension_next(call, &id, now, out),
            Event::ExtensionError { call, id, when, error_type } => {
                self.extension_error(call, &id, when, error_type, now, out);
            }
            Event::Identify { call, id } => self.identify(call, &id, out),
            Event::Exited(ended) => self.exited(ended, now, out),
            Event::SpawnFailed { error_type, message } => self.spawn_failed(error_type, &message, now, out),
            Event::ExtensionExited { name, ended } => self.extension_exited(&name, ended, now, out),
            Event::ExtensionNotLaunched { name, message } => {
                self.extension_not_launched(&name, &message, now, out);
            }
            Event::Changed => self.changed(now, out),
            Event::Tick => self.tick(now, out),
            Event::Shutdown => self.shut_down(now, out),
        }
        effects
    }

    fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let Some((name, _)) = self.condemned.take_if(|(_, until)| now >= *until) {
            effects.push(Effect::KillExtension(name));
        }
        match &self.phase {
            Phase::Init(init) if init.deadline.is_some_and(|deadline| now >= deadline) => {
                self.init_timed_out(now, effects);
            }
            Phase::Invocation(invocation) if now >= invocation.due() => self.invocation_due(now, effects),
            Phase::Stopping(stopping) if now >= stopping.due() => self.stopping_due(now, effects),
            _ => {}
        }
    }

    /// The environment is free: takes up what had to wait for that.
    fn resume(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.changed) {
            self.changed(now, effects);
        } else if let Some((invoke, payload)) = self.held.take() {
            self.invoke(invoke, payload, now, effects);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
