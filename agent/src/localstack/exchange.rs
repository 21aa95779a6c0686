//! Pure: our messages become LocalStack's calls.
//!
//! LocalStack takes one call for the log and one for the result of an invocation, in this order, and nothing after
//! that. So both are held until the invocation is done. [LocalStack: lambda-runtime-init]

use bytes::Bytes;
use lambdock_protocol::{Initialized, LogSource, ResponseEnd, Status, ToControlPlane};

use super::collected::Collected;
use super::pieces::Pieces;
use crate::report::Failure;

/// A call to LocalStack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// Below the endpoint.
    pub path: String,
    /// What is posted.
    pub body: Pieces,
}

/// What follows from a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing yet.
    Nothing,
    /// The environment takes invocations, and LocalStack is to know.
    Ready(Call),
    /// The environment is good for nothing, and LocalStack is to know.
    Unusable(Call),
    /// An invocation is done; LocalStack is to know, call by call.
    Done([Call; 2]),
}

/// The result of an invocation, as far as it is there.
#[derive(Debug, Default)]
enum Result {
    #[default]
    None,
    /// The runtime is posting it.
    Begun(Pieces),
    /// It posts more than is allowed.
    TooLarge,
    /// It is whole.
    Response(Pieces),
    /// There is none.
    Error(Bytes),
}

/// What LocalStack is to be told.
#[derive(Debug)]
pub(super) struct Exchange {
    /// `LOCALSTACK_RUNTIME_ID`.
    id: String,
    /// Largest result in bytes.
    limit: u64,
    /// LocalStack takes one status, and refuses a second.
    status: bool,
    log: Collected,
    current: Option<String>,
    result: Result,
}

impl Exchange {
    /// For the environment `id`, whose results have `limit` bytes at most.
    pub(super) fn new(id: String, limit: u64) -> Self {
        Self { id, limit, status: false, log: Collected::default(), current: None, result: Result::None }
    }

    /// An invocation was handed on.
    pub(super) fn begin(&mut self, request_id: String) {
        self.current = Some(request_id);
        self.result = Result::None;
    }

    /// Takes a message.
    pub(super) fn take(&mut self, message: ToControlPlane) -> Outcome {
        match message {
            ToControlPlane::Log(log, lines) if log.source == LogSource::Platform => {
                self.log.push(&without_traces(lines));
            }
            ToControlPlane::Log(_, lines) => self.log.push(&lines),
            ToControlPlane::Initialized(initialized, error) => return self.initialized(&initialized, error),
            ToControlPlane::ResponseStart(start) => {
                if self.is_current(&start.request_id) {
                    self.result = Result::Begun(Pieces::default());
                }
            }
            ToControlPlane::ResponseChunk(chunk) => self.chunk(chunk),
            ToControlPlane::ResponseEnd(end, error) => self.end(end, error),
            ToControlPlane::Failed(failed, payload) => {
                if self.is_current(&failed.request_id) && !self.is_told() {
                    self.result = Result::Error(payload);
                }
            }
            ToControlPlane::Done(done) if self.is_current(&done.request_id) => {
                return self.done().map_or(Outcome::Nothing, Outcome::Done);
            }
            ToControlPlane::Unusable { reason } => {
                let failure = Failure::of_request("Sandbox.Failure", &self.id, &reason);
                return self.failed(failure.payload.into());
            }
            ToControlPlane::Done(_)
            | ToControlPlane::Hello(_)
            | ToControlPlane::FetchArchive { .. }
            | ToControlPlane::Segments(..) => {}
        }
        Outcome::Nothing
    }

    /// The calls for an invocation whose result is there, even if it is not done: there will be no more.
    pub(super) fn rest(&mut self) -> Option<[Call; 2]> {
        if self.is_told() { self.done() } else { None }
    }

    fn is_current(&self, request_id: &str) -> bool {
        self.current.as_deref() == Some(request_id)
    }

    fn is_told(&self) -> bool {
        matches!(self.result, Result::Response(_) | Result::Error(_))
    }

    fn initialized(&mut self, initialized: &Initialized, error: Bytes) -> Outcome {
        match initialized.status {
            Status::Success => self.ready(),
            // An init phase that takes too long is run again inside the first invocation, as on AWS. It only happens
            // to those who have set a limit.
            Status::Timeout => self.ready(),
            Status::Failure | Status::Error => self.failed(error),
        }
    }

    fn ready(&mut self) -> Outcome {
        self.status("ready", Pieces::default()).map_or(Outcome::Nothing, Outcome::Ready)
    }

    fn failed(&mut self, error: Bytes) -> Outcome {
        self.status("error", error.into()).map_or(Outcome::Nothing, Outcome::Unusable)
    }

    fn status(&mut self, word: &str, body: Pieces) -> Option<Call> {
        let first = !std::mem::replace(&mut self.status, true);
        first.then(|| Call { path: format!("/status/{}/{word}", self.id), body })
    }

    fn chunk(&mut self, chunk: Bytes) {
        if let Result::Begun(pieces) = &mut self.result {
            pieces.push(chunk);
            if pieces.bytes() > self.limit {
                self.result = Result::TooLarge;
            }
        }
    }

    fn end(&mut self, end: ResponseEnd, error: Bytes) {
        if !self.is_current(&end.request_id) {
            return;
        }
        self.result = match (std::mem::take(&mut self.result), end.error_type) {
            (Result::Begun(_) | Result::TooLarge, Some(error_type)) => {
                let payload = if error.is_empty() { Failure::unexplained(&error_type).into() } else { error };
                Result::Error(payload)
            }
            (Result::Begun(pieces), None) => Result::Response(pieces),
            (Result::TooLarge, None) => Result::Error(Failure::too_large(self.limit).payload.into()),
            (told, _) => told,
        };
    }

    fn done(&mut self) -> Option<[Call; 2]> {
        let id = self.current.take()?;
        let (word, body) = match std::mem::take(&mut self.result) {
            Result::Response(pieces) => ("response", pieces),
            Result::Error(payload) => ("error", payload.into()),
            Result::None | Result::Begun(_) | Result::TooLarge => {
                let failure = Failure::of_request("Sandbox.Failure", &id, "the invocation has no result");
                ("error", Bytes::from(failure.payload).into())
            }
        };
        let logs = Call { path: format!("/invocations/{id}/logs"), body: self.log.take() };
        Some([logs, Call { path: format!("/invocations/{id}/{word}"), body }])
    }
}

/// LocalStack calls every invocation sampled, whatever the function's tracing mode is; the lines that lead to traces
/// would be in each log. [LocalStack: its init has none]
fn without_traces(lines: Bytes) -> Bytes {
    let leads_to_trace = |line: &&[u8]| line.starts_with(b"XRAY TraceId: ");
    let split = |lines| <[u8]>::split_inclusive(lines, |byte| *byte == b'\n');
    if !split(&lines).any(|line| leads_to_trace(&line)) {
        return lines;
    }
    split(&lines).filter(|line| !leads_to_trace(line)).collect::<Vec<_>>().concat().into()
}

#[cfg(test)]
mod tests;
