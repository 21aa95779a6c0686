//! Pure: the init phase, of its own or inside the first invocation.

use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_protocol::{Initialized, Status};

use super::ending::{Reason, Then};
use super::invocation::{Invocation, Stage};
use super::runtime_calls::{too_large, truncated};
use super::{Machine, Phase, RuntimeState, micros, millis};
use crate::lifecycle::extensions::LIMIT;
use crate::lifecycle::{CallId, Effect, ErrorBody, InitEnd, Point, Reply, RestoreEnd};
use crate::report::{Ended, Failure};
use crate::telemetry::schema::Phase as InitPhase;

/// Time that a runtime has to end by itself once it has said that it cannot start.
const INIT_ERROR_GRACE: Duration = Duration::from_millis(500);

/// An init phase.
#[derive(Debug)]
pub(super) struct Init {
    pub(super) since: Instant,
    pub(super) deadline: Option<Instant>,
    /// What the runtime says is wrong.
    pub(super) error: Option<Failure>,
    /// The runtime has done its part, and that has been told.
    runtime_done: bool,
    /// When the runtime went on after a restore, until it is told how that ended.
    restored: Option<Instant>,
}

impl Init {
    pub(super) fn since(since: Instant, deadline: Option<Instant>) -> Self {
        Self { since, deadline, error: None, runtime_done: false, restored: None }
    }
}

