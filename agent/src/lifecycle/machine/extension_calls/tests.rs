use std::time::Duration;

use bytes::Bytes;
use lambdock_protocol::Invoke;

use super::*;
use crate::lifecycle::{Asks, BodyEnd, Event, Machine, Reload, ResponseHead, ResponseMode, Settings};

/// A machine, a clock, and what followed last.
struct Play {
    machine: Machine,
    now: Instant,
    calls: u64,
    effects: Vec<Effect>,
}

const MS: Duration = Duration::from_millis(1);

impl Play {
    fn new(extensions: &[&str]) -> Self {
        let settings = Settings {
            init_limit: Some(10_000 * MS),
            timeout: 3000 * MS,
            payload_limit: 1000,
            environment: "e".into(),
            extensions: extensions.iter().map(|name| (*name).to_owned()).collect(),
            reload: Reload::Eager,
            asks: Asks::ForOne,
        };
        let mut play =
            Self { machine: Machine::new(settings), now: Instant::now(), calls: 0, effects: vec![] };
        play.step(Event::Assigned);
        play
    }

    fn step(&mut self, event: Event) {
        self.effects = self.machine.step(event, self.now);
    }

    fn call(&mut self, event: impl FnOnce(CallId) -> Event) -> CallId {
        self.calls += 1;
        let call = CallId(self.calls);
        self.step(event(call));
        call
    }

    fn register(&mut self, name: &str, events: &[&str]) {
        let (name, events) = (name.to_owned(), events.iter().map(|event| (*event).to_owned()).collect());
        let id = name.clone();
        self.call(|call| Event::Register { call, name, events, id });
    }

    fn extension_next(&mut self, id: &str) -> CallId {
        let id = id.to_owned();
        self.call(|call| Event::ExtensionNext { call, id })
    }

    fn invoke(&mut self) {
        let invoke = Invoke {
            request_id: "r".into(),
            invoked_function_arn: "arn".into(),
            timeout_ms: 3000,
            trace_id: None,
            client_context: None,
            cognito_identity: None,
            tenant_id: None,
            content_type: None,
        };
        self.step(Event::Invoke(invoke, Bytes::new()));
    }

    fn respond(&mut self) {
        let head = ResponseHead {
            request_id: "r".into(),
            mode: ResponseMode::Buffered,
            content_type: None,
            length: None,
        };
        let posted = self.call(|call| Event::ResponseStarted { call, head });
        let end = BodyEnd::Whole { bytes: 2, error: None };
        self.call(|call| Event::ResponseEnded { call, posted, end });
    }

    /// Lets the next deadline pass.
    fn tick(&mut self) {
        self.now = self.machine.deadline().expect("something is due");
        self.step(Event::Tick);
    }

    fn has(&self, wanted: impl Fn(&Effect) -> bool) -> bool {
        self.effects.iter().any(wanted)
    }

    fn answer(&self, call: CallId) -> Option<&Reply> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Answer(to, reply) if *to == call => Some(reply),
            _ => None,
        })
    }

    fn finished(&self) -> Option<(Status, Option<&str>)> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Finish(finish) => Some((finish.status, finish.error_type.as_deref())),
            _ => None,
        })
    }

    /// An environment with the extension `a`, ready for its first invocation.
    fn ready(events: &[&str]) -> (Self, CallId) {
        let mut play = Self::new(&["a"]);
        play.register("a", events);
        play.call(Event::Next);
        let parked = play.extension_next("a");
        assert!(
            play.has(
                |effect| matches!(effect, Effect::Initialized(init, _) if init.status == Status::Success)
            )
        );
        (play, parked)
    }
}

const BOTH: &[&str] = &["INVOKE", "SHUTDOWN"];

