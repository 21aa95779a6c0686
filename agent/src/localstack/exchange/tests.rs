use lambdock_protocol::{Done, Failed, Log, LogSource, Mode, ResponseStart};

use super::*;

const ID: &str = "r-1";

fn exchange() -> Exchange {
    let mut exchange = Exchange::new("env".into(), 8);
    let initialized = Initialized { status: Status::Success, duration_us: 1, error_type: None };
    let ready = exchange.take(ToControlPlane::Initialized(initialized, Bytes::new()));
    assert_eq!(ready, Outcome::Ready(Call { path: "/status/env/ready".into(), body: Pieces::default() }));
    exchange.begin(ID.into());
    exchange
}

fn initialized(status: Status, body: &'static str) -> ToControlPlane {
    let initialized = Initialized { status, duration_us: 1, error_type: Some("E".into()) };
    ToControlPlane::Initialized(initialized, Bytes::from_static(body.as_bytes()))
}

fn log(lines: &'static str) -> ToControlPlane {
    let log = Log { source: LogSource::Function, time_ms: 0, request_id: None, whole: false };
    ToControlPlane::Log(log, Bytes::from_static(lines.as_bytes()))
}

fn start(id: &str) -> ToControlPlane {
    let (request_id, mode) = (id.to_owned(), Mode::Streaming);
    ToControlPlane::ResponseStart(ResponseStart { request_id, content_type: None, mode, length: None })
}

fn chunk(bytes: &'static str) -> ToControlPlane {
    ToControlPlane::ResponseChunk(Bytes::from_static(bytes.as_bytes()))
}

fn end(error_type: Option<&str>, body: &'static str) -> ToControlPlane {
    let end = ResponseEnd { request_id: ID.into(), error_type: error_type.map(str::to_owned) };
    ToControlPlane::ResponseEnd(end, Bytes::from_static(body.as_bytes()))
}

fn failed(id: &str, body: &'static str) -> ToControlPlane {
    let failed = Failed { request_id: id.into(), error_type: "E".into() };
    ToControlPlane::Failed(failed, Bytes::from_static(body.as_bytes()))
}

fn done() -> ToControlPlane {
    ToControlPlane::Done(Done {
        request_id: ID.into(),
        status: Status::Success,
        duration_us: 1,
        billed_ms: 1,
        init_us: None,
        max_memory_bytes: None,
        extensions_us: None,
    })
}

/// Path and body of each call that these messages lead to.
fn calls(messages: impl IntoIterator<Item = ToControlPlane>) -> Vec<(String, String)> {
    let mut exchange = exchange();
    let mut messages: Vec<_> = messages.into_iter().collect();
    let last = messages.pop().unwrap();
    for message in messages {
        assert_eq!(exchange.take(message), Outcome::Nothing);
    }
    let Outcome::Done(calls) = exchange.take(last) else { panic!("nothing is done") };
    assert_eq!(exchange.rest(), None);
    calls.into_iter().map(plain).collect()
}

fn plain(call: Call) -> (String, String) {
    (call.path, String::from_utf8(call.body.joined()).unwrap())
}

fn call(path: &str, body: &str) -> (String, String) {
    (format!("/invocations/{ID}/{path}"), body.to_owned())
}

