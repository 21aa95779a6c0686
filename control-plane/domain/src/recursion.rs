//! What becomes of functions that call themselves round and round.

use serde::{Deserialize, Serialize};

/// `RecursiveLoop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RecursiveLoop {
    /// A chain of invocations that goes on and on may do so.
    Allow,
    /// It is ended. [AWS: default]
    #[default]
    Terminate,
}

impl RecursiveLoop {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Terminate => "Terminate",
        }
    }

    /// Reads AWS's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Allow, Self::Terminate].into_iter().find(|word| word.as_str() == text)
    }
}
