//! The init phase, and how LocalStack hears that it failed.

use std::time::{Duration, Instant, SystemTime};

use crate::localstack::peer::{Environment, Function, RUNTIME};
use crate::scripts::EXTENSION;

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
    let mut times = Vec::new();
    for (script, said) in [
        ("exit 0", "Runtime exited without providing a reason"),
        ("exit 7", "Runtime exited with error: exit status 7"),
        ("kill -SEGV $$", "Runtime exited with error: signal: segmentation fault"),
        ("exec /does/not/exist", "Runtime exited with error: exit status 127"),
    ] {
        let script = format!("date +%s%3N > /tmp/ended\n{script}");
        let environment = Environment::start(&Function::shell(&script));
        let call = environment.next();
        let heard = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(call.path(), format!("/status/{RUNTIME}/error"));
        let since = std::fs::read_to_string(environment.sandbox.path("/tmp/ended")).unwrap();
        times.push(heard.saturating_sub(Duration::from_millis(since.trim().parse().unwrap())));
        let error = call.text();
        call.accept();
        let error =
            error.strip_prefix(r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: "#).unwrap();
        let (id, error) = error.split_at(36);
        assert!(id.bytes().filter(|byte| *byte == b'-').count() == 4, "{id} is no id");
        assert_eq!(error, format!(r#" Error: {said}"}}"#));
        ended(environment);
    }
    // On a busy machine single ones are long.
    assert!(times.iter().min().unwrap() < &Duration::from_millis(100), "{times:?}");
}

#[test]
fn what_cannot_be_started_is_told() {
    let eleven = (0..11).fold(Function::shell("exit 1"), |function, number| {
        function.file(&format!("/opt/extensions/{number}"), 0o755, "#!/bin/sh\nsleep 60")
    });
    for (function, error_type) in [
        (Function::default(), "Runtime.InvalidEntrypoint"),
        (
            Function::default().file("/var/task/bootstrap", 0o755, "#!/no/such/shell\n"),
            "Runtime.InvalidEntrypoint",
        ),
        (Function::shell("exit 1").file("/opt/extensions/e", 0o644, "no program"), "Extension.LaunchError"),
        (Function::shell("exit 1").file("/opt/extensions/e", 0o755, "#!/bin/sh\nexit 3"), "Extension.Crash"),
        (eleven, "Extension.LaunchError"),
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
