//! What an execution is but for its operations and its history.

use serde::{Deserialize, Serialize};

use super::invocation::Invocation;
use super::operation::{ErrorObject, Operation, words};
use crate::{FunctionId, Timestamp};

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

/// The last checkpoint that was answered, for a function that asks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) client_token: String,
    pub(super) token: u64,
    pub(super) operations: Vec<Operation>,
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
    /// `TenantId`: whose environments it runs in.
    #[serde(default)]
    pub tenant: Option<String>,
    pub(super) end: Option<End>,
    /// Of the last change of an operation.
    pub(super) sequence: u64,
    /// Of the last change that the function knows of.
    pub(super) seen: u64,
    /// Number of checkpoints.
    pub(super) token: u64,
    pub(super) invoked: bool,
    pub(super) invocation: Option<Invocation>,
    pub(super) failures: u32,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) answered: Option<Answered>,
    /// Operations that have changed by themselves since the last invocation began.
    pub(super) updated: Vec<String>,
}

impl Head {
    /// That of an execution that begins now, and its input.
    pub(super) fn new(beginning: Beginning, now: Timestamp) -> (Self, String) {
        let Beginning { function, version, name, id, config, parent, trace, tenant, input } = beginning;
        let head = Self {
            function,
            version,
            name,
            id,
            config,
            started: now,
            parent,
            trace,
            tenant,
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
        (head, input)
    }

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
    pub tenant: Option<String>,
    pub input: String,
}
