//! Checkpoints: which updates are taken, and what they do.
//!
//! The updates of one checkpoint are taken all together or not at all. [Rules and messages: those of the runner that
//! AWS tests its SDKs with]

use std::collections::HashMap;

use super::head::Answered;
use super::operation::{Action, Callback, CallbackOptions, Chained, Kind, Operation, Status, Update};
use super::time::after;
use super::{CHAINED_PAYLOAD_LIMIT, ErrorObject, Execution, Outcome, Retry, What};
use crate::{Error, Timestamp};

/// Most that the error of an operation may be, in bytes.
const ERROR_LIMIT: usize = 32_768;

/// What is known of a function that another one invokes, before it is invoked: why that cannot be, if it cannot.
pub type Target = Option<ErrorObject>;

/// A checkpoint that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpointed {
    /// For the next one.
    pub token: u64,
    /// What has changed since the function was told last.
    pub operations: Vec<Operation>,
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::InvalidParameter(message.into()))
}

impl Execution {
    /// Whether this is the token of the last checkpoint, given to the invocation that is under way.
    pub fn is_current(&self, token: u64, invocation: &str) -> bool {
        self.head.end.is_none() && self.invocation() == Some(invocation) && self.head.token == token
    }

    /// Takes the updates of one checkpoint, which `token` and `invocation` allow.
    /// `callback_id` names the callback of an operation; `targets` has what is known of functions that are invoked.
    ///
    /// # Errors
    /// The token is not the current one, or an update makes no sense. Nothing has changed then.
    pub fn checkpoint(
        &mut self,
        (token, invocation): (u64, &str),
        client_token: Option<&str>,
        updates: Vec<Update>,
        callback_id: impl Fn(&str) -> String,
        targets: &HashMap<String, Target>,
        now: Timestamp,
    ) -> Result<Checkpointed, Error> {
        if let Some(answered) = &self.head.answered
            && client_token == Some(answered.client_token.as_str())
            && self.invocation() == Some(invocation)
            && answered.token == token
        {
            return Ok(Checkpointed { token: token + 1, operations: answered.operations.clone() });
        }
        if !self.is_current(token, invocation) {
            return invalid("Invalid checkpoint token");
        }
        self.validate(&updates)?;
        for update in updates {
            self.apply(update, &callback_id, targets, now);
        }
        self.head.token += 1;
        self.pass(now);
        let seen = self.head.seen;
        let operations: Vec<_> = self.changed_since(seen).cloned().collect();
        self.head.seen = self.head.sequence;
        self.head.answered = client_token.filter(|_| self.head.end.is_none()).map(|client_token| Answered {
            client_token: client_token.to_owned(),
            token,
            operations: operations.clone(),
        });
        Ok(Checkpointed { token: self.head.token, operations })
    }

    fn find(&self, id: &str) -> Option<&Operation> {
        self.places.get(id).and_then(|at| self.operations.get(*at))
    }

    fn validate(&self, updates: &[Update]) -> Result<(), Error> {
        let of_execution = updates.iter().filter(|update| update.kind == Kind::Execution).count();
        if of_execution > 1 {
            return invalid("Cannot checkpoint multiple EXECUTION updates.");
        }
        if of_execution == 1 && updates.last().is_some_and(|update| update.kind != Kind::Execution) {
            return invalid("EXECUTION checkpoint must be the last update.");
        }
        let mut started = HashMap::new();
        let mut last: HashMap<&str, &Update> = HashMap::new();
        for update in updates {
            if let Some(before) = last.get(update.id.as_str()) {
                let goes_on = matches!(before.kind, Kind::Step | Kind::Context)
                    && before.action == Action::Start
                    && update.action != Action::Start;
                if !goes_on {
                    return invalid("Cannot checkpoint multiple operations with the same ID.");
                }
            }
            if let Some(parent) = update.parent_id.as_deref() {
                let kind = started.get(parent).copied().or_else(|| self.find(parent).map(|found| found.kind));
                if kind != Some(Kind::Context) {
                    return invalid("Invalid parent operation id.");
                }
            }
            if update.action == Action::Start {
                started.insert(update.id.as_str(), update.kind);
            }
            last.insert(&update.id, update);
        }
        updates.iter().try_for_each(|update| self.validate_one(update))
    }

