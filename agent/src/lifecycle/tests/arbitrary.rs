//! Any events in any order, watched by a reference: AWS's table of states, and what must hold of all effects.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What may be tried next. Ids of requests and calls are filled in while playing.
#[derive(Debug, Clone)]
enum Try {
    Invoke,
    Next,
    RestoreNext,
    AnswerLost { back: u64 },
    Begin { ours: bool, mode: u8, length: Option<u64> },
    End(u8),
    Whole { ours: bool, failed: bool },
    Error { ours: bool, body: u8 },
    InitError { restore: bool, body: u8 },
    Exit(u8),
    Pass { ms: u64 },
    Tick,
    Shutdown,
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let one = prop_oneof![
        6 => Just(Try::Invoke),
        8 => Just(Try::Next),
        2 => Just(Try::RestoreNext),
        2 => (0..6u64).prop_map(|back| Try::AnswerLost { back }),
        8 => (prop::bool::weighted(0.8), 0..4u8, prop::option::of(0..LIMIT * 2))
            .prop_map(|(ours, mode, length)| Try::Begin { ours, mode, length }),
        8 => (0..5u8).prop_map(Try::End),
        5 => (prop::bool::weighted(0.8), any::<bool>()).prop_map(|(ours, failed)| Try::Whole { ours, failed }),
        3 => (prop::bool::weighted(0.8), 0..4u8).prop_map(|(ours, body)| Try::Error { ours, body }),
        2 => (any::<bool>(), 0..4u8).prop_map(|(restore, body)| Try::InitError { restore, body }),
        3 => (0..3u8).prop_map(Try::Exit),
        3 => prop_oneof![0..20u64, 400..600u64, 2_900..11_000u64].prop_map(|ms| Try::Pass { ms }),
        3 => Just(Try::Tick),
        1 => prop::bool::weighted(0.05).prop_map(|end| if end { Try::Shutdown } else { Try::Tick }),
    ];
    proptest::collection::vec(one, 1..120)
}

/// States of the runtime, by the table of the Runtime API. [AWS: runtime interface emulator]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Started,
    InitError,
    Restoring,
    RestoreError,
    Ready,
    Running,
    InvocationResponse,
    ResponseSent,
}

/// What a call must be answered with.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Parked,
    Event,
    Permit,
    Status(u16),
}

/// An invocation that was accepted.
#[derive(Debug)]
struct Open {
    request_id: String,
    started: bool,
    begun: bool,
    told: bool,
}

/// The reference.
#[derive(Debug, Default)]
struct Watch {
    runtime: Option<State>,
    /// The process of a runtime is there, or what it left behind.
    haunted: bool,
    initialized: bool,
    /// It has been told that a restore has begun, and not how it has ended.
    restoring: bool,
    ended: bool,
    open: Option<Open>,
    waiting: BTreeSet<CallId>,
    invoked: u64,
    finished: BTreeSet<String>,
}

impl Watch {
    fn answering(&self, ours: bool) -> Result<(), u16> {
        match (&self.open, self.runtime) {
            (Some(open), Some(State::Running)) if ours && open.started => Ok(()),
            (Some(open), _) if ours && open.started => Err(403),
            _ => Err(400),
        }
    }

