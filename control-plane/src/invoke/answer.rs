//! Pure: what the events of an invocation amount to for a caller who wants one answer.

use bytes::Bytes;

use super::parts::too_large;
use crate::chunks::Chunks;
use crate::pool::InvocationEvent;

/// What a synchronous invocation gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The function's answer, or the error's JSON.
    pub payload: Bytes,
    /// How it came about.
    pub outcome: Outcome,
    /// Last 4096 bytes of the invocation's log, if they were asked for.
    pub log_tail: Option<Bytes>,
}

/// Whether the function answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Success,
    /// It raised, died, or ran out of time or memory. [AWS: `X-Amz-Function-Error: Unhandled`]
    Unhandled,
}

/// When the answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogType {
    /// With the response.
    None,
    /// With the last line of the log.
    Tail,
}

/// The environment was lost before it had answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lost(pub String);

/// Puts one answer together.
#[derive(Debug)]
pub(super) struct Collector {
    log_type: LogType,
    /// Bytes that an answer may have. Of one that is not streamed the agent sees to it.
    limit: u64,
    body: Chunks,
    answered: Option<(Bytes, Outcome)>,
}

impl Collector {
    /// Nothing has happened yet.
    pub(super) fn new(log_type: LogType, limit: u64) -> Self {
        Self { log_type, limit, body: Chunks::expecting(None), answered: None }
    }

    /// Takes the next event; gives the answer once it is complete.
    ///
    /// # Errors
    /// The environment was lost and the answer with it.
    pub(super) fn event(&mut self, event: InvocationEvent) -> Result<Option<Answer>, Lost> {
        match event {
            InvocationEvent::ResponseStart(start) => self.body = Chunks::expecting(start.length),
            // What follows an answer that is too large is not kept.
            InvocationEvent::Chunk(_) | InvocationEvent::ResponseEnd(..) | InvocationEvent::Failed(..)
                if self.answered.is_some() => {}
            InvocationEvent::Chunk(chunk) => {
                self.body.push(chunk);
                if self.body.len() as u64 > self.limit {
                    self.body = Chunks::expecting(None);
                    return Ok(self.answer((too_large(self.limit), Outcome::Unhandled)));
                }
            }
            InvocationEvent::ResponseEnd(end, error) => {
                let answered = match end.error_type {
                    None => (
                        std::mem::replace(&mut self.body, Chunks::expecting(None)).into_bytes(),
                        Outcome::Success,
                    ),
                    Some(_) => (error, Outcome::Unhandled),
                };
                return Ok(self.answer(answered));
            }
            InvocationEvent::Failed(_, payload) => return Ok(self.answer((payload, Outcome::Unhandled))),
            InvocationEvent::Done { log_tail, .. } => {
                let answered = self.answered.take();
                return Ok(answered.map(|(payload, outcome)| Answer {
                    payload,
                    outcome,
                    log_tail: Some(log_tail),
                }));
            }
            InvocationEvent::Lost { reason } => {
                // The answer is true even if the environment died before it could say how much memory it had used.
                return match self.answered.take() {
                    Some((payload, outcome)) => {
                        Ok(Some(Answer { payload, outcome, log_tail: Some(Bytes::new()) }))
                    }
                    None => Err(Lost(reason)),
                };
            }
        }
        Ok(None)
    }

