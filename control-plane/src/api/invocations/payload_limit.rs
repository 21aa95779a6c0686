//! Pure: how large events may be, and what is said of larger ones.

/// Most that an event may have, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadLimit {
    /// Of any request that invokes a function.
    Request(u64),
    /// Of an event that is kept until it is run.
    Event(u64),
}

impl PayloadLimit {
    /// The number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Request(limit) | Self::Event(limit) => limit,
        }
    }

    /// What is said to who sends more than that. [AWS: observed, as users of its SDKs report it; for both with a type
    /// that its model lacks]
    pub fn exceeded(self, bytes: u64) -> String {
        match self {
            Self::Request(limit) => {
                format!("Request must be smaller than {limit} bytes for the InvokeFunction operation")
            }
            Self::Event(limit) => format!(
                "{bytes} byte payload is too large for the Event invocation type (limit {limit} bytes)"
            ),
        }
    }
}
