//! Pure: the states of an environment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_protocol::{Initialized, Invoke, Mode, ResponseEnd, ResponseStart, Status};

use super::runtime_state::RuntimeState;
use super::{BodyEnd, CallId, Effect, Event, Finish, Reply, ResponseMode};
use crate::report::{Ended, Failure};

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
}

/// Time that a runtime has to end by itself once it has said that it cannot start.
const INIT_ERROR_GRACE: Duration = Duration::from_millis(500);

/// One execution environment.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    phase: Phase,
    runtime: Option<RuntimeState>,
    parked: VecDeque<CallId>,
    /// `Init Duration` that no REPORT line has told yet.
    init_us: Option<u64>,
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
    /// Over.
    Ended,
}

#[derive(Debug)]
struct Init {
    since: Instant,
    deadline: Option<Instant>,
    error: Option<Failure>,
}

#[derive(Debug)]
struct Invocation {
    invoke: Invoke,
    payload: Bytes,
    since: Instant,
    deadline: Instant,
    stage: Stage,
    /// The call that was answered with the event last.
    receiver: Option<CallId>,
}

#[derive(Debug)]
enum Stage {
    /// The runtime has to be started first.
    Init(Init),
    /// The function runs.
    Running,
    /// Its answer has left; it has not asked for more.
    Answered { status: Status, error_type: Option<String> },
}

