//! Durable executions: functions that sleep, and go on where they were.
//!
//! A function is invoked with everything it has done so far, reports each step as it does it (`checkpoint`), and ends
//! with its result, or with the word that something is pending. Then it is invoked again when that something has
//! happened. [AWS: Lambda durable functions; the envelope and the rules of checkpoints are those of AWS's own SDKs and
//! of the runner that AWS tests them with]
//!
//! Everything that happens is a method; [`Execution::next`] says what to do then.

mod checkpoint;
mod history;
mod operation;

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

pub use checkpoint::{Checkpointed, Target};
pub use history::{Event, Retry, Subject, What};
pub use operation::{
    Action, Callback, CallbackOptions, Chained, ErrorObject, Kind, Operation, Status, Update,
};

use crate::{FunctionId, Timestamp};
use operation::words;

/// Most that a function invoked by another may be given or give, in bytes.
pub const CHAINED_PAYLOAD_LIMIT: usize = 1 << 20;

/// Bytes of operations that one invocation, or one answer with the state, has at most.
const PAGE_BYTES: usize = 5 << 20;

/// Invocations in a row that may fail.
const FAILURES: u32 = 5;

/// Invocations in a row that may end with `PENDING` while nothing is pending.
const IDLE_PENDINGS: u32 = 3;

/// Time until an invocation that failed is tried again, in milliseconds.
const RETRY_MS: i64 = 5000;

/// Time until an invocation is tried again that found no execution free, in milliseconds.
const THROTTLED_MS: i64 = 1000;

/// What a function is told whose output makes no sense.
const INVALID_OUTPUT: &str = "InvalidParameterValueException";

words! {
    /// `ExecutionStatus`.
    Outcome {
        Running = "RUNNING",
        Succeeded = "SUCCEEDED",
        Failed = "FAILED",
        TimedOut = "TIMED_OUT",
        Stopped = "STOPPED",
    }
}

/// `DurableConfig`: makes a function durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurableConfig {
    /// `ExecutionTimeout`: seconds that an execution may take, with all its waits.
    pub execution_timeout_s: u32,
    /// `RetentionPeriodInDays`: how long it is remembered after its end.
    pub retention_days: u32,
}

impl DurableConfig {
    /// The retention of functions that say nothing of it. (AWS)
    pub const RETENTION_DAYS: u32 = 14;

    /// The longest execution that a caller may wait for, in seconds. (AWS)
    pub const SYNCHRONOUS_LIMIT_S: u32 = 900;
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub struct End {
    pub at: Timestamp,
    pub outcome: Outcome,
    pub result: Option<String>,
    pub error: Option<ErrorObject>,
}

/// The operation of another execution that has started one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "their names")]
pub struct Parent {
    pub execution: String,
    pub operation: String,
}

/// An invocation of the function that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Invocation {
    /// Its request id.
    id: String,
    began: Timestamp,
    /// The last change that it began with.
    sequence: u64,
}

/// The last checkpoint that was answered, for a function that asks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answered {
    client_token: String,
    token: u64,
    operations: Vec<Operation>,
}

/// What an execution is but for its operations and its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The function.
    pub function: FunctionId,
    /// The version that runs: `$LATEST` or a number.
    pub version: String,
    /// `DurableExecutionName`.
    pub name: String,
    /// Makes the ARN unlike those of all others.
    pub id: String,
    /// As the function was configured when it began.
    pub config: DurableConfig,
    /// When it began.
    pub started: Timestamp,
    /// Who has started it, unless a client has.
    pub parent: Option<Parent>,
    /// Its trace header.
    pub trace: Option<String>,
    end: Option<End>,
    /// Of the last change of an operation.
    sequence: u64,
    /// Of the last change that the function knows of.
    seen: u64,
    /// Number of checkpoints.
    token: u64,
    invoked: bool,
    invocation: Option<Invocation>,
    failures: u32,
    retry_at: Option<Timestamp>,
    answered: Option<Answered>,
    /// Operations that have changed by themselves since the last invocation began.
    updated: Vec<String>,
}

