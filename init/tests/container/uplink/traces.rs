//! The X-Ray daemon's port, and the way of segments to the control plane.

use lambdock_protocol::{ToControlPlane, TracingMode};
use nix::sys::signal::Signal;

use crate::uplink::control_plane::{Environment, Function};

/// Sends as many segments as the event says.
const SENDER: &str = r#"
daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
daemon.connect(("127.0.0.1", 2000))
def handler(event):
    for number in range(int(event.body)):
        daemon.send(b'{"format":"json","version":1}\n{"number":%d}' % number)
    return "sent"
serve(handler)
"#;

fn traced(script: &str) -> Environment {
    Environment::ready(Function::python(script).assigned(|assignment| {
        assignment.tracing = TracingMode::Active;
        assignment.segments = true;
    }))
}

/// Takes messages until `is_last`, or the end; the documents of each batch among them.
fn batches(
    environment: &mut Environment,
    mut is_last: impl FnMut(&ToControlPlane, usize) -> bool,
) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    while let Some(message) = environment.receive() {
        if let ToControlPlane::Segments(head, body) = &message {
            let documents = head.unpack(body.clone()).unwrap();
            batches.push(documents.iter().map(|one| String::from_utf8(one.to_vec()).unwrap()).collect());
        }
        if is_last(&message, batches.iter().map(Vec::len).sum()) {
            break;
        }
    }
    batches
}

fn documents(count: usize) -> Vec<String> {
    (0..count).map(|number| format!(r#"{{"number":{number}}}"#)).collect()
}

#[test]
fn segments_go_up_in_batches_and_the_last_ones_soon() {
    let mut environment = traced(SENDER);
    environment.begin(b"11");
    let mut done = false;
    let batches = batches(&mut environment, |message, segments| {
        done |= matches!(message, ToControlPlane::Done(_));
        done && segments == 11
    });
    assert!(batches.len() >= 2 && batches.iter().all(|batch| batch.len() <= 10), "{batches:?}");
    assert_eq!(batches.concat(), documents(11));
}

#[test]
fn what_was_sent_before_the_end_is_told_before_it() {
    let mut environment = traced(SENDER);
    environment.begin(b"3");
    let mut told = batches(&mut environment, |message, _| matches!(message, ToControlPlane::Done(_)));
    environment.sandbox.signal(Signal::SIGTERM);
    told.extend(batches(&mut environment, |_, _| false));
    assert_eq!(told.concat(), documents(3));
    assert_eq!(environment.sandbox.wait().code(), Some(0));
}

#[test]
fn questions_about_sampling_are_answered() {
    let mut environment = traced(
        r#"
def handler(event):
    daemon = Connection("127.0.0.1", 2000)
    daemon.request("POST", "/GetSamplingRules", "{}")
    answer = daemon.getresponse()
    return f"{answer.status} {answer.read().decode()}"
serve(handler)
"#,
    );
    let answer = String::from_utf8(environment.invoke(b"{}").succeeded()).unwrap();
    assert!(answer.starts_with(r#"200 {"#) && answer.contains(r#""RuleName":"Default""#), "{answer}");
}

#[test]
fn nothing_listens_where_nothing_is_traced() {
    let script = r#"
def refused(kind):
    try:
        with socket.socket(socket.AF_INET, kind) as daemon:
            daemon.settimeout(10)
            daemon.connect(("127.0.0.1", 2000))
            daemon.send(b'{"format":"json","version":1}\n{}')
            daemon.recv(1)
    except ConnectionRefusedError:
        return True
serve(lambda event: str([refused(socket.SOCK_DGRAM), refused(socket.SOCK_STREAM)]))
"#;
    let passive = Function::python(script).assigned(|assignment| assignment.segments = true);
    let unheard = Function::python(script).assigned(|assignment| assignment.tracing = TracingMode::Active);
    for function in [passive, unheard] {
        assert_eq!(Environment::ready(function).invoke(b"{}").succeeded(), b"[True, True]");
    }
}
