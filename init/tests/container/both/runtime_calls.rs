//! The Runtime API, call by call.

use serde_json::json;

use super::{ECHO, Protocol, Scenario, under_both};

under_both!(
    a_runtime_that_loses_the_event_may_ask_again,
    calls_out_of_turn_are_refused_and_disturb_nothing,
    a_second_init_error_is_refused,
    a_runtime_with_hooks_for_snapshots_goes_on_at_once,
    two_that_wait_get_one_event_each,
    a_large_cause_of_an_error_passes,
    the_runtime_api_says_what_it_knows,
    whether_it_is_an_error_is_said_by_the_path_and_not_by_the_content,
);

fn a_runtime_that_loses_the_event_may_ask_again<P: Protocol>() {
    let mut environment = P::ready(Scenario::of(
        r#"
first, second = next_event(), next_event()
assert respond(second, first.id + second.id)[0] == 202
next_event()
"#,
    ));
    let told = environment.invoke("{}");
    assert_eq!(told.result.unwrap(), told.id.repeat(2));
}

fn calls_out_of_turn_are_refused_and_disturb_nothing<P: Protocol>() {
    let mut environment = P::ready(Scenario::of(
        r#"
import json
said = []
def tell(answer):
    status, headers, body = answer
    said.append([status, headers["content-type"], body.decode()])
class Other: id = "8b4d4d8c-0000-4000-8000-000000000000"
tell(respond(Other, "while idle"))
event = next_event()
tell(respond(Other, "x"))
tell(fail(Other, "x"))
tell(call("POST", "init/error", "{}"))
tell(respond(event, "done"))
tell(respond(event, "again"))
tell(fail(event, "again"))
event = next_event()
respond(event, json.dumps(said))
next_event()
"#,
    ));
    assert_eq!(environment.invoke("{}").succeeded(), "done");
    let said: Vec<(u16, String, String)> =
        serde_json::from_str(&environment.invoke("{}").succeeded()).unwrap();
    let illegal = |from: &str, to: &str| {
        let message = format!(
            "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
        );
        (403, format!(r#"{{"errorMessage":"{message}","errorType":"InvalidStateTransition"}}"#))
    };
    let unknown = (400, r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#.to_owned());
    let expected = [
        unknown.clone(),
        unknown.clone(),
        unknown,
        illegal("Running", "InitError"),
        (202, r#"{"status":"OK"}"#.to_owned()),
        illegal("RuntimeResponseSentState", "InvocationResponse"),
        illegal("RuntimeResponseSentState", "InvocationErrorResponse"),
    ];
    assert_eq!(
        said,
        expected.map(|(status, body)| (status, "application/json".to_owned(), format!("{body}\n")))
    );
}

fn a_second_init_error_is_refused<P: Protocol>() {
    let mut environment = P::start(Scenario::of(
        r#"
post = lambda: call("POST", "init/error", '{"errorMessage":"m","errorType":"E"}')[0]
print("statuses", [post(), post()])
sys.exit(1)
"#,
    ));
    assert_eq!(environment.initialized().unwrap_err(), r#"{"errorMessage":"m","errorType":"E"}"#);
    assert_eq!(environment.noted("statuses "), json!([202, 403]));
}

fn a_runtime_with_hooks_for_snapshots_goes_on_at_once<P: Protocol>() {
    let mut environment =
        P::ready(Scenario::of(&format!("print('status', call('GET', 'restore/next')[0])\n{ECHO}")));
    assert_eq!(environment.noted("status "), json!(200));
    for event in ["1", "2"] {
        assert_eq!(environment.invoke(event).succeeded(), event);
    }
}

fn two_that_wait_get_one_event_each<P: Protocol>() {
    let mut environment = P::ready(Scenario::of(
        r#"
def worker(name):
    mine = Connection()
    while True:
        status, headers, body = call("GET", "invocation/next", on=mine)
        path = "invocation/" + headers["lambda-runtime-aws-request-id"] + "/response"
        assert call("POST", path, name + body.decode(), on=mine)[0] == 202
for name in ["a", "b"]:
    threading.Thread(target=worker, args=[name]).start()
"#,
    ));
    for event in ["1", "2", "3", "4"] {
        let answer = environment.invoke(event).succeeded();
        assert!([format!("a{event}"), format!("b{event}")].contains(&answer), "{answer}");
    }
}

fn a_large_cause_of_an_error_passes<P: Protocol>() {
    let mut environment = P::ready(Scenario::of(
        r#"
while True:
    print(fail(next_event(), "{}", {"Lambda-Runtime-Function-XRay-Error-Cause": "x" * 900_000})[0])
"#,
    ));
    let told = environment.invoke("{}");
    assert_eq!(told.result, Err("{}".to_owned()));
    assert!(told.log.contains("\n202\n"), "{}", told.log);
}

fn the_runtime_api_says_what_it_knows<P: Protocol>() {
    let mut environment = P::ready(Scenario::of(
        r#"
def ask(method, path):
    other = Connection()
    other.request(method, path)
    answer = other.getresponse()
    return f"{answer.status} {answer.getheader('content-type')} {answer.read().decode()}"
serve(lambda event: "|".join([
    ask("GET", "/2018-06-01/ping"), ask("POST", "/2018-06-01/ping"), ask("GET", "/nothing"),
    ask("DELETE", "/2018-06-01/runtime/invocation/next"),
]))
"#,
    ));
    assert_eq!(
        environment.invoke("{}").succeeded(),
        "200 text/plain; charset=utf-8 pong|405 None |404 text/plain; charset=utf-8 404 page not found\n|405 None "
    );
}

fn whether_it_is_an_error_is_said_by_the_path_and_not_by_the_content<P: Protocol>() {
    let mut environment = P::ready(Scenario::of(
        r#"
while True:
    event = next_event()
    if event.body == b"error": fail(event, "plain text")
    elif event.body == b"cause":
        fail(event, '{"errorMessage":"m","errorType":"E","stackTrace":[],"errorCause":{"exceptions":[]}}', {
            "Content-Type": "application/vnd.aws.lambda.error.cause+json"})
    else: respond(event, event.body and '{"errorType":"x"}')
"#,
    ));
    assert_eq!(environment.invoke("{}").succeeded(), r#"{"errorType":"x"}"#);
    assert_eq!(environment.invoke("").succeeded(), "");
    assert_eq!(environment.invoke("error").result, Err("plain text".to_owned()));
    let without_cause = r#"{"errorMessage":"m","errorType":"E","stackTrace":[]}"#;
    assert_eq!(environment.invoke("cause").result, Err(without_cause.to_owned()));
}