impl Head {
    /// `DurableExecutionArn`.
    pub fn arn(&self) -> String {
        let function = self.function.qualified_arn(&self.version);
        format!("{function}/durable-execution/{}/{}", self.name, self.id)
    }

    /// How it stands.
    pub fn outcome(&self) -> Outcome {
        self.end.as_ref().map_or(Outcome::Running, |end| end.outcome)
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// When nobody has to remember it any more.
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        let days = i64::from(self.config.retention_days);
        self.end.as_ref().map(|end| Timestamp(end.at.0 + days * 24 * 3600 * 1000))
    }
}

/// What begins an execution.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "as in `Head`")]
pub struct Beginning {
    pub function: FunctionId,
    pub version: String,
    pub name: String,
    pub id: String,
    pub config: DurableConfig,
    pub parent: Option<Parent>,
    pub trace: Option<String>,
    pub input: String,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Invoke the function, as [`Execution::begin`] says.
    Invoke,
    /// Ask again when something has happened, at this time at the latest.
    Wait(Option<Timestamp>),
    /// Nothing: it has ended.
    Ended,
}

/// What the function is invoked with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the envelope's words")]
pub struct Input {
    pub token: u64,
    pub operations: Vec<Operation>,
    pub next_marker: Option<usize>,
    pub updated_operation_ids: Vec<String>,
}

/// What an invocation of the function has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// `SUCCEEDED`.
    Succeeded {
        /// JSON.
        result: Option<String>,
        /// Makes no sense here.
        error: Option<ErrorObject>,
    },
    /// `FAILED`.
    Failed {
        /// Makes no sense here.
        result: Option<String>,
        /// Why.
        error: Option<ErrorObject>,
    },
    /// `PENDING`.
    Pending,
    /// Nothing that can be understood, and why.
    Invalid(String),
    /// The function failed, or could not be run. It is tried again.
    Broken(ErrorObject),
    /// It cannot be run, and will not be.
    Refused(ErrorObject),
    /// There was no execution left for it. It is tried again, as long as that takes.
    Throttled,
}

/// One durable execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    head: Head,
    /// The first is the execution itself.
    operations: Vec<Operation>,
    places: HashMap<String, usize>,
    events: Vec<Event>,
    /// Operations that have changed since somebody took what has.
    unsaved: BTreeSet<usize>,
    /// Events that were taken.
    saved_events: usize,
}

/// What has changed of an execution, with the places of operations and events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names")]
pub struct Unsaved {
    pub head: Head,
    pub operations: Vec<(usize, Operation)>,
    pub events: Vec<(usize, Event)>,
}

impl Execution {
    /// One that begins now.
    pub fn start(beginning: Beginning, now: Timestamp) -> Self {
        let Beginning { function, version, name, id, config, parent, trace, input } = beginning;
        let operation = Operation {
            name: Some(name.clone()),
            input: Some(input.clone()),
            ..Operation::begun(id.clone(), Kind::Execution, now)
        };
        let what = What::ExecutionStarted { input, timeout_s: config.execution_timeout_s };
        let event = Event { at: now, operation: Some(Subject::from(&operation)), what };
        let head = Head {
            function,
            version,
            name,
            id,
            config,
            started: now,
            parent,
            trace,
            end: None,
            sequence: 0,
            seen: 0,
            token: 0,
            invoked: false,
            invocation: None,
            failures: 0,
            retry_at: None,
            answered: None,
            updated: Vec::new(),
        };
        let mut execution = Self::of(head, vec![operation], vec![event]);
        execution.save_all();
        execution
    }

    /// One that an earlier process has left. What was under way then is begun again.
    pub fn restored(mut head: Head, operations: Vec<Operation>, events: Vec<Event>) -> Self {
        if head.invocation.take().is_some() {
            head.invoked = false;
        }
        Self::of(head, operations, events)
    }

    fn of(head: Head, operations: Vec<Operation>, events: Vec<Event>) -> Self {
        let places =
            operations.iter().enumerate().map(|(at, operation)| (operation.id.clone(), at)).collect();
        let saved_events = events.len();
        Self { head, operations, places, events, unsaved: BTreeSet::new(), saved_events }
    }

