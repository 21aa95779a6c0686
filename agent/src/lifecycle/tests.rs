//! The life of an environment, told event by event.

mod arbitrary;

use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_protocol::{Initialized, Invoke, Mode, ResponseEnd, ResponseStart, Status};

use super::{
    BodyEnd, CallId, Effect, ErrorBody, Event, Finish, InitEnd, Machine, Point, Reload, Reply, ResponseHead,
    ResponseMode, Settings,
};
use crate::report::{Ended, Failure};
use crate::telemetry::schema::Phase as InitPhase;

const ENVIRONMENT: &str = "environment-1";
const LIMIT: u64 = 1000;
const TIMEOUT: Duration = Duration::from_secs(3);
const INIT_LIMIT: Duration = Duration::from_secs(10);

fn settings() -> Settings {
    Settings {
        init_limit: Some(INIT_LIMIT),
        timeout: TIMEOUT,
        payload_limit: LIMIT,
        environment: ENVIRONMENT.into(),
        extensions: Vec::new(),
        reload: Reload::Eager,
    }
}

fn invoke(request_id: &str) -> Invoke {
    Invoke {
        request_id: request_id.into(),
        invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        timeout_ms: 60_000,
        trace_id: None,
        client_context: None,
        cognito_identity: None,
        tenant_id: None,
        content_type: None,
    }
}

/// An environment and its clock.
struct Life {
    machine: Machine,
    now: Instant,
    calls: u64,
    /// The call that posted a response last.
    posted: CallId,
}

impl Life {
    /// Assigned; the runtime has been started.
    fn born() -> Self {
        let mut life =
            Self { machine: Machine::new(settings()), now: Instant::now(), calls: 0, posted: CallId(0) };
        assert_eq!(
            life.happens(Event::Assigned),
            [Effect::InitStart { phase: InitPhase::Init }, Effect::Spawn]
        );
        life
    }

    /// Initialized; the runtime waits.
    fn ready() -> Self {
        let mut life = Self::born();
        life.asks_next();
        life
    }

    /// The runtime has the event of invocation `r1`.
    fn running() -> Self {
        let mut life = Self::ready();
        life.invoked("r1");
        life
    }

    /// The runtime has answered `r1` and not yet asked for more.
    fn answered() -> Self {
        let mut life = Self::running();
        life.answers("r1");
        life
    }

    /// The init phase has failed, `r1` came, and the runtime starts again inside of it.
    fn reborn() -> Self {
        let mut life = Self::born();
        life.happens(Event::Exited(Ended::Code(1)));
        assert_eq!(life.invoked("r1"), [Effect::Spawn]);
        life
    }

    fn happens(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.machine.step(event, self.now);
        effects.into_iter().filter(|effect| !is_of_telemetry(effect)).map(plain).collect()
    }

    fn call(&mut self, event: impl FnOnce(CallId) -> Event) -> (CallId, Vec<Effect>) {
        self.calls += 1;
        let call = CallId(self.calls);
        (call, self.happens(event(call)))
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
    }

    fn invoked(&mut self, request_id: &str) -> Vec<Effect> {
        self.happens(Event::Invoke(invoke(request_id), Bytes::from_static(b"{}")))
    }

    fn asks_next(&mut self) -> (CallId, Vec<Effect>) {
        self.call(Event::Next)
    }

    fn begins_response(&mut self, request_id: &str, length: Option<u64>) -> (CallId, Vec<Effect>) {
        self.begins_response_in(request_id, ResponseMode::Buffered, length)
    }

    fn begins_response_in(
        &mut self,
        request_id: &str,
        mode: ResponseMode,
        length: Option<u64>,
    ) -> (CallId, Vec<Effect>) {
        let head = ResponseHead { request_id: request_id.to_owned(), mode, content_type: None, length };
        let (call, effects) = self.call(|call| Event::ResponseStarted { call, head });
        if effects.contains(&Effect::Answer(call, Reply::Permit)) {
            self.posted = call;
        }
        (call, effects)
    }

    fn ends_response(&mut self, end: BodyEnd) -> (CallId, Vec<Effect>) {
        let posted = self.posted;
        self.call(|call| Event::ResponseEnded { call, posted, end })
    }

    fn answers(&mut self, request_id: &str) -> Vec<Effect> {
        let (_, mut effects) = self.begins_response(request_id, Some(2));
        effects.extend(self.ends_response(BodyEnd::Whole { bytes: 2, error: None }).1);
        effects
    }

