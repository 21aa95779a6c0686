//! Pure: what follows.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use lambdock_protocol::{Initialized, Invoke, ResponseEnd, ResponseStart, Status};

use super::{CallId, Reason};
use crate::report::Failure;
use crate::telemetry::schema::{Extension, Phase as InitPhase};

/// The answer to a call of the Runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The next event.
    Event {
        /// Which.
        invoke: Rc<Invoke>,
        /// The event.
        payload: Bytes,
        /// When its time is up.
        deadline: Instant,
    },
    /// 202.
    Accepted,
    /// 200, nothing to say.
    Restored,
    /// The body may be read and passed on.
    Permit,
    /// An extension is registered.
    Registered {
        /// Its identifier.
        id: String,
    },
    /// `INVOKE` for an extension.
    ExtensionInvoke {
        /// Which.
        invoke: Rc<Invoke>,
        /// When its time is up.
        deadline: Instant,
    },
    /// `SHUTDOWN` for an extension.
    ExtensionShutdown {
        /// Why.
        reason: Reason,
        /// When it is killed.
        deadline: Instant,
    },
    /// Who has the identifier.
    Identified {
        /// Name of the extension.
        name: String,
    },
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
    /// From the end of the runtime's part to the end of all, in microseconds, if there are extensions.
    pub extensions_us: Option<u64>,
    /// `Restore Duration` in microseconds, if there was a restore in that phase.
    pub restore_us: Option<u64>,
}

/// What the runtime has done of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeDone {
    /// Which.
    pub request_id: String,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    pub error_type: Option<String>,
    /// From the event given to the next one asked for, in microseconds.
    pub duration_us: u64,
    /// Size of the response.
    pub produced_bytes: Option<u64>,
    /// From the event given to the first byte of the response, in microseconds.
    pub response_latency_us: Option<u64>,
    /// From the first byte of the response to its last, in microseconds.
    pub response_duration_us: Option<u64>,
}

/// The end of an init phase, or of the runtime's part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitEnd {
    /// Microseconds.
    pub duration_us: u64,
    /// Whether it has a time of its own.
    pub phase: InitPhase,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    pub error_type: Option<String>,
}

/// The end of what comes after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreEnd {
    /// Microseconds.
    pub duration_us: u64,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    pub error_type: Option<String>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start the runtime's process.
    Spawn,
    /// Start the process of the extension with this file name.
    SpawnExtension(String),
    /// Ask the runtime's processes to end.
    TerminateRuntime,
    /// Kill the runtime's processes.
    KillRuntime,
    /// Kill an extension's processes.
    KillExtension(String),
    /// Kill whatever runs, and wait until it is gone.
    Kill,
    /// Answer a call.
    Answer(CallId, Reply),
    /// An invocation is taken up: what is told of one from now on is told of this one.
    Take(Rc<Invoke>),
    /// An init phase begins.
    InitStart {
        /// Whether it has a time of its own.
        phase: InitPhase,
    },
    /// The runtime has done its part of the init phase.
    InitRuntimeDone(InitEnd),
    /// Nobody can register or subscribe any more.
    CloseRegistration,
    /// Tell how an extension stands.
    ExtensionStands(Extension),
    /// What comes after a restore begins.
    RestoreStart,
    /// It is over.
    RestoreReport(RestoreEnd),
    /// An init phase is over.
    InitReport(InitEnd),
    /// Tell that the init phase is over, with the error's JSON.
    Initialized(Initialized, Bytes),
    /// Write the line of a beginning invocation; what is written from now on belongs to it.
    Start {
        /// Which.
        request_id: String,
        /// It is the first thing to happen since an init phase.
        after_init: bool,
    },
    /// Write that the time is up.
    TimedOut {
        /// Which.
        request_id: String,
        /// How much there was, in milliseconds.
        limit_ms: u64,
    },
    /// Tell that a response begins.
    ResponseStart(ResponseStart),
    /// Tell that it ended, with the error's JSON.
    ResponseEnd(ResponseEnd, Bytes),
    /// Tell a whole response, with the error's JSON.
    Response {
        /// Its beginning.
        start: ResponseStart,
        /// The response.
        body: Bytes,
        /// Its end.
        end: ResponseEnd,
        /// The error's JSON.
        error: Bytes,
    },
    /// Tell that there is none.
    Failed {
        /// Which.
        request_id: String,
        /// Why.
        failure: Failure,
    },
    /// The runtime is done with an invocation.
    RuntimeDone(RuntimeDone),
    /// Deliver what subscribers have not been sent yet, for they are about to end; [`Event::Flushed`] is to tell when that
    /// is done.
    ///
    /// [`Event::Flushed`]: super::Event::Flushed
    FlushTelemetry,
    /// Let no more of a response through that is still being posted.
    RevokePermit,
    /// Collect what was written and write the last lines: all has happened that they tell of, and subscribers are about
    /// to end.
    Report(Finish),
    /// The same, if it has not been done, and tell that the environment is ready again.
    Finish(Finish),
    /// End the process.
    Exit,
}