#[test]
fn the_runtime_waits_for_registrations_and_the_init_phase_for_extensions() {
    let mut play = Play::new(&["a", "b"]);
    assert!(play.has(|effect| *effect == Effect::SpawnExtension("b".into())));
    assert!(!play.has(|effect| *effect == Effect::Spawn));
    play.register("b", BOTH);
    assert!(!play.has(|effect| *effect == Effect::Spawn));
    play.register("a", BOTH);
    assert!(play.has(|effect| *effect == Effect::Spawn));
    play.call(Event::Next);
    assert!(!play.has(|effect| matches!(effect, Effect::Initialized(..))));
    play.extension_next("a");
    play.extension_next("b");
    assert!(play.has(|effect| matches!(effect, Effect::Initialized(..))));
    assert!(
        play.has(|effect| matches!(effect, Effect::ExtensionStands(standing) if standing.state == "Ready"))
    );
}

#[test]
fn the_environment_is_free_when_runtime_and_extensions_have_asked_for_more() {
    let (mut play, parked) = Play::ready(BOTH);
    play.invoke();
    assert!(matches!(play.answer(parked), Some(Reply::ExtensionInvoke { left_ms: 3000, .. })));
    play.respond();
    assert!(play.has(|effect| matches!(effect, Effect::ResponseEnd(..))), "the answer leaves at once");
    play.call(Event::Next);
    assert!(play.has(|effect| matches!(effect, Effect::RuntimeDone(done) if done.produced_bytes == Some(2))));
    assert_eq!(play.finished(), None);
    play.extension_next("a");
    assert_eq!(play.finished(), Some((Status::Success, None)));
}