    /// Everything but operations and history.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// All operations, in the order of their starts.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What has happened.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The event that it was started with.
    pub fn input(&self) -> &str {
        self.operations.first().and_then(|operation| operation.input.as_deref()).unwrap_or_default()
    }

    /// Whether operations or history have changed since that was taken last.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty() || self.saved_events < self.events.len()
    }

    /// Takes what has changed since this was called last.
    pub fn take_unsaved(&mut self) -> Unsaved {
        let places = std::mem::take(&mut self.unsaved);
        let operations = places.into_iter().filter_map(|at| Some((at, self.operations.get(at)?.clone())));
        let events = self.events.iter().cloned().enumerate().skip(self.saved_events);
        let unsaved =
            Unsaved { head: self.head.clone(), operations: operations.collect(), events: events.collect() };
        self.saved_events = self.events.len();
        unsaved
    }

    /// What was taken has been lost: everything is to be taken again.
    pub fn save_all(&mut self) {
        self.unsaved = (0..self.operations.len()).collect();
        self.saved_events = 0;
    }

    /// Operations that have changed after the change with this number.
    fn changed_since(&self, sequence: u64) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(move |operation| operation.touched > sequence)
    }

    /// What to do at this time. Changes what changes by itself.
    pub fn next(&mut self, now: Timestamp) -> Next {
        self.pass(now);
        if self.head.end.is_some() {
            return Next::Ended;
        }
        let deadline = self.deadline();
        if self.head.invocation.is_some() {
            return Next::Wait(Some(deadline));
        }
        if let Some(retry_at) = self.head.retry_at {
            return if retry_at <= now { Next::Invoke } else { Next::Wait(Some(retry_at.min(deadline))) };
        }
        if !self.head.invoked || self.head.sequence > self.head.seen {
            return Next::Invoke;
        }
        let change = self.operations.iter().filter_map(Operation::next_change).min();
        Next::Wait(Some(change.map_or(deadline, |change| change.min(deadline))))
    }

    fn deadline(&self) -> Timestamp {
        Timestamp(self.head.started.0 + i64::from(self.head.config.execution_timeout_s) * 1000)
    }

    /// Lets time pass: what is due happens.
    fn pass(&mut self, now: Timestamp) {
        if self.head.end.is_some() {
            return;
        }
        if self.deadline() <= now {
            let seconds = self.head.config.execution_timeout_s;
            let error = ErrorObject::message(format!("Execution timed out after {seconds} seconds."));
            return self.end(Outcome::TimedOut, None, Some(error), now);
        }
        for at in 0..self.operations.len() {
            let Some(operation) = self.operations.get(at) else { break };
            if operation.next_change().is_none_or(|due| due > now) {
                continue;
            }
            let (kind, duration_s) = (operation.kind, operation.duration_s);
            let on_heartbeat =
                operation.callback.as_ref().is_some_and(|callback| callback.due.is_none_or(|due| due > now));
            match kind {
                Kind::Wait => {
                    self.close(at, Status::Succeeded, None, None, now);
                    self.happened(at, What::WaitSucceeded { duration_s }, now);
                }
                Kind::Step => {
                    if let Some(operation) = self.operations.get_mut(at) {
                        (operation.status, operation.due) = (Status::Ready, None);
                    }
                    self.touch(at);
                }
                Kind::Callback => {
                    let error = if on_heartbeat {
                        ErrorObject::typed("Callback.Heartbeat", "Callback timed out on heartbeat")
                    } else {
                        ErrorObject::typed("Callback.Timeout", "Callback timed out")
                    };
                    self.close(at, Status::TimedOut, None, Some(error.clone()), now);
                    self.happened(at, What::CallbackTimedOut { error: Some(error) }, now);
                }
                Kind::ChainedInvoke | Kind::Execution | Kind::Context => continue,
            }
            self.was_updated(at);
        }
    }

    /// The function is invoked under this request id.
    pub fn begin(&mut self, request_id: &str, now: Timestamp) -> Input {
        let head = &mut self.head;
        head.seen = head.sequence;
        head.invoked = true;
        head.retry_at = None;
        head.invocation = Some(Invocation { id: request_id.to_owned(), began: now, sequence: head.sequence });
        let updated_operation_ids = std::mem::take(&mut head.updated);
        let token = head.token;
        let (operations, next_marker) = self.page(0, usize::MAX);
        Input { token, operations: operations.to_vec(), next_marker, updated_operation_ids }
    }

    /// The request id of the invocation that is under way.
    pub fn invocation(&self) -> Option<&str> {
        self.head.invocation.as_ref().map(|invocation| invocation.id.as_str())
    }

    /// The invocation has ended.
    pub fn finish(&mut self, output: Output, now: Timestamp) {
        let Some(invocation) = self.head.invocation.take() else { return };
        if output == Output::Throttled {
            self.head.retry_at = Some(Timestamp(now.0 + THROTTLED_MS));
            return;
        }
        let broken = match &output {
            Output::Broken(error) | Output::Refused(error) => Some(error.clone()),
            _ => None,
        };
        let Invocation { id: request_id, began: started, sequence } = invocation;
        let what = What::InvocationCompleted { started, request_id, error: broken };
        self.pass(now);
        // Nothing comes after the end of an execution.
        if self.head.end.is_some() {
            return;
        }
        self.events.push(Event { at: now, operation: None, what });
        match output {
            Output::Succeeded { error: Some(_), .. } => {
                self.fail_invalid("Cannot provide an Error for SUCCEEDED status.", now);
            }
            Output::Failed { result: Some(_), .. } => {
                self.fail_invalid("Cannot provide a Result for FAILED status.", now);
            }
            Output::Succeeded { result, error: None } => self.succeed(result, now),
            Output::Failed { result: None, error } => self.end(Outcome::Failed, None, error, now),
            Output::Invalid(why) => self.fail_invalid(&format!("Invalid invocation output: {why}"), now),
            Output::Refused(error) => self.end(Outcome::Failed, None, Some(error), now),
            Output::Broken(error) => self.try_again(error, FAILURES, now),
            Output::Pending => {
                let has_news = self.head.sequence > sequence.max(self.head.seen);
                if has_news || self.operations.iter().any(Operation::is_pending) {
                    self.head.failures = 0;
                } else {
                    let why = "Cannot return PENDING status with no pending operations.";
                    self.try_again(ErrorObject::typed(INVALID_OUTPUT, why), IDLE_PENDINGS, now);
                }
            }
            Output::Throttled => {}
        }
    }

    fn try_again(&mut self, error: ErrorObject, most: u32, now: Timestamp) {
        self.head.failures += 1;
        if self.head.failures >= most {
            self.end(Outcome::Failed, None, Some(error), now);
        } else {
            self.head.retry_at = Some(Timestamp(now.0 + RETRY_MS));
        }
    }

    fn fail_invalid(&mut self, why: &str, now: Timestamp) {
        self.end(Outcome::Failed, None, Some(ErrorObject::typed(INVALID_OUTPUT, why)), now);
    }

    fn succeed(&mut self, result: Option<String>, now: Timestamp) {
        let size = result.as_ref().map_or(0, String::len);
        if self.head.parent.is_some() && size > CHAINED_PAYLOAD_LIMIT {
            let why = format!(
                "Execution output payload size must be less than or equal to {CHAINED_PAYLOAD_LIMIT} bytes."
            );
            return self.end(Outcome::Failed, None, Some(ErrorObject::message(why)), now);
        }
        self.end(Outcome::Succeeded, result, None, now);
    }

    /// Ends it from outside. Returns when it has ended, which may have been before.
    pub fn stop(&mut self, error: Option<ErrorObject>, now: Timestamp) -> Timestamp {
        self.pass(now);
        if self.head.end.is_none() {
            let error = error.unwrap_or_else(|| ErrorObject::message("Execution stopped by user request"));
            self.end(Outcome::Stopped, None, Some(error), now);
        }
        self.head.end.as_ref().map_or(now, |end| end.at)
    }

    fn end(&mut self, outcome: Outcome, result: Option<String>, error: Option<ErrorObject>, now: Timestamp) {
        let (status, what) = match outcome {
            Outcome::Running => return,
            Outcome::Succeeded => (Status::Succeeded, What::ExecutionSucceeded { result: result.clone() }),
            Outcome::Failed => (Status::Failed, What::ExecutionFailed { error: error.clone() }),
            Outcome::TimedOut => (Status::TimedOut, What::ExecutionTimedOut { error: error.clone() }),
            Outcome::Stopped => (Status::Stopped, What::ExecutionStopped { error: error.clone() }),
        };
        self.close(0, status, None, None, now);
        self.happened(0, what, now);
        self.head.end = Some(End { at: now, outcome, result, error });
        self.head.answered = None;
    }

    /// The callback with this id has been answered.
    ///
    /// # Errors
    /// Nobody waits for it (any more).
    pub fn answer_callback(
        &mut self,
        id: &str,
        answer: Result<Option<String>, ErrorObject>,
        now: Timestamp,
    ) -> Result<(), NotWaiting> {
        let at = self.waiting_callback(id, now)?;
        match answer {
            Ok(result) => {
                self.close(at, Status::Succeeded, result.clone(), None, now);
                self.happened(at, What::CallbackSucceeded { result }, now);
            }
            Err(error) => {
                self.close(at, Status::Failed, None, Some(error.clone()), now);
                self.happened(at, What::CallbackFailed { error: Some(error) }, now);
            }
        }
        self.was_updated(at);
        Ok(())
    }

    /// Whoever is to answer the callback is still alive.
    ///
    /// # Errors
    /// Nobody waits for it (any more).
    pub fn callback_lives(&mut self, id: &str, now: Timestamp) -> Result<(), NotWaiting> {
        let at = self.waiting_callback(id, now)?;
        let callback = self.operations.get_mut(at).and_then(|operation| operation.callback.as_mut());
        if let Some(callback) = callback {
            callback.heartbeat_due = callback.heartbeat_s.map(|seconds| after(now, seconds));
            self.unsaved.insert(at);
        }
        Ok(())
    }

    fn waiting_callback(&mut self, id: &str, now: Timestamp) -> Result<usize, NotWaiting> {
        self.pass(now);
        let is_it = |operation: &Operation| {
            operation.status == Status::Started
                && operation.callback.as_ref().is_some_and(|callback| callback.id == id)
        };
        let at = self.operations.iter().position(is_it);
        at.filter(|_| self.head.end.is_none()).ok_or(NotWaiting)
    }

    /// Invocations of other functions that nobody has seen to yet; from now on somebody does.
    pub fn dispatch(&mut self) -> Vec<(String, Chained)> {
        if self.head.end.is_some() {
            return Vec::new();
        }
        let mut begun = Vec::new();
        for operation in self.operations.iter_mut().filter(|operation| operation.status == Status::Started) {
            if let Some(chained) = operation.chained.as_mut().filter(|chained| !chained.dispatched) {
                chained.dispatched = true;
                begun.push((operation.id.clone(), chained.clone()));
            }
        }
        begun
    }

    /// Another execution has been started for an operation.
    pub fn has_child(&mut self, operation: &str, child: &str) {
        let Some(at) = self.places.get(operation).copied() else { return };
        if let Some(chained) = self.operations.get_mut(at).and_then(|operation| operation.chained.as_mut()) {
            chained.child = Some(child.to_owned());
            self.unsaved.insert(at);
        }
    }

    /// The other function has come to an end.
    pub fn finish_chained(&mut self, operation: &str, end: ChainedEnd, now: Timestamp) {
        self.pass(now);
        let at = self.places.get(operation).copied();
        let waits = |at: &usize| self.operations.get(*at).is_some_and(Operation::is_pending);
        let Some(at) = at.filter(waits).filter(|_| self.head.end.is_none()) else { return };
        let (status, result, error) = match end {
            ChainedEnd::Succeeded(result) => (Status::Succeeded, result, None),
            ChainedEnd::Failed(error) => (Status::Failed, None, Some(error)),
            ChainedEnd::TimedOut(error) => (Status::TimedOut, None, Some(error)),
            ChainedEnd::Stopped(error) => (Status::Stopped, None, error),
        };
        let what = match status {
            Status::Succeeded => What::ChainedInvokeSucceeded { result: result.clone() },
            Status::TimedOut => What::ChainedInvokeTimedOut { error: error.clone() },
            Status::Stopped => What::ChainedInvokeStopped { error: error.clone() },
            _ => What::ChainedInvokeFailed { error: error.clone() },
        };
        self.close(at, status, result, error, now);
        self.happened(at, what, now);
        self.was_updated(at);
    }

    /// How this execution ended, for the one that has started it.
    pub fn chained_end(&self) -> Option<ChainedEnd> {
        let End { outcome, result, error, .. } = self.head.end.clone()?;
        Some(match outcome {
            Outcome::Succeeded => ChainedEnd::Succeeded(result),
            Outcome::TimedOut => ChainedEnd::timed_out(self.head.config.execution_timeout_s),
            Outcome::Stopped => ChainedEnd::Stopped(error),
            Outcome::Failed | Outcome::Running => {
                ChainedEnd::Failed(error.unwrap_or_else(|| ErrorObject::message("Chained invoke failed.")))
            }
        })
    }

    /// Operations from a place on, as many as an answer takes, at most `most`; and where the next page begins.
    pub fn page(&self, from: usize, most: usize) -> (&[Operation], Option<usize>) {
        let left = self.operations.get(from..).unwrap_or_default();
        let mut bytes = 0;
        let fits = |(at, operation): &(usize, &Operation)| {
            bytes += operation.size();
            *at == 0 || (*at < most && bytes <= PAGE_BYTES)
        };
        let count = left.iter().enumerate().take_while(fits).count();
        (left.get(..count).unwrap_or_default(), (count < left.len()).then_some(from + count))
    }

    fn close(
        &mut self,
        at: usize,
        status: Status,
        result: Option<String>,
        error: Option<ErrorObject>,
        now: Timestamp,
    ) {
        if let Some(operation) = self.operations.get_mut(at) {
            operation.status = status;
            operation.ended = Some(now);
            (operation.result, operation.error) = (result, error);
        }
        self.touch(at);
    }

    fn touch(&mut self, at: usize) {
        self.head.sequence += 1;
        if let Some(operation) = self.operations.get_mut(at) {
            operation.touched = self.head.sequence;
        }
        self.unsaved.insert(at);
    }

    fn happened(&mut self, at: usize, what: What, now: Timestamp) {
        let operation = self.operations.get(at).map(Subject::from);
        self.events.push(Event { at: now, operation, what });
    }

    fn was_updated(&mut self, at: usize) {
        let Some(operation) = self.operations.get(at) else { return };
        if !self.head.updated.contains(&operation.id) {
            self.head.updated.push(operation.id.clone());
        }
    }
}

/// How a function that another has invoked came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names")]
pub enum ChainedEnd {
    Succeeded(Option<String>),
    Failed(ErrorObject),
    TimedOut(ErrorObject),
    Stopped(Option<ErrorObject>),
}

impl ChainedEnd {
    /// What a function has answered.
    pub fn answered(result: String) -> Self {
        if result.len() > CHAINED_PAYLOAD_LIMIT {
            return Self::Failed(ErrorObject::message(format!(
                "CHAINED_INVOKE output payload size must be less than or equal to {CHAINED_PAYLOAD_LIMIT} bytes."
            )));
        }
        Self::Succeeded(Some(result).filter(|result| !result.is_empty()))
    }

    /// It took longer than these seconds.
    pub fn timed_out(seconds: u32) -> Self {
        let message = format!("CHAINED_INVOKE timed out after {seconds} seconds.");
        Self::TimedOut(ErrorObject::typed("ChainedInvoke.Timeout", message))
    }
}

/// Nobody waits for this callback (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for this callback")]
pub struct NotWaiting;

/// So many seconds after a time.
fn after(time: Timestamp, seconds: u32) -> Timestamp {
    Timestamp(time.0 + i64::from(seconds) * 1000)
}

#[cfg(test)]
mod tests;