    fn posts_error(&mut self, request_id: &str) -> (CallId, Vec<Effect>) {
        let (request_id, error_type) = (request_id.to_owned(), "Function.Oops".to_owned());
        let payload = ErrorBody::Whole(Bytes::from_static(b"not json"));
        self.call(|call| Event::InvocationError { call, request_id, error_type, payload })
    }

    fn posts_init_error(&mut self) -> (CallId, Vec<Effect>) {
        let (error_type, payload) =
            ("Runtime.ImportModuleError".to_owned(), ErrorBody::Whole(Bytes::from_static(b"{\"a\":1}")));
        self.call(|call| Event::InitError { call, at: Point::Init, error_type, payload })
    }

    /// The next invocation starts a runtime of its own and gets its answer.
    fn serves_from_a_fresh_runtime(&mut self) {
        assert_eq!(self.invoked("next"), [Effect::Spawn]);
        let (call, effects) = self.asks_next();
        assert_eq!(effects[0], start("next"));
        assert!(matches!(&effects[1], Effect::Answer(to, Reply::Event { .. }) if *to == call));
        self.serves_on("next");
    }

    /// The runtime, which has the event, answers and waits again.
    fn serves_on(&mut self, request_id: &str) {
        let effects = self.answers(request_id);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::ResponseEnd(..))), "{effects:?}");
        let (_, effects) = self.asks_next();
        assert!(matches!(&effects[..], [Effect::Finish(Finish { status: Status::Success, .. })]));
    }
}

/// What only subscribers of telemetry are told.
fn is_of_telemetry(effect: &Effect) -> bool {
    match effect {
        Effect::InitStart { phase } => *phase == InitPhase::Invoke,
        Effect::InitReport(end) => end.status == Status::Success,
        Effect::InitRuntimeDone(_) | Effect::RuntimeDone(_) | Effect::CloseRegistration => true,
        _ => false,
    }
}

/// Without what only the order of lines depends on.
fn plain(effect: Effect) -> Effect {
    match effect {
        Effect::Start { request_id, .. } => Effect::Start { request_id, after_init: false },
        other => other,
    }
}

fn start(request_id: &str) -> Effect {
    Effect::Start { request_id: request_id.into(), after_init: false }
}

fn failed(request_id: &str, failure: Failure) -> Effect {
    Effect::Failed { request_id: request_id.into(), failure }
}

fn finish(request_id: &str, status: Status, error_type: Option<&str>, duration: Duration) -> Effect {
    Effect::Finish(Finish {
        request_id: request_id.into(),
        status,
        error_type: error_type.map(str::to_owned),
        duration_us: u64::try_from(duration.as_micros()).unwrap(),
        init_us: None,
    })
}

fn status_of(effects: &[Effect]) -> Option<u16> {
    effects.iter().find_map(|effect| match effect {
        Effect::Answer(_, Reply::Refused { status, .. }) => Some(*status),
        Effect::Answer(_, Reply::Accepted) => Some(202),
        _ => None,
    })
}

fn refusal(effects: &[Effect]) -> Option<(u16, &str, &str)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Answer(_, Reply::Refused { status, error_type, message }) => {
            Some((*status, *error_type, message.as_str()))
        }
        _ => None,
    })
}

fn illegal(current: &str, target: &str) -> String {
    format!(
        "State transition from {current} to {target} failed for runtime. Error: State transition is not allowed"
    )
}

// The init phase

#[test]
fn init_ends_with_the_first_next_which_then_waits() {
    let mut life = Life::born();
    life.passes(Duration::from_millis(120));
    let (_, effects) = life.asks_next();
    let initialized = Initialized { status: Status::Success, duration_us: 120_000, error_type: None };
    assert_eq!(effects, [Effect::Initialized(initialized, Bytes::new())]);
    assert_eq!(life.machine.deadline(), None);
}

#[test]
fn init_duration_is_told_once() {
    let mut life = Life::born();
    life.passes(Duration::from_millis(120));
    life.asks_next();
    let mut told = Vec::new();
    for id in ["r1", "r2"] {
        life.invoked(id);
        life.answers(id);
        for effect in life.asks_next().1 {
            if let Effect::Finish(finish) = effect {
                told.push(finish.init_us);
            }
        }
    }
    assert_eq!(told, [Some(120_000), None]);
}

