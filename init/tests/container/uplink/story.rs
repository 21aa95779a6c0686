//! What the init's own log tells to whoever looks for a fault.

use crate::sandbox::wait_until;
use crate::uplink::control_plane::{Environment, Function};

/// An invocation that succeeds, one whose second answer is refused, and one that takes too long.
fn three_invocations(level: &str) -> (Environment, [String; 3]) {
    let mut environment = Environment::ready(
        Function::python(
            r#"
def handler(event):
    if event.body == b"twice":
        respond(event, "once")
    if event.body == b"hang":
        signal.pause()
    return "a secret answer"
while True:
    event = next_event()
    respond(event, handler(event))
"#,
        )
        .assigned(|assignment| assignment.timeout_ms = 1000)
        .variable("LOCALSTACK_INIT_LOG_LEVEL", level),
    );
    let ids = ["plain", "twice", "hang"].map(|event| {
        let id = environment.begin(event.as_bytes());
        environment.outcome(&id);
        id
    });
    (environment, ids)
}

/// Fails if there are no lines, in this order, that contain these parts.
fn tells(log: &str, story: &[&[&str]]) {
    let mut lines = log.lines();
    for parts in story {
        assert!(
            lines.any(|line| parts.iter().all(|part| line.contains(part))),
            "{parts:?} is not told, or not then:\n{log}"
        );
    }
}

#[test]
fn debug_tells_the_story_of_an_invocation() {
    let (environment, [plain, twice, hang]) = three_invocations("debug");
    // The last word is the init's, after the control plane's.
    let is_all = |log: &String| log.ends_with("the environment is idle, was in an invocation\n");
    let log = wait_until("all is told", || Some(environment.sandbox.stderr()).filter(|log| is_all(log)));
    let (plain, twice, hang) = (plain.as_str(), twice.as_str(), hang.as_str());
    tells(
        &log,
        &[
            &["an init phase begins, phase init"],
            &["starting [", "bootstrap"],
            &["the runtime asks for an event"],
            &["init phase: over: success after "],
            &["the environment is idle, was in its init phase"],
        ],
    );
    tells(
        &log,
        &[
            &["debug", "invocation ", plain, "arrived, 5 bytes"],
            &["invocation ", plain, "begins"],
            &["call ", "200, the event of", plain, "5 bytes", "ms left"],
            &["the environment is in an invocation, was idle"],
            &["call ", "the runtime responds to", plain, "15 bytes"],
            &["invocation ", plain, "a response goes out, buffered, 15 bytes"],
            &["call ", ": 202"],
            &["POST /2018-06-01/runtime/invocation/", plain, "/response: 202 Accepted"],
            &["the runtime asks for an event"],
            &["invocation ", plain, "the runtime is done: success after"],
            &["invocation ", plain, "over: success after"],
            &["the environment is idle, was in an invocation"],
        ],
    );
    tells(
        &log,
        &[
            &["the runtime responds to", twice, "4 bytes"],
            &["the runtime responds to", twice, "15 bytes"],
            &["call ", "403 InvalidStateTransition: State transition from RuntimeResponseSentState to"],
            &["POST ", twice, "/response: 403 Forbidden"],
            &["invocation ", twice, "over: success"],
        ],
    );
    tells(
        &log,
        &[
            &["200, the event of", hang],
            &["a time limit is reached"],
            &["whatever is left of the function is killed"],
            &["invocation ", hang, "its time is up"],
            &["invocation ", hang, "has failed: Sandbox.Timedout"],
            &["invocation ", hang, "over: timeout"],
            &["the environment is idle, was in an invocation"],
        ],
    );
    assert!(!log.contains("secret"), "what functions answer is nobody's business");
}

#[test]
fn trace_tells_it_in_json() {
    let (environment, [plain, ..]) = three_invocations("trace");
    let log = environment.sandbox.stderr();
    let mut messages = Vec::new();
    for line in log.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        let members: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["level", "msg", "time"]);
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(["debug", "info", "warn"].contains(&line["level"].as_str().unwrap()), "{line}");
        messages.push(line["msg"].as_str().unwrap().to_owned());
    }
    assert!(messages.iter().any(|message| *message == format!("invocation {plain}: begins")), "{log}");
}

#[test]
fn without_being_asked_it_tells_nothing_of_what_goes_well() {
    let (environment, _) = three_invocations("warn");
    assert_eq!(environment.sandbox.stderr(), "");
}
