//! The init phase, and how LocalStack hears that it failed.

use std::time::{Duration, Instant};

use crate::peer::{Environment, Function};

/// The Extensions API for scripts.
const EXTENSION: &str = include_str!("../uplink/extension.py");

/// The container has ended as Go's init does, and has said nothing more.
fn ended(mut environment: Environment) {
    assert_eq!(environment.sandbox.wait().code(), Some(0));
    assert!(environment.soon(Duration::ZERO).is_none());
}

#[test]
fn an_init_error_is_passed_on_byte_by_byte_and_once() {
    let body = r#"{"errorMessage":"no  module","errorType":"Runtime.ImportModuleError","requestId":"","stackTrace":[]}"#;
    for end in ["sys.exit(1)", "signal.pause()"] {
        let environment = Environment::start(&Function::python(&format!(
            "call('POST', 'init/error', '{body}', {{'Lambda-Runtime-Function-Error-Type': 'Runtime.ImportModuleError'}})\n{end}"
        )));
        assert_eq!(environment.is_of_no_use(), body);
        ended(environment);
    }
}

#[test]
fn a_runtime_that_ends_in_the_init_phase_is_told_at_once() {
    for (script, said) in [
        ("exit 0", "Runtime exited without providing a reason"),
        ("exit 7", "Runtime exited with error: exit status 7"),
        ("kill -SEGV $$", "Runtime exited with error: signal: segmentation fault"),
        ("exec /does/not/exist", "Runtime exited with error: exit status 127"),
    ] {
        let environment = Environment::start(&Function::shell(script));
        let error = environment.is_of_no_use();
        let error =
            error.strip_prefix(r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: "#).unwrap();
        let (id, error) = error.split_at(36);
        assert!(id.bytes().filter(|byte| *byte == b'-').count() == 4, "{id} is no id");
        assert_eq!(error, format!(r#" Error: {said}"}}"#));
        ended(environment);
    }
}

#[test]
fn what_cannot_be_started_is_told() {
    for (function, error_type) in [
        (Function::default(), "Runtime.InvalidEntrypoint"),
        (
            Function::default().file("/var/task/bootstrap", 0o755, "#!/no/such/shell\n"),
            "Runtime.InvalidEntrypoint",
        ),
        (Function::shell("exit 1").file("/opt/extensions/e", 0o644, "no program"), "Extension.LaunchError"),
        (Function::shell("exit 1").file("/opt/extensions/e", 0o755, "#!/bin/sh\nexit 3"), "Extension.Crash"),
    ] {
        let environment = Environment::start(&function);
        let error = environment.is_of_no_use();
        assert!(error.starts_with(&format!(r#"{{"errorType":"{error_type}","#)), "{error}");
        ended(environment);
    }
}

#[test]
fn an_extension_inside_of_the_runtime_that_cannot_begin_is_told() {
    let environment = Environment::start(&Function::python(&format!(
        r#"
{EXTENSION}
me = register("inside", "INVOKE")
assert ask("POST", "init/error", "", {{**me, "Lambda-Extension-Function-Error-Type": "Inside.Oops"}})[0] == 202
serve(lambda event: "never")
"#
    )));
    let error = environment.is_of_no_use();
    assert!(
        error.starts_with(r#"{"errorType":"Extension.InitError","errorMessage":"RequestId: "#),
        "{error}"
    );
    assert!(error.ends_with(r#" Error: Inside.Oops"}"#), "{error}");
    ended(environment);
}

#[test]
fn an_init_phase_without_a_limit_takes_as_long_as_it_takes() {
    let environment = Environment::start(&Function::python(
        // Longer than AWS's ten seconds.
        "time.sleep(10.5)\nserve(lambda event: 'late')",
    ));
    let since = Instant::now();
    environment.gets_ready();
    assert!(since.elapsed() > Duration::from_secs(10));
    assert_eq!(environment.invoke("{}").succeeded(), "late");
}

#[test]
fn an_init_phase_beyond_its_limit_is_run_again_inside_the_first_invocation() {
    let environment = Environment::start(
        &Function::python(
            r#"
if not os.path.exists("/tmp/once"):
    open("/tmp/once", "w").close()
    signal.pause()
serve(lambda event: "at last")
"#,
        )
        .variable("LOCALSTACK_INIT_PHASE_TIMEOUT", "1"),
    );
    environment.gets_ready();
    let outcome = environment.invoke("{}");
    assert!(outcome.logs.contains("\tPhase: init\tStatus: timeout\n"), "{}", outcome.logs);
    assert_eq!(outcome.succeeded(), "at last");
}
