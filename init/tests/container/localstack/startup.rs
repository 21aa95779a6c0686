//! Variables, code, user, command.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::localstack::peer::{Environment, Function, RUNTIME};
use crate::sandbox::{takes_less_than, wait_until};

/// Answers with what the expression says of each event.
fn telling(expression: &str) -> Function {
    Function::python(&format!("import json\nserve(lambda event: json.dumps({expression}))"))
}

fn told(environment: &Environment) -> Value {
    serde_json::from_str(&environment.invoke("{}").succeeded()).unwrap()
}

#[test]
fn a_missing_variable_is_named_on_one_line() {
    for name in [
        "LOCALSTACK_RUNTIME_ENDPOINT",
        "LOCALSTACK_RUNTIME_ID",
        "AWS_REGION",
        "AWS_LAMBDA_FUNCTION_TIMEOUT",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    ] {
        let mut environment = Environment::start(&telling("1").variable(name, ""));
        assert_eq!(environment.sandbox.wait().code(), Some(1), "{name}");
        let said = environment.sandbox.stderr();
        assert!(said.lines().count() == 1 && said.contains(name), "{said}");
    }
}

#[test]
fn a_wrong_variable_is_the_end() {
    for (name, value) in [
        ("LOCALSTACK_INIT_LOG_LEVEL", "bogus"),
        ("LOCALSTACK_MAX_PAYLOAD_SIZE", "abc"),
        ("LOCALSTACK_CODE_ARCHIVES", "nojson"),
        ("LOCALSTACK_RUNTIME_ENDPOINT", "nowhere"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "3.5"),
    ] {
        let mut environment = Environment::start(&telling("1").variable(name, value));
        assert_eq!(environment.sandbox.wait().code(), Some(1), "{name}");
        let said = environment.sandbox.stderr();
        assert!(said.lines().count() == 1 && said.contains(&format!("{name}={value:?}")), "{said}");
    }
}

