//! The init phase: how it ends, and that it is run again inside the first invocation.

use super::*;

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
    let Effect::Answer(to, Reply::Event { deadline, .. }) = &effects[1] else { panic!("{effects:?}") };
    assert_eq!((&effects[0], *to, *deadline), (&start("r1"), call, life.now + Duration::from_secs(1)));
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
    let effects = life.machine.step(Event::Tick, life.now);
    let end = InitEnd {
        duration_us: 3_000_000,
        phase: InitPhase::Invoke,
        status: Status::Timeout,
        error_type: None,
    };
    let begun = Effect::Start { request_id: "r1".into(), after_init: true };
    assert_eq!(
        effects[..7],
        [
            Effect::RevokePermit,
            Effect::Kill,
            Effect::InitRuntimeDone(end.clone()),
            Effect::InitReport(end),
            begun,
            timed_out("r1"),
            failed("r1", Failure::timeout("r1", 3000)),
        ]
    );
    assert_eq!(effects.last(), Some(&finish("r1", Status::Timeout, None, TIMEOUT)));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn answers_before_there_was_an_event_are_about_an_unknown_request() {
    let mut life = Life::reborn();
    let (_, effects) = life.begins_response("r1", Some(2));
    assert_eq!(refusal(&effects), Some((400, "InvalidRequestID", "Invalid request ID")));
}

/// A runtime that has asked to go on after a restore, 100 ms after its start.
fn restoring() -> Life {
    let mut life = Life::born();
    life.passes(Duration::from_millis(100));
    let (call, effects) = life.call(Event::RestoreNext);
    assert_eq!(effects, [Effect::RestoreStart, Effect::Answer(call, Reply::Restored)]);
    life.passes(Duration::from_millis(30));
    life
}

fn restored(status: Status, error_type: Option<&str>) -> Effect {
    let error_type = error_type.map(str::to_owned);
    Effect::RestoreReport(RestoreEnd { duration_us: 30_000, status, error_type })
}

#[test]
fn restore_next_is_answered_at_once_and_what_follows_it_is_reported() {
    let mut life = restoring();
    let (_, effects) = life.asks_next();
    assert_eq!(effects[0], restored(Status::Success, None));
    assert!(matches!(&effects[1..], [Effect::Initialized(..)]));
    life.invoked("r1");
    life.answers("r1");
    let (_, effects) = life.asks_next();
    let [Effect::Finish(finish)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((finish.init_us, finish.restore_us), (Some(130_000), Some(30_000)));
    life.invoked("r2");
    life.answers("r2");
    let (_, effects) = life.asks_next();
    assert!(matches!(&effects[..], [Effect::Finish(Finish { restore_us: None, .. })]));
}

#[test]
fn the_runtimes_part_of_the_init_phase_is_over_when_it_can_be_restored() {
    let mut life = Life::born();
    let told = |effects: &[Effect]| {
        effects.iter().filter(|effect| matches!(effect, Effect::InitRuntimeDone(_))).count()
    };
    assert_eq!(told(&life.machine.step(Event::RestoreNext(CallId(1)), life.now)), 1);
    assert_eq!(told(&life.machine.step(Event::Next(CallId(2)), life.now)), 0);
}

#[test]
fn what_goes_wrong_after_a_restore_fails_the_init_phase() {
    for at in [Point::Init, Point::Restore] {
        let mut life = restoring();
        let (error_type, payload) = ("Runtime.Oops".to_owned(), ErrorBody::Whole(Bytes::from_static(b"{}")));
        let (call, effects) = life.call(|call| Event::InitError { call, at, error_type, payload });
        assert_eq!(effects, [Effect::Answer(call, Reply::Accepted)]);
        let effects = life.happens(Event::Exited(Ended::Code(1)));
        assert!(effects.contains(&restored(Status::Error, Some("Runtime.Oops"))), "{effects:?}");
        assert!(matches!(effects.last(), Some(Effect::Initialized(initialized, payload))
            if initialized.error_type.as_deref() == Some("Runtime.Oops") && payload == "{}"));
        life.serves_from_a_fresh_runtime();
    }
}

#[test]
fn calls_about_restores_have_their_time() {
    let restore_error = |call| Event::InitError {
        call,
        at: Point::Restore,
        error_type: "Runtime.Oops".into(),
        payload: ErrorBody::Whole(Bytes::new()),
    };
    let mut life = Life::born();
    let (_, effects) = life.call(restore_error);
    assert_eq!(refusal(&effects).unwrap().2, illegal("Started", "RuntimeRestoreErrorState"));
    let mut life = Life::ready();
    let (_, effects) = life.call(Event::RestoreNext);
    assert_eq!(refusal(&effects).unwrap().2, illegal("Ready", "Ready"));
    let (_, effects) = life.call(restore_error);
    assert_eq!(refusal(&effects).unwrap().2, illegal("Ready", "RuntimeRestoreErrorState"));
}
