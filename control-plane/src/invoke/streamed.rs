//! An answer that its caller takes piece by piece, as fast as it can.

use std::collections::VecDeque;

use tokio::runtime::Handle;

use super::answer::{LogType, Lost};
use super::concurrency::Permit;
use super::parts::{End, Failure, Part, Teller};
use crate::pool::Running;

/// The answer to one invocation, as it comes. Nothing is read ahead: a caller who takes no more parts slows the
/// function down.
///
/// One that is dropped before its end goes on unheard, and counts as an execution until it is over.
pub struct Streamed {
    /// Taken when nobody listens any more.
    running: Option<Running>,
    /// Given back with the last part.
    permit: Option<Permit>,
    teller: Teller,
    told: VecDeque<Part>,
}

impl Streamed {
    /// The answer of `running`; waits for its first part.
    ///
    /// # Errors
    /// The environment was lost before the function had answered.
    pub(super) async fn begin(
        running: Running,
        permit: Permit,
        log_type: LogType,
        limit: u64,
    ) -> Result<Self, Lost> {
        let mut streamed = Self {
            running: Some(running),
            permit: Some(permit),
            teller: Teller::new(log_type, limit),
            told: VecDeque::new(),
        };
        streamed.fill().await?;
        Ok(streamed)
    }

    /// The next part; `None` after [`Part::End`].
    pub async fn next(&mut self) -> Option<Part> {
        // What is lost before anything was told is an error of `begin`.
        if let Err(Lost(reason)) = self.fill().await {
            self.permit = None;
            return Some(Part::End(End { error: Some(Failure::Lost(reason)), log_tail: None }));
        }
        let part = self.told.pop_front();
        if matches!(part, Some(Part::End(_)) | None) {
            self.permit = None;
        }
        part
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
        // Outside of a runtime the process is ending.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                while running.next().await.is_some() {}
                drop(permit);
            });
        }
    }
}
