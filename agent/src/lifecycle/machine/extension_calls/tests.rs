use std::time::Duration;

use bytes::Bytes;
use lambdock_protocol::Invoke;

use super::*;
use crate::lifecycle::machine::ending::{RUNTIME_SHARE, TELEMETRY_SHARE};
use crate::lifecycle::{Asks, BodyEnd, Event, Machine, Reload, ResponseHead, ResponseMode, Settings};

/// A machine, a clock, and what followed last.
struct Play {
    machine: Machine,
    now: Instant,
    calls: u64,
    effects: Vec<Effect>,
}

const SHUTDOWN: Event = Event::Shutdown { reason: Reason::Spindown, within: None };

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
    assert!(matches!(play.answer(parked), Some(Reply::ExtensionInvoke { deadline, .. })
        if *deadline == play.now + 3000 * MS));
    play.respond();
    assert!(play.has(|effect| matches!(effect, Effect::ResponseEnd(..))), "the answer leaves at once");
    play.call(Event::Next);
    assert!(play.has(|effect| matches!(effect, Effect::RuntimeDone(done) if done.produced_bytes == Some(2))));
    assert_eq!(play.finished(), None);
    play.now += 40 * MS;
    play.extension_next("a");
    assert_eq!(play.finished(), Some((Status::Success, None)));
    assert!(
        play.has(|effect| matches!(effect, Effect::Finish(finish) if finish.extensions_us == Some(40_000))),
        "what the extension took is told"
    );
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
    play.step(Event::Flushed);
    play.tick();
    assert_eq!(play.now - told, 2000 * MS);
    assert!(play.has(|effect| *effect == Effect::Kill));
    assert_eq!(play.finished(), Some((Status::Timeout, None)));
}

#[test]
fn the_end_is_told_and_waited_for() {
    let (mut play, parked) = Play::ready(BOTH);
    play.step(SHUTDOWN);
    assert!(play.has(|effect| *effect == Effect::TerminateRuntime));
    let deadline = play.now + 2000 * MS;
    play.now += 100 * MS;
    play.step(Event::Exited(Ended::Code(0)));
    assert_eq!(play.effects, [Effect::FlushTelemetry]);
    play.now += 10 * MS;
    play.step(Event::Flushed);
    let told = Reply::ExtensionShutdown { reason: Reason::Spindown, deadline };
    assert_eq!(play.answer(parked), Some(&told));
    play.step(Event::ExtensionExited { name: "a".into(), ended: Ended::Code(0) });
    assert!(play.has(|effect| *effect == Effect::Exit));
}

#[test]
fn who_does_not_want_to_know_of_the_end_is_killed() {
    let (mut play, _) = Play::ready(&["INVOKE"]);
    play.step(SHUTDOWN);
    play.step(Event::Exited(Ended::Code(0)));
    play.step(Event::Flushed);
    assert!(play.has(|effect| *effect == Effect::KillExtension("a".into())));
}

#[test]
fn a_control_plane_can_say_why_all_end_and_give_less_time_for_it() {
    let (mut play, parked) = Play::ready(BOTH);
    let begun = play.now;
    play.step(Event::Shutdown { reason: Reason::Failure, within: Some(1000 * MS) });
    play.step(Event::Exited(Ended::Code(0)));
    play.step(Event::Flushed);
    let told = Reply::ExtensionShutdown { reason: Reason::Failure, deadline: begun + 1000 * MS };
    assert_eq!(play.answer(parked), Some(&told));
    play.tick();
    assert_eq!(play.now - begun, 1000 * MS);
    assert!(play.has(|effect| *effect == Effect::Exit));

    let (mut play, _) = Play::ready(BOTH);
    let begun = play.now;
    play.step(Event::Shutdown { reason: Reason::Spindown, within: Some(60_000 * MS) });
    while play.machine.deadline().is_some() {
        play.tick();
    }
    assert_eq!(play.now - begun, 2000 * MS, "more there is not");
}

#[test]
fn telemetry_that_nobody_takes_shortens_the_time_to_end_and_no_more() {
    let (mut play, parked) = Play::ready(BOTH);
    let begun = play.now;
    play.step(SHUTDOWN);
    play.tick();
    assert!(play.has(|effect| *effect == Effect::FlushTelemetry));
    play.tick();
    assert_eq!(play.now - begun, RUNTIME_SHARE + TELEMETRY_SHARE);
    let told = Reply::ExtensionShutdown { reason: Reason::Spindown, deadline: begun + 2000 * MS };
    assert_eq!(play.answer(parked), Some(&told));
    play.step(Event::Flushed);
    assert!(play.effects.is_empty(), "nobody waits for it any more");
    play.tick();
    assert_eq!(play.now - begun, 2000 * MS);
    assert!(play.has(|effect| *effect == Effect::Exit));
}