impl Machine {
    pub(super) fn assigned(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Waiting) {
            self.begin_init(now, effects);
        }
    }

    /// An init phase of its own.
    pub(super) fn begin_init(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let deadline = self.settings.init_limit.map(|limit| now + limit);
        self.phase = Phase::Init(Init::since(now, deadline));
        effects.push(Effect::InitStart { phase: InitPhase::Init });
        self.launch(now, effects);
    }

    /// Starts the extensions and, if there is none to wait for, the runtime.
    pub(super) fn launch(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.settings.extensions.len() > LIMIT {
            self.extensions.forget();
            let message = format!("Extension limit ({LIMIT}) reached");
            return self.init_failed("Extension.LaunchError", &message, now, effects);
        }
        self.extensions.launch(&self.settings.extensions);
        effects.extend(self.settings.extensions.iter().cloned().map(Effect::SpawnExtension));
        self.proceed_with_init(now, effects);
    }

    fn init(&self) -> Option<&Init> {
        match &self.phase {
            Phase::Init(init) | Phase::Invocation(Invocation { stage: Stage::Init(init), .. }) => Some(init),
            _ => None,
        }
    }

    fn init_mut(&mut self) -> Option<&mut Init> {
        match &mut self.phase {
            Phase::Init(init) | Phase::Invocation(Invocation { stage: Stage::Init(init), .. }) => Some(init),
            _ => None,
        }
    }

    fn init_phase(&self) -> InitPhase {
        if matches!(self.phase, Phase::Init(_)) { InitPhase::Init } else { InitPhase::Invoke }
    }

    /// Does what the init phase has been waiting for: the runtime starts when all extensions have registered, and the
    /// phase is over when runtime and extensions wait for events.
    pub(super) fn proceed_with_init(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.init().is_none() {
            return;
        }
        match self.runtime {
            None if self.extensions.all_registered() => {
                self.runtime = Some(RuntimeState::Started);
                effects.push(Effect::Spawn);
            }
            Some(RuntimeState::Ready) if self.extensions.all_ready() => self.init_done(now, effects),
            _ => {}
        }
    }

    fn init_done(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        effects.push(Effect::CloseRegistration);
        effects.extend(self.extensions.standings().into_iter().map(Effect::ExtensionStands));
        let phase = self.init_phase();
        let Some(duration_us) = self.init().map(|init| micros(now - init.since)) else { return };
        let end = InitEnd { duration_us, phase, status: Status::Success, error_type: None };
        effects.push(Effect::InitReport(end));
        match &mut self.phase {
            Phase::Init(_) => {
                self.init_us = Some(duration_us);
                self.phase = Phase::Idle;
                let initialized = Initialized { status: Status::Success, duration_us, error_type: None };
                effects.push(Effect::Initialized(initialized, Bytes::new()));
                self.resume(now, effects);
            }
            Phase::Invocation(invocation) => {
                invocation.stage = Stage::Running;
                self.run(true, now, effects);
            }
            _ => {}
        }
    }

    /// The runtime has done what it does before a snapshot is taken. There is none here, so it goes on at once as after a
    /// restore, which is part of the init phase.
    pub(super) fn restore(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.runtime_initialized(now, effects);
        if let Some(init) = self.init_mut() {
            init.restored = Some(now);
            effects.push(Effect::RestoreStart);
        }
    }

    /// The runtime's first call for an event.
    pub(super) fn first_next(&mut self, call: CallId, now: Instant, effects: &mut Vec<Effect>) {
        if self.runtime == Some(RuntimeState::Restoring) {
            self.restore_over(Status::Success, None, now, effects);
        } else {
            self.runtime_initialized(now, effects);
        }
        self.extensions.close();
        self.park(call);
        self.proceed_with_init(now, effects);
    }

    fn runtime_initialized(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let phase = self.init_phase();
        if let Some(init) = self.init_mut() {
            init.runtime_done = true;
            let duration_us = micros(now - init.since);
            let end = InitEnd { duration_us, phase, status: Status::Success, error_type: None };
            effects.push(Effect::InitRuntimeDone(end));
        }
    }

    /// What comes after a restore is over, if it had begun.
    fn restore_over(
        &mut self,
        status: Status,
        error_type: Option<String>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(restored) = self.init_mut().and_then(|init| init.restored.take()) else { return };
        let duration_us = micros(now - restored);
        self.restore_us = (status == Status::Success).then_some(duration_us);
        effects.push(Effect::RestoreReport(RestoreEnd { duration_us, status, error_type }));
    }

    /// An init phase that has not come to its end is over.
    pub(super) fn init_over(
        &mut self,
        status: Status,
        error_type: Option<String>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let phase = self.init_phase();
        let Some(init) = self.init() else { return };
        let end =
            InitEnd { duration_us: micros(now - init.since), phase, status, error_type: error_type.clone() };
        if !init.runtime_done {
            effects.push(Effect::InitRuntimeDone(end.clone()));
        }
        self.restore_over(status, error_type, now, effects);
        effects.extend(self.extensions.standings().into_iter().map(Effect::ExtensionStands));
        effects.push(Effect::InitReport(end));
    }

    pub(super) fn init_error(
        &mut self,
        call: CallId,
        at: Point,
        error_type: String,
        payload: ErrorBody,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let (legal, becomes) = match (at, self.runtime) {
            (Point::Init, Some(RuntimeState::Restoring)) => (true, RuntimeState::RestoreError),
            (Point::Init, runtime) => (runtime == Some(RuntimeState::Started), RuntimeState::InitError),
            (Point::Restore, runtime) => {
                (runtime == Some(RuntimeState::Restoring), RuntimeState::RestoreError)
            }
        };
        let limit = self.settings.payload_limit;
        let Some(init) = self.init_mut().filter(|_| legal) else {
            return effects.push(self.illegal(call, becomes.name()));
        };
        let reply = match &payload {
            ErrorBody::Whole(_) => Reply::Accepted,
            ErrorBody::TooLarge => too_large(limit),
            ErrorBody::Truncated => truncated(),
        };
        let payload = match payload {
            ErrorBody::Whole(payload) => payload.to_vec(),
            // What is wrong is known, if not in its own words.
            ErrorBody::TooLarge | ErrorBody::Truncated => Failure::unexplained(&error_type),
        };
        init.error = Some(Failure { error_type, payload });
        init.deadline = Some(now + INIT_ERROR_GRACE);
        self.runtime = Some(becomes);
        effects.push(Effect::Answer(call, reply));
    }

    /// The runtime ended before it asked for an event.
    pub(super) fn runtime_ended_in_init(&mut self, ended: Ended, now: Instant, effects: &mut Vec<Effect>) {
        self.runtime = None;
        let said = self.init_mut().and_then(|init| init.error.take());
        let failure = said.unwrap_or_else(|| Failure::exit(self.failing(), ended));
        self.fail_init(Status::Error, failure, now, effects);
    }

    pub(super) fn init_timed_out(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Some(init) = self.init_mut() else { return };
        let limit = millis(now - init.since);
        match init.error.take() {
            Some(failure) => self.fail_init(Status::Error, failure, now, effects),
            None => {
                let failure = Failure::timeout(self.failing(), limit);
                self.fail_init(Status::Timeout, failure, now, effects);
            }
        }
    }

    /// What failures name: the invocation, or else the environment.
    pub(super) fn failing(&self) -> &str {
        match &self.phase {
            Phase::Invocation(invocation) => &invocation.invoke.request_id,
            _ => &self.settings.environment,
        }
    }

    /// The init phase cannot go on, for a reason of ours.
    pub(super) fn init_failed(
        &mut self,
        error_type: &str,
        message: &str,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let failure = Failure::of_request(error_type, self.failing(), message);
        self.fail_init(Status::Error, failure, now, effects);
    }

    /// The init phase failed. One of its own will be run again inside the first invocation; one inside an invocation
    /// fails that.
    pub(super) fn fail_init(
        &mut self,
        status: Status,
        failure: Failure,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(init) = self.init() else { return };
        let duration_us = micros(now - init.since);
        let error_type = (status != Status::Timeout).then(|| failure.error_type.clone());
        effects.push(Effect::RevokePermit);
        if self.extensions.is_empty() {
            // So that what it wrote last is in the log before the report.
            effects.push(Effect::Kill);
            self.runtime = None;
        }
        self.init_over(status, error_type, now, effects);
        let reason = if status == Status::Timeout { Reason::Timeout } else { Reason::Failure };
        match &self.phase {
            Phase::Init(_) => {
                let initialized = Initialized { status, duration_us, error_type: Some(failure.error_type) };
                effects.push(Effect::Initialized(initialized, failure.payload.into()));
                self.stop(reason, None, Then::Idle, now, effects);
            }
            Phase::Invocation(invocation) => {
                let request_id = invocation.invoke.request_id.clone();
                effects.push(Effect::Start { request_id, after_init: true });
                self.failed(failure, effects);
                self.end_invocation(reason, now, effects);
            }
            _ => {}
        }
    }
}