#[test]
fn an_init_error_is_reported_when_the_runtime_exits_and_with_its_bytes() {
    let mut life = Life::born();
    let (call, effects) = life.posts_init_error();
    assert_eq!(effects, [Effect::Answer(call, Reply::Accepted)]);
    life.passes(Duration::from_millis(30));
    let error_type = Some("Runtime.ImportModuleError".to_owned());
    let initialized =
        Initialized { status: Status::Error, duration_us: 30_000, error_type: error_type.clone() };
    let report = Effect::InitReport(InitEnd {
        duration_us: 30_000,
        phase: InitPhase::Init,
        status: Status::Error,
        error_type,
    });
    assert_eq!(
        life.happens(Event::Exited(Ended::Code(1))),
        [
            Effect::RevokePermit,
            Effect::Kill,
            report,
            Effect::Initialized(initialized, Bytes::from_static(b"{\"a\":1}"))
        ]
    );
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_runtime_that_stays_after_its_init_error_is_killed_after_a_grace() {
    let mut life = Life::born();
    life.posts_init_error();
    life.passes(Duration::from_millis(499));
    assert_eq!(life.happens(Event::Tick), []);
    life.passes(Duration::from_millis(1));
    assert_eq!(life.machine.deadline(), Some(life.now));
    let effects = life.happens(Event::Tick);
    assert!(effects.contains(&Effect::Kill));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Initialized(initialized, payload)
        if initialized.status == Status::Error && payload == "{\"a\":1}")));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_second_init_error_and_a_next_after_one_are_illegal() {
    let mut life = Life::born();
    life.posts_init_error();
    let (_, effects) = life.posts_init_error();
    let message = illegal("InitError", "InitError");
    assert_eq!(refusal(&effects), Some((403, "InvalidStateTransition", message.as_str())));
    let (_, effects) = life.asks_next();
    assert_eq!(refusal(&effects).unwrap().2, illegal("InitError", "Ready"));
}