impl Machine {
    /// A sandbox that is nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, phase: Phase::Waiting, runtime: None, parked: VecDeque::new(), init_us: None }
    }

    /// When [`Event::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Init(init) => init.deadline,
            Phase::Invocation(Invocation { deadline, stage: Stage::Init(init), .. }) => {
                Some(init.deadline.map_or(*deadline, |grace| grace.min(*deadline)))
            }
            Phase::Invocation(invocation) => Some(invocation.deadline),
            Phase::Waiting | Phase::Idle | Phase::Ended => None,
        }
    }

    /// What follows from `event`.
    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Assigned => self.assigned(now, &mut effects),
            Event::Invoke(invoke, payload) => self.invoke(invoke, payload, now, &mut effects),
            Event::Next(call) => self.next(call, now, &mut effects),
            Event::RestoreNext(call) => effects.push(Effect::Answer(call, Reply::Restored)),
            Event::AnswerLost(call) => self.answer_lost(call, now, &mut effects),
            Event::ResponseStarted { call, request_id, mode, content_type, length } => {
                self.response_started(call, &request_id, mode, content_type, length, &mut effects);
            }
            Event::ResponseEnded { call, end } => self.response_ended(call, end, &mut effects),
            Event::InvocationError { call, request_id, error_type, payload } => {
                self.invocation_error(call, &request_id, error_type, &payload, &mut effects);
            }
            Event::InitError { call, error_type, payload } => {
                self.init_error(call, error_type, &payload, now, &mut effects);
            }
            Event::Exited(ended) => self.exited(ended, now, &mut effects),
            Event::SpawnFailed { error_type, message } => {
                self.spawn_failed(error_type, &message, now, &mut effects)
            }
            Event::Tick => self.tick(now, &mut effects),
            Event::Shutdown => {
                self.phase = Phase::Ended;
                effects.extend([Effect::RevokePermit, Effect::Kill, Effect::Exit]);
            }
        }
        effects
    }

    fn assigned(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Waiting) {
            return;
        }
        let deadline = self.settings.init_limit.map(|limit| now + limit);
        self.phase = Phase::Init(Init { since: now, deadline, error: None });
        self.runtime = Some(RuntimeState::Started);
        effects.extend([Effect::InitStart, Effect::Spawn]);
    }

    fn invoke(&mut self, invoke: Invoke, payload: Bytes, now: Instant, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Idle) {
            let request_id = invoke.request_id;
            let message = "the environment is not free";
            let failure = Failure::of_request("Sandbox.Failure", &request_id, message);
            effects.push(Effect::Failed { request_id, failure });
            return;
        }
        let deadline = now + self.settings.timeout.min(Duration::from_millis(invoke.timeout_ms));
        let stage = if self.runtime.is_some() {
            effects.push(Effect::Start { request_id: invoke.request_id.clone() });
            Stage::Running
        } else {
            self.runtime = Some(RuntimeState::Started);
            effects.push(Effect::Spawn);
            Stage::Init(Init { since: now, deadline: None, error: None })
        };
        self.phase =
            Phase::Invocation(Invocation { invoke, payload, since: now, deadline, stage, receiver: None });
        self.deliver(now, effects);
    }

    /// Gives the event to a runtime that waits for it.
    fn deliver(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation @ Invocation { stage: Stage::Running, .. }) = &mut self.phase else {
            return;
        };
        let Some(call) = self.parked.pop_front() else { return };
        self.runtime = Some(RuntimeState::Running);
        effects.push(Effect::Answer(call, invocation.event(call, now)));
    }

    /// An event that nobody received goes to another that waits, if there is one.
    fn answer_lost(&mut self, call: CallId, now: Instant, effects: &mut Vec<Effect>) {
        let unreceived =
            matches!(&self.phase, Phase::Invocation(invocation) if invocation.receiver == Some(call));
        if unreceived && self.runtime == Some(RuntimeState::Running) {
            self.deliver(now, effects);
        }
    }

    fn next(&mut self, call: CallId, now: Instant, effects: &mut Vec<Effect>) {
        match (&mut self.phase, self.runtime) {
            (Phase::Init(init), Some(RuntimeState::Started)) => {
                let duration_us = micros(now - init.since);
                self.init_us = Some(duration_us);
                self.phase = Phase::Idle;
                self.park(call);
                let initialized = Initialized { status: Status::Success, duration_us, error_type: None };
                effects.push(Effect::Initialized(initialized, Bytes::new()));
            }
            (Phase::Invocation(invocation), Some(RuntimeState::Started)) => {
                invocation.stage = Stage::Running;
                effects.push(Effect::Start { request_id: invocation.invoke.request_id.clone() });
                self.park(call);
                self.deliver(now, effects);
            }
            // The same event again: the runtime may have lost the first answer. [AWS: runtime interface emulator]
            (Phase::Invocation(invocation), Some(RuntimeState::Running)) => {
                effects.push(Effect::Answer(call, invocation.event(call, now)));
            }
            (Phase::Invocation(_), Some(RuntimeState::ResponseSent)) => {
                self.finish(now, effects);
                self.park(call);
            }
            (Phase::Idle, Some(RuntimeState::Ready)) | (Phase::Invocation(_), Some(RuntimeState::Ready)) => {
                self.park(call);
                self.deliver(now, effects);
            }
            _ => effects.push(self.illegal(call, "Ready")),
        }
    }

    fn park(&mut self, call: CallId) {
        self.parked.push_back(call);
        self.runtime = Some(RuntimeState::Ready);
    }

    fn illegal(&self, call: CallId, target: &str) -> Effect {
        let current = self.runtime.map_or("Started", RuntimeState::name);
        let message = format!(
            "State transition from {current} to {target} failed for runtime. Error: State transition is not allowed"
        );
        Effect::Answer(call, Reply::Refused { status: 403, error_type: "InvalidStateTransition", message })
    }

    /// Whether a call about `request_id` is legal now.
    fn answering(&self, call: CallId, request_id: &str, target: &str) -> Result<(), Effect> {
        let known = matches!(&self.phase, Phase::Invocation(invocation)
            if invocation.invoke.request_id == request_id && !matches!(invocation.stage, Stage::Init(_)));
        if !known {
            let message = "Invalid request ID".to_owned();
            return Err(Effect::Answer(
                call,
                Reply::Refused { status: 400, error_type: "InvalidRequestID", message },
            ));
        }
        if self.runtime == Some(RuntimeState::Running) { Ok(()) } else { Err(self.illegal(call, target)) }
    }

    fn response_started(
        &mut self,
        call: CallId,
        request_id: &str,
        mode: ResponseMode,
        content_type: Option<String>,
        length: Option<u64>,
        effects: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.answering(call, request_id, "InvocationResponse") {
            effects.push(refusal);
            return;
        }
        let mode = match mode {
            ResponseMode::Buffered => Mode::Buffered,
            ResponseMode::Streaming => Mode::Streaming,
            ResponseMode::Invalid => {
                let message = "Invalid function response mode".to_owned();
                let refused =
                    Reply::Refused { status: 400, error_type: "InvalidFunctionResponseMode", message };
                effects.push(Effect::Answer(call, refused));
                let failure = Failure::of_request(
                    "Runtime.InvalidResponseModeHeader",
                    request_id,
                    "the runtime answered with an invalid response mode",
                );
                self.failed(failure, effects);
                return;
            }
        };
        if mode == Mode::Buffered && length.is_some_and(|length| length > self.settings.payload_limit) {
            self.runtime = Some(RuntimeState::InvocationResponse);
            self.response_ended(call, BodyEnd::TooLarge, effects);
            return;
        }
        self.runtime = Some(RuntimeState::InvocationResponse);
        let request_id = request_id.to_owned();
        effects.push(Effect::ResponseStart(ResponseStart { request_id, content_type, mode, length }));
        effects.push(Effect::Answer(call, Reply::Permit));
    }

    fn response_ended(&mut self, call: CallId, end: BodyEnd, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation) = &self.phase else {
            let message = "Invalid request ID".to_owned();
            let refused = Reply::Refused { status: 400, error_type: "InvalidRequestID", message };
            return effects.push(Effect::Answer(call, refused));
        };
        if self.runtime != Some(RuntimeState::InvocationResponse) {
            return effects.push(self.illegal(call, "InvocationResponse"));
        }
        let request_id = invocation.invoke.request_id.clone();
        match end {
            BodyEnd::Whole(error) => {
                let (status, error_type, body) = match error {
                    None => (Status::Success, None, Bytes::new()),
                    Some((error_type, body)) => (Status::Error, Some(error_type), body),
                };
                effects.push(Effect::ResponseEnd(
                    ResponseEnd { request_id, error_type: error_type.clone() },
                    body,
                ));
                effects.push(Effect::Answer(call, Reply::Accepted));
                self.answered(status, error_type);
            }
            BodyEnd::TooLarge => {
                let limit = self.settings.payload_limit;
                let message = format!("Exceeded maximum allowed payload size ({limit} bytes).");
                let refused = Reply::Refused { status: 413, error_type: "RequestEntityTooLarge", message };
                effects.push(Effect::Answer(call, refused));
                self.failed(Failure::too_large(limit), effects);
            }
            BodyEnd::Truncated => {
                let message = "HTTP request detected as truncated".to_owned();
                let refused = Reply::Refused { status: 400, error_type: "TruncatedHTTPRequest", message };
                effects.push(Effect::Answer(call, refused));
                let text = "the runtime's response ended before it was complete";
                self.failed(Failure::of_request("Runtime.TruncatedResponse", &request_id, text), effects);
            }
        }
    }

    fn invocation_error(
        &mut self,
        call: CallId,
        request_id: &str,
        error_type: String,
        payload: &Bytes,
        effects: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.answering(call, request_id, "InvocationErrorResponse") {
            effects.push(refusal);
            return;
        }
        self.failed(Failure { error_type, payload: payload.to_vec() }, effects);
        effects.push(Effect::Answer(call, Reply::Accepted));
    }

    fn init_error(
        &mut self,
        call: CallId,
        error_type: String,
        payload: &Bytes,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let init = match &mut self.phase {
            Phase::Init(init) | Phase::Invocation(Invocation { stage: Stage::Init(init), .. })
                if self.runtime == Some(RuntimeState::Started) =>
            {
                init
            }
            _ => return effects.push(self.illegal(call, "InitError")),
        };
        init.error = Some(Failure { error_type, payload: payload.to_vec() });
        init.deadline = Some(now + INIT_ERROR_GRACE);
        self.runtime = Some(RuntimeState::InitError);
        effects.push(Effect::Answer(call, Reply::Accepted));
    }

    fn exited(&mut self, ended: Ended, now: Instant, effects: &mut Vec<Effect>) {
        if self.runtime.take().is_none() {
            return;
        }
        self.parked.clear();
        effects.extend([Effect::RevokePermit, Effect::Kill]);
        match &mut self.phase {
            Phase::Init(init) => {
                let failure = init.error.take();
                let failure = failure.unwrap_or_else(|| Failure::exit(&self.settings.environment, ended));
                self.init_failed(Status::Error, failure, now, effects);
            }
            Phase::Invocation(invocation) => {
                let request_id = invocation.invoke.request_id.clone();
                match &mut invocation.stage {
                    Stage::Init(init) => {
                        let failure = init.error.take();
                        let failure = failure.unwrap_or_else(|| Failure::exit(&request_id, ended));
                        self.suppressed_init_failed(failure, now, effects);
                    }
                    Stage::Running => {
                        self.failed(Failure::exit(&request_id, ended), effects);
                        self.finish(now, effects);
                    }
                    Stage::Answered { .. } => self.finish(now, effects),
                }
            }
            Phase::Waiting | Phase::Idle | Phase::Ended => {}
        }
    }

    fn spawn_failed(
        &mut self,
        error_type: &'static str,
        message: &str,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        self.runtime = None;
        match &self.phase {
            Phase::Init(_) => {
                let failure = Failure::of_request(error_type, &self.settings.environment, message);
                self.init_failed(Status::Error, failure, now, effects);
            }
            Phase::Invocation(invocation) => {
                let failure = Failure::of_request(error_type, &invocation.invoke.request_id, message);
                self.suppressed_init_failed(failure, now, effects);
            }
            Phase::Waiting | Phase::Idle | Phase::Ended => {}
        }
    }

    /// The init phase of its own failed: it will be run again inside the first invocation.
    fn init_failed(&mut self, status: Status, failure: Failure, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Init(init) = &self.phase else { return };
        let duration_us = micros(now - init.since);
        let error_type = (status != Status::Timeout).then(|| failure.error_type.clone());
        effects.push(Effect::InitReport { duration_us, phase: "init", status, error_type });
        let initialized = Initialized { status, duration_us, error_type: Some(failure.error_type) };
        effects.push(Effect::Initialized(initialized, failure.payload.into()));
        self.phase = Phase::Idle;
    }

    fn suppressed_init_failed(&mut self, failure: Failure, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation) = &self.phase else { return };
        let duration_us = micros(now - invocation.since);
        let error_type = Some(failure.error_type.clone());
        effects.push(Effect::InitReport { duration_us, phase: "invoke", status: Status::Error, error_type });
        effects.push(Effect::Start { request_id: invocation.invoke.request_id.clone() });
        self.failed(failure, effects);
        self.finish(now, effects);
    }

    fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &mut self.phase {
            Phase::Init(init) => {
                effects.push(Effect::Kill);
                self.runtime = None;
                match init.error.take() {
                    Some(failure) => self.init_failed(Status::Error, failure, now, effects),
                    None => {
                        let limit = u64::try_from((now - init.since).as_millis()).unwrap_or(u64::MAX);
                        let failure = Failure::timeout(&self.settings.environment, limit);
                        self.init_failed(Status::Timeout, failure, now, effects);
                    }
                }
            }
            Phase::Invocation(invocation) => {
                let said = match &mut invocation.stage {
                    Stage::Init(init) if now < invocation.deadline => init.error.take(),
                    _ => None,
                };
                effects.extend([Effect::RevokePermit, Effect::Kill]);
                self.runtime = None;
                self.parked.clear();
                match said {
                    Some(failure) => self.suppressed_init_failed(failure, now, effects),
                    None => self.timed_out(now, effects),
                }
            }
            Phase::Waiting | Phase::Idle | Phase::Ended => {}
        }
    }

    fn timed_out(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation) = &mut self.phase else { return };
        let request_id = invocation.invoke.request_id.clone();
        if let Stage::Init(_) = invocation.stage {
            effects.push(Effect::Start { request_id: request_id.clone() });
        }
        let had_answered = matches!(invocation.stage, Stage::Answered { .. });
        invocation.stage = Stage::Answered { status: Status::Timeout, error_type: None };
        effects.push(Effect::TimedOut { request_id: request_id.clone() });
        if !had_answered {
            let timeout_ms = u64::try_from(self.settings.timeout.as_millis()).unwrap_or(u64::MAX);
            let failure = Failure::timeout(&request_id, timeout_ms);
            effects.push(Effect::Failed { request_id, failure });
        }
        self.finish(now, effects);
    }

    /// The caller learns that there is no response.
    fn failed(&mut self, failure: Failure, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation) = &self.phase else { return };
        let request_id = invocation.invoke.request_id.clone();
        self.answered(Status::Error, Some(failure.error_type.clone()));
        effects.push(Effect::Failed { request_id, failure });
    }

    fn answered(&mut self, status: Status, error_type: Option<String>) {
        if let Phase::Invocation(invocation) = &mut self.phase {
            invocation.stage = Stage::Answered { status, error_type };
        }
        if self.runtime.is_some() {
            self.runtime = Some(RuntimeState::ResponseSent);
        }
    }

    /// The invocation is over; the environment is free.
    fn finish(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        let (status, error_type) = match invocation.stage {
            Stage::Answered { status, error_type } => (status, error_type),
            Stage::Init(_) | Stage::Running => (Status::Failure, None),
        };
        let elapsed = (now - invocation.since).min(self.settings.timeout);
        effects.push(Effect::Finish(Finish {
            request_id: invocation.invoke.request_id,
            status,
            error_type,
            duration_us: micros(elapsed),
            init_us: self.init_us.take(),
        }));
    }
}

impl Invocation {
    fn event(&mut self, call: CallId, now: Instant) -> Reply {
        self.receiver = Some(call);
        let left = self.deadline.saturating_duration_since(now);
        Reply::Event {
            invoke: Box::new(self.invoke.clone()),
            payload: self.payload.clone(),
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
