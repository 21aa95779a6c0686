//! Time passes: what is due happens, and what is to be done next follows.

use super::{ErrorObject, Execution, Kind, Operation, Outcome, Status, What};
use crate::Timestamp;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Invoke the function, as [`Execution::begin`] says.
    Invoke,
    /// Ask again when something has happened, at this time at the latest.
    Wait(Option<Timestamp>),
    /// Nothing: it has ended.
    Ended,
}

impl Execution {
    /// What to do at this time. Changes what changes by itself.
    pub fn next(&mut self, now: Timestamp) -> Next {
        self.pass(now);
        if self.head.end.is_some() {
            return Next::Ended;
        }
        let deadline = self.deadline();
        if self.head.invocation.is_some() {
            return Next::Wait(Some(deadline));
        }
        if let Some(retry_at) = self.head.retry_at {
            return if retry_at <= now { Next::Invoke } else { Next::Wait(Some(retry_at.min(deadline))) };
        }
        if !self.head.invoked || self.head.sequence > self.head.seen {
            return Next::Invoke;
        }
        let change = self.operations.iter().filter_map(Operation::next_change).min();
        Next::Wait(Some(change.map_or(deadline, |change| change.min(deadline))))
    }

    fn deadline(&self) -> Timestamp {
        Timestamp(self.head.started.0 + i64::from(self.head.config.execution_timeout_s) * 1000)
    }

    /// Lets time pass: what is due happens.
    pub(super) fn pass(&mut self, now: Timestamp) {
        if self.head.end.is_some() {
            return;
        }
        if self.deadline() <= now {
            let seconds = self.head.config.execution_timeout_s;
            let error = ErrorObject::message(format!("Execution timed out after {seconds} seconds."));
            return self.end(Outcome::TimedOut, None, Some(error), now);
        }
        for at in 0..self.operations.len() {
            let Some(operation) = self.operations.get(at) else { break };
            if operation.next_change().is_none_or(|due| due > now) {
                continue;
            }
            let (kind, duration_s) = (operation.kind, operation.duration_s);
            let on_heartbeat =
                operation.callback.as_ref().is_some_and(|callback| callback.due.is_none_or(|due| due > now));
            match kind {
                Kind::Wait => {
                    self.close(at, Status::Succeeded, None, None, now);
                    self.happened(at, What::WaitSucceeded { duration_s }, now);
                }
                Kind::Step => {
                    if let Some(operation) = self.operations.get_mut(at) {
                        (operation.status, operation.due) = (Status::Ready, None);
                    }
                    self.touch(at);
                }
                Kind::Callback => {
                    let error = if on_heartbeat {
                        ErrorObject::typed("Callback.Heartbeat", "Callback timed out on heartbeat")
                    } else {
                        ErrorObject::typed("Callback.Timeout", "Callback timed out")
                    };
                    self.close(at, Status::TimedOut, None, Some(error.clone()), now);
                    self.happened(at, What::CallbackTimedOut { error: Some(error) }, now);
                }
                Kind::ChainedInvoke | Kind::Execution | Kind::Context => continue,
            }
            self.was_updated(at);
        }
    }
}

/// So many seconds after a time.
pub(super) fn after(time: Timestamp, seconds: u32) -> Timestamp {
    Timestamp(time.0 + i64::from(seconds) * 1000)
}
