//! Pure: what the log says at `debug` of everything that happens and of what follows. Never what functions are given or
//! answer: that may be secret, and large.

use std::time::Instant;

use lambdock_protocol::{Mode, Status};

use crate::lifecycle::{BodyEnd, Effect, ErrorBody, Event, InitEnd, Reply, ResponseHead};

/// A line for what happened; `None`: nothing, or another line tells it.
pub(crate) fn of_event(event: &Event) -> Option<String> {
    Some(match event {
        Event::Invoke(invoke, payload) => {
            format!(
                "invocation {}: arrived, {} bytes, {} ms",
                invoke.request_id,
                payload.len(),
                invoke.timeout_ms
            )
        }
        Event::Next(call) => format!("call {}: the runtime asks for an event", call.0),
        Event::RestoreNext(call) => format!("call {}: the runtime asks after a restore", call.0),
        Event::AnswerLost(call) => format!("call {}: whoever made it is gone", call.0),
        Event::ResponseStarted { call, head } => {
            format!("call {}: the runtime begins a response to {}", call.0, described(head))
        }
        Event::Response { call, head, body, error } => {
            let failed = if error.is_some() { ", failed midway" } else { "" };
            format!(
                "call {}: the runtime responds to {}, {} bytes{failed}",
                call.0,
                described(head),
                body.len()
            )
        }
        Event::ResponseEnded { call, posted, end } => {
            let end = match end {
                BodyEnd::Whole { bytes, error: None } => format!("whole, {bytes} bytes"),
                BodyEnd::Whole { bytes, error: Some((kind, _)) } => format!("{kind} after {bytes} bytes"),
                BodyEnd::TooLarge => "too large".to_owned(),
                BodyEnd::Truncated => "cut off".to_owned(),
            };
            format!("call {}: the response of call {} has ended: {end}", call.0, posted.0)
        }
        Event::InvocationError { call, request_id, error_type, payload } => {
            format!("call {}: the runtime reports {error_type} for {request_id}, {}", call.0, size(payload))
        }
        Event::InitError { call, at, error_type, payload } => {
            format!("call {}: the runtime reports {error_type} at {at:?}, {}", call.0, size(payload))
        }
        Event::Register { call, name, events, .. } => {
            format!("call {}: the extension {name} registers for {events:?}", call.0)
        }
        Event::ExtensionNext { call, id } => format!("call {}: the extension {id} asks for an event", call.0),
        Event::ExtensionError { call, id, when, error_type } => {
            format!("call {}: the extension {id} reports {error_type} at {when:?}", call.0)
        }
        Event::Identify { call, id } => format!("call {}: the extension {id} subscribes", call.0),
        Event::ExtensionNotLaunched { name, message } => {
            format!("the extension {name} cannot be started: {message}")
        }
        Event::SpawnFailed { error_type, message } => {
            format!("the runtime cannot be started: {error_type}: {message}")
        }
        Event::Flushed => "subscribers have what they were to be sent, or no time left for it".to_owned(),
        Event::Tick => "a time limit is reached".to_owned(),
        Event::Shutdown { reason, .. } => format!("the environment is to end, for {}", reason.name()),
        // The one loop and the reaping of processes have a line for each, at a level that is higher.
        Event::Assigned | Event::Changed | Event::Exited(_) | Event::ExtensionExited { .. } => return None,
    })
}

/// A line for what follows; `None`: nothing, or another line tells it.
pub(crate) fn of_effect(effect: &Effect, now: Instant) -> Option<String> {
    Some(match effect {
        Effect::Answer(call, reply) => format!("call {}: {}", call.0, of_reply(reply, now)),
        Effect::TerminateRuntime => "the runtime is asked to end".to_owned(),
        Effect::KillRuntime => "the runtime is killed".to_owned(),
        Effect::KillExtension(name) => format!("the extension {name} is killed"),
        Effect::Kill => "whatever is left of the function is killed".to_owned(),
        Effect::InitStart { phase } => format!("an init phase begins, phase {}", phase.as_str()),
        Effect::InitRuntimeDone(end) => format!("init phase: the runtime is done: {}", of_init(end)),
        Effect::InitReport(end) => format!("init phase: over: {}", of_init(end)),
        Effect::RestoreStart => "a restore begins".to_owned(),
        Effect::RestoreReport(end) => {
            format!(
                "restore: over: {} after {} us",
                outcome(end.status, end.error_type.as_deref()),
                end.duration_us
            )
        }
        Effect::CloseRegistration => "extensions can no longer register or subscribe".to_owned(),
        Effect::ExtensionStands(standing) => {
            let why = standing.error_type.as_ref().map(|kind| format!(": {kind}")).unwrap_or_default();
            format!("the extension {} is {}{why}", standing.name, standing.state)
        }
        Effect::Start { request_id, .. } => format!("invocation {request_id}: begins"),
        Effect::TimedOut { request_id, .. } => format!("invocation {request_id}: its time is up"),
        Effect::ResponseStart(start) => {
            format!("invocation {}: a response goes out, {}", start.request_id, mode(start.mode))
        }
        Effect::Response { start, body, end, .. } => {
            let size = body.len();
            let failed = failed(end.error_type.as_deref());
            format!(
                "invocation {}: a response goes out, {}, {size} bytes{failed}",
                start.request_id,
                mode(start.mode)
            )
        }
        Effect::ResponseEnd(end, _) => {
            let failed = failed(end.error_type.as_deref());
            format!("invocation {}: the response is out{failed}", end.request_id)
        }
        Effect::Failed { request_id, failure } => {
            format!("invocation {request_id}: has failed: {}", failure.error_type)
        }
        Effect::RuntimeDone(done) => format!(
            "invocation {}: the runtime is done: {} after {} us",
            done.request_id,
            outcome(done.status, done.error_type.as_deref()),
            done.duration_us
        ),
        Effect::FlushTelemetry => "subscribers get what they have not been sent".to_owned(),
        Effect::Finish(finish) => format!(
            "invocation {}: over: {} after {} us",
            finish.request_id,
            outcome(finish.status, finish.error_type.as_deref()),
            finish.duration_us
        ),
        Effect::Exit => "the init ends".to_owned(),
        Effect::Spawn
        | Effect::SpawnExtension(_)
        | Effect::Initialized(..)
        | Effect::RevokePermit
        | Effect::Take(_)
        | Effect::Report(_) => {
            return None;
        }
    })
}

