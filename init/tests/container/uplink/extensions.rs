//! Extensions that are slow or loud.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambdock_protocol::ToControlPlane;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::uplink::control_plane::{Environment, Function};

/// A runtime that answers each event with itself.
const ECHO: &str = "serve(lambda event: event.body)";

/// What is still told until the connection ends: log lines.
fn rest(environment: &mut Environment) -> String {
    let mut log = Vec::new();
    while let Some(message) = environment.receive() {
        if let ToControlPlane::Log(_, lines) = message {
            log.extend_from_slice(&lines);
        }
    }
    String::from_utf8(log).unwrap()
}

/// What an extension that subscribes to telemetry has besides; nobody takes what it is sent.
const DEAF_LISTENER: &str = r#"
listener = socket.create_server(("127.0.0.1", 4321))
def subscribe(me):
    body = json.dumps({"schemaVersion": "2022-12-13", "types": ["platform", "function"],
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4321"}})
    connection.request("PUT", "/2022-07-01/telemetry", body, me)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'"OK"\n')
"#;

#[test]
fn telemetry_that_nobody_takes_costs_an_extension_no_time_that_it_was_promised() {
    let script = format!(
        r#"{DEAF_LISTENER}
me = register("e", "SHUTDOWN")
subscribe(me)
event, _ = next_extension_event(me)
print("told", event["deadlineMs"], int(time.time() * 1000))
signal.pause()
"#
    );
    let mut environment = Environment::ready(Function::python(ECHO).extension("e", &script));
    environment.invoke(b"1").succeeded();
    let since_ms =
        || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let asked_ms = since_ms();
    environment.sandbox.signal(Signal::SIGTERM);
    let log = rest(&mut environment);
    environment.sandbox.wait();
    let took = Duration::from_millis(since_ms() - asked_ms);
    let told: Vec<u64> =
        log.strip_prefix("told ").unwrap().split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert!(told[0] <= asked_ms + 2050, "to end within {} ms", told[0] - asked_ms);
    assert!(told[1] < asked_ms + 1400, "told after {} ms", told[1] - asked_ms);
    assert!(took >= Duration::from_millis(1950), "it was killed after {took:?}");
}

#[test]
fn bodies_beyond_a_megabyte_are_refused_and_the_connection_goes_on() {
    let script = r#"
me = register("e")
def put(path, body):
    other = Connection()
    answers = []
    for body in body, b"no":
        method = "POST" if path.endswith("register") else "PUT"
        other.request(method, path, body, {"Lambda-Extension-Name": "x", **me})
        answer = other.getresponse()
        answers.append([answer.status, json.loads(answer.read())])
    return answers
most = b" " * (1 << 20)
for path in EXTENSIONS + "register", "/2022-07-01/telemetry", "/2020-08-15/logs":
    print("told", json.dumps([put(path, most + b" "), put(path, iter([most, b" "])), put(path, most)]))
while True: next_extension_event(me)
"#;
    let (_, _, log) = Environment::of(Function::python(ECHO).extension("e", script)).initialized_with_log();
    let told: Vec<Value> = log
        .lines()
        .filter_map(|line| Some(serde_json::from_str(line.strip_prefix("told ")?).unwrap()))
        .collect();
    assert_eq!(told.len(), 3, "{log}");
    let refusal = json!({
        "errorMessage": "Exceeded maximum allowed payload size (1048576 bytes).",
        "errorType": "RequestEntityTooLarge",
    });
    for told in told {
        for answers in [&told[0], &told[1]] {
            assert_eq!(answers[0], json!([413, refusal]));
            assert_ne!(answers[1][0], 413, "{answers}");
        }
        assert_ne!(told[2][0][0], 413, "the limit itself is within it: {told}");
    }
}
