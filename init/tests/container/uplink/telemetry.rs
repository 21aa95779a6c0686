//! What subscribers of telemetry are told when processes end.

use std::fs;

use serde_json::Value;

use crate::sandbox::wait_until;
use crate::uplink::control_plane::{Environment, Function};

/// An extension that notes what it is told, each of its processes in a file of its own.
const SUBSCRIBER: &str = r#"
import http.server
notes = open(f"/tmp/told-{time.monotonic_ns()}", "a", buffering=1)
def note(kind, record):
    notes.write(json.dumps([kind, record]) + "\n")

class Listener(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        for entry in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            note(entry["type"], entry["record"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 4321), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
me = register("e", "INVOKE", "SHUTDOWN")
connection.request("PUT", "/2022-07-01/telemetry", json.dumps({
    "schemaVersion": "2022-12-13", "types": ["platform"], "buffering": {"timeoutMs": 25},
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4321"}}), me)
assert connection.getresponse().read() == b'"OK"\n'
while True:
    event, _ = next_extension_event(me)
    if event["eventType"] == "SHUTDOWN":
        note("SHUTDOWN", event["shutdownReason"])
        os._exit(0)
"#;

/// What each of the extension's processes was told, in the order in which they began.
fn told(environment: &Environment) -> Vec<Vec<(String, Value)>> {
    let files = fs::read_dir(environment.sandbox.path("/tmp")).unwrap().flatten();
    let mut paths: Vec<_> = files
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("told-")))
        .collect();
    paths.sort();
    let notes = |path| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    paths.iter().map(notes).collect()
}

#[test]
fn an_invocation_that_ends_badly_is_told_to_its_own_subscriber_and_to_no_other() {
    let script = r#"
def handler(event):
    if event.body == b"crash": os._exit(3)
    if event.body == b"hang": signal.pause()
    return "fine"
serve(handler)
"#;
    for (how, status, error_type, reason) in [
        ("crash", "error", Value::from("Runtime.ExitError"), "failure"),
        ("hang", "timeout", Value::Null, "timeout"),
    ] {
        let function = Function::python(script).extension("e", SUBSCRIBER);
        let mut environment =
            Environment::ready(function.assigned(|assignment| assignment.timeout_ms = 2000));
        let outcome = environment.invoke(how.as_bytes());
        assert!(outcome.failed.is_some());
        let log = outcome.text();
        assert_eq!(log.matches("REPORT RequestId: ").count(), 1, "{log}");
        let first = told(&environment).remove(0);
        let place = |kind: &str| first.iter().position(|(told, _)| told == kind).unwrap();
        let end = place("SHUTDOWN");
        assert_eq!(first[end].1, reason);
        assert!(place("platform.runtimeDone") < place("platform.report") && place("platform.report") < end);
        let report = &first[place("platform.report")].1;
        assert_eq!((&report["status"], &report["errorType"]), (&status.into(), &error_type), "{report}");
        assert!(report["metrics"]["maxMemoryUsedMB"].as_u64() > Some(0), "{report}");

        environment.invoke(b"fine").succeeded();
        let second = wait_until("the next is told as well", || {
            let told = told(&environment);
            let second = told.get(1)?;
            second.iter().any(|(kind, _)| kind == "platform.report").then(|| second.clone())
        });
        assert_eq!(second[0].0, "platform.initStart", "{second:?}");
        let reports = second.iter().filter(|(kind, _)| kind == "platform.report").count();
        assert_eq!(reports, 1, "{second:?}");
    }
}