#[test]
fn the_log_goes_before_the_result_whenever_that_came() {
    let expected = [call("logs", r#"{"logs":"a\nb\n"}"#), call("response", "one two")];
    assert_eq!(
        calls([log("a\n"), start(ID), chunk("one"), chunk(" two"), end(None, ""), log("b\n"), done()]),
        expected
    );
}

#[test]
fn content_does_not_make_an_error() {
    let body = r#"{"e":1}"#;
    assert_eq!(calls([start(ID), chunk(body), end(None, ""), done()])[1], call("response", body));
    assert_eq!(calls([failed(ID, "no json"), done()])[1], call("error", "no json"));
}

#[test]
fn trailers_make_an_error() {
    let body = r#"{"errorType":"E"}"#;
    let messages = [start(ID), chunk("half"), end(Some("E"), body), done()];
    assert_eq!(calls(messages)[1], call("error", body));
    let messages = [start(ID), end(Some("Function.X"), ""), done()];
    assert_eq!(calls(messages)[1], call("error", r#"{"errorType":"Function.X","errorMessage":""}"#));
}

#[test]
fn a_failure_makes_what_was_posted_void() {
    assert_eq!(calls([start(ID), chunk("half"), failed(ID, "{}"), done()])[1], call("error", "{}"));
}

#[test]
fn the_first_result_counts() {
    assert_eq!(calls([start(ID), end(None, ""), failed(ID, "{}"), done()])[1], call("response", ""));
    assert_eq!(calls([failed(ID, "a"), failed(ID, "b"), done()])[1], call("error", "a"));
}

#[test]
fn what_belongs_to_another_invocation_is_ignored() {
    let messages =
        [failed("r-2", "{}"), start("r-2"), chunk("no"), start(ID), chunk("yes"), end(None, ""), done()];
    assert_eq!(calls(messages)[1], call("response", "yes"));
}

#[test]
fn a_stream_that_is_too_long_is_an_error() {
    let messages = [start(ID), chunk("12345678"), end(None, ""), done()];
    assert_eq!(calls(messages)[1], call("response", "12345678"));
    let messages = [start(ID), chunk("12345678"), chunk("9"), chunk("0"), end(None, ""), done()];
    assert!(calls(messages)[1].1.contains("Function.ResponseSizeTooLarge"));
}

#[test]
fn an_invocation_without_a_result_has_failed() {
    assert!(calls([start(ID), chunk("half"), done()])[1].1.contains(r#""errorType":"Sandbox.Failure""#));
}

#[test]
fn the_next_log_begins_when_the_last_was_taken() {
    let mut exchange = exchange();
    exchange.take(failed(ID, "{}"));
    exchange.take(done());
    exchange.take(log("late\n"));
    exchange.begin(ID.into());
    exchange.take(failed(ID, "{}"));
    let Outcome::Done([logs, _]) = exchange.take(done()) else { panic!("nothing is done") };
    assert_eq!(plain(logs).1, r#"{"logs":"late\n"}"#);
}

#[test]
fn the_rest_is_what_has_a_result() {
    let mut exchange = exchange();
    exchange.take(start(ID));
    assert_eq!(exchange.rest(), None);
    exchange.take(chunk("yes"));
    exchange.take(end(None, ""));
    let [_, result] = exchange.rest().unwrap();
    assert_eq!(plain(result), call("response", "yes"));
    assert_eq!(exchange.rest(), None);
}

#[test]
fn one_status_is_told() {
    let error = r#"{"errorType":"Runtime.ExitError"}"#;
    let mut exchange = Exchange::new("env".into(), 8);
    let Outcome::Unusable(call) = exchange.take(initialized(Status::Error, error)) else {
        panic!("not told")
    };
    assert_eq!(plain(call), ("/status/env/error".to_owned(), error.to_owned()));
    assert_eq!(exchange.take(initialized(Status::Success, "")), Outcome::Nothing);
    let unusable = ToControlPlane::Unusable { reason: "no code".into() };
    assert_eq!(exchange.take(unusable.clone()), Outcome::Nothing);
    let mut exchange = Exchange::new("env".into(), 8);
    let Outcome::Unusable(call) = exchange.take(unusable) else { panic!("not told") };
    assert_eq!(
        plain(call).1,
        r#"{"errorType":"Sandbox.Failure","errorMessage":"RequestId: env Error: no code"}"#
    );
    let mut exchange = Exchange::new("env".into(), 8);
    assert!(matches!(exchange.take(initialized(Status::Timeout, "{}")), Outcome::Ready(_)));
}

#[test]
fn only_the_platforms_own_lines_lead_to_no_trace() {
    let report = log("REPORT x\t\nXRAY TraceId: 1-2\tSampled: true\t\n");
    let platform = |message| match message {
        ToControlPlane::Log(log, lines) => {
            ToControlPlane::Log(Log { source: LogSource::Platform, ..log }, lines)
        }
        other => other,
    };
    let messages = [failed(ID, "{}"), log("XRAY TraceId: mine\n"), platform(report), done()];
    assert_eq!(calls(messages)[0], call("logs", r#"{"logs":"XRAY TraceId: mine\nREPORT x\t\n"}"#));
}