#[test]
fn wrong_modes_are_only_worth_a_warning() {
    let environment = Environment::ready(&telling("1").variable("LOCALSTACK_CHMOD_PATHS", "nojson"));
    assert!(environment.sandbox.stderr().contains(r#"LOCALSTACK_CHMOD_PATHS="nojson""#));
}

#[test]
fn ready_is_said_once_and_to_the_letter() {
    let environment = Environment::start(&telling("1"));
    let call = environment.next();
    assert_eq!(call.line, format!("POST /_localstack_lambda/the-executor/status/{RUNTIME}/ready HTTP/1.1"));
    let host = call.headers.iter().find(|header| header.starts_with("host: ")).unwrap().clone();
    assert_eq!(call.headers, ["content-length: 0", "content-type: application/json", &host]);
    assert!(host.starts_with("host: 127.0.0.1:") && call.body.is_empty());
    call.accept();
    assert_eq!(environment.invoke("{}").succeeded(), "1");
    assert_eq!(environment.invoke("{}").succeeded(), "1");
}

#[test]
fn ready_is_said_again_until_somebody_answers() {
    let environment = Environment::start(&telling("1"));
    environment.next().hang_up();
    environment.next().answer("503 Service Unavailable", b"starting");
    environment.gets_ready();
    assert_eq!(environment.invoke("{}").succeeded(), "1");
}

#[test]
fn if_nobody_can_be_told_that_it_is_ready_the_container_ends() {
    let since = Instant::now();
    let mut environment = Environment::abandoned(&telling("1"));
    assert_eq!(environment.sandbox.wait().code(), Some(1));
    assert!(since.elapsed() > Duration::from_secs(5));
    assert!(environment.sandbox.stderr().contains("cannot be told that the environment is ready"));
}

#[test]
fn a_port_that_is_taken_is_the_end() {
    // The control port is bound before the Runtime API's.
    let mut environment = Environment::start(&telling("1").variable("LOCALSTACK_INTEROP_PORT", "9001"));
    assert_eq!(environment.sandbox.wait().code(), Some(1));
    assert!(environment.sandbox.stderr().contains("cannot listen on 127.0.0.1:9001"));
}

#[test]
fn the_bootstrap_is_started_within_milliseconds() {
    takes_less_than(Duration::from_millis(10), || {
        // The shell knows the time without starting anything.
        let script = "#!/bin/bash\necho $EPOCHREALTIME > /tmp/.began\nmv /tmp/.began /tmp/began\n";
        let environment = Environment::start(&Function::default().file("/var/task/bootstrap", 0o755, script));
        let began = environment.sandbox.path("/tmp/began");
        let began: f64 =
            wait_until("it has begun", || fs::read_to_string(&began).ok()).trim().parse().unwrap();
        Duration::from_secs_f64(began - environment.sandbox.began())
    });
}

#[test]
fn the_first_bootstrap_counts() {
    let places = ["/var/task/bootstrap", "/opt/bootstrap", "/var/runtime/bootstrap"];
    for missing in 0..places.len() {
        let function = places[missing..].iter().fold(Function::default(), |function, place| {
            function.python_at(place, &format!("serve(lambda event: '{place}')"))
        });
        assert_eq!(Environment::ready(&function).invoke("{}").succeeded(), places[missing]);
    }
}

#[test]
fn a_bootstrap_that_nobody_may_execute_becomes_executable() {
    let mut function = telling("1");
    function.files[0].1 = 0o644;
    let environment = Environment::ready(&function);
    let mode = fs::metadata(environment.sandbox.path("/var/task/bootstrap")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn arguments_are_the_command_and_the_last_is_the_handler() {
    let script = "import json\nserve(lambda event: json.dumps([sys.argv[1:], os.environ.get('_HANDLER'), os.getcwd()]))";
    let function = || {
        let arguments = ["/var/task/prog", "foo", "my.handler"];
        Function::default().python_at("/var/task/prog", script).arguments(&arguments)
    };
    let environment = Environment::ready(&function().variable("_HANDLER", ""));
    assert_eq!(told(&environment), json!([["foo", "my.handler"], "my.handler", "/srv"]));
    let mut function = function();
    function.files[0].1 = 0o644;
    let environment = Environment::ready(&function.variable("_HANDLER", "a.b"));
    assert_eq!(told(&environment), json!([["foo", "my.handler"], "a.b", "/srv"]));
}

#[test]
fn extensions_run_in_the_inits_own_folder() {
    let script = "print('in', os.getcwd())\nme = register('e')\nwhile True: next_extension_event(me)";
    let logs = Environment::ready(&telling("1").extension("e", script)).invoke("{}").logs;
    assert!(logs.starts_with("in /srv\n"), "{logs}");
}

#[test]
fn the_runtime_is_lambdas_user_alone() {
    let environment = Environment::ready(&telling("[os.getuid(), os.getgid(), os.getgroups(), os.getcwd()]"));
    assert_eq!(told(&environment), json!([993, 990, [], "/var/task"]));
    let tmp = fs::metadata(environment.sandbox.path("/tmp")).unwrap();
    assert_eq!((tmp.uid(), tmp.gid(), tmp.mode() & 0o7777), (993, 990, 0o700));
    let users = fs::read_to_string(environment.sandbox.path("/etc/passwd")).unwrap();
    assert!(users.ends_with("\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"), "{users}");
}

#[test]
fn the_runtime_stays_root_if_it_is_to() {
    let environment = Environment::ready(&telling("os.getuid()").variable("LOCALSTACK_USER", "root"));
    assert_eq!(told(&environment), json!(0));
}

#[test]
fn the_runtimes_variables_are_lambdas() {
    let environment = Environment::ready(&telling("dict(os.environ)").variable("MINE", "1"));
    let variables = told(&environment);
    for absent in [
        "LOCALSTACK_RUNTIME_ENDPOINT",
        "LOCALSTACK_RUNTIME_ID",
        "LOCALSTACK_INTEROP_PORT",
        "LOCALSTACK_RUNTIME_TRACING_PORT",
        "LOCALSTACK_USER",
        "LOCALSTACK_CODE_ARCHIVES",
        "LOCALSTACK_HOT_RELOADING_PATHS",
        "LOCALSTACK_ENABLE_XRAY_TELEMETRY",
        "LOCALSTACK_INIT_LOG_LEVEL",
        "LOCALSTACK_POST_INVOKE_WAIT_MS",
        "LOCALSTACK_FUNCTION_ACCOUNT_ID",
        "LOCALSTACK_MAX_PAYLOAD_SIZE",
        "LOCALSTACK_CHMOD_PATHS",
        "HOSTNAME",
        "HOME",
    ] {
        assert!(variables.get(absent).is_none(), "{absent}");
    }
    for (name, value) in [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "30"),
        ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-central-1"),
        ("LOCALSTACK_HOSTNAME", "127.0.0.1"),
        ("TZ", ":UTC"),
        ("MINE", "1"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
}

fn archive(function: &Function) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, mode, content) in &function.files {
        let path = path.strip_prefix("/var/task/").unwrap();
        zip.start_file(path, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Has its code fetched from LocalStack.
fn fetching() -> Function {
    Function::default().variable(
        "LOCALSTACK_CODE_ARCHIVES",
        r#"[{"url":"http://127.0.0.1:EDGE/code?x=1","target_path":"/var/task"}]"#,
    )
}

#[test]
fn code_is_fetched_and_unpacked() {
    let environment = Environment::start(&fetching());
    let call = environment.next();
    assert_eq!(call.line, "GET /code?x=1 HTTP/1.1");
    call.answer("200 OK", &archive(&telling("'fetched'")));
    environment.gets_ready();
    assert_eq!(environment.invoke("{}").succeeded(), r#""fetched""#);
}

#[test]
fn code_that_is_not_there_is_the_end() {
    let zip = archive(&telling("1"));
    for (status, body, said) in [
        ("404 NOT FOUND", &zip[..], "answered 404 Not Found"),
        ("200 OK", b"no zip", "the code archive is damaged"),
    ] {
        let mut environment = Environment::start(&fetching());
        environment.next().answer(status, body);
        let error = environment.is_of_no_use();
        assert!(error.starts_with(r#"{"errorType":"Sandbox.Failure","#) && error.contains(said), "{error}");
        assert_eq!(environment.sandbox.wait().code(), Some(1));
    }
}

#[test]
fn an_unknown_way_of_watching_is_the_end() {
    let function = telling("1").variable("LOCALSTACK_HOT_RELOADING_PATHS", "/var/task");
    let mut environment = Environment::start(&function.variable("LOCALSTACK_FILE_WATCHER_STRATEGY", "magic"));
    assert!(environment.is_of_no_use().contains("LOCALSTACK_FILE_WATCHER_STRATEGY"));
    assert_eq!(environment.sandbox.wait().code(), Some(1));
}