#[test]
fn an_extension_that_ends_by_itself_is_not_sent_telemetry() {
    let (mut play, _) = Play::ready(BOTH);
    play.step(SHUTDOWN);
    play.step(Event::Exited(Ended::Code(0)));
    play.step(Event::ExtensionExited { name: "a".into(), ended: Ended::Code(0) });
    assert!(play.has(|effect| *effect == Effect::Exit));
}

/// Where in the effects the first of these is.
fn place(play: &Play, wanted: impl Fn(&Effect) -> bool) -> usize {
    play.effects.iter().position(wanted).unwrap()
}

#[test]
fn at_a_timeout_the_runtime_is_asked_to_end_before_anybody_is_told() {
    let (mut play, _) = Play::ready(BOTH);
    play.invoke();
    play.tick();
    let asked = place(&play, |effect| *effect == Effect::TerminateRuntime);
    let told = place(&play, |effect| matches!(effect, Effect::TimedOut { .. }));
    assert!(asked < told);
    let asked = play.effects.iter().filter(|effect| **effect == Effect::TerminateRuntime).count();
    assert_eq!(asked, 1);
}

#[test]
fn an_invocation_that_ends_badly_is_reported_before_its_subscribers_end() {
    for timeout in [true, false] {
        let (mut play, _) = Play::ready(BOTH);
        play.invoke();
        if timeout {
            play.tick();
        } else {
            play.step(Event::Exited(Ended::Code(1)));
        }
        let done = place(&play, |effect| matches!(effect, Effect::RuntimeDone(_)));
        let report = place(&play, |effect| matches!(effect, Effect::Report(_)));
        let flush = play.effects.iter().position(|effect| *effect == Effect::FlushTelemetry);
        assert!(done < report && flush.is_none_or(|flush| report < flush));
        let Effect::Report(reported) = play.effects[report].clone() else { panic!() };
        if timeout {
            play.tick();
        }
        play.step(Event::Flushed);
        play.tick();
        assert!(play.has(|effect| *effect == Effect::Finish(reported.clone())));
    }
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

/// An environment whose runtime has the extension `inside`, which waits for an event.
fn with_one_inside() -> Play {
    let mut play = Play::new(&[]);
    play.register("inside", &["INVOKE"]);
    play.extension_next("inside");
    play.call(Event::Next);
    assert!(
        play.has(|effect| matches!(effect, Effect::Initialized(init, _) if init.status == Status::Success))
    );
    play
}

fn complain(play: &mut Play, name: &str, when: When) {
    let (id, error_type) = (name.to_owned(), "X.Y".to_owned());
    let call = play.call(|call| Event::ExtensionError { call, id, when, error_type });
    assert_eq!(play.answer(call), Some(&Reply::Accepted));
}

#[test]
fn one_inside_of_the_runtime_that_cannot_begin_fails_the_init_phase() {
    let mut play = Play::new(&[]);
    play.register("inside", &["INVOKE"]);
    complain(&mut play, "inside", When::Init);
    let before = play.now;
    play.tick();
    assert_eq!(play.now - before, ERROR_GRACE);
    assert!(
        play.has(|effect| matches!(effect, Effect::Initialized(init, payload)
        if init.error_type.as_deref() == Some("Extension.InitError")
            && payload == r#"{"errorType":"Extension.InitError","errorMessage":"RequestId: e Error: X.Y"}"#))
    );
    assert!(play.has(|effect| *effect == Effect::TerminateRuntime));
    play.tick();
    assert!(play.has(|effect| *effect == Effect::Kill));
}

#[test]
fn one_inside_of_the_runtime_that_cannot_go_on_fails_the_invocation() {
    let mut play = with_one_inside();
    play.invoke();
    complain(&mut play, "inside", When::Exit);
    play.tick();
    assert!(play.has(|effect| matches!(effect, Effect::Failed { failure, .. }
        if failure.error_type == "Extension.ExitError")));
    play.tick();
    assert_eq!(play.finished(), Some((Status::Error, Some("Extension.ExitError"))));
}

#[test]
fn one_inside_of_the_runtime_that_cannot_go_on_after_the_answer_keeps_nothing_waiting() {
    let mut play = with_one_inside();
    play.invoke();
    play.respond();
    complain(&mut play, "inside", When::Exit);
    play.call(Event::Next);
    play.tick();
    assert!(!play.has(|effect| matches!(effect, Effect::TimedOut { .. })));
    play.tick();
    assert_eq!(play.finished(), Some((Status::Error, Some("Extension.ExitError"))));
}

#[test]
fn one_inside_of_the_runtime_that_cannot_go_on_between_invocations_ends_all() {
    let mut play = with_one_inside();
    complain(&mut play, "inside", When::Exit);
    play.tick();
    assert!(play.has(|effect| *effect == Effect::TerminateRuntime));
    play.step(Event::Exited(Ended::Signal(15)));
    play.invoke();
    assert!(play.has(|effect| *effect == Effect::Spawn));
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
