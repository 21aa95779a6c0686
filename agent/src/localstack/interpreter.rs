//! Stands between the driver, which speaks our messages, and LocalStack, which speaks calls.
//!
//! ```text
//! control ──invocations──▶ interpreter ──▶ driver
//! courier ◀────calls────── (exchange)  ◀── driver, api, output
//! ```
//!
//! What the driver has to say is taken at once, whatever LocalStack does: all that is held has a bound of its own. The
//! next invocation is handed on when LocalStack has the result of the last.

use std::time::Duration;

use bytes::Bytes;
use lambdock_protocol::{Done, Invoke, Shutdown, ShutdownReason, ToAgent, ToControlPlane};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::client::{self, Client};
use super::exchange::{Call, Exchange, Outcome};
use super::traces::Traces;
use crate::log::{debug, info, warn};

/// Time that calls have at the end of the environment.
const SENT_AT_THE_END_WITHIN: Duration = Duration::from_secs(1);

/// Calls that belong together, and what they say.
#[derive(Debug)]
pub(super) struct Errand {
    kind: Kind,
    calls: Vec<Call>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ready,
    Unusable,
    Result,
}

/// What became of an errand.
#[derive(Debug)]
pub(super) struct Report {
    kind: Kind,
    told: Result<(), client::Error>,
}

/// Makes the calls, one after the other: each is answered before the next is made.
pub(super) async fn courier(
    mut client: Client,
    mut errands: mpsc::Receiver<Errand>,
    reports: mpsc::Sender<Report>,
) {
    while let Some(Errand { kind, calls }) = errands.recv().await {
        let mut told = Ok(());
        for Call { path, body } in calls {
            match client.post(&path, &body).await {
                Ok(status) if status.is_success() => debug!("LocalStack has taken {path}"),
                Ok(status) => warn!("LocalStack has answered {path} with {status}"),
                Err(error) => {
                    warn!("LocalStack cannot be told {path}: {error}");
                    told = Err(error);
                }
            }
        }
        if reports.send(Report { kind, told }).await.is_err() {
            return;
        }
    }
}

/// What may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// LocalStack does not know yet that we are ready.
    Starting,
    /// The next invocation can be handed on.
    Free,
    /// There is one, or LocalStack does not have its result yet.
    Busy,
    /// There will be no more.
    Over,
}

/// Everything that comes in and goes out.
pub(super) struct Interpreter {
    /// What is said, as LocalStack is to hear it.
    pub exchange: Exchange,
    /// From the driver and its like.
    pub messages: mpsc::Receiver<ToControlPlane>,
    /// To the driver.
    pub agent: mpsc::Sender<ToAgent>,
    /// From LocalStack.
    pub invocations: mpsc::Receiver<(Invoke, Bytes)>,
    /// To LocalStack.
    pub errands: mpsc::Sender<Errand>,
    /// What became of them.
    pub reports: mpsc::Receiver<Report>,
    /// For segments.
    pub traces: Option<Traces>,
    /// How long the end of an invocation is held back.
    pub wait: Duration,
}

impl Interpreter {
    /// Runs until it is told that the environment has ended.
    ///
    /// # Errors
    /// LocalStack could not be told that the environment is ready.
    pub(super) async fn run(mut self, mut ended: oneshot::Receiver<()>) -> Result<(), client::Error> {
        let mut stage = Stage::Starting;
        let mut told = Ok(());
        let mut held: Option<(Instant, Done)> = None;
        let mut underway: usize = 0;
        loop {
            let due = held.as_ref().map(|(due, _)| *due);
            let outcome = tokio::select! {
                biased;
                Some(report) = self.reports.recv() => {
                    underway -= 1;
                    (stage, told) = match (report.kind, report.told) {
                        (Kind::Ready | Kind::Result, Ok(())) if stage != Stage::Over => (Stage::Free, told),
                        (Kind::Ready, Err(error)) => {
                            self.shut_down();
                            (Stage::Over, Err(error))
                        }
                        (Kind::Result, Err(_)) if stage != Stage::Over => (Stage::Free, told),
                        (Kind::Unusable, _) => {
                            self.shut_down();
                            (Stage::Over, told)
                        }
                        (Kind::Ready | Kind::Result, _) => (Stage::Over, told),
                    };
                    Outcome::Nothing
                }
                Some(message) = self.messages.recv() => match message {
                    ToControlPlane::Done(done) if !self.wait.is_zero() => {
                        held = Some((Instant::now() + self.wait, done));
                        Outcome::Nothing
                    }
                    message => self.take(message),
                },
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                    match held.take() {
                        Some((_, done)) => self.exchange.take(ToControlPlane::Done(done)),
                        None => Outcome::Nothing,
                    }
                }
                Some((invoke, payload)) = self.invocations.recv(), if stage == Stage::Free => {
                    stage = Stage::Busy;
                    self.exchange.begin(invoke.request_id.clone());
                    // There is room: it has none but this.
                    let _ = self.agent.try_send(ToAgent::Invoke(invoke, payload));
                    Outcome::Nothing
                }
                _ = &mut ended => break,
            };
            underway += self.send(outcome);
        }
        self.end(held.map(|(_, done)| done), underway).await;
        told
    }

    /// Sends what there is to send at the end.
    async fn end(mut self, held: Option<Done>, mut underway: usize) {
        let until = Instant::now() + SENT_AT_THE_END_WITHIN;
        while let Ok(message) = self.messages.try_recv() {
            let outcome = self.take(message);
            underway += self.send(outcome);
        }
        if let Some(done) = held {
            let outcome = self.exchange.take(ToControlPlane::Done(done));
            underway += self.send(outcome);
        }
        if let Some(calls) = self.exchange.rest() {
            underway += self.send(Outcome::Done(calls));
        }
        while underway > 0 {
            match timeout_at(until, self.reports.recv()).await {
                Ok(Some(_)) => underway -= 1,
                Ok(None) => return,
                Err(_) => return warn!("LocalStack does not take what is left to tell"),
            }
        }
    }

    fn take(&mut self, message: ToControlPlane) -> Outcome {
        match message {
            ToControlPlane::Segments(head, body) => {
                if let Some(traces) = &self.traces {
                    traces.send(&head, body);
                }
                Outcome::Nothing
            }
            message => self.exchange.take(message),
        }
    }

    /// Has the calls made; how many errands that are.
    fn send(&mut self, outcome: Outcome) -> usize {
        let errand = match outcome {
            Outcome::Nothing => return 0,
            Outcome::Ready(call) => Errand { kind: Kind::Ready, calls: vec![call] },
            Outcome::Unusable(call) => {
                info!("the environment is of no use: ending");
                Errand { kind: Kind::Unusable, calls: vec![call] }
            }
            Outcome::Done(calls) => Errand { kind: Kind::Result, calls: calls.into() },
        };
        usize::from(self.errands.try_send(errand).is_ok())
    }

    fn shut_down(&self) {
        let shutdown = Shutdown { reason: ShutdownReason::Failure, budget_ms: 2000 };
        // If there is no room, or nobody, it has ended or is about to.
        let _ = self.agent.try_send(ToAgent::Shutdown(shutdown));
    }
}
