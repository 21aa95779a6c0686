//! Pure: the states of Lambda's Runtime API, whose names are part of its error messages.

/// Where a runtime is in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuntimeState {
    /// Its process runs and has asked for nothing yet.
    Started,
    /// It has said that it cannot start.
    InitError,
    /// It has asked to go on after a restore.
    Restoring,
    /// It has said that it cannot go on after a restore.
    RestoreError,
    /// It waits for an event.
    Ready,
    /// It has an event.
    Running,
    /// It posts its response.
    InvocationResponse,
    /// Its answer was taken.
    ResponseSent,
}

impl RuntimeState {
    /// The name in messages. [AWS: runtime interface emulator]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::InitError => "InitError",
            Self::Restoring => "Restoring",
            Self::RestoreError => "RuntimeRestoreErrorState",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InvocationResponse => "InvocationResponse",
            Self::ResponseSent => "RuntimeResponseSentState",
        }
    }
}
