//! Pure: the calls of the Extensions API, and the ends of extensions' processes.

use std::time::{Duration, Instant};

use lambdock_protocol::Status;

use super::ending::Reason;
use super::invocation::Stage;
use super::{Machine, Phase};
use crate::lifecycle::extensions::Refusal;
use crate::lifecycle::{CallId, Effect, Reply, When};
use crate::report::{Ended, Failure};

/// Time that an extension has to end by itself once it has said that it will.
const ERROR_GRACE: Duration = Duration::from_millis(500);

impl Machine {
    pub(super) fn register(
        &mut self,
        call: CallId,
        name: &str,
        events: &[String],
        id: String,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        match self.extensions.register(name, events, id.clone()) {
            Err(refusal) => effects.push(refused(call, refusal)),
            Ok(()) => {
                effects.push(Effect::Answer(call, Reply::Registered { id }));
                self.proceed_with_init(now, effects);
            }
        }
    }

    pub(super) fn extension_next(&mut self, call: CallId, id: &str, now: Instant, effects: &mut Vec<Effect>) {
        match self.extensions.next(call, id) {
            Err(refusal) => effects.push(refused(call, refusal)),
            Ok(true) => {
                effects.extend(self.late_shutdown().map(|reply| Effect::Answer(call, reply)));
            }
            Ok(false) => {
                self.proceed_with_init(now, effects);
                self.finish_if_done(now, effects);
            }
        }
    }

    pub(super) fn extension_error(
        &mut self,
        call: CallId,
        id: &str,
        when: When,
        error_type: String,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let taken = match when {
            When::Init => self.extensions.init_error(id, error_type),
            When::Exit => self.extensions.exit_error(id, error_type),
        };
        match taken {
            Err(refusal) => effects.push(refused(call, refusal)),
            Ok(()) => {
                effects.push(Effect::Answer(call, Reply::Accepted));
                let name = self.extensions.name_of(id).map(str::to_owned);
                if !matches!(self.phase, Phase::Stopping(_)) && self.condemned.is_none() {
                    self.condemned = name.map(|name| (name, now + ERROR_GRACE));
                }
            }
        }
    }

    /// Which extension it is that makes a call of the Telemetry API.
    pub(super) fn identify(&self, call: CallId, id: &str, effects: &mut Vec<Effect>) {
        effects.push(match self.extensions.name_of(id) {
            Some(name) => Effect::Answer(call, Reply::Identified { name: name.to_owned() }),
            None => {
                let message = format!("Unknown extension {id}");
                refused(call, ("Extension.UnknownExtensionIdentifier", message))
            }
        });
    }

    pub(super) fn extension_exited(
        &mut self,
        name: &str,
        ended: Ended,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(error_type) = self.extensions.exited(name) else { return };
        self.condemned.take_if(|(condemned, _)| condemned == name);
        self.extension_failed(error_type, &ended.of_extension(), now, effects);
    }

    /// The time is up that an extension had to end by itself. One that has no process of its own cannot end, so for it
    /// this is the end.
    pub(super) fn condemned_due(&mut self, name: String, now: Instant, effects: &mut Vec<Effect>) {
        match self.extensions.failed_inside(&name) {
            Some((error_type, message)) => self.extension_failed(error_type, &message, now, effects),
            None => effects.push(Effect::KillExtension(name)),
        }
    }

    /// The environment cannot go on without an extension.
    fn extension_failed(
        &mut self,
        error_type: &'static str,
        message: &str,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        match &mut self.phase {
            Phase::Stopping(_) => self.ended_while_stopping(now, effects),
            Phase::Init(_) => self.init_failed(error_type, message, now, effects),
            Phase::Idle => self.stop(Reason::Failure, None, super::ending::Then::Idle, now, effects),
            Phase::Invocation(invocation) => match &mut invocation.stage {
                Stage::Init(_) => self.init_failed(error_type, message, now, effects),
                Stage::Running => {
                    let request_id = &invocation.invoke.request_id;
                    let failure = Failure::of_request(error_type, request_id, message);
                    effects.push(Effect::RevokePermit);
                    self.failed(failure, effects);
                    self.end_invocation(Reason::Failure, now, effects);
                }
                // The caller has its answer; the log has what became of it.
                Stage::Answered { status, error_type: answered } => {
                    *status = Status::Error;
                    *answered = Some(error_type.to_owned());
                    self.end_invocation(Reason::Failure, now, effects);
                }
            },
            Phase::Waiting | Phase::Ended => {}
        }
    }

    pub(super) fn extension_not_launched(
        &mut self,
        name: &str,
        message: &str,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        self.extensions.not_launched(name);
        self.init_failed("Extension.LaunchError", message, now, effects);
    }
}

fn refused(call: CallId, (error_type, message): Refusal) -> Effect {
    Effect::Answer(call, Reply::Refused { status: 403, error_type, message })
}

#[cfg(test)]
mod tests;
