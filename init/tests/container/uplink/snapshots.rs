//! Functions that are restored from snapshots, as far as their runtimes can tell: hooks, and credentials to be fetched.

use lambdock_protocol::{InitializationType, Status};
use serde_json::{Value, json};

use crate::uplink::control_plane::{Environment, Function};

/// A runtime that asks for its credentials, and what is to be found there.
const CREDENTIALS: &str = r#"
import json
def credentials(token):
    connection.request("GET", "/2021-04-23/credentials", headers={"Authorization": token} if token else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
uri = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
kept = [name for name in os.environ if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))]
told = [uri, kept, credentials(token), credentials("wrong")[0], credentials(None)[0]]
serve(lambda event: json.dumps(told))
"#;

/// As a published version with snapshots is assigned.
fn restored(script: &str) -> Function {
    Function::python(script).assigned(|assignment| {
        assignment.initialization_type = InitializationType::SnapStart;
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "session"),
        ] {
            assignment.environment.insert(name.into(), value.into());
        }
    })
}

#[test]
fn credentials_are_not_in_the_environment_but_given_for_a_token() {
    let mut environment = Environment::ready(restored(CREDENTIALS));
    let told: Value = serde_json::from_slice(&environment.invoke(b"{}").succeeded()).unwrap();
    assert_eq!((&told[0], &told[1]), (&json!("http://127.0.0.1:9001/2021-04-23/credentials"), &json!([])));
    assert_eq!(told[2][0], 200);
    let keys: Value = serde_json::from_str(told[2][1].as_str().unwrap()).unwrap();
    assert_eq!(
        (&keys["AccessKeyId"], &keys["SecretAccessKey"], &keys["Token"]),
        (&json!("id"), &json!("secret"), &json!("session"))
    );
    assert!(
        keys["Expiration"].as_str().unwrap().ends_with('Z') && keys.as_object().unwrap().len() == 4,
        "{keys}"
    );
    assert_eq!((&told[3], &told[4]), (&json!(404), &json!(404)));
}

#[test]
fn a_runtime_with_hooks_goes_on_at_once_and_what_they_take_is_told() {
    let mut environment = Environment::of(restored(
        "assert call('GET', 'restore/next')[0] == 200\nprint('hooks')\nserve(lambda event: event.body)",
    ));
    let (initialized, _, log) = environment.initialized_with_log();
    assert_eq!(initialized.status, Status::Success);
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "INIT_START Runtime Version: python:3.x\tRuntime Version ARN: arn",
            "RESTORE_START Runtime Version: python:3.x\tRuntime Version ARN: arn",
            "hooks"
        ]
    );
    assert!(lines[3].starts_with("RESTORE_REPORT Restore Duration: ") && lines.len() == 4, "{log}");
    let report = |environment: &mut Environment| {
        let text = environment.invoke(b"1").text();
        text.lines().find(|line| line.starts_with("REPORT ")).unwrap().to_owned()
    };
    assert!(report(&mut environment).contains("\tRestore Duration: "));
    assert!(!report(&mut environment).contains("\tRestore Duration: "), "told once");
}

#[test]
fn what_a_hook_cannot_do_is_passed_on_byte_by_byte() {
    let mut environment = Environment::of(restored(
        r#"
call("GET", "restore/next")
status, _, _ = call("POST", "restore/error", '{"errorMessage":"no  way"}',
    {"Lambda-Runtime-Function-Error-Type": "Runtime.AfterRestoreError"})
print("told", status, call("GET", "invocation/next")[0])
sys.exit(1)
"#,
    ));
    let (initialized, payload, log) = environment.initialized_with_log();
    assert_eq!(initialized.status, Status::Error);
    assert_eq!(
        (initialized.error_type.as_deref(), &*payload),
        (Some("Runtime.AfterRestoreError"), r#"{"errorMessage":"no  way"}"#)
    );
    assert!(log.contains("told 202 403\n"), "{log}");
    let report = log.lines().find(|line| line.starts_with("RESTORE_REPORT ")).unwrap();
    assert!(report.ends_with("\tStatus: error\tError Type: Runtime.AfterRestoreError"), "{report}");
}

#[test]
fn calls_about_restores_are_refused_at_any_other_time() {
    let mut environment = Environment::ready(Function::python(
        r#"
import json
def said(status, headers, body):
    return [status, json.loads(body)["errorMessage"].split(" failed")[0]]
early = said(*call("POST", "restore/error", "{}"))
event = next_event()
late = said(*call("GET", "restore/next"))
respond(event, json.dumps([early, late]))
next_event()
"#,
    ));
    let told: Value = serde_json::from_slice(&environment.invoke(b"{}").succeeded()).unwrap();
    assert_eq!(
        told,
        json!([
            [403, "State transition from Started to RuntimeRestoreErrorState"],
            [403, "State transition from Running to Ready"],
        ])
    );
}
