//! Callbacks: answers that come from outside.

use super::time::after;
use super::{ErrorObject, Execution, Operation, Status, What};
use crate::Timestamp;

/// Nobody waits for this callback (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for this callback")]
pub struct NotWaiting;

impl Execution {
    /// The callback with this id has been answered.
    ///
    /// # Errors
    /// Nobody waits for it (any more).
    pub fn answer_callback(
        &mut self,
        id: &str,
        answer: Result<Option<String>, ErrorObject>,
        now: Timestamp,
    ) -> Result<(), NotWaiting> {
        let at = self.waiting_callback(id, now)?;
        match answer {
            Ok(result) => {
                self.close(at, Status::Succeeded, result.clone(), None, now);
                self.happened(at, What::CallbackSucceeded { result }, now);
            }
            Err(error) => {
                self.close(at, Status::Failed, None, Some(error.clone()), now);
                self.happened(at, What::CallbackFailed { error: Some(error) }, now);
            }
        }
        self.was_updated(at);
        Ok(())
    }

    /// Whoever is to answer the callback is still alive.
    ///
    /// # Errors
    /// Nobody waits for it (any more).
    pub fn callback_lives(&mut self, id: &str, now: Timestamp) -> Result<(), NotWaiting> {
        let at = self.waiting_callback(id, now)?;
        let callback = self.operations.get_mut(at).and_then(|operation| operation.callback.as_mut());
        if let Some(callback) = callback {
            callback.heartbeat_due = callback.heartbeat_s.map(|seconds| after(now, seconds));
            self.unsaved.insert(at);
        }
        Ok(())
    }

    fn waiting_callback(&mut self, id: &str, now: Timestamp) -> Result<usize, NotWaiting> {
        self.pass(now);
        let is_it = |operation: &Operation| {
            operation.status == Status::Started
                && operation.callback.as_ref().is_some_and(|callback| callback.id == id)
        };
        let at = self.operations.iter().position(is_it);
        at.filter(|_| self.head.end.is_none()).ok_or(NotWaiting)
    }
}
