//! Runtimes that die, time that is up, and the end of the environment.

use super::*;

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
                    extensions_us: None,
                    restore_us: None,
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

#[test]
fn a_timeout_while_running_kills_and_fails() {
    let mut life = Life::running();
    life.passes(TIMEOUT - Duration::from_millis(1));
    assert_eq!(life.happens(Event::Tick), []);
    life.passes(Duration::from_millis(20));
    let effects = life.happens(Event::Tick);
    assert_eq!(
        effects[..4],
        [Effect::RevokePermit, Effect::Kill, timed_out("r1"), failed("r1", Failure::timeout("r1", 3000))]
    );
    let Effect::Finish(finish) = &effects[4] else { panic!("{effects:?}") };
    assert_eq!((finish.status, finish.duration_us), (Status::Timeout, 3_000_000));
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_control_plane_that_gives_less_time_has_that_told() {
    for (given_ms, limit_ms) in [(2500, 2500), (60_000, 3000)] {
        let mut life = Life::ready();
        life.happens(Event::Invoke(Invoke { timeout_ms: given_ms, ..invoke("r1") }, Bytes::new()));
        life.passes(Duration::from_secs(4));
        let effects = life.happens(Event::Tick);
        assert_eq!(effects[2], Effect::TimedOut { request_id: "r1".into(), limit_ms });
        assert_eq!(effects[3], failed("r1", Failure::timeout("r1", limit_ms)));
        let Effect::Finish(finish) = &effects[4] else { panic!("{effects:?}") };
        assert_eq!(finish.duration_us, limit_ms * 1000);
    }
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
        assert_eq!(life.happens(SHUTDOWN), [Effect::RevokePermit, Effect::Kill, Effect::Exit]);
        assert_eq!(life.machine.deadline(), None);
    }
}
