//! Pure: an invocation.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_protocol::{Invoke, Status};

use super::ending::{Reason, Then};
use super::init::Init;
use super::{Machine, Phase, RuntimeState, micros, millis};
use crate::lifecycle::{CallId, Effect, Finish, Reply, RuntimeDone};
use crate::report::Failure;
use crate::telemetry::schema::Phase as InitPhase;

/// One invocation.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) invoke: Rc<Invoke>,
    pub(super) payload: Bytes,
    pub(super) since: Instant,
    pub(super) deadline: Instant,
    pub(super) stage: Stage,
    /// When the runtime was given the event.
    pub(super) delivered: Option<Instant>,
    /// The call that was answered with the event last.
    pub(super) receiver: Option<CallId>,
    /// What the runtime has posted.
    pub(super) response: Option<Response>,
    /// When the runtime was done with it.
    pub(super) left_to_extensions: Option<Instant>,
}

/// A response.
#[derive(Debug)]
pub(super) struct Response {
    /// The call that posts it.
    pub(super) call: CallId,
    pub(super) began: Instant,
    /// When it was complete, and how many bytes it had.
    pub(super) ended: Option<(Instant, u64)>,
}

/// How far an invocation is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The runtime has to be started first.
    Init(Init),
    /// The function runs.
    Running,
    /// Its answer has left; the runtime or an extension has not asked for more.
    Answered { status: Status, error_type: Option<String> },
}

impl Invocation {
    /// When its time is up, or that of an init phase that has failed.
    pub(super) fn due(&self) -> Instant {
        let grace = match &self.stage {
            Stage::Init(init) => init.deadline,
            Stage::Running | Stage::Answered { .. } => None,
        };
        grace.map_or(self.deadline, |grace| grace.min(self.deadline))
    }

    /// The time that there is for it.
    fn limit(&self) -> Duration {
        self.deadline - self.since
    }

    /// The event for the runtime, as the answer to `call`.
    pub(super) fn event(&mut self, call: CallId, now: Instant) -> Reply {
        self.receiver = Some(call);
        self.delivered.get_or_insert(now);
        Reply::Event {
            invoke: Rc::clone(&self.invoke),
            payload: self.payload.clone(),
            deadline: self.deadline,
        }
    }

    /// What the runtime has done of it.
    fn runtime_done(&self, now: Instant) -> RuntimeDone {
        let (status, error_type) = match &self.stage {
            Stage::Answered { status, error_type } => (*status, error_type.clone()),
            Stage::Init(_) | Stage::Running => (Status::Failure, None),
        };
        let begun = self.delivered.unwrap_or(self.since);
        let response = self.response.as_ref();
        let ended = response.and_then(|response| response.ended);
        let span = |from: Instant, to: Instant| micros(to.saturating_duration_since(from));
        RuntimeDone {
            request_id: self.invoke.request_id.clone(),
            status,
            error_type,
            duration_us: span(begun, now),
            produced_bytes: ended.map(|(_, bytes)| bytes),
            response_latency_us: response.map(|response| span(begun, response.began)),
            response_duration_us: response
                .zip(ended)
                .map(|(response, (ended, _))| span(response.began, ended)),
        }
    }
}