    fn answer(&mut self, (payload, outcome): (Bytes, Outcome)) -> Option<Answer> {
        match self.log_type {
            LogType::None => Some(Answer { payload, outcome, log_tail: None }),
            LogType::Tail => {
                self.answered = Some((payload, outcome));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lambdock_protocol::{Done, Failed, Mode, ResponseEnd, ResponseStart, Status};

    use super::*;

    fn start() -> InvocationEvent {
        let start = ResponseStart {
            request_id: "r".into(),
            content_type: None,
            mode: Mode::Buffered,
            length: Some(4),
        };
        InvocationEvent::ResponseStart(start)
    }

    fn chunk(bytes: &'static [u8]) -> InvocationEvent {
        InvocationEvent::Chunk(Bytes::from_static(bytes))
    }

    fn end(error_type: Option<&str>, error: &'static [u8]) -> InvocationEvent {
        let end = ResponseEnd { request_id: "r".into(), error_type: error_type.map(str::to_owned) };
        InvocationEvent::ResponseEnd(end, Bytes::from_static(error))
    }

    fn failed(payload: &'static [u8]) -> InvocationEvent {
        let failed = Failed { request_id: "r".into(), error_type: "Runtime.ExitError".into() };
        InvocationEvent::Failed(failed, Bytes::from_static(payload))
    }

    fn done() -> InvocationEvent {
        let done = Done {
            request_id: "r".into(),
            status: Status::Success,
            duration_us: 1,
            billed_ms: 1,
            init_us: None,
            max_memory_bytes: None,
            extensions_us: None,
        };
        InvocationEvent::Done { done, log_tail: Bytes::from_static(b"REPORT") }
    }

    fn lost() -> InvocationEvent {
        InvocationEvent::Lost { reason: "gone".into() }
    }

    /// Payload, whether it is a success, log tail.
    type Given = (&'static str, bool, Option<&'static str>);

    fn check(log_type: LogType, events: Vec<InvocationEvent>, expected: Result<Given, &str>) {
        let mut collector = Collector::new(log_type, 10);
        for (left, event) in (0..events.len()).rev().zip(events) {
            let given = match collector.event(event) {
                Ok(None) => continue,
                Ok(Some(answer)) => Ok(answer),
                Err(lost) => Err(lost.0),
            };
            assert_eq!(left, 0, "the answer is complete with the last event and not before");
            match (given, expected) {
                (Ok(answer), Ok((payload, success, tail))) => {
                    assert_eq!(answer.payload, payload);
                    assert_eq!(answer.outcome == Outcome::Success, success);
                    assert_eq!(answer.log_tail.as_deref(), tail.map(str::as_bytes));
                }
                (Err(reason), Err(expected)) => assert_eq!(reason, expected),
                (given, expected) => panic!("{given:?} is not {expected:?}"),
            }
            return;
        }
        panic!("no answer came");
    }

    #[test]
    fn the_answer_leaves_with_the_response() {
        check(
            LogType::None,
            vec![start(), chunk(b"12"), chunk(b"34"), end(None, b"")],
            Ok(("1234", true, None)),
        );
        check(LogType::None, vec![start(), end(None, b"")], Ok(("", true, None)));
        check(LogType::None, vec![failed(b"{}")], Ok(("{}", false, None)));
    }

    #[test]
    fn a_stream_that_becomes_too_large_is_a_failure() {
        let large = r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (10 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#;
        check(LogType::None, vec![start(), chunk(b"12345678"), chunk(b"90x")], Ok((large, false, None)));
        let events = vec![start(), chunk(b"1234567890x"), chunk(b"y"), end(None, b""), done()];
        check(LogType::Tail, events, Ok((large, false, Some("REPORT"))));
    }

    #[test]
    fn a_log_tail_is_waited_for() {
        let events = vec![start(), chunk(b"1"), end(None, b""), done()];
        check(LogType::Tail, events, Ok(("1", true, Some("REPORT"))));
        check(LogType::Tail, vec![failed(b"{}"), done()], Ok(("{}", false, Some("REPORT"))));
    }

    #[test]
    fn what_was_sent_before_a_failure_is_void() {
        check(LogType::None, vec![start(), chunk(b"half"), failed(b"{}")], Ok(("{}", false, None)));
        check(LogType::None, vec![start(), chunk(b"half"), end(Some("E"), b"{}")], Ok(("{}", false, None)));
    }

    #[test]
    fn a_lost_environment_takes_only_what_it_had_not_answered() {
        check(LogType::None, vec![start(), chunk(b"half"), lost()], Err("gone"));
        check(LogType::Tail, vec![start(), chunk(b"1"), end(None, b""), lost()], Ok(("1", true, Some(""))));
    }
}
