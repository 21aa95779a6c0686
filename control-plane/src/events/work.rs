//! Pure: what is kept on disk until it is done: events, and what destinations are to be told.

use bytes::Bytes;
use lambdock_domain::{FunctionId, Timestamp};
use serde::{Deserialize, Serialize};

/// An asynchronous invocation. Its payload is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Lower-case UUID, the same for all attempts. [AWS: recorded]
    pub request_id: String,
    /// The function.
    pub function: FunctionId,
    /// As it was invoked; what it leads to is decided anew with each attempt.
    pub qualifier: Option<String>,
    /// `X-Amzn-Trace-Id` of the request, complete.
    pub trace: String,
    /// `TenantId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When it was accepted: its age counts from here.
    pub accepted: Timestamp,
    /// Attempts that ended with an error of the function.
    #[serde(default)]
    pub failures: u32,
    /// Attempts in a row that were throttled or ended with an error that is not the function's.
    #[serde(default)]
    pub refusals: u32,
}

impl Event {
    /// ARN as it was invoked, with a qualifier only if one was given.
    pub fn invoked_arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => self.function.qualified_arn(qualifier),
            None => self.function.arn(),
        }
    }
}

/// Something that is to be told elsewhere. Its body is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Delivery {
    /// ARN of who is told.
    pub(super) target: String,
    /// The function whose event it was.
    pub(super) function: FunctionId,
    /// As it was invoked.
    #[serde(default)]
    pub(super) qualifier: Option<String>,
    /// `X-Amzn-Trace-Id` that the function was given.
    pub(super) trace: String,
    /// What is told.
    pub(super) message: Message,
    /// Attempts that failed.
    #[serde(default)]
    pub(super) failures: u32,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// The body is an invocation record.
    Record {
        /// `Success` or `Failure`.
        result: Result,
        /// ARN of the version that ran, qualified.
        function_arn: String,
        /// Of the record.
        time: Timestamp,
    },
    /// The body is an event that failed.
    DeadLetter {
        /// `RequestID`.
        request_id: String,
        /// `ErrorCode`: an HTTP status.
        error_code: u16,
        /// `ErrorMessage`.
        error_message: String,
    },
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Result {
    Success,
    Failure,
}

impl Result {
    /// AWS's word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Failure => "Failure",
        }
    }
}

/// A durable execution that an asynchronous invocation has begun. Who is to hear of its end is told then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunExecution {
    /// The invocation.
    pub event: Event,
    /// ARN of the execution.
    pub execution: String,
    /// The version that runs.
    pub version: String,
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Work {
    /// Run a function.
    Event(Event),
    /// Wait for the end of a durable execution.
    Execution(BegunExecution),
    /// Tell a destination.
    Delivery(Delivery),
}

/// Work with its payload or body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) work: Work,
    pub(super) body: Bytes,
}

/// What does not wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Lane {
    /// Events of one function.
    Function(FunctionId),
    /// The end of one durable execution, by its ARN.
    Execution(String),
    /// Deliveries to one ARN.
    Target(String),
}

impl Work {
    pub(super) fn lane(&self) -> Lane {
        match self {
            Self::Event(event) => Lane::Function(event.function.clone()),
            Self::Execution(begun) => Lane::Execution(begun.execution.clone()),
            Self::Delivery(delivery) => Lane::Target(delivery.target.clone()),
        }
    }
}
