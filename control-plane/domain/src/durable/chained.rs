//! Functions that an execution invokes, and executions that another has started.

use super::{Chained, End, ErrorObject, Execution, Operation, Outcome, Status, What};
use crate::Timestamp;

/// Most that a function invoked by another may be given or give, in bytes.
pub const CHAINED_PAYLOAD_LIMIT: usize = 1 << 20;

/// How a function that another has invoked came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names")]
pub enum ChainedEnd {
    Succeeded(Option<String>),
    Failed(ErrorObject),
    TimedOut(ErrorObject),
    Stopped(Option<ErrorObject>),
}

impl ChainedEnd {
    /// What a function has answered.
    pub fn answered(result: String) -> Self {
        if result.len() > CHAINED_PAYLOAD_LIMIT {
            return Self::Failed(ErrorObject::message(format!(
                "CHAINED_INVOKE output payload size must be less than or equal to {CHAINED_PAYLOAD_LIMIT} bytes."
            )));
        }
        Self::Succeeded(Some(result).filter(|result| !result.is_empty()))
    }

    /// It took longer than these seconds.
    pub fn timed_out(seconds: u32) -> Self {
        let message = format!("CHAINED_INVOKE timed out after {seconds} seconds.");
        Self::TimedOut(ErrorObject::typed("ChainedInvoke.Timeout", message))
    }
}

impl Execution {
    /// Invocations of other functions that nobody has seen to yet; from now on somebody does.
    pub fn dispatch(&mut self) -> Vec<(String, Chained)> {
        if self.head.end.is_some() {
            return Vec::new();
        }
        let mut begun = Vec::new();
        for operation in self.operations.iter_mut().filter(|operation| operation.status == Status::Started) {
            if let Some(chained) = operation.chained.as_mut().filter(|chained| !chained.dispatched) {
                chained.dispatched = true;
                begun.push((operation.id.clone(), chained.clone()));
            }
        }
        begun
    }

    /// Another execution has been started for an operation.
    pub fn has_child(&mut self, operation: &str, child: &str) {
        let Some(at) = self.places.get(operation).copied() else { return };
        if let Some(chained) = self.operations.get_mut(at).and_then(|operation| operation.chained.as_mut()) {
            chained.child = Some(child.to_owned());
            self.unsaved.insert(at);
        }
    }

    /// The other function has come to an end.
    pub fn finish_chained(&mut self, operation: &str, end: ChainedEnd, now: Timestamp) {
        self.pass(now);
        let at = self.places.get(operation).copied();
        let waits = |at: &usize| self.operations.get(*at).is_some_and(Operation::is_pending);
        let Some(at) = at.filter(waits).filter(|_| self.head.end.is_none()) else { return };
        let (status, result, error) = match end {
            ChainedEnd::Succeeded(result) => (Status::Succeeded, result, None),
            ChainedEnd::Failed(error) => (Status::Failed, None, Some(error)),
            ChainedEnd::TimedOut(error) => (Status::TimedOut, None, Some(error)),
            ChainedEnd::Stopped(error) => (Status::Stopped, None, error),
        };
        let what = match status {
            Status::Succeeded => What::ChainedInvokeSucceeded { result: result.clone() },
            Status::TimedOut => What::ChainedInvokeTimedOut { error: error.clone() },
            Status::Stopped => What::ChainedInvokeStopped { error: error.clone() },
            _ => What::ChainedInvokeFailed { error: error.clone() },
        };
        self.close(at, status, result, error, now);
        self.happened(at, what, now);
        self.was_updated(at);
    }

    /// How this execution ended, for the one that has started it.
    pub fn chained_end(&self) -> Option<ChainedEnd> {
        let End { outcome, result, error, .. } = self.head.end.clone()?;
        Some(match outcome {
            Outcome::Succeeded => ChainedEnd::Succeeded(result),
            Outcome::TimedOut => ChainedEnd::timed_out(self.head.config.execution_timeout_s),
            Outcome::Stopped => ChainedEnd::Stopped(error),
            Outcome::Failed | Outcome::Running => {
                ChainedEnd::Failed(error.unwrap_or_else(|| ErrorObject::message("Chained invoke failed.")))
            }
        })
    }
}