    /// The answer that AWS's table demands.
    fn expected(&self, event: &Event, ours: bool) -> Option<Expected> {
        Some(match event {
            Event::Next(_) => match self.runtime {
                Some(State::Running) => Expected::Event,
                Some(State::Started | State::Restoring) if self.open.is_some() => Expected::Event,
                Some(State::Started | State::Restoring | State::ResponseSent | State::Ready) => {
                    Expected::Parked
                }
                Some(State::InitError | State::RestoreError | State::InvocationResponse) | None => {
                    Expected::Status(403)
                }
            },
            Event::RestoreNext(_) if self.runtime == Some(State::Started) => Expected::Status(200),
            Event::RestoreNext(_) => Expected::Status(403),
            Event::ResponseStarted { head: ResponseHead { mode, length, .. }, .. } => match self
                .answering(ours)
            {
                Err(status) => Expected::Status(status),
                Ok(()) if *mode == ResponseMode::Invalid => Expected::Status(400),
                Ok(()) if *mode == ResponseMode::Buffered && length.is_some_and(|length| length > LIMIT) => {
                    Expected::Status(413)
                }
                Ok(()) => Expected::Permit,
            },
            Event::Response { .. } => Expected::Status(self.answering(ours).err().unwrap_or(202)),
            Event::ResponseEnded { end, .. } => match (&self.open, self.runtime) {
                (Some(_), Some(State::InvocationResponse)) => Expected::Status(match end {
                    BodyEnd::Whole { .. } => 202,
                    BodyEnd::TooLarge => 413,
                    BodyEnd::Truncated => 400,
                }),
                // Of a response that nobody waits for any more.
                _ => Expected::Status(400),
            },
            Event::InvocationError { payload, .. } => {
                Expected::Status(self.answering(ours).err().unwrap_or(taken(payload)))
            }
            Event::InitError { at, payload, .. } => {
                let legal = self.runtime == Some(State::Restoring)
                    || (*at == Point::Init && self.runtime == Some(State::Started));
                Expected::Status(if legal { taken(payload) } else { 403 })
            }
            _ => return None,
        })
    }

    /// Takes in what followed from a call or another event.
    fn takes(&mut self, effects: &[Effect]) -> Result<(), TestCaseError> {
        for effect in effects {
            prop_assert!(!self.ended, "{:?} after the end", effect);
            match effect {
                Effect::InitStart { .. } => prop_assert!(!self.initialized && !self.haunted),
                Effect::Spawn => {
                    prop_assert!(!self.haunted, "a second runtime is started");
                    self.haunted = true;
                    self.runtime = Some(State::Started);
                }
                Effect::Kill => {
                    self.haunted = false;
                    self.runtime = None;
                    self.waiting.clear();
                }
                Effect::Initialized(..) => {
                    prop_assert!(!self.initialized);
                    self.initialized = true;
                }
                Effect::InitReport(_) => prop_assert!(!self.haunted && !self.restoring),
                Effect::Start { request_id, .. } => {
                    let open = self.of(request_id)?;
                    prop_assert!(!std::mem::replace(&mut open.started, true));
                }
                Effect::ResponseStart(head) => {
                    let open = self.of(&head.request_id)?;
                    prop_assert!(open.started && !open.told && !std::mem::replace(&mut open.begun, true));
                    self.runtime = Some(State::InvocationResponse);
                }
                Effect::ResponseEnd(end, _) => {
                    let open = self.of(&end.request_id)?;
                    prop_assert!(open.begun && !std::mem::replace(&mut open.told, true));
                    self.runtime = self.runtime.map(|_| State::ResponseSent);
                }
                Effect::Failed { request_id, .. } => {
                    // One that was waiting is told when the environment ends.
                    let ends = effects.contains(&Effect::Exit);
                    let open = self.of(request_id)?;
                    prop_assert!((open.started || ends) && !std::mem::replace(&mut open.told, true));
                    self.runtime = self.runtime.map(|_| State::ResponseSent);
                }
                Effect::TimedOut { request_id, .. } => {
                    prop_assert!(!self.haunted);
                    prop_assert!(self.of(request_id)?.started);
                }
                Effect::Finish(finish) => {
                    prop_assert!(self.of(&finish.request_id)?.told, "an end without an answer");
                    prop_assert!(finish.duration_us <= 3_000_000);
                    self.open = None;
                    prop_assert!(self.finished.insert(finish.request_id.clone()));
                }
                Effect::Answer(call, reply) => {
                    prop_assert!(self.waiting.remove(call), "{:?} is nobody's", effect);
                    if let Reply::Event { invoke, .. } = reply {
                        prop_assert!(self.of(&invoke.request_id)?.started);
                        self.runtime = Some(State::Running);
                    }
                }
                Effect::Response { start, .. } => {
                    let open = self.of(&start.request_id)?;
                    prop_assert!(open.started && !open.begun && !std::mem::replace(&mut open.told, true));
                    self.runtime = self.runtime.map(|_| State::ResponseSent);
                }
                Effect::RestoreStart => {
                    prop_assert_eq!(self.runtime, Some(State::Started));
                    self.restoring = true;
                }
                Effect::RestoreReport(_) => prop_assert!(std::mem::replace(&mut self.restoring, false)),
                Effect::RevokePermit => {}
                Effect::Exit => self.ended = true,
                other => prop_assert!(false, "{:?} without extensions", other),
            }
        }
        Ok(())
    }

