//! Pure: the calls of the Runtime API, and the end of the runtime's process.

use std::time::Instant;

use bytes::Bytes;
use lambdock_protocol::{Mode, ResponseEnd, ResponseStart, Status};

use super::ending::{Reason, Then};
use super::invocation::{Response, Stage};
use super::{Asks, Machine, Phase, RuntimeState};
use crate::lifecycle::{BodyEnd, CallId, Effect, ErrorBody, Reply, ResponseHead, ResponseMode};
use crate::report::{Ended, Failure};

impl Machine {
    pub(super) fn next(&mut self, call: CallId, now: Instant, effects: &mut Vec<Effect>) {
        match (&mut self.phase, self.runtime) {
            (
                Phase::Init(_) | Phase::Invocation(_),
                Some(RuntimeState::Started | RuntimeState::Restoring),
            ) => {
                self.runtime_initialized(call, now, effects);
            }
            (Phase::Invocation(_), Some(RuntimeState::Running)) if self.settings.asks == Asks::ForSeveral => {
                self.parked.push_back(call);
            }
            // The same event again: the runtime may have lost the first answer. [AWS: runtime interface emulator]
            (Phase::Invocation(invocation), Some(RuntimeState::Running)) => {
                effects.push(Effect::Answer(call, invocation.event(call, now)));
            }
            (Phase::Invocation(_), Some(RuntimeState::ResponseSent)) => {
                self.runtime_done(now, effects);
                self.park(call);
                self.finish_if_done(now, effects);
            }
            (Phase::Init(_) | Phase::Idle | Phase::Invocation(_), Some(RuntimeState::Ready)) => {
                self.park(call);
                self.deliver(now, effects);
            }
            _ => effects.push(self.illegal(call, "Ready")),
        }
    }

    /// A runtime with hooks for snapshots asks to go on. There is no snapshot here, so it goes on at once, and what
    /// its hooks do is part of the init phase.
    pub(super) fn restore_next(&mut self, call: CallId, effects: &mut Vec<Effect>) {
        if self.runtime == Some(RuntimeState::Started) {
            self.runtime = Some(RuntimeState::Restoring);
            effects.push(Effect::Answer(call, Reply::Restored));
        } else {
            // The name of the target is as AWS has it.
            effects.push(self.illegal(call, "Ready"));
        }
    }

    pub(super) fn park(&mut self, call: CallId) {
        self.parked.push_back(call);
        self.runtime = Some(RuntimeState::Ready);
    }

    pub(super) fn illegal(&self, call: CallId, target: &str) -> Effect {
        let current = self.runtime.map_or("Started", RuntimeState::name);
        let message = format!(
            "State transition from {current} to {target} failed for runtime. Error: State transition is not allowed"
        );
        Effect::Answer(call, Reply::Refused { status: 403, error_type: "InvalidStateTransition", message })
    }

    /// The answer to a call about `request_id` that is not legal now.
    fn refusal(&self, call: CallId, request_id: &str, target: &str) -> Option<Effect> {
        let known = matches!(&self.phase, Phase::Invocation(invocation)
            if invocation.invoke.request_id == request_id && !matches!(invocation.stage, Stage::Init(_)));
        if !known {
            return Some(invalid_request_id(call));
        }
        (self.runtime != Some(RuntimeState::Running)).then(|| self.illegal(call, target))
    }

