//! Pure: what can happen.

use std::time::Duration;

use bytes::Bytes;
use lambdock_protocol::Invoke;

use super::Reason;
use crate::report::Ended;

/// Names a call of the Runtime API that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// `Lambda-Runtime-Function-Response-Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// Not given.
    Buffered,
    /// `streaming`.
    Streaming,
    /// Anything else.
    Invalid,
}

/// What is known of a response before its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// Id in the path.
    pub request_id: String,
    /// From the header.
    pub mode: ResponseMode,
    /// From the header.
    pub content_type: Option<String>,
    /// Announced length in bytes.
    pub length: Option<u64>,
}

/// How the body of a response ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyEnd {
    /// It is whole.
    Whole {
        /// Its length.
        bytes: u64,
        /// From the trailers, with the error's body: the function failed midway.
        error: Option<(String, Bytes)>,
    },
    /// It is larger than allowed.
    TooLarge,
    /// The connection broke before its end.
    Truncated,
}

/// The body of an error that a runtime reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorBody {
    /// For the caller.
    Whole(Bytes),
    /// It is larger than allowed.
    TooLarge,
    /// The connection broke before its end.
    Truncated,
}

/// When a runtime says that it cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// `init/error`
    Init,
    /// `restore/error`
    Restore,
}

/// When an extension says that something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// `init/error`
    Init,
    /// `exit/error`
    Exit,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The environment has become one of a function version, its code is in place.
    Assigned,
    /// The control plane wants the function run.
    Invoke(Invoke, Bytes),
    /// The runtime asks for the next event.
    Next(CallId),
    /// The runtime asks after a restore.
    RestoreNext(CallId),
    /// This call was answered, but was no longer there; the answer is lost.
    AnswerLost(CallId),
    /// The runtime begins to post its response.
    ResponseStarted {
        /// To be answered with a permit or a refusal.
        call: CallId,
        /// What is known of it.
        head: ResponseHead,
    },
    /// The runtime has posted a whole response, a small one.
    Response {
        /// To be answered.
        call: CallId,
        /// What is known of it.
        head: ResponseHead,
        /// The response.
        body: Bytes,
        /// From the trailers.
        error: Option<(String, Bytes)>,
    },
    /// The response that was permitted has ended.
    ResponseEnded {
        /// To be answered.
        call: CallId,
        /// The call that was permitted.
        posted: CallId,
        /// How.
        end: BodyEnd,
    },
    /// The runtime says that the handler failed.
    InvocationError {
        /// To be answered.
        call: CallId,
        /// Id in the path.
        request_id: String,
        /// Sorted out from the header.
        error_type: String,
        /// For the caller.
        payload: ErrorBody,
    },
    /// The runtime says that it cannot start.
    InitError {
        /// To be answered.
        call: CallId,
        /// Which of the two calls it is.
        at: Point,
        /// Sorted out from the header.
        error_type: String,
        /// For the caller.
        payload: ErrorBody,
    },
    /// An extension registers.
    Register {
        /// To be answered.
        call: CallId,
        /// What it calls itself.
        name: String,
        /// Names of the events that it wants.
        events: Vec<String>,
        /// The identifier that it is to have.
        id: String,
    },
    /// An extension asks for the next event.
    ExtensionNext {
        /// To be answered.
        call: CallId,
        /// Its identifier.
        id: String,
    },
    /// An extension says that something is wrong.
    ExtensionError {
        /// To be answered.
        call: CallId,
        /// Its identifier.
        id: String,
        /// Which of the two calls it is.
        when: When,
        /// From the header.
        error_type: String,
    },
    /// Somebody with this identifier makes a call that is not ours to answer.
    Identify {
        /// To be answered.
        call: CallId,
        /// The identifier.
        id: String,
    },
    /// An extension's process ended.
    ExtensionExited {
        /// Its file's name.
        name: String,
        /// How.
        ended: Ended,
    },
    /// An extension's process could not be started.
    ExtensionNotLaunched {
        /// Its file's name.
        name: String,
        /// What the system said.
        message: String,
    },
    /// The function's code has changed.
    Changed,
    /// The runtime's process ended.
    Exited(Ended),
    /// The runtime's process could not be started.
    SpawnFailed {
        /// Such as `Runtime.InvalidEntrypoint`.
        error_type: &'static str,
        /// What the system said.
        message: String,
    },
    /// Subscribers of telemetry have been sent everything.
    Flushed,
    /// Time has passed.
    Tick,
    /// The environment is to end.
    Shutdown {
        /// Why.
        reason: Reason,
        /// Time that there is for it, if that is not for us to say.
        within: Option<Duration>,
    },
}
