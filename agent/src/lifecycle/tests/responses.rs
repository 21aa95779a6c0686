//! What a runtime may answer, when, and what becomes of it.

use super::*;

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