#[test]
fn a_crash_while_the_function_runs_fails_the_invocation_and_ends_all() {
    let (mut play, _) = Play::ready(&["INVOKE"]);
    play.invoke();
    play.step(Event::ExtensionExited { name: "a".into(), ended: Ended::Code(1) });
    assert!(play.has(|effect| matches!(effect, Effect::Failed { failure, .. }
        if failure.payload == br#"{"errorType":"Extension.Crash","errorMessage":"RequestId: r Error: exit status 1"}"#)));
    assert!(play.has(|effect| *effect == Effect::TerminateRuntime));
    assert_eq!(play.finished(), None, "the environment is not free before all have ended");
    play.step(Event::Exited(Ended::Signal(15)));
    assert_eq!(play.finished(), Some((Status::Error, Some("Extension.Crash"))));
    play.invoke();
    assert!(play.has(|effect| *effect == Effect::SpawnExtension("a".into())));
}

#[test]
fn a_crash_after_the_answer_is_only_reported() {
    let (mut play, _) = Play::ready(BOTH);
    play.invoke();
    play.respond();
    play.step(Event::ExtensionExited { name: "a".into(), ended: Ended::Code(0) });
    assert!(!play.has(|effect| matches!(effect, Effect::Failed { .. })));
    play.step(Event::Exited(Ended::Signal(15)));
    assert_eq!(play.finished(), Some((Status::Error, Some("Extension.Crash"))));
}

#[test]
fn an_extension_that_hangs_is_timed_out_and_killed_after_its_time() {
    let (mut play, parked) = Play::ready(BOTH);
    play.invoke();
    assert!(play.answer(parked).is_some());
    play.respond();
    play.call(Event::Next);
    play.tick();
    assert!(play.has(|effect| matches!(effect, Effect::TimedOut { .. })));
    assert!(!play.has(|effect| matches!(effect, Effect::Failed { .. })), "the caller has its answer");
    let told = play.now;
    play.tick();
    assert_eq!(play.now - told, 300 * MS, "the runtime's share");
    assert!(play.has(|effect| *effect == Effect::KillRuntime));
    play.tick();
    assert_eq!(play.now - told, 2000 * MS);
    assert!(play.has(|effect| *effect == Effect::Kill));
    assert_eq!(play.finished(), Some((Status::Timeout, None)));
}

#[test]
fn the_end_is_told_and_waited_for() {
    let (mut play, parked) = Play::ready(BOTH);
    play.step(Event::Shutdown);
    assert!(play.has(|effect| *effect == Effect::TerminateRuntime));
    play.step(Event::Exited(Ended::Code(0)));
    assert!(matches!(
        play.answer(parked),
        Some(Reply::ExtensionShutdown { reason: Reason::Spindown, left_ms: 2000 })
    ));
    play.step(Event::ExtensionExited { name: "a".into(), ended: Ended::Code(0) });
    assert!(play.has(|effect| *effect == Effect::Exit));
}

#[test]
fn who_does_not_want_to_know_of_the_end_is_killed() {
    let (mut play, _) = Play::ready(&["INVOKE"]);
    play.step(Event::Shutdown);
    play.step(Event::Exited(Ended::Code(0)));
    assert!(play.has(|effect| *effect == Effect::KillExtension("a".into())));
}

#[test]
fn a_failure_to_start_is_the_init_phases() {
    let mut play = Play::new(&["a"]);
    play.step(Event::ExtensionNotLaunched { name: "a".into(), message: "permission denied".into() });
    assert!(play.has(|effect| matches!(effect, Effect::Initialized(init, _)
        if init.error_type.as_deref() == Some("Extension.LaunchError"))));
    assert!(play.has(|effect| *effect == Effect::Kill), "nobody is left to wait for");
}

#[test]
fn eleven_are_too_many() {
    let play = Play::new(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]);
    assert!(!play.has(|effect| matches!(effect, Effect::SpawnExtension(_))));
    assert!(
        play.has(|effect| matches!(effect, Effect::Initialized(init, _) if init.status == Status::Error))
    );
}

#[test]
fn one_that_says_it_ends_and_does_not_is_killed() {
    let mut play = Play::new(&["a"]);
    play.register("a", BOTH);
    play.call(|call| Event::ExtensionError {
        call,
        id: "a".into(),
        when: When::Init,
        error_type: "X.Y".into(),
    });
    play.tick();
    assert!(play.has(|effect| *effect == Effect::KillExtension("a".into())));
    play.step(Event::ExtensionExited { name: "a".into(), ended: Ended::Signal(9) });
    assert!(play.has(|effect| matches!(effect, Effect::Initialized(init, _)
        if init.error_type.as_deref() == Some("Extension.InitError"))));
}

#[test]
fn new_code_is_loaded_when_the_invocation_is_over_and_the_next_one_waits_for_it() {
    let mut play = Play::new(&[]);
    play.call(Event::Next);
    play.invoke();
    play.step(Event::Changed);
    assert!(play.effects.is_empty(), "the invocation goes on");
    play.respond();
    play.call(Event::Next);
    assert_eq!(play.finished(), Some((Status::Success, None)));
    let after_finish = play.effects.iter().skip_while(|effect| !matches!(effect, Effect::Finish(_)));
    let restart: Vec<&Effect> =
        after_finish.filter(|effect| matches!(effect, Effect::Kill | Effect::Spawn)).collect();
    assert_eq!(restart, [&Effect::Kill, &Effect::Spawn]);
    play.invoke();
    assert!(play.effects.is_empty(), "held");
    let next = play.call(Event::Next);
    assert!(matches!(play.answer(next), Some(Reply::Event { .. })));
}

#[test]
fn a_response_of_a_runtime_that_is_gone_ends_nothing() {
    let mut play = Play::new(&[]);
    play.call(Event::Next);
    play.invoke();
    let head = || ResponseHead {
        request_id: "r".into(),
        mode: ResponseMode::Streaming,
        content_type: None,
        length: None,
    };
    let old = play.call(|call| Event::ResponseStarted { call, head: head() });
    play.step(Event::Exited(Ended::Code(1)));
    play.invoke();
    play.call(Event::Next);
    play.call(|call| Event::ResponseStarted { call, head: head() });
    let late = play.call(|call| Event::ResponseEnded { call, posted: old, end: BodyEnd::Truncated });
    assert!(matches!(play.answer(late), Some(Reply::Refused { status: 400, .. })));
    assert!(!play.has(|effect| matches!(effect, Effect::Failed { .. })));
}
