//! Who is given an invocation, and when.

use super::*;

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
fn a_runtime_that_asks_for_several_events_is_given_each_once() {
    let mut life = Life::born();
    life.machine = Machine::new(Settings { asks: Asks::ForSeveral, ..settings() });
    life.happens(Event::Assigned);
    life.asks_next();
    life.invoked("r1");
    let (second, effects) = life.asks_next();
    assert_eq!(effects, [], "it waits for the next event");
    life.answers("r1");
    life.asks_next();
    let effects = life.invoked("r2");
    let Some(Effect::Answer(call, Reply::Event { invoke, .. })) = effects.last() else {
        panic!("{effects:?}")
    };
    assert_eq!((*call, invoke.request_id.as_str()), (second, "r2"));
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
