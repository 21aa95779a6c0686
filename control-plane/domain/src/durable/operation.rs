//! Operations of a durable execution, and what functions report of them.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// `ErrorObject`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "AWS's words")]
pub struct ErrorObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_trace: Option<Vec<String>>,
}

impl ErrorObject {
    /// An error of which only the message is known.
    pub fn message(message: impl Into<String>) -> Self {
        Self { error_message: Some(message.into()), ..Self::default() }
    }

    /// An error with a type.
    pub fn typed(error_type: &str, message: impl Into<String>) -> Self {
        Self { error_type: Some(error_type.to_owned()), ..Self::message(message) }
    }

    /// Bytes of all its texts.
    pub fn size(&self) -> usize {
        let texts = [&self.error_message, &self.error_type, &self.error_data].into_iter().flatten();
        texts.chain(self.stack_trace.iter().flatten()).map(String::len).sum()
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "AWS's words")]
        pub enum $name {
            $(#[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// AWS's word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The one with AWS's word `text`.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(super) use words;

words! {
    /// `OperationType`.
    Kind {
        Execution = "EXECUTION",
        Context = "CONTEXT",
        Step = "STEP",
        Wait = "WAIT",
        Callback = "CALLBACK",
        ChainedInvoke = "CHAINED_INVOKE",
    }
}

words! {
    /// `OperationAction`.
    Action {
        Start = "START",
        Succeed = "SUCCEED",
        Fail = "FAIL",
        Retry = "RETRY",
        Cancel = "CANCEL",
    }
}

words! {
    /// `OperationStatus`.
    Status {
        Started = "STARTED",
        Pending = "PENDING",
        Ready = "READY",
        Succeeded = "SUCCEEDED",
        Failed = "FAILED",
        Cancelled = "CANCELLED",
        TimedOut = "TIMED_OUT",
        Stopped = "STOPPED",
    }
}

/// A callback that somebody outside has to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Names it to whoever answers.
    pub id: String,
    /// When it is too late; never, if absent.
    pub due: Option<Timestamp>,
    /// Most seconds between signs of life, if any are wanted.
    pub heartbeat_s: Option<u32>,
    /// When the next sign of life is due.
    pub heartbeat_due: Option<Timestamp>,
}

/// Another function that is invoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chained {
    /// The function as it was named.
    pub function: String,
    /// `TenantId`: for whom it is invoked.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Its event.
    pub payload: Option<String>,
    /// Its durable execution, if it is a durable function that has been started.
    pub child: Option<String>,
    /// Somebody has begun to see to it.
    #[serde(skip)]
    pub dispatched: bool,
}

/// One operation, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words, and those of the kinds that have them")]
pub struct Operation {
    pub id: String,
    pub parent_id: Option<String>,
    pub name: Option<String>,
    pub kind: Kind,
    pub sub_type: Option<String>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub status: Status,
    /// Of the execution.
    pub input: Option<String>,
    pub result: Option<String>,
    pub error: Option<ErrorObject>,
    /// Of a context: its children are replayed, for its result was too large.
    pub replay_children: bool,
    /// Of a step: attempts that have ended.
    pub attempt: u32,
    /// Of a step that waits for its next attempt, and of a wait: when that is over.
    pub due: Option<Timestamp>,
    /// Of a wait, in seconds.
    pub duration_s: u32,
    pub callback: Option<Callback>,
    pub chained: Option<Chained>,
    /// The execution's sequence number of its last change.
    pub(super) touched: u64,
}

impl Operation {
    /// One that begins now.
    pub(super) fn begun(id: String, kind: Kind, now: Timestamp) -> Self {
        Self {
            id,
            parent_id: None,
            name: None,
            kind,
            sub_type: None,
            started: now,
            ended: None,
            status: Status::Started,
            input: None,
            result: None,
            error: None,
            replay_children: false,
            attempt: 0,
            due: None,
            duration_s: 0,
            callback: None,
            chained: None,
            touched: 0,
        }
    }

    /// Bytes that it takes in an answer, about.
    pub(super) fn size(&self) -> usize {
        let texts = [&self.input, &self.result].into_iter().flatten().map(String::len).sum::<usize>();
        texts + self.error.as_ref().map_or(0, ErrorObject::size)
    }

    /// Whether the function may sleep until this changes by itself or by others.
    pub(super) fn is_pending(&self) -> bool {
        match self.kind {
            Kind::Step => self.status == Status::Pending,
            Kind::Wait | Kind::Callback | Kind::ChainedInvoke => self.status == Status::Started,
            Kind::Execution | Kind::Context => false,
        }
    }

    /// When it changes by itself.
    pub(super) fn next_change(&self) -> Option<Timestamp> {
        if !self.is_pending() {
            return None;
        }
        match &self.callback {
            Some(callback) => callback.due.into_iter().chain(callback.heartbeat_due).min(),
            None => self.due,
        }
    }
}

/// `CallbackOptions`; zero is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "AWS's words")]
pub struct CallbackOptions {
    pub timeout_s: u32,
    pub heartbeat_timeout_s: u32,
}

/// What a function reports of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's words")]
pub struct Update {
    pub id: String,
    pub parent_id: Option<String>,
    pub name: Option<String>,
    pub kind: Kind,
    pub sub_type: Option<String>,
    pub action: Action,
    pub payload: Option<String>,
    pub error: Option<ErrorObject>,
    pub replay_children: bool,
    /// `StepOptions.NextAttemptDelaySeconds`; outer `None`: no options.
    pub step_options: Option<Option<u32>>,
    pub wait_s: Option<u32>,
    pub callback_options: CallbackOptions,
    /// `ChainedInvokeOptions.FunctionName`.
    pub chained_function: Option<String>,
    /// `ChainedInvokeOptions.TenantId`.
    pub chained_tenant: Option<String>,
}