    fn validate_one(&self, update: &Update) -> Result<(), Error> {
        let current = self.find(&update.id).filter(|_| update.kind != Kind::Execution);
        if let Some(current) = current {
            let differs = |given: &Option<String>, known: &Option<String>| given.is_some() && given != known;
            if update.kind != current.kind {
                return invalid("Inconsistent operation type.");
            }
            if differs(&update.sub_type, &current.sub_type) {
                return invalid("Inconsistent operation subtype.");
            }
            if differs(&update.name, &current.name) {
                return invalid("Inconsistent operation name.");
            }
            if differs(&update.parent_id, &current.parent_id) {
                return invalid("Inconsistent parent operation id.");
            }
        }
        if update.error.as_ref().is_some_and(|error| error.size() > ERROR_LIMIT) {
            return invalid(format!("Error object size must be less than {ERROR_LIMIT} bytes."));
        }
        let size = update.payload.as_ref().map_or(0, String::len);
        if size > CHAINED_PAYLOAD_LIMIT {
            if update.kind == Kind::ChainedInvoke {
                return invalid(format!(
                    "CHAINED_INVOKE input payload size must be less than or equal to {CHAINED_PAYLOAD_LIMIT} bytes."
                ));
            }
            if update.kind == Kind::Execution && self.head.parent.is_some() {
                return invalid(format!(
                    "Execution output payload size must be less than or equal to {CHAINED_PAYLOAD_LIMIT} bytes."
                ));
            }
        }
        let status = current.map(|current| current.status);
        match update.kind {
            Kind::Step => validate_step(update, status),
            Kind::Context => validate_context(update, status),
            Kind::Execution => match update.action {
                Action::Succeed | Action::Fail => validate_contents(update),
                _ => invalid(INVALID_ACTION),
            },
            Kind::Wait => match update.action {
                Action::Start if status.is_some() => invalid("Cannot start a WAIT that already exist."),
                Action::Cancel if status != Some(Status::Started) => {
                    invalid("Cannot cancel a WAIT that does not exist or has already completed.")
                }
                Action::Start | Action::Cancel => Ok(()),
                _ => invalid(INVALID_ACTION),
            },
            Kind::Callback => match update.action {
                Action::Start if status.is_some() => invalid("Cannot start a CALLBACK that already exist."),
                Action::Start => Ok(()),
                _ => invalid(INVALID_ACTION),
            },
            Kind::ChainedInvoke => match update.action {
                Action::Start if status.is_some() => {
                    invalid("Cannot start a CHAINED_INVOKE operation that already exists.")
                }
                Action::Start if update.chained_function.is_none() => {
                    invalid("Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.")
                }
                Action::Start => Ok(()),
                _ => invalid(INVALID_ACTION),
            },
        }
    }

    fn apply(
        &mut self,
        update: Update,
        callback_id: &impl Fn(&str) -> String,
        targets: &HashMap<String, Target>,
        now: Timestamp,
    ) {
        if update.kind == Kind::Execution {
            return match update.action {
                Action::Succeed => self.succeed(update.payload, now),
                _ => self.end(Outcome::Failed, None, update.error, now),
            };
        }
        let at = self.place(&update, now);
        let Update { action, payload, error, replay_children, step_options, wait_s, .. } = update;
        let Some(operation) = self.operations.get_mut(at) else { return };
        match (operation.kind, action) {
            (Kind::Step, Action::Start) => {
                (operation.status, operation.due) = (Status::Started, None);
                self.touch(at);
                self.happened(at, What::StepStarted, now);
            }
            (Kind::Step, Action::Retry) => {
                let delay = step_options.flatten().unwrap_or_default();
                operation.attempt += 1;
                (operation.status, operation.due) = (Status::Pending, Some(after(now, delay)));
                (operation.result, operation.error) = (payload.clone(), error.clone());
                let retry = Retry { current_attempt: operation.attempt, next_attempt_delay_s: Some(delay) };
                self.touch(at);
                let what = match error {
                    Some(error) => What::StepFailed { error: Some(error), retry },
                    None => What::StepSucceeded { result: payload, retry },
                };
                self.happened(at, what, now);
            }
            (Kind::Step, Action::Succeed | Action::Fail) => {
                operation.attempt += 1;
                operation.due = None;
                let retry = Retry { current_attempt: operation.attempt, next_attempt_delay_s: None };
                self.conclude(at, action, payload, error, now, |result, error| match error {
                    Some(error) => What::StepFailed { error: Some(error), retry },
                    None => What::StepSucceeded { result, retry },
                });
            }
            (Kind::Context, Action::Start) => {
                self.touch(at);
                self.happened(at, What::ContextStarted, now);
            }
            (Kind::Context, Action::Succeed | Action::Fail) => {
                operation.replay_children = replay_children;
                self.conclude(at, action, payload, error, now, |result, error| match error {
                    Some(error) => What::ContextFailed { error: Some(error) },
                    None => What::ContextSucceeded { result },
                });
            }
            (Kind::Wait, Action::Start) => {
                let duration_s = wait_s.unwrap_or_default();
                let due = after(now, duration_s);
                (operation.duration_s, operation.due) = (duration_s, Some(due));
                self.touch(at);
                self.happened(at, What::WaitStarted { duration_s, due }, now);
            }
            (Kind::Wait, Action::Cancel) => {
                self.close(at, Status::Cancelled, None, None, now);
                self.happened(at, What::WaitCancelled, now);
            }
            (Kind::Callback, Action::Start) => {
                let CallbackOptions { timeout_s, heartbeat_timeout_s } = update.callback_options;
                let given = |seconds: u32| (seconds > 0).then_some(seconds);
                let (timeout_s, heartbeat_timeout_s) = (given(timeout_s), given(heartbeat_timeout_s));
                let id = callback_id(&operation.id);
                operation.callback = Some(Callback {
                    id: id.clone(),
                    due: timeout_s.map(|seconds| after(now, seconds)),
                    heartbeat_s: heartbeat_timeout_s,
                    heartbeat_due: heartbeat_timeout_s.map(|seconds| after(now, seconds)),
                });
                self.touch(at);
                let what = What::CallbackStarted { callback_id: id, timeout_s, heartbeat_timeout_s };
                self.happened(at, what, now);
            }
            (Kind::ChainedInvoke, Action::Start) => {
                let function = update.chained_function.unwrap_or_default();
                let tenant = update.chained_tenant;
                let refusal = targets.get(&function).cloned().flatten();
                // Of one that never begins, the input is not kept.
                let input = payload.clone().filter(|_| refusal.is_none());
                operation.chained = Some(Chained {
                    function: function.clone(),
                    tenant: tenant.clone(),
                    payload: input.clone(),
                    child: None,
                    dispatched: false,
                });
                self.touch(at);
                self.happened(at, What::ChainedInvokeStarted { function, tenant, input }, now);
                if let Some(error) = refusal {
                    self.close(at, Status::Failed, None, Some(error.clone()), now);
                    self.happened(at, What::ChainedInvokeFailed { error: Some(error) }, now);
                }
            }
            _ => {}
        }
    }

