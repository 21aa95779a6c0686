//! From the start of the init to the first invocation.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use lambdock_protocol::{Status, ToAgent, ToControlPlane};
use nix::sys::signal::Signal;

use crate::uplink::control_plane::{Environment, Function};

#[test]
fn an_init_error_is_passed_on_byte_by_byte_and_again_by_the_first_invocation() {
    let mut environment = Environment::of(Function::python(
        r#"
print("importing")
call("POST", "init/error", '{"errorMessage":"no module","errorType":"Runtime.ImportModuleError","requestId":""}',
    {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"})
sys.exit(1)
"#,
    ));
    let (initialized, payload, log) = environment.initialized_with_log();
    let expected = r#"{"errorMessage":"no module","errorType":"Runtime.ImportModuleError","requestId":""}"#;
    assert_eq!(initialized.status, Status::Error);
    assert_eq!(
        (initialized.error_type.as_deref(), payload.as_str()),
        (Some("Runtime.ImportModuleError"), expected)
    );
    assert!(log.starts_with("INIT_START Runtime Version: python:3.x\tRuntime Version ARN: arn\nimporting\nINIT_REPORT Init Duration: "), "{log}");
    assert!(
        log.ends_with(" ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n"),
        "{log}"
    );

    let outcome = environment.invoke(b"{}");
    assert_eq!(outcome.failed, Some(("Runtime.ImportModuleError".into(), expected.into())));
    // What the suppressed init wrote comes before its invocation begins.
    let before = String::from_utf8(outcome.before.clone()).unwrap();
    assert!(before.starts_with("importing\nINIT_REPORT Init Duration: "), "{before}");
    assert!(before.contains("\tPhase: invoke\tStatus: error"), "{before}");
    assert!(outcome.text().starts_with("START RequestId: "));
    assert_eq!(outcome.done().init_us, None);
}

#[test]
fn a_runtime_that_stays_after_its_init_error_is_killed() {
    let mut environment = Environment::of(Function::python(
        r#"
call("POST", "init/error", '{"errorMessage":"m","errorType":"E"}', {"Lambda-Runtime-Function-Error-Type": "Runtime.Mine"})
signal.pause()
"#,
    ));
    let (initialized, _) = environment.initialized();
    assert_eq!(initialized.error_type.as_deref(), Some("Runtime.Mine"));
    assert!(environment.sandbox.others().is_empty());
}

#[test]
fn an_exit_during_init_says_how() {
    for (script, said) in [
        ("exit 0", "Runtime exited without providing a reason"),
        ("exit 7", "Runtime exited with error: exit status 7"),
        ("kill -SEGV $$", "Runtime exited with error: signal: segmentation fault"),
        ("exec /does/not/exist 2> /dev/null", "Runtime exited with error: exit status 127"),
    ] {
        let mut environment = Environment::of(Function::shell(script));
        let (initialized, payload) = environment.initialized();
        assert_eq!(initialized.error_type.as_deref(), Some("Runtime.ExitError"));
        assert_eq!(
            payload,
            format!(
                r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: environment-1 Error: {said}"}}"#
            )
        );
        let outcome = environment.invoke(b"{}");
        let id = &outcome.done().request_id;
        assert_eq!(outcome.error(), ("Runtime.ExitError".into(), format!("RequestId: {id} Error: {said}")));
    }
}

#[test]
fn what_cannot_be_started_is_an_invalid_entrypoint_every_time() {
    let nothing = Function::empty();
    let no_interpreter = Function::empty().file("bootstrap", 0o755, "#!/no/such/interpreter\n");
    let given = Function::empty().assigned(|assignment| assignment.command = Some(vec!["/no/such".into()]));
    for function in [nothing, no_interpreter, given] {
        let mut environment = Environment::of(function);
        let (initialized, payload) = environment.initialized();
        assert_eq!(initialized.error_type.as_deref(), Some("Runtime.InvalidEntrypoint"), "{payload}");
        let outcome = environment.invoke(b"{}");
        let (error_type, message) = outcome.error();
        assert_eq!(error_type, "Runtime.InvalidEntrypoint");
        // [AWS: as recorded]
        let told = format!("Version: $LATEST\n{message}\nRuntime.InvalidEntrypoint\nEND ");
        assert!(outcome.text().contains(&told), "{}", outcome.text());
        assert!(
            message.contains(" Error: fork/exec /") && message.ends_with(": no such file or directory"),
            "{message}"
        );
    }
    let nowhere =
        Function::shell("").assigned(|assignment| assignment.working_directory = Some("/no/such".into()));
    let mut environment = Environment::of(nowhere);
    assert_eq!(environment.initialized().0.error_type.as_deref(), Some("Runtime.InvalidWorkingDir"));
    assert_eq!(environment.invoke(b"{}").error().0, "Runtime.InvalidWorkingDir");
}

#[test]
fn a_bootstrap_that_nobody_may_execute_is_made_executable() {
    let function = Function::empty().file("task.zip", 0o644, "").file("unused", 0o644, "");
    let layer = |environment: &mut Environment| environment.initialized();
    let script = "#!/bin/sh\nexit 5\n";
    let mut environment = Environment::of(function.file("bootstrap", 0o644, script));
    assert_eq!(layer(&mut environment).0.error_type.as_deref(), Some("Runtime.ExitError"));
    let metadata = fs::metadata(environment.sandbox.path("/var/task/bootstrap")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o755);
}

#[test]
fn a_slow_init_is_stopped_and_run_again_in_the_first_invocation() {
    let mut environment = Environment::of(
        Function::python(
            r#"
if not os.path.exists("/tmp/second"):
    open("/tmp/second", "w").close()
    print("too slow")
    signal.pause()
serve(lambda event: "served")
"#,
        )
        .assigned(|assignment| assignment.init_timeout_ms = Some(1500)),
    );
    let (initialized, _, log) = environment.initialized_with_log();
    assert_eq!(initialized.status, Status::Timeout);
    assert!((1_500_000..2_500_000).contains(&initialized.duration_us), "{initialized:?}");
    assert!(log.contains("\ntoo slow\nINIT_REPORT Init Duration: 15"), "{log}");
    assert!(log.ends_with(" ms\tPhase: init\tStatus: timeout\n"), "{log}");
    assert!(environment.sandbox.others().is_empty());
    let outcome = environment.invoke(b"{}");
    assert_eq!(outcome.done().init_us, None);
    assert_eq!(outcome.succeeded(), b"served");
}

#[test]
fn without_a_limit_init_takes_as_long_as_it_takes() {
    let mut environment = Environment::of(
        Function::python("wait_at('/tmp/gate')\nserve(lambda event: 'served')")
            .assigned(|assignment| assignment.init_timeout_ms = None),
    );
    environment.sandbox.release("/tmp/gate");
    assert_eq!(environment.initialized().0.status, Status::Success);
    assert_eq!(environment.invoke(b"{}").succeeded(), b"served");
}

#[test]
fn the_first_report_tells_of_init_and_no_other() {
    let mut environment = Environment::of(Function::python("serve(lambda event: 'served')"));
    let (initialized, _) = environment.initialized();
    let first = environment.invoke(b"{}");
    assert_eq!(first.done().init_us, Some(initialized.duration_us));
    let duration = first.done().duration_us;
    assert_eq!(first.done().billed_ms, (duration + initialized.duration_us).div_ceil(1000));
    assert!(first.text().contains("\tInit Duration: "), "{}", first.text());
    let second = environment.invoke(b"{}");
    assert_eq!(second.done().init_us, None);
    assert_eq!(second.done().billed_ms, second.done().duration_us.div_ceil(1000));
    assert!(!second.text().contains("Init Duration"));
}

#[test]
fn the_runtime_is_nobody_special_and_sees_what_it_should() {
    let script = r#"
fds = [fd for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)]
about = {
    "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid()], "groups": os.getgroups(),
    "environment": dict(os.environ), "folder": os.getcwd(), "arguments": sys.argv,
    "descriptors": sorted(fds, key=int), "input": os.readlink("/proc/self/fd/0"),
    "leader": os.getpgid(0) == os.getpid(),
}
import json
serve(lambda event: json.dumps(about))
"#;
    let removed = [
        "LOCALSTACK_RUNTIME_ENDPOINT",
        "LOCALSTACK_RUNTIME_ID",
        "LOCALSTACK_INTEROP_PORT",
        "LOCALSTACK_RUNTIME_TRACING_PORT",
        "LOCALSTACK_CODE_ARCHIVES",
        "LOCALSTACK_HOT_RELOADING_PATHS",
        "LOCALSTACK_ENABLE_XRAY_TELEMETRY",
        "LOCALSTACK_POST_INVOKE_WAIT_MS",
        "LOCALSTACK_FUNCTION_ACCOUNT_ID",
        "LOCALSTACK_MAX_PAYLOAD_SIZE",
        "LOCALSTACK_CHMOD_PATHS",
        "HOSTNAME",
        "HOME",
    ];
    let function =
        removed.iter().fold(Function::python(script), |function, name| function.variable(name, "x"));
    let function = function.variable("LOCALSTACK_USER", "sbx_user1051");
    let function = function.variable("LOCALSTACK_HOSTNAME", "kept").assigned(|assignment| {
        assignment.environment.insert("TZ".into(), ":UTC".into());
        assignment.environment.insert("MINE".into(), "käse".into());
    });
    let mut environment = Environment::ready(function);
    let about: serde_json::Value = serde_json::from_slice(&environment.invoke(b"{}").succeeded()).unwrap();
    assert_eq!(about["ids"], serde_json::json!([993, 993, 990, 990]));
    assert_eq!(about["groups"], serde_json::json!([]));
    assert_eq!((&about["folder"], &about["input"]), (&"/var/task".into(), &"/dev/null".into()));
    assert_eq!(about["arguments"], serde_json::json!(["/var/task/bootstrap"]));
    // Besides the usual ones it has the pipe that its logger may write into.
    let logger = about["environment"]["_LAMBDA_TELEMETRY_LOG_FD"].clone();
    assert_eq!(about["descriptors"], serde_json::json!(["0", "1", "2", logger]));
    assert_eq!(about["leader"], true);
    let variables = about["environment"].as_object().unwrap();
    for name in removed.iter().chain(&["LOCALSTACK_INIT_LOG_LEVEL", "LOCALSTACK_USER"]) {
        assert!(!variables.contains_key(*name), "{name}");
    }
    assert!(
        !variables.keys().any(|name| name.starts_with("LAMBDOCK_") || name.starts_with("AWS_CONTAINER_"))
    );
    for (name, value) in [
        ("LOCALSTACK_HOSTNAME", "kept"),
        ("MINE", "käse"),
        ("TZ", ":UTC"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("_HANDLER", "module.handler"),
    ] {
        assert_eq!(variables.get(name), Some(&value.into()), "{name}");
    }

    let passwd = fs::read_to_string(environment.sandbox.path("/etc/passwd")).unwrap();
    assert!(passwd.ends_with("\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"), "{passwd}");
    let tmp = fs::metadata(environment.sandbox.path("/tmp")).unwrap();
    assert_eq!((tmp.uid(), tmp.gid()), (993, 990));
}

#[test]
fn a_function_of_root_stays_root() {
    let script = "serve(lambda event: str(os.getuid()))";
    let function = Function::python(script).assigned(|assignment| assignment.user = Some("root".into()));
    assert_eq!(Environment::ready(function).invoke(b"{}").succeeded(), b"0");
}

#[test]
fn the_container_can_say_who_functions_run_as() {
    for (variable, uid) in [("LOCALSTACK_USER", "0"), ("LAMBDA_INIT_USER", "0"), ("SOMEBODY", "993")] {
        let function = Function::python("serve(lambda event: str(os.getuid()))").variable(variable, "root");
        let mut environment = Environment::ready(function);
        assert_eq!(environment.invoke(b"{}").succeeded(), uid.as_bytes(), "{variable}");
    }
    // What the control plane says goes before that, and what the function says before both.
    let function = Function::python("serve(lambda event: str(os.getuid()))")
        .variable("LOCALSTACK_USER", "root")
        .assigned(|assignment| assignment.user = Some("sbx_user1051".into()));
    assert_eq!(Environment::ready(function).invoke(b"{}").succeeded(), b"993");
    let function = Function::python("serve(lambda event: str(os.getuid()))").assigned(|assignment| {
        assignment.user = Some("sbx_user1051".into());
        assignment.environment.insert("LOCALSTACK_USER".into(), "root".into());
    });
    assert_eq!(Environment::ready(function).invoke(b"{}").succeeded(), b"0");
}

#[test]
fn a_functions_own_variables_reach_it_whatever_they_are_called() {
    let names = ["HOME", "HOSTNAME", "LAMBDOCK_STAGE", "LAMBDOCK_SECRET"];
    let script = format!("serve(lambda event: ' '.join(os.environ[name] for name in {names:?}))");
    let function = Function::python(&script).variable("HOME", "/root").variable("HOSTNAME", "container");
    let function = function.assigned(|assignment| {
        for name in names {
            assignment.environment.insert(name.into(), format!("my-{name}"));
        }
    });
    let told = Environment::ready(function).invoke(b"{}").succeeded();
    assert_eq!(String::from_utf8(told).unwrap(), names.map(|name| format!("my-{name}")).join(" "));
}

#[test]
fn variables_that_are_no_text_end_nobody() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(b"\xff\xfe".to_vec());
    let function = Function::python("serve(lambda event: os.environ.get('PLAIN'))");
    let function = function.variable("PLAIN", "text").raw_variable("ODD", &odd);
    assert_eq!(Environment::ready(function).invoke(b"{}").succeeded(), b"text");
}

#[test]
fn an_archive_that_is_damaged_is_told_and_ends_the_init() {
    let mut environment = Environment::greeted(Function::empty());
    let ToControlPlane::FetchArchive { .. } = environment.next() else { panic!("no code is fetched") };
    environment.send(&ToAgent::ArchiveChunk { bytes: "no zip".into(), last: false });
    environment.send(&ToAgent::ArchiveChunk { bytes: bytes::Bytes::new(), last: true });
    let ToControlPlane::Unusable { reason } = environment.next() else { panic!("it is usable") };
    assert!(reason.contains("damaged"), "{reason}");
    assert_eq!(environment.sandbox.wait().code(), Some(1));
}

#[test]
fn an_init_that_is_asked_to_end_does_not_finish_its_beginning_first() {
    let of_code = Function::python("serve(lambda event: event.body)");
    let (mut waiting, _stream) = Environment::dialling();
    let mut fetching = Environment::greeted(of_code);
    assert!(matches!(fetching.next(), ToControlPlane::FetchArchive { .. }));
    fetching.send(&ToAgent::ArchiveChunk { bytes: vec![b'P'; 1000].into(), last: false });
    for sandbox in [&mut waiting, &mut fetching.sandbox] {
        let since = Instant::now();
        sandbox.signal(Signal::SIGTERM);
        assert_eq!(sandbox.wait().code(), Some(0));
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    }
}