#[test]
fn an_exit_during_init_says_how() {
    let mut life = Life::born();
    let effects = life.happens(Event::Exited(Ended::Code(3)));
    let payload = Failure::exit(ENVIRONMENT, Ended::Code(3)).payload;
    assert!(matches!(effects.last(), Some(Effect::Initialized(initialized, told))
        if initialized.status == Status::Error
            && initialized.error_type.as_deref() == Some("Runtime.ExitError")
            && **told == *payload));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_command_that_cannot_be_started_fails_init_and_every_invocation() {
    let mut life = Life::born();
    let fault =
        || Event::SpawnFailed { error_type: "Runtime.InvalidEntrypoint", message: "no such file".into() };
    let effects = life.happens(fault());
    assert!(matches!(effects.last(), Some(Effect::Initialized(initialized, _))
        if initialized.error_type.as_deref() == Some("Runtime.InvalidEntrypoint")));
    for id in ["r1", "r2"] {
        assert_eq!(life.invoked(id), [Effect::Spawn]);
        let failure = Failure::of_request("Runtime.InvalidEntrypoint", id, "no such file");
        let effects = life.happens(fault());
        assert_eq!(
            effects[3..],
            [
                start(id),
                failed(id, failure),
                finish(id, Status::Error, Some("Runtime.InvalidEntrypoint"), Duration::ZERO)
            ]
        );
    }
}

#[test]
fn an_init_that_takes_too_long_is_killed_and_run_again_in_the_first_invocation_under_the_functions_limit() {
    let mut life = Life::born();
    life.passes(INIT_LIMIT - Duration::from_millis(1));
    assert_eq!(life.happens(Event::Tick), []);
    life.passes(Duration::from_millis(1));
    let effects = life.happens(Event::Tick);
    let report = Effect::InitReport(InitEnd {
        duration_us: 10_000_000,
        phase: InitPhase::Init,
        status: Status::Timeout,
        error_type: None,
    });
    assert_eq!(effects[..3], [Effect::RevokePermit, Effect::Kill, report]);
    assert!(
        matches!(&effects[3], Effect::Initialized(initialized, _) if initialized.status == Status::Timeout)
    );

    assert_eq!(life.invoked("r1"), [Effect::Spawn]);
    assert_eq!(life.machine.deadline(), Some(life.now + TIMEOUT));
    life.passes(Duration::from_secs(2));
    let (call, effects) = life.asks_next();
    let Effect::Answer(to, Reply::Event { left_ms, .. }) = &effects[1] else { panic!("{effects:?}") };
    assert_eq!((&effects[0], *to, *left_ms), (&start("r1"), call, 1000));
    life.serves_on("r1");
}

#[test]
fn without_a_limit_init_takes_as_long_as_it_takes() {
    let mut machine = Machine::new(Settings { init_limit: None, ..settings() });
    let now = Instant::now();
    machine.step(Event::Assigned, now);
    assert_eq!(machine.deadline(), None);
    assert_eq!(machine.step(Event::Tick, now + Duration::from_secs(3600)), []);
    let effects = machine.step(Event::Next(CallId(1)), now + Duration::from_secs(3601));
    assert!(
        matches!(effects.last(), Some(Effect::Initialized(initialized, _)) if initialized.status == Status::Success)
    );
}

#[test]
fn a_suppressed_init_that_fails_fails_its_invocation_after_its_own_lines() {
    let mut life = Life::reborn();
    life.posts_init_error();
    life.passes(Duration::from_millis(40));
    let effects = life.happens(Event::Exited(Ended::Code(1)));
    let error_type = "Runtime.ImportModuleError";
    let report = Effect::InitReport(InitEnd {
        duration_us: 40_000,
        phase: InitPhase::Invoke,
        status: Status::Error,
        error_type: Some(error_type.into()),
    });
    let failure = Failure { error_type: error_type.into(), payload: b"{\"a\":1}".to_vec() };
    assert_eq!(
        effects,
        [
            Effect::RevokePermit,
            Effect::Kill,
            report,
            start("r1"),
            failed("r1", failure),
            finish("r1", Status::Error, Some(error_type), Duration::from_millis(40))
        ]
    );
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_runtime_that_stays_after_its_error_in_a_suppressed_init_is_killed_after_a_grace() {
    let mut life = Life::reborn();
    life.posts_init_error();
    life.passes(Duration::from_millis(500));
    let effects = life.happens(Event::Tick);
    assert_eq!(effects[..2], [Effect::RevokePermit, Effect::Kill]);
    assert!(matches!(effects.last(), Some(Effect::Finish(Finish { status: Status::Error, .. }))));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_suppressed_init_that_takes_longer_than_the_function_may_is_a_timeout() {
    let mut life = Life::reborn();
    life.passes(TIMEOUT);
    let effects = life.happens(Event::Tick);
    let rest: Vec<_> = effects.iter().filter(|effect| !matches!(effect, Effect::InitReport(_))).collect();
    assert_eq!(
        rest,
        [
            &Effect::RevokePermit,
            &Effect::Kill,
            &start("r1"),
            &Effect::TimedOut { request_id: "r1".into() },
            &failed("r1", Failure::timeout("r1", 3000)),
            &finish("r1", Status::Timeout, None, TIMEOUT)
        ]
    );
    life.serves_from_a_fresh_runtime();
}

#[test]
fn answers_before_there_was_an_event_are_about_an_unknown_request() {
    let mut life = Life::reborn();
    let (_, effects) = life.begins_response("r1", Some(2));
    assert_eq!(refusal(&effects), Some((400, "InvalidRequestID", "Invalid request ID")));
}

// An invocation

#[test]
fn a_waiting_runtime_gets_the_event_at_once_and_start_comes_first() {
    let mut life = Life::ready();
    life.passes(Duration::from_secs(60));
    let effects = life.invoked("r1");
    let event =
        Reply::Event { invoke: Box::new(invoke("r1")), payload: Bytes::from_static(b"{}"), left_ms: 3000 };
    assert_eq!(effects, [start("r1"), Effect::Answer(CallId(1), event)]);
}

#[test]
fn the_shorter_of_both_limits_rules() {
    let mut life = Life::ready();
    let short = Invoke { timeout_ms: 700, ..invoke("r1") };
    life.happens(Event::Invoke(short, Bytes::new()));
    assert_eq!(life.machine.deadline(), Some(life.now + Duration::from_millis(700)));
}

#[test]
fn an_answer_leaves_at_once_and_the_invocation_ends_with_the_next_next() {
    let mut life = Life::running();
    life.passes(Duration::from_millis(5));
    let (begun, effects) = life.begins_response("r1", Some(2));
    let head =
        ResponseStart { request_id: "r1".into(), content_type: None, mode: Mode::Buffered, length: Some(2) };
    assert_eq!(effects, [Effect::ResponseStart(head), Effect::Answer(begun, Reply::Permit)]);
    let (ended, effects) = life.ends_response(BodyEnd::Whole { bytes: 2, error: None });
    let end = ResponseEnd { request_id: "r1".into(), error_type: None };
    assert_eq!(effects, [Effect::ResponseEnd(end, Bytes::new()), Effect::Answer(ended, Reply::Accepted)]);
    life.passes(Duration::from_millis(2));
    let (_, effects) = life.asks_next();
    let Effect::Finish(finish) = &effects[0] else { panic!("{effects:?}") };
    assert_eq!((finish.status, finish.duration_us, effects.len()), (Status::Success, 7000, 1));
}

#[test]
fn next_twice_gives_the_same_event_twice() {
    let mut life = Life::running();
    life.passes(Duration::from_secs(1));
    let (call, effects) = life.asks_next();
    let event =
        Reply::Event { invoke: Box::new(invoke("r1")), payload: Bytes::from_static(b"{}"), left_ms: 2000 };
    assert_eq!(effects, [Effect::Answer(call, event)]);
    life.serves_on("r1");
}

#[test]
fn an_event_whose_receiver_is_gone_goes_to_the_next_that_waits() {
    let mut life = Life::ready();
    let (second, _) = life.asks_next();
    life.invoked("r1");
    let effects = life.happens(Event::AnswerLost(CallId(1)));
    assert!(matches!(&effects[..], [Effect::Answer(call, Reply::Event { .. })] if *call == second));
}

#[test]
fn an_event_whose_receiver_is_gone_waits_for_the_next_that_asks() {
    let mut life = Life::running();
    assert_eq!(life.happens(Event::AnswerLost(CallId(1))), []);
    let (call, effects) = life.asks_next();
    assert!(matches!(&effects[..], [Effect::Answer(to, Reply::Event { .. })] if *to == call));
    life.serves_on("r1");
}

#[test]
fn another_answer_that_is_lost_gives_the_event_to_nobody_else() {
    let mut life = Life::ready();
    life.asks_next();
    life.invoked("r1");
    let (refused, _) = life.posts_error("r0");
    assert_eq!(life.happens(Event::AnswerLost(refused)), []);
    life.begins_response("r1", None);
    assert_eq!(life.happens(Event::AnswerLost(CallId(1))), []);
    life.ends_response(BodyEnd::Whole { bytes: 2, error: None });
    assert!(matches!(&life.asks_next().1[..], [Effect::Finish(_)]));
}

#[test]
fn callers_that_are_gone_get_nothing_and_who_is_left_does() {
    let mut life = Life::ready();
    let (second, _) = life.asks_next();
    life.machine.forget(|call| call != second);
    let effects = life.invoked("r1");
    assert!(matches!(&effects[1], Effect::Answer(call, Reply::Event { .. }) if *call == second));

    let mut life = Life::ready();
    life.machine.forget(|_| true);
    assert_eq!(life.invoked("r1").len(), 1);
    let (call, effects) = life.asks_next();
    assert!(matches!(&effects[..], [Effect::Answer(to, Reply::Event { .. })] if *to == call));
}

#[test]
fn two_that_wait_get_one_event_each() {
    let mut life = Life::ready();
    let (second, effects) = life.asks_next();
    assert_eq!(effects, []);
    let to = |effects: Vec<Effect>| match &effects[1] {
        Effect::Answer(call, Reply::Event { invoke, .. }) => (*call, invoke.request_id.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(to(life.invoked("r1")), (CallId(1), "r1".into()));
    life.answers("r1");
    life.asks_next();
    assert_eq!(to(life.invoked("r2")), (second, "r2".into()));
}

#[test]
fn an_answer_with_another_id_is_refused_and_harmless() {
    let mut life = Life::running();
    for effects in [life.begins_response("r0", Some(2)).1, life.posts_error("r0").1] {
        assert_eq!(refusal(&effects), Some((400, "InvalidRequestID", "Invalid request ID")));
    }
    life.serves_on("r1");
}

#[test]
fn an_answer_while_idle_is_refused() {
    let mut life = Life::ready();
    for effects in [life.begins_response("r1", Some(2)).1, life.posts_error("r1").1] {
        assert_eq!(refusal(&effects), Some((400, "InvalidRequestID", "Invalid request ID")));
    }
}

#[test]
fn a_second_answer_is_an_illegal_transition() {
    let mut life = Life::answered();
    let (_, effects) = life.begins_response("r1", Some(2));
    let message = illegal("RuntimeResponseSentState", "InvocationResponse");
    assert_eq!(refusal(&effects), Some((403, "InvalidStateTransition", message.as_str())));
    let (_, effects) = life.posts_error("r1");
    assert_eq!(refusal(&effects).unwrap().2, illegal("RuntimeResponseSentState", "InvocationErrorResponse"));
    let (_, effects) = life.posts_init_error();
    assert_eq!(refusal(&effects).unwrap().2, illegal("RuntimeResponseSentState", "InitError"));
}

#[test]
fn a_second_answer_during_the_first_is_an_illegal_transition() {
    let mut life = Life::running();
    life.begins_response("r1", None);
    let (_, effects) = life.begins_response("r1", None);
    assert_eq!(refusal(&effects).unwrap().2, illegal("InvocationResponse", "InvocationResponse"));
    let (_, effects) = life.asks_next();
    assert_eq!(refusal(&effects).unwrap().2, illegal("InvocationResponse", "Ready"));
    life.ends_response(BodyEnd::Whole { bytes: 2, error: None });
    assert!(matches!(&life.asks_next().1[..], [Effect::Finish(_)]));
}

#[test]
fn an_init_error_while_running_is_an_illegal_transition() {
    let mut life = Life::running();
    let (_, effects) = life.posts_init_error();
    assert_eq!(refusal(&effects).unwrap().2, illegal("Running", "InitError"));
    life.serves_on("r1");
}

#[test]
fn an_error_of_the_handler_is_passed_on_as_it_is() {
    let mut life = Life::running();
    let (call, effects) = life.posts_error("r1");
    let failure = Failure { error_type: "Function.Oops".into(), payload: b"not json".to_vec() };
    assert_eq!(effects, [failed("r1", failure), Effect::Answer(call, Reply::Accepted)]);
    let (_, effects) = life.asks_next();
    assert!(
        matches!(&effects[..], [Effect::Finish(Finish { status: Status::Error, error_type: Some(kind), .. })]
        if kind == "Function.Oops")
    );
}

#[test]
fn an_error_whose_body_is_not_all_there_counts_all_the_same() {
    for (payload, status, failure) in [
        (ErrorBody::TooLarge, 413, Failure::too_large(LIMIT)),
        (
            ErrorBody::Truncated,
            400,
            Failure {
                error_type: "Function.Oops".into(),
                payload: br#"{"errorType":"Function.Oops","errorMessage":""}"#.to_vec(),
            },
        ),
    ] {
        let mut life = Life::running();
        let (request_id, error_type) = ("r1".to_owned(), "Function.Oops".to_owned());
        let (_, effects) = life.call(|call| Event::InvocationError {
            call,
            request_id,
            error_type,
            payload: payload.clone(),
        });
        assert_eq!((&effects[0], status_of(&effects)), (&failed("r1", failure), Some(status)));
        assert!(matches!(&life.asks_next().1[..], [Effect::Finish(Finish { status: Status::Error, .. })]));
        life.invoked("r2");
        life.serves_on("r2");

        let mut life = Life::born();
        let error_type = "Runtime.Oops".to_owned();
        let (_, effects) = life.call(|call| Event::InitError { call, at: Point::Init, error_type, payload });
        assert_eq!(status_of(&effects), Some(status));
        let effects = life.happens(Event::Exited(Ended::Code(1)));
        assert!(matches!(effects.last(), Some(Effect::Initialized(initialized, payload))
            if initialized.error_type.as_deref() == Some("Runtime.Oops")
                && payload == r#"{"errorType":"Runtime.Oops","errorMessage":""}"#));
    }
}

#[test]
fn an_answer_of_the_limit_is_let_through_and_one_byte_more_is_not() {
    let mut life = Life::running();
    assert!(matches!(&life.begins_response("r1", Some(LIMIT)).1[..], [_, Effect::Answer(_, Reply::Permit)]));

    let mut life = Life::running();
    let (call, effects) = life.begins_response("r1", Some(LIMIT + 1));
    let message = "Exceeded maximum allowed payload size (1000 bytes).".to_owned();
    let refused = Reply::Refused { status: 413, error_type: "RequestEntityTooLarge", message };
    assert_eq!(effects, [Effect::Answer(call, refused), failed("r1", Failure::too_large(LIMIT))]);
    assert!(matches!(&life.asks_next().1[..], [Effect::Finish(Finish { status: Status::Error, .. })]));
    life.invoked("r2");
    life.serves_on("r2");
}

#[test]
fn an_answer_that_turns_out_too_large_ends_the_invocation_and_the_runtime_goes_on() {
    let mut life = Life::running();
    life.begins_response("r1", None);
    let (_, effects) = life.ends_response(BodyEnd::TooLarge);
    assert_eq!(status_of(&effects), Some(413));
    assert!(effects.contains(&failed("r1", Failure::too_large(LIMIT))));
    life.asks_next();
    life.invoked("r2");
    life.serves_on("r2");
}

#[test]
fn a_streamed_answer_may_be_larger_than_the_limit() {
    let mut life = Life::running();
    let (_, effects) = life.begins_response_in("r1", ResponseMode::Streaming, Some(LIMIT * 10));
    assert!(matches!(
        &effects[..],
        [
            Effect::ResponseStart(ResponseStart { mode: Mode::Streaming, .. }),
            Effect::Answer(_, Reply::Permit)
        ]
    ));
}

#[test]
fn an_error_in_the_trailers_is_told_with_the_end() {
    let mut life = Life::running();
    life.begins_response_in("r1", ResponseMode::Streaming, None);
    let error = ("Function.Midway".to_owned(), Bytes::from_static(b"{}"));
    let (call, effects) = life.ends_response(BodyEnd::Whole { bytes: 2, error: Some(error) });
    let end = ResponseEnd { request_id: "r1".into(), error_type: Some("Function.Midway".into()) };
    assert_eq!(
        effects,
        [Effect::ResponseEnd(end, Bytes::from_static(b"{}")), Effect::Answer(call, Reply::Accepted)]
    );
    assert!(
        matches!(&life.asks_next().1[..], [Effect::Finish(Finish { status: Status::Error, error_type: Some(kind), .. })]
        if kind == "Function.Midway")
    );
}

#[test]
fn a_truncated_answer_ends_the_invocation_and_the_runtime_goes_on() {
    let mut life = Life::running();
    life.begins_response("r1", Some(20));
    let (_, effects) = life.ends_response(BodyEnd::Truncated);
    assert_eq!(refusal(&effects), Some((400, "TruncatedHTTPRequest", "HTTP request detected as truncated")));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Failed { failure, .. }
        if failure.error_type == "Runtime.TruncatedResponse")));
    life.asks_next();
    life.invoked("r2");
    life.serves_on("r2");
}

#[test]
fn an_invalid_mode_ends_the_invocation_and_the_runtime_goes_on() {
    let mut life = Life::running();
    let (_, effects) = life.begins_response_in("r1", ResponseMode::Invalid, Some(2));
    assert_eq!(
        refusal(&effects),
        Some((400, "InvalidFunctionResponseMode", "Invalid function response mode"))
    );
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Failed { failure, .. }
        if failure.error_type == "Runtime.InvalidResponseModeHeader")));
    life.asks_next();
    life.invoked("r2");
    life.serves_on("r2");
}

#[test]
fn a_response_that_ends_after_its_invocation_is_refused() {
    let mut life = Life::running();
    life.begins_response("r1", None);
    life.happens(Event::Exited(Ended::Code(0)));
    let (_, effects) = life.ends_response(BodyEnd::Whole { bytes: 2, error: None });
    assert_eq!(status_of(&effects), Some(400));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn an_invocation_that_comes_while_another_runs_fails_and_disturbs_nobody() {
    for mut life in [Life::running(), Life::reborn()] {
        let effects = life.invoked("r9");
        let failure = Failure::of_request("Sandbox.Failure", "r9", "the environment is not free");
        assert_eq!(effects, [failed("r9", failure)]);
    }
    let mut life = Life::running();
    life.invoked("r9");
    life.serves_on("r1");
}

#[test]
fn an_invocation_that_comes_during_the_init_phase_waits_for_its_end() {
    let mut life = Life::born();
    assert_eq!(life.invoked("r1"), []);
    let (call, effects) = life.asks_next();
    assert!(matches!(&effects[0], Effect::Initialized(..)));
    assert_eq!(effects[1], start("r1"));
    assert!(matches!(&effects[2], Effect::Answer(to, Reply::Event { .. }) if *to == call));
    life.serves_on("r1");
}

// Crashes

#[test]
fn a_crash_while_running_fails_the_invocation() {
    for (ended, error_type) in [
        (Ended::Code(0), "Runtime.ExitError"),
        (Ended::Code(3), "Runtime.ExitError"),
        (Ended::Signal(11), "Runtime.ExitError"),
        (Ended::OutOfMemory, "Runtime.OutOfMemory"),
    ] {
        let mut life = Life::running();
        life.passes(Duration::from_millis(9));
        assert_eq!(
            life.happens(Event::Exited(ended)),
            [
                Effect::RevokePermit,
                Effect::Kill,
                failed("r1", Failure::exit("r1", ended)),
                Effect::Finish(Finish {
                    request_id: "r1".into(),
                    status: Status::Error,
                    error_type: Some(error_type.into()),
                    duration_us: 9000,
                    init_us: Some(0),
                })
            ]
        );
        life.serves_from_a_fresh_runtime();
    }
}

#[test]
fn a_crash_while_posting_voids_what_was_posted() {
    let mut life = Life::running();
    life.begins_response("r1", None);
    let effects = life.happens(Event::Exited(Ended::Signal(9)));
    assert!(effects.contains(&failed("r1", Failure::exit("r1", Ended::Signal(9)))));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_crash_after_the_answer_leaves_the_answer() {
    let mut life = Life::answered();
    let effects = life.happens(Event::Exited(Ended::Code(1)));
    assert!(matches!(
        &effects[..],
        [Effect::RevokePermit, Effect::Kill, Effect::Finish(Finish { status: Status::Success, .. })]
    ));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_crash_while_idle_is_found_by_the_next_invocation_only() {
    let mut life = Life::ready();
    assert_eq!(life.happens(Event::Exited(Ended::Code(1))), [Effect::RevokePermit, Effect::Kill]);
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_crash_in_a_suppressed_init_fails_the_invocation() {
    let mut life = Life::reborn();
    let effects = life.happens(Event::Exited(Ended::Code(2)));
    assert!(effects.contains(&failed("r1", Failure::exit("r1", Ended::Code(2)))));
    life.serves_from_a_fresh_runtime();
}

// Timeouts

#[test]
fn a_timeout_while_running_kills_and_fails() {
    let mut life = Life::running();
    life.passes(TIMEOUT - Duration::from_millis(1));
    assert_eq!(life.happens(Event::Tick), []);
    life.passes(Duration::from_millis(20));
    let effects = life.happens(Event::Tick);
    assert_eq!(
        effects[..4],
        [
            Effect::RevokePermit,
            Effect::Kill,
            Effect::TimedOut { request_id: "r1".into() },
            failed("r1", Failure::timeout("r1", 3000))
        ]
    );
    let Effect::Finish(finish) = &effects[4] else { panic!("{effects:?}") };
    assert_eq!((finish.status, finish.duration_us), (Status::Timeout, 3_000_000));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_timeout_while_posting_fails_what_was_begun() {
    let mut life = Life::running();
    life.begins_response("r1", None);
    life.passes(TIMEOUT);
    let effects = life.happens(Event::Tick);
    assert_eq!(effects[0], Effect::RevokePermit);
    assert!(effects.contains(&failed("r1", Failure::timeout("r1", 3000))));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_timeout_after_the_answer_leaves_the_answer() {
    let mut life = Life::answered();
    life.passes(TIMEOUT);
    let effects = life.happens(Event::Tick);
    assert!(matches!(
        &effects[..],
        [
            Effect::RevokePermit,
            Effect::Kill,
            Effect::TimedOut { .. },
            Effect::Finish(Finish { status: Status::Timeout, .. })
        ]
    ));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn time_does_not_matter_while_idle() {
    let mut life = Life::ready();
    life.passes(Duration::from_secs(86_400));
    assert_eq!(life.happens(Event::Tick), []);
}

// The end

#[test]
fn a_shutdown_kills_and_ends_in_every_stage() {
    let posting = || {
        let mut life = Life::running();
        life.begins_response("r1", None);
        life
    };
    let failing = || {
        let mut life = Life::born();
        life.posts_init_error();
        life
    };
    let lives = [
        Life::born(),
        failing(),
        Life::ready(),
        Life::running(),
        posting(),
        Life::answered(),
        Life::reborn(),
    ];
    for mut life in lives {
        assert_eq!(life.happens(Event::Shutdown), [Effect::RevokePermit, Effect::Kill, Effect::Exit]);
        assert_eq!(life.machine.deadline(), None);
    }
}

#[test]
fn restore_next_is_answered_at_once() {
    let mut life = Life::born();
    let (call, effects) = life.call(Event::RestoreNext);
    assert_eq!(effects, [Effect::Answer(call, Reply::Restored)]);
    assert!(matches!(&life.asks_next().1[..], [Effect::Initialized(..)]));
}