    /// Ends an operation the way the function says.
    fn conclude(
        &mut self,
        at: usize,
        action: Action,
        result: Option<String>,
        error: Option<ErrorObject>,
        now: Timestamp,
        what: impl FnOnce(Option<String>, Option<ErrorObject>) -> What,
    ) {
        let error = (action == Action::Fail).then(|| error.unwrap_or_default());
        let status = if error.is_some() { Status::Failed } else { Status::Succeeded };
        self.close(at, status, result.clone(), error.clone(), now);
        self.happened(at, what(result, error), now);
    }

    /// Where the operation is, which begins with this update if it is not there.
    fn place(&mut self, update: &Update, now: Timestamp) -> usize {
        if let Some(at) = self.places.get(&update.id) {
            return *at;
        }
        let at = self.operations.len();
        self.operations.push(Operation {
            parent_id: update.parent_id.clone(),
            name: update.name.clone(),
            sub_type: update.sub_type.clone(),
            ..Operation::begun(update.id.clone(), update.kind, now)
        });
        self.places.insert(update.id.clone(), at);
        at
    }
}

const INVALID_ACTION: &str = "Invalid action for the given operation type.";

fn validate_step(update: &Update, status: Option<Status>) -> Result<(), Error> {
    let under_way = status.is_none_or(|status| matches!(status, Status::Started | Status::Ready));
    match update.action {
        Action::Start if status.is_some_and(|status| status != Status::Ready) => {
            invalid("Invalid current STEP state to start.")
        }
        Action::Start => Ok(()),
        Action::Succeed | Action::Fail if !under_way => invalid("Invalid current STEP state to close."),
        Action::Succeed | Action::Fail => validate_contents(update),
        Action::Retry if !under_way => invalid("Invalid current STEP state to re-attempt."),
        Action::Retry if update.step_options.is_none() => {
            invalid("Invalid StepOptions for the given action.")
        }
        Action::Retry if update.error.is_some() && update.payload.is_some() => {
            invalid("Cannot provide both error and payload to RETRY a STEP.")
        }
        Action::Retry => Ok(()),
        Action::Cancel => invalid(INVALID_ACTION),
    }
}

fn validate_context(update: &Update, status: Option<Status>) -> Result<(), Error> {
    match update.action {
        Action::Start if status.is_some() => invalid("Cannot start a CONTEXT that already exist."),
        Action::Start => Ok(()),
        Action::Succeed | Action::Fail if status.is_some_and(|status| status != Status::Started) => {
            invalid("Invalid current CONTEXT state to close.")
        }
        Action::Succeed | Action::Fail => validate_contents(update),
        Action::Retry | Action::Cancel => invalid(INVALID_ACTION),
    }
}

fn validate_contents(update: &Update) -> Result<(), Error> {
    match update.action {
        Action::Fail if update.payload.is_some() => invalid("Cannot provide a Payload for FAIL action."),
        Action::Succeed if update.error.is_some() => invalid("Cannot provide an Error for SUCCEED action."),
        _ => Ok(()),
    }
}
