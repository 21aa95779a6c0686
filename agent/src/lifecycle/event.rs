//! Pure: what can happen.

use bytes::Bytes;
use lambdock_protocol::Invoke;

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

/// How the body of a response ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyEnd {
    /// It is whole; with an error type from the trailers, and its body, it says that the function failed midway.
    Whole(Option<(String, Bytes)>),
    /// It is larger than allowed.
    TooLarge,
    /// The connection broke before its end.
    Truncated,
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
        /// Id in the path.
        request_id: String,
        /// From the header.
        mode: ResponseMode,
        /// From the header.
        content_type: Option<String>,
        /// Announced length in bytes.
        length: Option<u64>,
    },
    /// The response that was permitted has ended.
    ResponseEnded {
        /// To be answered.
        call: CallId,
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
        payload: Bytes,
    },
    /// The runtime says that it cannot start.
    InitError {
        /// To be answered.
        call: CallId,
        /// Sorted out from the header.
        error_type: String,
        /// For the caller.
        payload: Bytes,
    },
    /// The runtime's process ended.
    Exited(Ended),
    /// The runtime's process could not be started.
    SpawnFailed {
        /// Such as `Runtime.InvalidEntrypoint`.
        error_type: &'static str,
        /// What the system said.
        message: String,
    },
    /// Time has passed.
    Tick,
    /// The environment is to end.
    Shutdown,
}
