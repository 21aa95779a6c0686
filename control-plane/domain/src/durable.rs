//! Durable executions: functions that sleep, and go on where they were.
//!
//! A function is invoked with everything it has done so far, reports each step as it does it (`checkpoint`), and ends
//! with its result, or with the word that something is pending. Then it is invoked again when that something has
//! happened. [AWS: Lambda durable functions; the envelope and the rules of checkpoints are those of AWS's own SDKs and
//! of the runner that AWS tests them with]
//!
//! Everything that happens is a method; [`Execution::next`] says what to do then.

mod callbacks;
mod chained;
mod checkpoint;
mod head;
mod history;
mod invocation;
mod operation;
mod time;

use std::collections::{BTreeSet, HashMap};

pub use callbacks::NotWaiting;
pub use chained::{CHAINED_PAYLOAD_LIMIT, ChainedEnd};
pub use checkpoint::{Checkpointed, Target};
pub use head::{Beginning, DurableConfig, End, Head, Outcome, Parent};
pub use history::{Event, Retry, Subject, What};
pub use invocation::{Input, Output};
pub use operation::{
    Action, Callback, CallbackOptions, Chained, ErrorObject, Kind, Operation, Status, Update,
};
pub use time::Next;

use crate::Timestamp;

/// Bytes of operations that one invocation, or one answer with the state, has at most.
const PAGE_BYTES: usize = 5 << 20;

/// One durable execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    head: Head,
    /// The first is the execution itself.
    operations: Vec<Operation>,
    places: HashMap<String, usize>,
    events: Vec<Event>,
    /// Operations that have changed since somebody took what has.
    unsaved: BTreeSet<usize>,
    /// Events that were taken.
    saved_events: usize,
}

/// What has changed of an execution, with the places of operations and events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names")]
pub struct Unsaved {
    pub head: Head,
    pub operations: Vec<(usize, Operation)>,
    pub events: Vec<(usize, Event)>,
}

impl Execution {
    /// One that begins now.
    pub fn start(beginning: Beginning, now: Timestamp) -> Self {
        let (head, input) = Head::new(beginning, now);
        let operation = Operation {
            name: Some(head.name.clone()),
            input: Some(input.clone()),
            ..Operation::begun(head.id.clone(), Kind::Execution, now)
        };
        let what = What::ExecutionStarted { input, timeout_s: head.config.execution_timeout_s };
        let event = Event { at: now, operation: Some(Subject::from(&operation)), what };
        let mut execution = Self::of(head, vec![operation], vec![event]);
        execution.save_all();
        execution
    }

    /// One that an earlier process has left. What was under way then is begun again.
    pub fn restored(mut head: Head, operations: Vec<Operation>, events: Vec<Event>) -> Self {
        if head.invocation.take().is_some() {
            head.invoked = false;
        }
        Self::of(head, operations, events)
    }

    fn of(head: Head, operations: Vec<Operation>, events: Vec<Event>) -> Self {
        let places =
            operations.iter().enumerate().map(|(at, operation)| (operation.id.clone(), at)).collect();
        let saved_events = events.len();
        Self { head, operations, places, events, unsaved: BTreeSet::new(), saved_events }
    }

    /// Everything but operations and history.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// All operations, in the order of their starts.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What has happened.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The event that it was started with.
    pub fn input(&self) -> &str {
        self.operations.first().and_then(|operation| operation.input.as_deref()).unwrap_or_default()
    }

    /// Whether operations or history have changed since that was taken last.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty() || self.saved_events < self.events.len()
    }

    /// Takes what has changed since this was called last.
    pub fn take_unsaved(&mut self) -> Unsaved {
        let places = std::mem::take(&mut self.unsaved);
        let operations = places.into_iter().filter_map(|at| Some((at, self.operations.get(at)?.clone())));
        let events = self.events.iter().cloned().enumerate().skip(self.saved_events);
        let unsaved =
            Unsaved { head: self.head.clone(), operations: operations.collect(), events: events.collect() };
        self.saved_events = self.events.len();
        unsaved
    }

    /// What was taken has been lost: everything is to be taken again.
    pub fn save_all(&mut self) {
        self.unsaved = (0..self.operations.len()).collect();
        self.saved_events = 0;
    }

    /// Operations that have changed after the change with this number.
    fn changed_since(&self, sequence: u64) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(move |operation| operation.touched > sequence)
    }

    /// Operations from a place on, as many as an answer takes, at most `most`; and where the next page begins.
    pub fn page(&self, from: usize, most: usize) -> (&[Operation], Option<usize>) {
        let left = self.operations.get(from..).unwrap_or_default();
        let mut bytes = 0;
        let fits = |(at, operation): &(usize, &Operation)| {
            bytes += operation.size();
            *at == 0 || (*at < most && bytes <= PAGE_BYTES)
        };
        let count = left.iter().enumerate().take_while(fits).count();
        (left.get(..count).unwrap_or_default(), (count < left.len()).then_some(from + count))
    }

    /// Ends it from outside. Returns when it has ended, which may have been before.
    pub fn stop(&mut self, error: Option<ErrorObject>, now: Timestamp) -> Timestamp {
        self.pass(now);
        if self.head.end.is_none() {
            let error = error.unwrap_or_else(|| ErrorObject::message("Execution stopped by user request"));
            self.end(Outcome::Stopped, None, Some(error), now);
        }
        self.head.end.as_ref().map_or(now, |end| end.at)
    }

    fn end(&mut self, outcome: Outcome, result: Option<String>, error: Option<ErrorObject>, now: Timestamp) {
        let (status, what) = match outcome {
            Outcome::Running => return,
            Outcome::Succeeded => (Status::Succeeded, What::ExecutionSucceeded { result: result.clone() }),
            Outcome::Failed => (Status::Failed, What::ExecutionFailed { error: error.clone() }),
            Outcome::TimedOut => (Status::TimedOut, What::ExecutionTimedOut { error: error.clone() }),
            Outcome::Stopped => (Status::Stopped, What::ExecutionStopped { error: error.clone() }),
        };
        self.close(0, status, None, None, now);
        self.happened(0, what, now);
        self.head.end = Some(End { at: now, outcome, result, error });
        self.head.answered = None;
    }

    fn close(
        &mut self,
        at: usize,
        status: Status,
        result: Option<String>,
        error: Option<ErrorObject>,
        now: Timestamp,
    ) {
        if let Some(operation) = self.operations.get_mut(at) {
            operation.status = status;
            operation.ended = Some(now);
            (operation.result, operation.error) = (result, error);
        }
        self.touch(at);
    }

    fn touch(&mut self, at: usize) {
        self.head.sequence += 1;
        if let Some(operation) = self.operations.get_mut(at) {
            operation.touched = self.head.sequence;
        }
        self.unsaved.insert(at);
    }

    fn happened(&mut self, at: usize, what: What, now: Timestamp) {
        let operation = self.operations.get(at).map(Subject::from);
        self.events.push(Event { at: now, operation, what });
    }

    fn was_updated(&mut self, at: usize) {
        let Some(operation) = self.operations.get(at) else { return };
        if !self.head.updated.contains(&operation.id) {
            self.head.updated.push(operation.id.clone());
        }
    }
}

#[cfg(test)]
mod tests;