fn of_reply(reply: &Reply, now: Instant) -> String {
    let left_ms = |deadline: &Instant| deadline.saturating_duration_since(now).as_millis();
    match reply {
        Reply::Event { invoke, payload, deadline } => {
            let left_ms = left_ms(deadline);
            format!("200, the event of {}, {} bytes, {left_ms} ms left", invoke.request_id, payload.len())
        }
        Reply::Accepted => "202".to_owned(),
        Reply::Restored => "200, restored".to_owned(),
        Reply::Permit => "its body may come".to_owned(),
        Reply::Registered { id } => format!("200, the extension is {id}"),
        Reply::ExtensionInvoke { invoke, deadline } => {
            format!("200, INVOKE of {}, {} ms left", invoke.request_id, left_ms(deadline))
        }
        Reply::ExtensionShutdown { reason, deadline } => {
            format!("200, SHUTDOWN for {}, {} ms left", reason.name(), left_ms(deadline))
        }
        Reply::Identified { name } => format!("it is {name}"),
        Reply::Refused { status, error_type, message } => format!("{status} {error_type}: {message}"),
    }
}

fn described(head: &ResponseHead) -> String {
    format!("{}, {:?}", head.request_id, head.mode)
}

fn size(body: &ErrorBody) -> String {
    match body {
        ErrorBody::Whole(body) => format!("{} bytes", body.len()),
        ErrorBody::TooLarge => "too large".to_owned(),
        ErrorBody::Truncated => "cut off".to_owned(),
    }
}

fn of_init(end: &InitEnd) -> String {
    format!("{} after {} us", outcome(end.status, end.error_type.as_deref()), end.duration_us)
}

fn outcome(status: Status, error_type: Option<&str>) -> String {
    let status = match status {
        Status::Success => "success",
        Status::Failure => "failure",
        Status::Error => "error",
        Status::Timeout => "timeout",
    };
    format!("{status}{}", failed(error_type))
}

fn failed(error_type: Option<&str>) -> String {
    error_type.map(|kind| format!(", {kind}")).unwrap_or_default()
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Buffered => "buffered",
        Mode::Streaming => "streaming",
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use lambdock_protocol::{ResponseEnd, ResponseStart};

    use super::*;
    use crate::lifecycle::{CallId, ResponseMode};

    #[test]
    fn what_functions_answer_is_never_told() {
        let head = || ResponseHead {
            request_id: "id".into(),
            mode: ResponseMode::Buffered,
            content_type: Some("secret/type".into()),
            length: None,
        };
        let secret = || Bytes::from_static(b"a secret");
        let events = [
            Event::Response {
                call: CallId(7),
                head: head(),
                body: secret(),
                error: Some(("E".into(), secret())),
            },
            Event::InvocationError {
                call: CallId(8),
                request_id: "id".into(),
                error_type: "Function.Error".into(),
                payload: ErrorBody::Whole(secret()),
            },
        ];
        let start =
            ResponseStart { request_id: "id".into(), content_type: None, mode: Mode::Buffered, length: None };
        let end = ResponseEnd { request_id: "id".into(), error_type: Some("Function.Error".into()) };
        let effect = Effect::Response { start, body: secret(), end, error: secret() };
        let told: Vec<_> =
            events.iter().filter_map(of_event).chain(of_effect(&effect, Instant::now())).collect();
        assert_eq!(
            told,
            [
                "call 7: the runtime responds to id, Buffered, 8 bytes, failed midway",
                "call 8: the runtime reports Function.Error for id, 8 bytes",
                "invocation id: a response goes out, buffered, 8 bytes, Function.Error",
            ]
        );
    }
}
