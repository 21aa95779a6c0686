//! Extensions: when they are started, what they are told, and which calls of theirs are refused.

use serde_json::json;

use super::{ECHO, Protocol, Scenario, under_both};
use crate::sandbox::wait_until;
use crate::scripts::EXTENSION;

under_both!(
    all_are_started_before_the_runtime_which_waits_until_they_have_registered,
    an_extension_is_told_of_an_invocation_what_the_runtime_is,
    calls_out_of_turn_are_refused_in_awss_words,
    the_account_is_told_to_those_who_can_take_it,
    an_extension_has_none_of_the_runtimes_variables,
    there_are_none_if_they_are_turned_off,
    eleven_are_too_many_and_none_is_started,
    one_that_cannot_be_executed_fails_the_init_phase,
);

/// An extension that waits for events for ever.
fn idle(name: &str, events: &[&str]) -> String {
    let events: String = events.iter().map(|event| format!(", '{event}'")).collect();
    format!("me = register('{name}'{events})\nwhile True: next_extension_event(me)")
}

fn all_are_started_before_the_runtime_which_waits_until_they_have_registered<P: Protocol>() {
    let late = format!("open('/tmp/late', 'w').close()\nwait_at('/tmp/gate')\n{}", idle("late", &["INVOKE"]));
    let early = format!("open('/tmp/early', 'w').close()\n{}", idle("early", &[]));
    let scenario = Scenario::of(&format!("open('/tmp/runtime', 'w').close()\n{ECHO}"));
    let mut environment = P::start(scenario.extension("late", &late).extension("early", &early));
    let sandbox = environment.sandbox();
    let there = |name: &str| sandbox.path(name).exists();
    wait_until("both are there", || (there("/tmp/late") && there("/tmp/early")).then_some(()));
    // Whoever is let through the gate has come to it, and no runtime was started until then.
    wait_until("one waits", || there("/tmp/gate").then_some(()));
    assert!(!there("/tmp/runtime"));
    sandbox.release("/tmp/gate");
    environment.initialized().unwrap();
    assert_eq!(environment.invoke("1").succeeded(), "1");
}

fn an_extension_is_told_of_an_invocation_what_the_runtime_is<P: Protocol>() {
    let script =
        "me = register('e', 'INVOKE')\nwhile True: print('told', json.dumps(next_extension_event(me)))";
    let runtime = r#"
import json
names = ["deadline-ms", "invoked-function-arn", "trace-id"]
serve(lambda event: json.dumps([event.headers.get("lambda-runtime-" + name) for name in names]))
"#;
    let mut environment = P::ready(Scenario::of(runtime).extension("e", script));
    let answer = environment.invoke("{}");
    let [deadline, arn, trace]: [Option<String>; 3] =
        serde_json::from_str(answer.result.as_ref().unwrap()).unwrap();
    let deadline: u64 = deadline.unwrap().parse().unwrap();
    let told = environment.noted("told ");
    let theirs = told[0]["deadlineMs"].as_u64().unwrap();
    assert!(deadline.abs_diff(theirs) <= 20, "{deadline} {theirs}");
    let mut expected = json!({
        "eventType": "INVOKE", "deadlineMs": theirs, "requestId": answer.id, "invokedFunctionArn": arn,
    });
    if let Some(trace) = trace {
        expected["tracing"] = json!({ "type": "X-Amzn-Trace-Id", "value": trace });
    }
    assert_eq!(told[0], expected);
    assert_eq!(told[1]["content-type"], "application/json");
    assert_eq!(told[1]["lambda-extension-event-identifier"].as_str().unwrap().len(), 36);
}

fn calls_out_of_turn_are_refused_in_awss_words<P: Protocol>() {
    let script = format!(
        r#"
{EXTENSION}
me = register("in", "INVOKE", more={{"Lambda-Extension-Accept-Feature": "accountId"}})
status, headers, body = ask("POST", "register", '{{"events":[]}}', {{"Lambda-Extension-Name": "other"}})
other = {{"Lambda-Extension-Identifier": headers["lambda-extension-identifier"]}}
name = lambda name: {{"Lambda-Extension-Name": name}}
id = lambda id: {{"Lambda-Extension-Identifier": id}}
said = [
    json.loads(body),
    refusal("POST", "register", '{{"events":[]}}', name("in")),
    refusal("POST", "register", '{{"events":["SHUTDOWN"]}}', name("x")),
    refusal("POST", "register", '{{"events":["NONE"]}}', name("x")),
    refusal("POST", "register", '{{"events":[]}}'),
    refusal("POST", "register", 'no json', name("x")),
    refusal("GET", "event/next"),
    refusal("GET", "event/next", headers=id("x")),
    refusal("GET", "event/next", headers=id("8b4d4d8c-0000-4000-8000-000000000000")),
    refusal("POST", "init/error", "{{}}", me),
    refusal("POST", "exit/error", "{{}}"),
]
def wait_for_events(one):
    while True: ask("GET", "event/next", headers=one)
for one in me, other: threading.Thread(target=wait_for_events, args=[one]).start()
def handler(event):
    return json.dumps(said + [refusal("POST", "register", '{{"events":[]}}', name("late"))])
serve(handler)
"#
    );
    let answer = P::ready(Scenario::of(&script)).invoke("{}").succeeded();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&answer).unwrap(),
        json!([
            { "functionName": "f", "functionVersion": "$LATEST", "handler": "module.handler" },
            [403, "Extension.InvalidExtensionState"],
            [403, "Extension.InvalidEventType"],
            [403, "Extension.InvalidEventType"],
            [403, "Extension.InvalidExtensionName"],
            [403, "InvalidRequestFormat"],
            [403, "Extension.MissingExtensionIdentifier"],
            [403, "Extension.InvalidExtensionIdentifier"],
            [403, "Extension.UnknownExtensionIdentifier"],
            [403, "Extension.MissingHeader"],
            [403, "Extension.MissingExtensionIdentifier"],
            [403, "Extension.RegistrationClosed"],
        ])
    );
}

