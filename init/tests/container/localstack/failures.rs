//! Invocations that fail otherwise than the function says.

use std::time::{Duration, Instant, SystemTime};

use crate::localstack::peer::{Environment, Function};
use crate::sandbox::takes_less_than;

fn error(id: &str, message: &str) -> String {
    format!(r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {id} Error: {message}"}}"#)
}

#[test]
fn a_runtime_that_dies_is_an_error_in_gos_words_and_the_next_invocation_succeeds() {
    let environment = Environment::ready(&Function::python(
        r#"
def handler(event):
    if event.body != b"live":
        exec(event.body)
    return "alive"
serve(handler)
"#,
    ));
    for (script, said) in [
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
        ("os.kill(os.getpid(), 15)", "Runtime exited with error: signal: terminated"),
    ] {
        let id = environment.begin(script);
        let outcome = environment.outcome(&id);
        assert!(
            outcome.logs.contains(&format!("END RequestId: {id}\nREPORT RequestId: {id}\t")),
            "{}",
            outcome.logs
        );
        assert_eq!(outcome.failed(), error(&id, said), "{script}");
        assert_eq!(environment.invoke("live").succeeded(), "alive");
    }
}

#[test]
fn a_child_that_holds_the_output_does_not_hold_the_result() {
    let environment = Environment::ready(&Function::python(
        r#"
event = next_event()
spawn("sleep", "1000")
print(int(time.time() * 1000))
os._exit(1)
"#,
    ));
    takes_less_than(Duration::from_millis(200), || {
        let outcome = environment.invoke("{}");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let ended = outcome.logs.lines().find_map(|line| line.parse().ok()).map(Duration::from_millis);
        assert!(outcome.failed().contains("exit status 1"));
        now.saturating_sub(ended.unwrap())
    });
    assert!(environment.sandbox.others().is_empty());
}

#[test]
fn a_response_counts_even_if_the_runtime_dies_after_it() {
    let environment = Environment::ready(&Function::python(
        "event = next_event()\nrespond(event, event.body)\nos._exit(1)",
    ));
    for payload in ["one", "two"] {
        assert_eq!(environment.invoke(payload).succeeded(), payload);
    }
}

#[test]
fn a_timeout_is_in_awss_words_and_the_next_invocation_finds_another_process() {
    let environment = Environment::ready(
        &Function::python(
            r#"
def handler(event):
    if event.body == b"wait":
        signal.pause()
    return str(os.getpid())
serve(handler)
"#,
        )
        .variable("AWS_LAMBDA_FUNCTION_TIMEOUT", "3"),
    );
    let before = environment.invoke("{}").succeeded();
    takes_less_than(Duration::from_millis(3100), || {
        // In a runtime that is there: starting one is part of the time.
        environment.invoke("{}").succeeded();
        let since = Instant::now();
        let id = environment.begin("wait");
        let outcome = environment.outcome(&id);
        let took = since.elapsed();
        assert!(took >= Duration::from_secs(3), "{took:?}");
        assert!(
            outcome.logs.contains(&format!(" {id} Task timed out after 3.00 seconds\n")),
            "{}",
            outcome.logs
        );
        assert!(outcome.logs.contains("Duration: 3000.00 ms\tBilled Duration: 3000 ms"), "{}", outcome.logs);
        assert_eq!(
            outcome.failed(),
            format!(
                r#"{{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {id} Error: Task timed out after 3.00 seconds"}}"#
            )
        );
        took
    });
    assert_ne!(environment.invoke("{}").succeeded(), before);
}

#[test]
fn an_invalid_mode_ends_the_invocation_and_not_the_process() {
    let environment = Environment::ready(&Function::python(
        r#"
event = next_event()
print(respond(event, "x", {"Lambda-Runtime-Function-Response-Mode": "foo"})[0])
serve(lambda event: event.body)
"#,
    ));
    let outcome = environment.invoke("{}");
    assert!(outcome.logs.contains("400\n"), "{}", outcome.logs);
    assert!(outcome.failed().contains("Runtime.InvalidResponseModeHeader"));
    assert_eq!(environment.invoke("next").succeeded(), "next");
}

#[test]
fn a_response_that_breaks_off_is_an_error() {
    let environment = Environment::ready(&Function::python(
        r#"
event = next_event()
s = raw()
s.sendall(f"POST /2018-06-01/runtime/invocation/{event.id}/response HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf".encode())
s.shutdown(socket.SHUT_WR)
assert b" 400 " in s.recv(1000)
serve(lambda event: event.body)
"#,
    ));
    assert!(environment.invoke("{}").failed().contains("Runtime.TruncatedResponse"));
    assert_eq!(environment.invoke("next").succeeded(), "next");
}