impl Machine {
    pub(super) fn invoke(&mut self, invoke: Invoke, payload: Bytes, now: Instant, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Idle => {}
            Phase::Init(_) | Phase::Stopping(_) if self.held.is_none() && !self.is_ending() => {
                self.held = Some((invoke, payload));
                return;
            }
            _ => return effects.push(no_room(invoke.request_id)),
        }
        let deadline = now + self.settings.timeout.min(Duration::from_millis(invoke.timeout_ms));
        let runs = self.runtime.is_some();
        let stage = if runs { Stage::Running } else { Stage::Init(Init::since(now, None)) };
        let invoke = Rc::new(invoke);
        effects.push(Effect::Take(Rc::clone(&invoke)));
        self.phase = Phase::Invocation(Invocation {
            invoke,
            payload,
            since: now,
            deadline,
            stage,
            delivered: None,
            receiver: None,
            response: None,
            left_to_extensions: None,
        });
        if runs {
            self.run(self.init_us.is_some(), now, effects);
        } else {
            effects.push(Effect::InitStart { phase: InitPhase::Invoke });
            self.launch(now, effects);
        }
    }

    /// Gives the event to the extensions and to the runtime.
    pub(super) fn run(&mut self, after_init: bool, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation) = &self.phase else { return };
        effects.push(Effect::Start { request_id: invocation.invoke.request_id.clone(), after_init });
        let deadline = invocation.deadline;
        for call in self.extensions.invoke() {
            let invoke = Rc::clone(&invocation.invoke);
            effects.push(Effect::Answer(call, Reply::ExtensionInvoke { invoke, deadline }));
        }
        self.deliver(now, effects);
    }

    /// Gives the event to a runtime that waits for it.
    pub(super) fn deliver(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation @ Invocation { stage: Stage::Running, .. }) = &mut self.phase else {
            return;
        };
        let Some(call) = self.parked.pop_front() else { return };
        self.runtime = Some(RuntimeState::Running);
        effects.push(Effect::Answer(call, invocation.event(call, now)));
    }

    /// An event that nobody received goes to another that waits, if there is one.
    pub(super) fn answer_lost(&mut self, call: CallId, now: Instant, effects: &mut Vec<Effect>) {
        let unreceived =
            matches!(&self.phase, Phase::Invocation(invocation) if invocation.receiver == Some(call));
        if unreceived && self.runtime == Some(RuntimeState::Running) {
            self.deliver(now, effects);
        }
    }

    /// The runtime has done with the invocation: it asks for more, or has ended.
    pub(super) fn runtime_done(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let Phase::Invocation(invocation) = &mut self.phase {
            invocation.left_to_extensions = Some(now);
            effects.push(Effect::RuntimeDone(invocation.runtime_done(now)));
        }
    }

    /// Ends the invocation if neither the runtime nor an extension is still at it.
    pub(super) fn finish_if_done(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let answered = matches!(&self.phase, Phase::Invocation(invocation)
            if matches!(invocation.stage, Stage::Answered { .. }));
        if answered && self.runtime == Some(RuntimeState::Ready) && !self.extensions.any_busy() {
            if let Some(finish) = self.take_finish(now) {
                effects.push(Effect::Finish(finish));
            }
            self.resume(now, effects);
        }
    }

    /// Ends the invocation, and every process with it.
    pub(super) fn end_invocation(&mut self, reason: Reason, now: Instant, effects: &mut Vec<Effect>) {
        if self.runtime != Some(RuntimeState::Ready) {
            self.runtime_done(now, effects);
        }
        let finish = self.take_finish(now);
        if !self.extensions.is_empty() {
            effects.extend(finish.clone().map(Effect::Report));
        }
        self.stop(reason, finish, Then::Idle, now, effects);
    }

    /// Takes the invocation out of the machine.
    fn take_finish(&mut self, now: Instant) -> Option<Finish> {
        let Phase::Invocation(invocation) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return None;
        };
        let elapsed = (now - invocation.since).min(invocation.limit());
        let (status, error_type) = match invocation.stage {
            Stage::Answered { status, error_type } => (status, error_type),
            Stage::Init(_) | Stage::Running => (Status::Failure, None),
        };
        let left = invocation.left_to_extensions;
        Some(Finish {
            request_id: invocation.invoke.request_id.clone(),
            status,
            error_type,
            duration_us: micros(elapsed),
            init_us: self.init_us.take(),
            extensions_us: (!self.extensions.is_empty()).then(|| left.map_or(0, |left| micros(now - left))),
            restore_us: self.restore_us.take(),
        })
    }

    /// Its time is up, or that of the init phase inside it.
    pub(super) fn invocation_due(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation) = &self.phase else { return };
        if now < invocation.deadline {
            return self.init_timed_out(now, effects);
        }
        let (request_id, limit_ms) = (invocation.invoke.request_id.clone(), millis(invocation.limit()));
        effects.push(Effect::RevokePermit);
        if self.extensions.is_empty() {
            // So that what it wrote last is in the log before the time-out.
            effects.push(Effect::Kill);
            self.runtime = None;
            self.parked.clear();
        } else if self.runtime.is_some() {
            // Before anything that may have to wait: its time is up now.
            effects.push(Effect::TerminateRuntime);
        }
        self.init_over(Status::Timeout, None, now, effects);
        let Phase::Invocation(invocation) = &mut self.phase else { return };
        if let Stage::Init(_) = invocation.stage {
            effects.push(Effect::Start { request_id: request_id.clone(), after_init: true });
        }
        let had_answered = matches!(invocation.stage, Stage::Answered { .. });
        invocation.stage = Stage::Answered { status: Status::Timeout, error_type: None };
        effects.push(Effect::TimedOut { request_id: request_id.clone(), limit_ms });
        if !had_answered {
            let failure = Failure::timeout(&request_id, limit_ms);
            effects.push(Effect::Failed { request_id, failure });
        }
        self.end_invocation(Reason::Timeout, now, effects);
    }

    /// The caller learns that there is no response.
    pub(super) fn failed(&mut self, failure: Failure, effects: &mut Vec<Effect>) {
        let Phase::Invocation(invocation) = &self.phase else { return };
        let request_id = invocation.invoke.request_id.clone();
        self.answered(Status::Error, Some(failure.error_type.clone()));
        effects.push(Effect::Failed { request_id, failure });
    }

    pub(super) fn answered(&mut self, status: Status, error_type: Option<String>) {
        if let Phase::Invocation(invocation) = &mut self.phase {
            invocation.stage = Stage::Answered { status, error_type };
        }
        if self.runtime.is_some() {
            self.runtime = Some(RuntimeState::ResponseSent);
        }
    }
}

/// An invocation that cannot be taken.
pub(super) fn no_room(request_id: String) -> Effect {
    let failure = Failure::of_request("Sandbox.Failure", &request_id, "the environment is not free");
    Effect::Failed { request_id, failure }
}
