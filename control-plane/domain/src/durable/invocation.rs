//! Invocations of the function: what each is given, and what follows from its end.

use serde::{Deserialize, Serialize};

use super::{CHAINED_PAYLOAD_LIMIT, ErrorObject, Event, Execution, Operation, Outcome, What};
use crate::Timestamp;

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

/// An invocation of the function that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Invocation {
    /// Its request id.
    pub(super) id: String,
    pub(super) began: Timestamp,
    /// The last change that it began with.
    pub(super) sequence: u64,
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

impl Execution {
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

    pub(super) fn succeed(&mut self, result: Option<String>, now: Timestamp) {
        let size = result.as_ref().map_or(0, String::len);
        if self.head.parent.is_some() && size > CHAINED_PAYLOAD_LIMIT {
            let why = format!(
                "Execution output payload size must be less than or equal to {CHAINED_PAYLOAD_LIMIT} bytes."
            );
            return self.end(Outcome::Failed, None, Some(ErrorObject::message(why)), now);
        }
        self.end(Outcome::Succeeded, result, None, now);
    }
}