    fn of(&mut self, request_id: &str) -> Result<&mut Open, TestCaseError> {
        let open = self.open.as_mut().filter(|open| open.request_id == request_id);
        open.ok_or_else(|| TestCaseError::fail(format!("{request_id} is not what runs")))
    }
}

/// The status that says how much of an error has arrived.
fn taken(payload: &ErrorBody) -> u16 {
    match payload {
        ErrorBody::Whole(_) => 202,
        ErrorBody::TooLarge => 413,
        ErrorBody::Truncated => 400,
    }
}

fn error_body(how: u8) -> ErrorBody {
    match how {
        0 => ErrorBody::TooLarge,
        1 => ErrorBody::Truncated,
        _ => ErrorBody::Whole(Bytes::new()),
    }
}

/// Plays events against a machine and its reference.
struct Play {
    life: Life,
    watch: Watch,
}

impl Play {
    fn step(&mut self, event: Event) -> Result<Vec<Effect>, TestCaseError> {
        let effects = self.life.happens(event);
        self.watch.takes(&effects)?;
        Ok(effects)
    }

    /// A call of the Runtime API.
    fn call(&mut self, ours: bool, event: impl FnOnce(CallId) -> Event) -> Result<(), TestCaseError> {
        self.life.calls += 1;
        let call = CallId(self.life.calls);
        let event = event(call);
        let expected = self.watch.expected(&event, ours);
        let (parks, restores) = (matches!(event, Event::Next(_)), matches!(event, Event::RestoreNext(_)));
        if matches!(event, Event::InitError { .. }) && expected != Some(Expected::Status(403)) {
            let restoring = self.watch.runtime == Some(State::Restoring);
            self.watch.runtime = Some(if restoring { State::RestoreError } else { State::InitError });
        }
        self.watch.waiting.insert(call);
        let effects = self.step(event)?;
        let given = effects.iter().find_map(|effect| match effect {
            Effect::Answer(to, reply) if *to == call => Some(match reply {
                Reply::Event { .. } => Expected::Event,
                Reply::Permit => Expected::Permit,
                Reply::Accepted => Expected::Status(202),
                Reply::Restored => Expected::Status(200),
                Reply::Refused { status, .. } => Expected::Status(*status),
                other => panic!("{other:?} is no answer to a runtime"),
            }),
            _ => None,
        });
        let given = given.unwrap_or(Expected::Parked);
        prop_assert!(parks || given != Expected::Parked, "a call hangs");
        if restores && given == Expected::Status(200) {
            self.watch.runtime = Some(State::Restoring);
        }
        if given == Expected::Permit {
            self.life.posted = call;
        }
        if given == Expected::Parked {
            self.watch.runtime = Some(State::Ready);
        }
        prop_assert_eq!(Some(given), expected);
        Ok(())
    }

    fn invoke(&mut self) -> Result<(), TestCaseError> {
        self.watch.invoked += 1;
        let request_id = format!("r{}", self.watch.invoked);
        // One that comes while the environment becomes ready waits for that.
        if self.watch.open.is_none() {
            self.watch.open =
                Some(Open { request_id: request_id.clone(), started: false, begun: false, told: false });
            self.step(Event::Invoke(invoke(&request_id), Bytes::new()))?;
            return Ok(());
        }
        let effects = self.life.happens(Event::Invoke(invoke(&request_id), Bytes::new()));
        let refused = matches!(&effects[..], [Effect::Failed { request_id: id, .. }] if *id == request_id);
        prop_assert!(refused, "{:?}", effects);
        Ok(())
    }

