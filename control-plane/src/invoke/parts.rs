//! Pure: what the events of an invocation amount to for a caller who takes the answer piece by piece.

use bytes::Bytes;
use lambdock_protocol::{Mode, ResponseStart};
use serde_json::json;
use smallvec::{SmallVec, smallvec};

use super::answer::{LogType, Lost};
use crate::chunks::Chunks;
use crate::pool::InvocationEvent;

/// A part of an answer. The first is `Start`, unless there is no answer at all; the last is `End`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The function answers.
    Start(Start),
    /// A piece of the answer, never empty.
    Chunk(Bytes),
    /// There is no more.
    End(End),
}

/// How a function answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Media type that the runtime gave.
    pub content_type: Option<String>,
    /// Whether it streams. If not, its whole answer is the one chunk that follows.
    pub mode: Mode,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What went wrong; `None`: the answer is complete.
    pub error: Option<Failure>,
    /// Last 4096 bytes of the invocation's log, if they were asked for.
    pub log_tail: Option<Bytes>,
}

/// Why an answer is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The function raised, died, ran out of time or memory, or answered too much: the error's JSON.
    Function(Bytes),
    /// The environment was lost, in words.
    Lost(String),
}

/// An answer of this many bytes or less was expected. [AWS: recorded]
pub(super) fn too_large(limit: u64) -> Bytes {
    let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
    format!(r#"{{"errorMessage":{},"errorType":"Function.ResponseSizeTooLarge"}}"#, json!(message)).into()
}

/// Tells an answer as it comes.
#[derive(Debug)]
pub(super) struct Teller {
    log_type: LogType,
    /// Bytes that a stream may have.
    limit: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing has been said.
    Silent,
    /// A function that does not stream answers: nothing of it counts before its end.
    Collecting(Start, Chunks),
    /// A stream has begun; so many bytes have been told.
    Streaming(u64),
    /// The answer is over, the log is not.
    Answered(Option<Failure>),
    /// `End` has been told.
    Over,
}

impl Teller {
    /// Nothing has happened yet. `limit`: bytes that a stream may have.
    pub(super) fn new(log_type: LogType, limit: u64) -> Self {
        Self { log_type, limit, state: State::Silent }
    }

    /// Whether `End` has been told.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Takes the next event; gives what there is to tell.
    ///
    /// # Errors
    /// The environment was lost before anything was told.
    pub(super) fn event(&mut self, event: InvocationEvent) -> Result<SmallVec<[Part; 3]>, Lost> {
        match event {
            InvocationEvent::ResponseStart(start) => Ok(self.start(start)),
            InvocationEvent::Chunk(chunk) => Ok(self.chunk(chunk)),
            InvocationEvent::ResponseEnd(end, error) => {
                Ok(self.answered(end.error_type.map(|_| Failure::Function(error))))
            }
            InvocationEvent::Failed(_, payload) => Ok(self.answered(Some(Failure::Function(payload)))),
            InvocationEvent::Done { log_tail, .. } => match std::mem::replace(&mut self.state, State::Over) {
                State::Answered(error) => Ok(smallvec![Part::End(End { error, log_tail: Some(log_tail) })]),
                _ => Ok(SmallVec::new()),
            },
            InvocationEvent::Lost { reason } => match std::mem::replace(&mut self.state, State::Over) {
                State::Silent | State::Collecting(..) => Err(Lost(reason)),
                State::Streaming(_) => Ok(smallvec![self.end(Some(Failure::Lost(reason)))]),
                // The answer is true even if its log has not arrived.
                State::Answered(error) => Ok(smallvec![self.end(error)]),
                State::Over => Ok(SmallVec::new()),
            },
        }
    }

    fn start(&mut self, start: ResponseStart) -> SmallVec<[Part; 3]> {
        let ResponseStart { content_type, mode, length, .. } = start;
        let start = Start { content_type, mode };
        match mode {
            Mode::Buffered => {
                self.state = State::Collecting(start, Chunks::expecting(length));
                SmallVec::new()
            }
            Mode::Streaming => {
                self.state = State::Streaming(0);
                smallvec![Part::Start(start)]
            }
        }
    }

    fn chunk(&mut self, chunk: Bytes) -> SmallVec<[Part; 3]> {
        match &mut self.state {
            State::Collecting(_, chunks) => chunks.push(chunk),
            State::Streaming(told) => {
                let left = self.limit.saturating_sub(*told);
                *told += chunk.len() as u64;
                if *told <= self.limit {
                    return if chunk.is_empty() { SmallVec::new() } else { smallvec![Part::Chunk(chunk)] };
                }
                let mut parts = SmallVec::new();
                if let Some(fits) = usize::try_from(left).ok().filter(|left| *left > 0) {
                    parts.push(Part::Chunk(chunk.slice(..fits)));
                }
                let error = Failure::Function(too_large(self.limit));
                parts.extend(self.answered(Some(error)));
                return parts;
            }
            State::Silent | State::Answered(_) | State::Over => {}
        }
        SmallVec::new()
    }

    /// The answer ends here, unless it has before.
    fn answered(&mut self, error: Option<Failure>) -> SmallVec<[Part; 3]> {
        let mut parts = SmallVec::new();
        match std::mem::replace(&mut self.state, State::Over) {
            over @ (State::Answered(_) | State::Over) => {
                self.state = over;
                return parts;
            }
            State::Collecting(start, chunks) if error.is_none() => {
                let whole = chunks.into_bytes();
                parts.push(Part::Start(start));
                if !whole.is_empty() {
                    parts.push(Part::Chunk(whole));
                }
            }
            State::Silent | State::Collecting(..) | State::Streaming(_) => {}
        }
        match self.log_type {
            LogType::None => parts.push(self.end(error)),
            LogType::Tail => self.state = State::Answered(error),
        }
        parts
    }

    fn end(&self, error: Option<Failure>) -> Part {
        let log_tail = match self.log_type {
            LogType::None => None,
            LogType::Tail => Some(Bytes::new()),
        };
        Part::End(End { error, log_tail })
    }
}

#[cfg(test)]
mod tests {
    use lambdock_protocol::{Done, Failed, ResponseEnd, Status};

    use super::*;

    const LIMIT: u64 = 10;

    fn start(mode: Mode) -> InvocationEvent {
        InvocationEvent::ResponseStart(ResponseStart {
            request_id: "r".into(),
            content_type: Some("text/plain".into()),
            mode,
            length: None,
        })
    }

    fn chunk(bytes: &'static [u8]) -> InvocationEvent {
        InvocationEvent::Chunk(Bytes::from_static(bytes))
    }

    fn end(error_type: Option<&str>) -> InvocationEvent {
        let end = ResponseEnd { request_id: "r".into(), error_type: error_type.map(str::to_owned) };
        InvocationEvent::ResponseEnd(end, Bytes::from_static(b"{}"))
    }

    fn failed() -> InvocationEvent {
        let failed = Failed { request_id: "r".into(), error_type: "Runtime.ExitError".into() };
        InvocationEvent::Failed(failed, Bytes::from_static(b"{}"))
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

    /// Parts as text; after each event a bar.
    fn told(log_type: LogType, events: Vec<InvocationEvent>) -> String {
        let mut teller = Teller::new(log_type, LIMIT);
        let mut told = String::new();
        for event in events {
            match teller.event(event) {
                Ok(parts) => parts.into_iter().for_each(|part| told.push_str(&written(part))),
                Err(lost) => told.push_str(&format!("lost:{}", lost.0)),
            }
            told.push('|');
        }
        assert!(teller.is_over(), "{told}");
        told
    }

    fn written(part: Part) -> String {
        match part {
            Part::Start(start) => format!("{:?} ", start.mode),
            Part::Chunk(bytes) => format!("{} ", String::from_utf8_lossy(&bytes)),
            Part::End(End { error, log_tail }) => {
                let error = match error {
                    None => "ok".to_owned(),
                    Some(Failure::Function(json)) => String::from_utf8_lossy(&json).into_owned(),
                    Some(Failure::Lost(reason)) => format!("lost:{reason}"),
                };
                format!("end:{error}:{:?}", log_tail.map(|tail| String::from_utf8_lossy(&tail).into_owned()))
            }
        }
    }

    #[test]
    fn a_stream_is_told_as_it_comes() {
        let events = vec![start(Mode::Streaming), chunk(b"a"), chunk(b""), chunk(b"b"), end(None)];
        assert_eq!(told(LogType::None, events), "Streaming |a ||b |end:ok:None|");
    }

    #[test]
    fn an_answer_that_is_no_stream_is_one_chunk() {
        let events = vec![start(Mode::Buffered), chunk(b"a"), chunk(b"b"), end(None)];
        assert_eq!(told(LogType::None, events), "|||Buffered ab end:ok:None|");
        assert_eq!(told(LogType::None, vec![start(Mode::Buffered), end(None)]), "|Buffered end:ok:None|");
    }

    #[test]
    fn a_stream_that_fails_midway_keeps_what_was_told_and_another_answer_does_not() {
        let events = |mode, last| vec![start(mode), chunk(b"a"), last];
        assert_eq!(told(LogType::None, events(Mode::Streaming, failed())), "Streaming |a |end:{}:None|");
        assert_eq!(
            told(LogType::None, events(Mode::Streaming, end(Some("E")))),
            "Streaming |a |end:{}:None|"
        );
        assert_eq!(told(LogType::None, events(Mode::Streaming, lost())), "Streaming |a |end:lost:gone:None|");
        assert_eq!(told(LogType::None, events(Mode::Buffered, failed())), "||end:{}:None|");
        assert_eq!(told(LogType::None, events(Mode::Buffered, lost())), "||lost:gone|");
        assert_eq!(told(LogType::None, vec![failed()]), "end:{}:None|");
        assert_eq!(told(LogType::None, vec![lost()]), "lost:gone|");
    }

    #[test]
    fn a_log_tail_is_waited_for() {
        let stream = |last| vec![start(Mode::Streaming), chunk(b"a"), end(None), last];
        assert_eq!(told(LogType::Tail, stream(done())), "Streaming |a ||end:ok:Some(\"REPORT\")|");
        assert_eq!(told(LogType::Tail, stream(lost())), "Streaming |a ||end:ok:Some(\"\")|");
        assert_eq!(told(LogType::Tail, vec![failed(), done()]), "|end:{}:Some(\"REPORT\")|");
        assert_eq!(told(LogType::None, vec![failed(), done()]), "end:{}:None||");
    }

    #[test]
    fn a_stream_ends_where_it_becomes_too_large() {
        let events = vec![start(Mode::Streaming), chunk(b"12345678"), chunk(b"90"), end(None)];
        assert_eq!(told(LogType::None, events), "Streaming |12345678 |90 |end:ok:None|");
        let events =
            vec![start(Mode::Streaming), chunk(b"12345678"), chunk(b"90x"), chunk(b"y"), end(None), done()];
        let error = r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (10 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#;
        assert_eq!(
            told(LogType::None, events.clone()),
            format!("Streaming |12345678 |90 end:{error}:None||||")
        );
        assert_eq!(
            told(LogType::Tail, events),
            format!("Streaming |12345678 |90 |||end:{error}:Some(\"REPORT\")|")
        );
    }
}
