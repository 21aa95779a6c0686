//! What has happened in a durable execution, in order.

use serde::{Deserialize, Serialize};

use super::operation::{ErrorObject, Operation};
use crate::Timestamp;

/// An `Event` of the history. Its number is its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// To which operation; none for invocations.
    pub operation: Option<Subject>,
    /// What.
    pub what: What,
}

/// The operation that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub struct Subject {
    pub id: String,
    pub parent_id: Option<String>,
    pub name: Option<String>,
    pub sub_type: Option<String>,
}

impl From<&Operation> for Subject {
    fn from(operation: &Operation) -> Self {
        Self {
            id: operation.id.clone(),
            parent_id: operation.parent_id.clone(),
            name: operation.name.clone(),
            sub_type: operation.sub_type.clone(),
        }
    }
}

/// `RetryDetails`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub struct Retry {
    pub current_attempt: u32,
    pub next_attempt_delay_s: Option<u32>,
}

/// `EventType` with the details of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub enum What {
    ExecutionStarted {
        input: String,
        timeout_s: u32,
    },
    ExecutionSucceeded {
        result: Option<String>,
    },
    ExecutionFailed {
        error: Option<ErrorObject>,
    },
    ExecutionTimedOut {
        error: Option<ErrorObject>,
    },
    ExecutionStopped {
        error: Option<ErrorObject>,
    },
    ContextStarted,
    ContextSucceeded {
        result: Option<String>,
    },
    ContextFailed {
        error: Option<ErrorObject>,
    },
    WaitStarted {
        duration_s: u32,
        due: Timestamp,
    },
    WaitSucceeded {
        duration_s: u32,
    },
    WaitCancelled,
    StepStarted,
    StepSucceeded {
        result: Option<String>,
        retry: Retry,
    },
    StepFailed {
        error: Option<ErrorObject>,
        retry: Retry,
    },
    ChainedInvokeStarted {
        function: String,
        #[serde(default)]
        tenant: Option<String>,
        input: Option<String>,
    },
    ChainedInvokeSucceeded {
        result: Option<String>,
    },
    ChainedInvokeFailed {
        error: Option<ErrorObject>,
    },
    ChainedInvokeTimedOut {
        error: Option<ErrorObject>,
    },
    ChainedInvokeStopped {
        error: Option<ErrorObject>,
    },
    CallbackStarted {
        callback_id: String,
        timeout_s: Option<u32>,
        heartbeat_timeout_s: Option<u32>,
    },
    CallbackSucceeded {
        result: Option<String>,
    },
    CallbackFailed {
        error: Option<ErrorObject>,
    },
    CallbackTimedOut {
        error: Option<ErrorObject>,
    },
    InvocationCompleted {
        started: Timestamp,
        request_id: String,
        error: Option<ErrorObject>,
    },
}

impl What {
    /// AWS's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ExecutionStarted { .. } => "ExecutionStarted",
            Self::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            Self::ExecutionFailed { .. } => "ExecutionFailed",
            Self::ExecutionTimedOut { .. } => "ExecutionTimedOut",
            Self::ExecutionStopped { .. } => "ExecutionStopped",
            Self::ContextStarted => "ContextStarted",
            Self::ContextSucceeded { .. } => "ContextSucceeded",
            Self::ContextFailed { .. } => "ContextFailed",
            Self::WaitStarted { .. } => "WaitStarted",
            Self::WaitSucceeded { .. } => "WaitSucceeded",
            Self::WaitCancelled => "WaitCancelled",
            Self::StepStarted => "StepStarted",
            Self::StepSucceeded { .. } => "StepSucceeded",
            Self::StepFailed { .. } => "StepFailed",
            Self::ChainedInvokeStarted { .. } => "ChainedInvokeStarted",
            Self::ChainedInvokeSucceeded { .. } => "ChainedInvokeSucceeded",
            Self::ChainedInvokeFailed { .. } => "ChainedInvokeFailed",
            Self::ChainedInvokeTimedOut { .. } => "ChainedInvokeTimedOut",
            Self::ChainedInvokeStopped { .. } => "ChainedInvokeStopped",
            Self::CallbackStarted { .. } => "CallbackStarted",
            Self::CallbackSucceeded { .. } => "CallbackSucceeded",
            Self::CallbackFailed { .. } => "CallbackFailed",
            Self::CallbackTimedOut { .. } => "CallbackTimedOut",
            Self::InvocationCompleted { .. } => "InvocationCompleted",
        }
    }
}
