//! An answer that its caller takes piece by piece, as fast as it can.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::answer::{LogType, Lost};
use super::concurrency::Permit;
use super::parts::{End, Failure, Part, Teller};
use crate::metrics::Execution;
use crate::pool::Running;

/// The answer to one invocation, as it comes. Nothing is read ahead: a caller who takes no more parts slows the
/// function down.
///
/// One that is dropped before its end goes on unheard, and counts as an execution until it is over.
pub struct Streamed {
    /// Taken when nobody listens any more.
    running: Option<Running>,
    /// The same.
    execution: Option<Execution>,
    permit: Held,
    teller: Teller,
    told: VecDeque<Part>,
}

/// A permit that is given back with the last part; or, should the caller never take that, once the function must have
/// ended.
struct Held {
    permit: Arc<Mutex<Option<Permit>>>,
    timer: AbortHandle,
}

impl Held {
    fn new(permit: Permit, lifetime: Duration) -> Self {
        let permit = Arc::new(Mutex::new(Some(permit)));
        let held = Arc::clone(&permit);
        let timer = tokio::spawn(async move {
            sleep(lifetime).await;
            drop(taken(&held));
        });
        Self { permit, timer: timer.abort_handle() }
    }

    /// The permit, unless it was given back.
    fn take(&self) -> Option<Permit> {
        self.timer.abort();
        taken(&self.permit)
    }
}

fn taken(permit: &Mutex<Option<Permit>>) -> Option<Permit> {
    permit.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What became of an execution.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failed {
    Yes,
    No,
}

impl Streamed {
    /// The answer of `running`, which is over after `lifetime` at the latest; waits for its first part.
    ///
    /// # Errors
    /// The environment was lost before the function had answered.
    pub(super) async fn begin(
        running: Running,
        execution: Execution,
        permit: Permit,
        lifetime: Duration,
        log_type: LogType,
        limit: u64,
    ) -> Result<Self, Lost> {
        let mut streamed = Self {
            running: Some(running),
            execution: Some(execution),
            permit: Held::new(permit, lifetime),
            teller: Teller::new(log_type, limit),
            told: VecDeque::new(),
        };
        let filled = streamed.fill().await;
        if filled.is_err() {
            streamed.end(Failed::Yes);
        }
        filled.map(|()| streamed)
    }

    /// The next part; `None` after [`Part::End`].
    pub async fn next(&mut self) -> Option<Part> {
        // What is lost before anything was told is an error of `begin`.
        if let Err(Lost(reason)) = self.fill().await {
            self.end(Failed::Yes);
            return Some(Part::End(End { error: Some(Failure::Lost(reason)), log_tail: None }));
        }
        let part = self.told.pop_front();
        match &part {
            Some(Part::End(end)) => self.end(if end.error.is_some() { Failed::Yes } else { Failed::No }),
            None => self.end(Failed::No),
            Some(_) => {}
        }
        part
    }

    /// The execution is over: counted, and its permit given back.
    fn end(&mut self, failed: Failed) {
        drop(self.permit.take());
        if let (Some(mut execution), Failed::Yes) = (self.execution.take(), failed) {
            execution.fail();
        }
    }

    async fn fill(&mut self) -> Result<(), Lost> {
        while self.told.is_empty() && !self.teller.is_over() {
            let Some(running) = &mut self.running else { return Ok(()) };
            let event = running.next().await;
            let event = event.ok_or_else(|| Lost("it ended without an answer".to_owned()))?;
            self.told.extend(self.teller.event(event)?);
        }
        Ok(())
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        let (Some(mut running), Some(permit)) = (self.running.take(), self.permit.take()) else { return };
        let execution = self.execution.take();
        // Outside of a runtime the process is ending.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                while running.next().await.is_some() {}
                drop((permit, execution));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use lambdock_domain::{FunctionId, Scope};

    use super::super::concurrency::Concurrency;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_stops_reading_holds_an_execution_no_longer_than_the_function_may_run() {
        let concurrency = Concurrency::new(1);
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let function = FunctionId { scope, name: "f".into() };
        let enter = || concurrency.enter(&function, "$LATEST", 0);
        let held = Held::new(enter().unwrap(), Duration::from_secs(10));
        sleep(Duration::from_secs(9)).await;
        assert!(enter().is_err());
        sleep(Duration::from_secs(2)).await;
        let other = enter().unwrap();
        assert!(held.take().is_none(), "it was given back once");
        assert!(enter().is_err());
        let held = Held::new(other, Duration::from_secs(10));
        drop(held.take());
        assert!(enter().is_ok());
    }
}