    /// A response may be posted: gives how. Else says why not.
    fn admit(
        &mut self,
        call: CallId,
        head: ResponseHead,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Option<ResponseStart> {
        let ResponseHead { request_id, mode, content_type, length } = head;
        if let Some(refusal) = self.refusal(call, &request_id, "InvocationResponse") {
            effects.push(refusal);
            return None;
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
                    &request_id,
                    "the runtime answered with an invalid response mode",
                );
                self.failed(failure, effects);
                return None;
            }
        };
        self.runtime = Some(RuntimeState::InvocationResponse);
        if let Phase::Invocation(invocation) = &mut self.phase {
            invocation.response = Some(Response { call, began: now, ended: None });
            // Nobody asks for the event again, and the response may need the room.
            invocation.payload = Bytes::new();
        }
        if mode == Mode::Buffered && length.is_some_and(|length| length > self.settings.payload_limit) {
            self.response_ended(call, call, BodyEnd::TooLarge, now, effects);
            return None;
        }
        Some(ResponseStart { request_id, content_type, mode, length })
    }

    pub(super) fn response_started(
        &mut self,
        call: CallId,
        head: ResponseHead,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(start) = self.admit(call, head, now, effects) {
            effects.push(Effect::ResponseStart(start));
            effects.push(Effect::Answer(call, Reply::Permit));
        }
    }

    pub(super) fn response(
        &mut self,
        call: CallId,
        head: ResponseHead,
        body: Bytes,
        error: Option<(String, Bytes)>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(start) = self.admit(call, head, now, effects) else { return };
        if let Phase::Invocation(invocation) = &mut self.phase {
            let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
            invocation.response = Some(Response { call, began: now, ended: Some((now, bytes)) });
        }
        let (end, error) = self.complete(start.request_id.clone(), error);
        effects.push(Effect::Response { start, body, end, error });
        effects.push(Effect::Answer(call, Reply::Accepted));
    }

    /// A response is complete: how its end is told.
    fn complete(&mut self, request_id: String, error: Option<(String, Bytes)>) -> (ResponseEnd, Bytes) {
        let (status, error_type, body) = match error {
            None => (Status::Success, None, Bytes::new()),
            Some((error_type, body)) => (Status::Error, Some(error_type), body),
        };
        self.answered(status, error_type.clone());
        (ResponseEnd { request_id, error_type }, body)
    }

    pub(super) fn response_ended(
        &mut self,
        call: CallId,
        posted: CallId,
        end: BodyEnd,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let posting = match &mut self.phase {
            Phase::Invocation(invocation) if self.runtime == Some(RuntimeState::InvocationResponse) => {
                invocation.response.as_mut().filter(|response| response.call == posted).map(|response| {
                    if let BodyEnd::Whole { bytes, .. } = &end {
                        response.ended = Some((now, *bytes));
                    }
                    invocation.invoke.request_id.clone()
                })
            }
            _ => None,
        };
        // Else it was that of an invocation whose time was up, or of a runtime that is gone.
        let Some(request_id) = posting else { return effects.push(invalid_request_id(call)) };
        match end {
            BodyEnd::Whole { error, .. } => {
                let (end, error) = self.complete(request_id, error);
                effects.push(Effect::ResponseEnd(end, error));
                effects.push(Effect::Answer(call, Reply::Accepted));
            }
            BodyEnd::TooLarge => {
                let limit = self.settings.payload_limit;
                effects.push(Effect::Answer(call, too_large(limit)));
                self.failed(Failure::too_large(limit), effects);
            }
            BodyEnd::Truncated => {
                effects.push(Effect::Answer(call, truncated()));
                let text = "the runtime's response ended before it was complete";
                self.failed(Failure::of_request("Runtime.TruncatedResponse", &request_id, text), effects);
            }
        }
    }

    pub(super) fn invocation_error(
        &mut self,
        call: CallId,
        request_id: &str,
        error_type: String,
        payload: ErrorBody,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(refusal) = self.refusal(call, request_id, "InvocationErrorResponse") {
            effects.push(refusal);
            return;
        }
        let (failure, reply) = match payload {
            ErrorBody::Whole(payload) => (Failure { error_type, payload: payload.to_vec() }, Reply::Accepted),
            ErrorBody::Truncated => {
                let payload = Failure::unexplained(&error_type);
                (Failure { error_type, payload }, truncated())
            }
            ErrorBody::TooLarge => {
                let limit = self.settings.payload_limit;
                (Failure::too_large(limit), too_large(limit))
            }
        };
        self.failed(failure, effects);
        effects.push(Effect::Answer(call, reply));
    }

    pub(super) fn exited(&mut self, ended: Ended, now: Instant, effects: &mut Vec<Effect>) {
        // One that was killed is not heard of any more.
        if self.runtime.is_none() {
            return;
        }
        let init = match &self.phase {
            Phase::Init(_) => true,
            Phase::Invocation(invocation) => matches!(invocation.stage, Stage::Init(_)),
            _ => false,
        };
        if init {
            self.runtime_ended_in_init(ended, now, effects);
            return;
        }
        self.runtime = None;
        self.parked.clear();
        match &self.phase {
            Phase::Stopping(_) => self.ended_while_stopping(now, effects),
            Phase::Invocation(invocation) => {
                let running = matches!(invocation.stage, Stage::Running);
                let failure = Failure::exit(&invocation.invoke.request_id, ended);
                effects.push(Effect::RevokePermit);
                if self.extensions.is_empty() {
                    effects.push(Effect::Kill);
                }
                if running {
                    self.failed(failure, effects);
                }
                self.end_invocation(Reason::Failure, now, effects);
            }
            Phase::Idle => {
                effects.push(Effect::RevokePermit);
                if self.extensions.is_empty() {
                    effects.push(Effect::Kill);
                }
                self.stop(Reason::Failure, None, Then::Idle, now, effects);
            }
            Phase::Waiting | Phase::Init(_) | Phase::Ended => {}
        }
    }

    pub(super) fn spawn_failed(
        &mut self,
        error_type: &'static str,
        message: &str,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        self.runtime = None;
        self.init_failed(error_type, message, now, effects);
    }
}

fn invalid_request_id(call: CallId) -> Effect {
    let message = "Invalid request ID".to_owned();
    Effect::Answer(call, Reply::Refused { status: 400, error_type: "InvalidRequestID", message })
}

/// To who sends more than `limit` bytes.
pub(super) fn too_large(limit: u64) -> Reply {
    let message = format!("Exceeded maximum allowed payload size ({limit} bytes).");
    Reply::Refused { status: 413, error_type: "RequestEntityTooLarge", message }
}

/// To who stops before the end.
pub(super) fn truncated() -> Reply {
    let message = "HTTP request detected as truncated".to_owned();
    Reply::Refused { status: 400, error_type: "TruncatedHTTPRequest", message }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lambdock_protocol::Invoke;

    use super::*;
    use crate::lifecycle::{Event, Reload, Settings};

    #[test]
    fn the_event_is_kept_until_the_runtime_answers_and_no_longer() {
        let now = Instant::now();
        let mut machine = Machine::new(Settings {
            init_limit: None,
            timeout: Duration::from_secs(1),
            payload_limit: 1000,
            environment: "e".into(),
            extensions: vec![],
            reload: Reload::Eager,
            asks: Asks::ForOne,
        });
        let event = Bytes::from(vec![b'1'; 10]);
        let invoke = Invoke {
            request_id: "r".into(),
            invoked_function_arn: "arn".into(),
            timeout_ms: 1000,
            trace_id: None,
            client_context: None,
            cognito_identity: None,
            tenant_id: None,
            content_type: None,
        };
        machine.step(Event::Assigned, now);
        machine.step(Event::Next(CallId(1)), now);
        machine.step(Event::Invoke(invoke, event.clone()), now);
        assert!(!event.is_unique(), "the runtime may ask again");
        let head = ResponseHead {
            request_id: "r".into(),
            mode: ResponseMode::Buffered,
            content_type: None,
            length: None,
        };
        machine.step(Event::ResponseStarted { call: CallId(2), head }, now);
        assert!(event.is_unique());
    }
}
