//! Pure: what follows.

use bytes::Bytes;
use lambdock_protocol::{Initialized, Invoke, ResponseEnd, ResponseStart, Status};

use super::CallId;
use crate::report::Failure;

/// The answer to a call of the Runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The next event.
    Event {
        /// With the deadline to be reckoned from `left_ms`.
        invoke: Box<Invoke>,
        /// The event.
        payload: Bytes,
        /// Milliseconds until the deadline.
        left_ms: u64,
    },
    /// 202.
    Accepted,
    /// 200, nothing to say.
    Restored,
    /// The body may be read and passed on.
    Permit,
    /// An error.
    Refused {
        /// HTTP status.
        status: u16,
        /// `errorType`.
        error_type: &'static str,
        /// `errorMessage`.
        message: String,
    },
}

/// The end of an invocation: what its last lines and its `Done` are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Which.
    pub request_id: String,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    pub error_type: Option<String>,
    /// `Duration` in microseconds.
    pub duration_us: u64,
    /// `Init Duration` in microseconds, for the first invocation after an init phase of its own.
    pub init_us: Option<u64>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start the runtime's process.
    Spawn,
    /// Kill whatever of the function runs, and wait until it is gone.
    Kill,
    /// Answer a call.
    Answer(CallId, Reply),
    /// Write the line of a beginning init phase.
    InitStart,
    /// Write the line of an init phase that failed.
    InitReport {
        /// Microseconds.
        duration_us: u64,
        /// `init` or `invoke`.
        phase: &'static str,
        /// How it ended.
        status: Status,
        /// What went wrong.
        error_type: Option<String>,
    },
    /// Tell that the init phase is over, with the error's JSON.
    Initialized(Initialized, Bytes),
    /// Write the line of a beginning invocation; what is written from now on belongs to it.
    Start {
        /// Which.
        request_id: String,
    },
    /// Write that the time is up.
    TimedOut {
        /// Which.
        request_id: String,
    },
    /// Tell that a response begins.
    ResponseStart(ResponseStart),
    /// Tell that it ended, with the error's JSON.
    ResponseEnd(ResponseEnd, Bytes),
    /// Tell that there is none.
    Failed {
        /// Which.
        request_id: String,
        /// Why.
        failure: Failure,
    },
    /// Let no more of a response through that is still being posted.
    RevokePermit,
    /// Collect what was written, write the last lines, tell that the environment is ready again.
    Finish(Finish),
    /// End the process.
    Exit,
}