fn the_account_is_told_to_those_who_can_take_it<P: Protocol>() {
    let script = r#"
asked = ask("POST", "register", '{"events":[]}', {"Lambda-Extension-Name": "e", "Lambda-Extension-Accept-Feature": "accountId, x"})
print("told", asked[2].decode())
while True: next_extension_event({"Lambda-Extension-Identifier": asked[1]["lambda-extension-identifier"]})
"#;
    let mut environment = P::ready(Scenario::of(ECHO).extension("e", script));
    let told = environment.noted("told ");
    let names: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(names, ["accountId", "functionName", "functionVersion", "handler"]);
    assert_eq!(told["accountId"].as_str().unwrap().len(), 12);
}

fn an_extension_has_none_of_the_runtimes_variables<P: Protocol>() {
    let script = "print('told', json.dumps(dict(os.environ)))\n".to_owned() + &idle("e", &[]);
    let names = ["AWS_EXECUTION_ENV", "AWS_XRAY_CONTEXT_MISSING", "_AWS_XRAY_DAEMON_PORT", "MINE"];
    let scenario = Scenario::of(ECHO).extension("e", &script);
    let scenario = names.into_iter().fold(scenario, |scenario, name| scenario.variable(name, "x"));
    let told = P::ready(scenario).noted("told ");
    let names: Vec<&String> = told.as_object().unwrap().keys().collect();
    let theirs = [
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    ];
    assert!(!names.iter().any(|name| name.starts_with('_') || theirs.contains(&name.as_str())), "{names:?}");
    assert_eq!((&told["MINE"], &told["AWS_LAMBDA_RUNTIME_API"]), (&json!("x"), &json!("127.0.0.1:9001")));
}

fn there_are_none_if_they_are_turned_off<P: Protocol>() {
    let script = format!(
        r#"
{EXTENSION}
def put(path):
    connection.request("PUT", path, "{{}}")
    answer = connection.getresponse()
    return [answer.status, json.loads(answer.read())]
def handler(event):
    status, _, body = ask("POST", "register", "{{}}", {{"Lambda-Extension-Name": "x"}})
    started = os.path.exists("/tmp/e")
    return json.dumps([status, body.decode(), started, put("/2022-07-01/telemetry"), put("/2020-08-15/logs")])
serve(handler)
"#
    );
    let scenario = Scenario::of(&script).extension("e", "open('/tmp/e', 'w').close()").file(
        "/opt/disable-extensions-jwigqn8j",
        0o644,
        "",
    );
    let told: serde_json::Value = serde_json::from_str(&P::ready(scenario).invoke("{}").succeeded()).unwrap();
    let stub = |api: &str, error_type: &str| json!([202, { "errorMessage": format!("{api} API is not supported"), "errorType": error_type }]);
    let (telemetry, logs) = (stub("Telemetry", "Telemetry.NotSupported"), stub("Logs", "Logs.NotSupported"));
    assert_eq!(told, json!([404, "", false, telemetry, logs]));
}

/// The type of the init phase's error.
fn fails<P: Protocol>(scenario: Scenario) -> (P, String) {
    let mut environment = P::start(scenario);
    let error = environment.initialized().unwrap_err();
    let error: serde_json::Value = serde_json::from_str(&error).unwrap();
    (environment, error["errorType"].as_str().unwrap().to_owned())
}

fn eleven_are_too_many_and_none_is_started<P: Protocol>() {
    let scenario = (0..11).fold(Scenario::of(ECHO), |scenario, number| {
        scenario.extension(&format!("e{number}"), "signal.pause()")
    });
    let (mut environment, error_type) = fails::<P>(scenario);
    assert_eq!(error_type, "Extension.LaunchError");
    let log = environment.sandbox().stderr();
    assert!(!log.contains("starting the extension "), "{log}");
}

fn one_that_cannot_be_executed_fails_the_init_phase<P: Protocol>() {
    let scenario = Scenario::of(ECHO).file("/opt/extensions/e", 0o644, "#!/bin/sh\nsleep 60");
    assert_eq!(fails::<P>(scenario).1, "Extension.LaunchError");
}