    fn play(&mut self, attempt: Try) -> Result<(), TestCaseError> {
        let id = |watch: &Watch, ours: bool| match &watch.open {
            Some(open) if ours => open.request_id.clone(),
            _ => "another".to_owned(),
        };
        match attempt {
            Try::Invoke => self.invoke()?,
            Try::Next => self.call(true, Event::Next)?,
            Try::RestoreNext => self.call(true, Event::RestoreNext)?,
            // What was answered may be lost, and is what the caller has not seen.
            Try::AnswerLost { back } => {
                let call = CallId(self.life.calls.saturating_sub(back));
                if !self.watch.waiting.contains(&call) {
                    let had = self.watch.runtime;
                    let effects = self.step(Event::AnswerLost(call))?;
                    prop_assert!(effects.len() <= 1);
                    let again = matches!(effects.first(), Some(Effect::Answer(_, Reply::Event { .. })));
                    prop_assert!(effects.is_empty() || again && had == Some(State::Running));
                }
            }
            Try::Begin { ours, mode, length } => {
                let request_id = id(&self.watch, ours);
                let mode = match mode {
                    0 => ResponseMode::Invalid,
                    1 => ResponseMode::Streaming,
                    _ => ResponseMode::Buffered,
                };
                let head = ResponseHead { request_id, mode, content_type: None, length };
                self.call(ours, |call| Event::ResponseStarted { call, head })?;
            }
            Try::End(how) => {
                let end = match how {
                    0 => BodyEnd::Truncated,
                    1 => BodyEnd::TooLarge,
                    2 => BodyEnd::Whole { bytes: 2, error: Some(("Function.Midway".into(), Bytes::new())) },
                    _ => BodyEnd::Whole { bytes: 2, error: None },
                };
                let posted = self.life.posted;
                self.call(true, |call| Event::ResponseEnded { call, posted, end })?;
            }
            Try::Whole { ours, failed } => {
                let request_id = id(&self.watch, ours);
                let head = ResponseHead {
                    request_id,
                    mode: ResponseMode::Buffered,
                    content_type: None,
                    length: None,
                };
                let error = failed.then(|| ("Function.Midway".to_owned(), Bytes::new()));
                let body = Bytes::from_static(b"{}");
                self.call(ours, |call| Event::Response { call, head, body, error })?;
            }
            Try::Error { ours, body } => {
                let (request_id, error_type) = (id(&self.watch, ours), "Function.Oops".to_owned());
                let payload = error_body(body);
                self.call(ours, |call| Event::InvocationError { call, request_id, error_type, payload })?;
            }
            Try::InitError { restore, body } => {
                let at = if restore { Point::Restore } else { Point::Init };
                let (error_type, payload) = ("Runtime.Oops".to_owned(), error_body(body));
                self.call(true, |call| Event::InitError { call, at, error_type, payload })?;
            }
            // Only what runs can end, or fail to start.
            Try::Exit(how) if self.watch.runtime.is_some() => {
                let failed = how == 2 && self.watch.runtime == Some(State::Started);
                self.watch.runtime = None;
                if failed {
                    self.watch.haunted = false;
                    let message = "no such file".to_owned();
                    self.step(Event::SpawnFailed { error_type: "Runtime.InvalidEntrypoint", message })?;
                } else {
                    let ended = if how == 0 { Ended::Code(0) } else { Ended::Signal(9) };
                    self.step(Event::Exited(ended))?;
                }
            }
            Try::Exit(_) => {}
            Try::Pass { ms } => self.life.passes(Duration::from_millis(ms)),
            Try::Tick => drop(self.step(Event::Tick)?),
            Try::Shutdown => drop(self.step(SHUTDOWN)?),
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_happens_every_invocation_and_every_call_gets_what_it_is_due(tries in tries()) {
        let life = Life { machine: Machine::new(settings()), now: Instant::now(), calls: 0, posted: CallId(0) };
        let mut play = Play { life, watch: Watch::default() };
        play.step(Event::Assigned)?;
        let mut accepted = 0;
        for attempt in tries {
            let before = play.watch.open.is_some();
            play.play(attempt)?;
            accepted += usize::from(!before && play.watch.open.is_some());
            if play.watch.ended {
                return Ok(());
            }
        }
        // Nothing outlives its deadline.
        let busy = !play.watch.initialized || play.watch.open.is_some();
        prop_assert_eq!(busy, play.life.machine.deadline().is_some());
        while let Some(deadline) = play.life.machine.deadline() {
            play.life.now = play.life.now.max(deadline);
            play.step(Event::Tick)?;
        }
        prop_assert!(play.watch.initialized && play.watch.open.is_none());
        prop_assert_eq!(play.watch.finished.len(), accepted);
    }
}
