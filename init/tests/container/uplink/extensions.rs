//! Extensions: when they are started, what they are told, and what becomes of everybody when they end.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lambdock_protocol::{Status, ToControlPlane};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::control_plane::{Environment, Function};
use crate::sandbox::{quickest, wait_until};

/// A runtime that answers each event with itself.
const ECHO: &str = "serve(lambda event: event.body)";

/// An extension that waits for events for ever.
fn idle(name: &str, events: &[&str]) -> String {
    let events: String = events.iter().map(|event| format!(", '{event}'")).collect();
    format!("me = register('{name}'{events})\nwhile True: next_extension_event(me)")
}

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

#[test]
fn all_are_started_before_the_runtime_which_waits_until_they_have_registered() {
    let late = format!("open('/tmp/late', 'w').close()\nwait_at('/tmp/gate')\n{}", idle("late", &["INVOKE"]));
    let early = format!("open('/tmp/early', 'w').close()\n{}", idle("early", &[]));
    let function = Function::python(&format!("open('/tmp/runtime', 'w').close()\n{ECHO}"));
    let mut environment = Environment::of(function.extension("late", &late).extension("early", &early));
    let there = |environment: &Environment, name: &str| environment.sandbox.path(name).exists();
    wait_until("both are there", || {
        (there(&environment, "/tmp/late") && there(&environment, "/tmp/early")).then_some(())
    });
    // Whoever is let through the gate has come to it, and no runtime was started until then.
    wait_until("one waits", || there(&environment, "/tmp/gate").then_some(()));
    assert!(!there(&environment, "/tmp/runtime"));
    environment.sandbox.release("/tmp/gate");
    assert_eq!(environment.initialized().0.status, Status::Success);
    assert_eq!(environment.invoke(b"1").succeeded(), b"1");
}

#[test]
fn an_extension_is_told_of_an_invocation_what_the_runtime_is() {
    let script =
        "me = register('e', 'INVOKE')\nwhile True: print('told ' + json.dumps(next_extension_event(me)))";
    let function = Function::python("serve(lambda event: event.headers['lambda-runtime-deadline-ms'])");
    let mut environment = Environment::ready(function.extension("e", script));
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let id = environment.begin_as(b"{}", |invoke| invoke.trace_id = Some(trace.into()));
    let outcome = environment.outcome(&id);
    let log = outcome.text();
    let told = log.lines().find_map(|line| line.strip_prefix("told ")).unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    let deadline: u64 = String::from_utf8(outcome.succeeded()).unwrap().parse().unwrap();
    let theirs = told[0]["deadlineMs"].as_u64().unwrap();
    assert!(deadline.abs_diff(theirs) <= 20, "{deadline} {theirs}");
    assert_eq!(
        told[0],
        json!({
            "eventType": "INVOKE", "deadlineMs": theirs, "requestId": id,
            "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "tracing": { "type": "X-Amzn-Trace-Id", "value": trace },
        })
    );
    assert_eq!(told[1]["content-type"], "application/json");
    assert_eq!(told[1]["lambda-extension-event-identifier"].as_str().unwrap().len(), 36);
}

#[test]
fn calls_out_of_turn_are_refused_in_awss_words() {
    let script = r#"
exec(open("/var/task/extension.py").read())
me = register("in", "INVOKE", more={"Lambda-Extension-Accept-Feature": "accountId"})
status, headers, body = ask("POST", "register", '{"events":[]}', {"Lambda-Extension-Name": "other"})
other = {"Lambda-Extension-Identifier": headers["lambda-extension-identifier"]}
name = lambda name: {"Lambda-Extension-Name": name}
id = lambda id: {"Lambda-Extension-Identifier": id}
said = [
    json.loads(body),
    refusal("POST", "register", '{"events":[]}', name("in")),
    refusal("POST", "register", '{"events":["SHUTDOWN"]}', name("x")),
    refusal("POST", "register", '{"events":["NONE"]}', name("x")),
    refusal("POST", "register", '{"events":[]}'),
    refusal("POST", "register", 'no json', name("x")),
    refusal("GET", "event/next"),
    refusal("GET", "event/next", headers=id("x")),
    refusal("GET", "event/next", headers=id("8b4d4d8c-0000-4000-8000-000000000000")),
    refusal("POST", "init/error", "{}", me),
    refusal("POST", "exit/error", "{}"),
]
for one in me, other: threading.Thread(target=ask, args=["GET", "event/next"], kwargs={"headers": one}).start()
def handler(event):
    return json.dumps(said + [refusal("POST", "register", '{"events":[]}', name("late"))])
serve(handler)
"#;
    let mut environment =
        Environment::of(Function::python(script).file("extension.py", 0o644, include_str!("extension.py")));
    environment.initialized();
    let id = environment.begin(b"{}");
    // Internal extensions that never ask again keep the invocation from its end, not its answer.
    let mut said = Vec::new();
    loop {
        match environment.next() {
            ToControlPlane::ResponseChunk(bytes) => said.extend_from_slice(&bytes),
            ToControlPlane::ResponseEnd(end, _) => {
                assert_eq!(end.request_id, id);
                break;
            }
            ToControlPlane::Failed(failed, payload) => panic!("{failed:?} {payload:?}"),
            _ => {}
        }
    }
    let said: Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(
        said,
        json!([
            { "functionName": "f", "functionVersion": "$LATEST", "handler": "module.handler" },
            [403, "Extension.InvalidExtensionState"],
            [403, "Extension.InvalidEventType"],
            [403, "Extension.InvalidEventType"],
            [403, "Extension.InvalidExtensionName"],
            [403, "InvalidRequestFormat"],
            [403, "Extension.MissingExtensionIdentifier"],
            [403, "Extension.InvalidExtensionIdentifier"],
            [403, "Extension.UnknownExtensionIdentifier"],
            [403, "Extension.MissingHeader"],
            [403, "Extension.MissingExtensionIdentifier"],
            [403, "Extension.RegistrationClosed"],
        ])
    );
}

#[test]
fn the_account_is_told_to_those_who_can_take_it() {
    let script = r#"
asked = ask("POST", "register", '{"events":[]}', {"Lambda-Extension-Name": "e", "Lambda-Extension-Accept-Feature": "accountId, x"})
print("told", asked[2].decode())
while True: next_extension_event({"Lambda-Extension-Identifier": asked[1]["lambda-extension-identifier"]})
"#;
    let mut environment = Environment::of(Function::python(ECHO).extension("e", script));
    let (_, _, log) = environment.initialized_with_log();
    let told = r#"told {"accountId":"000000000000","functionName":"f","functionVersion":"$LATEST","handler":"module.handler"}"#;
    assert!(log.contains(told), "{log}");
}

#[test]
fn an_extension_that_ends_ends_the_invocation_and_the_next_one_works() {
    for (how, said) in [
        ("os._exit(0)", "exit code 0"),
        ("os._exit(3)", "exit status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signal: killed"),
    ] {
        let script = format!(
            "me = register('e', 'INVOKE')\nwhile True:\n  event, _ = next_extension_event(me)\n  \
             if not os.path.exists('/tmp/once'):\n    open('/tmp/once', 'w').close()\n    {how}"
        );
        let runtime = "def handler(event):\n  if event.body == b'hang': signal.pause()\n  return event.body\nserve(handler)";
        let mut environment = Environment::ready(Function::python(runtime).extension("e", &script));
        let outcome = environment.invoke(b"hang");
        let id = &outcome.done().request_id;
        assert_eq!(outcome.error(), ("Extension.Crash".into(), format!("RequestId: {id} Error: {said}")));
        assert_eq!(environment.invoke(b"again").succeeded(), b"again");
    }
}

#[test]
fn an_extension_that_says_it_ends_ends_the_invocation_as_it_says() {
    let script = r#"
me = register("e", "INVOKE")
next_extension_event(me)
status, _, said = ask("POST", "exit/error", "{}", {**me, "Lambda-Extension-Function-Error-Type": "Extension.Mine"})
print("told", status, refusal("GET", "event/next", headers=me))
os._exit(1)
"#;
    let function = Function::python("next_event()\nsignal.pause()").extension("e", script);
    let outcome = Environment::ready(function).invoke(b"{}");
    assert_eq!(outcome.error().0, "Extension.ExitError");
    assert!(
        outcome.text().contains("told 202 [403, 'Extension.InvalidExtensionState']"),
        "{}",
        outcome.text()
    );
}

#[test]
fn when_all_end_the_runtime_is_asked_first_and_then_extensions_are_told() {
    let script = r#"
me = register("e", "SHUTDOWN")
event, headers = next_extension_event(me)
left = event.pop("deadlineMs") - time.time() * 1000
print("told", json.dumps(event), headers["content-type"], len(headers["lambda-extension-event-identifier"]), 0 < left <= 2000)
"#;
    let runtime = r#"
def end(*_):
    print("asked")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
serve(lambda event: "served")
"#;
    let mut environment = Environment::ready(Function::python(runtime).extension("e", script));
    environment.invoke(b"{}").succeeded();
    environment.sandbox.signal(Signal::SIGTERM);
    let log = rest(&mut environment);
    let told = r#"told {"eventType": "SHUTDOWN", "shutdownReason": "spindown"} application/json 36 True"#;
    assert_eq!(log.lines().collect::<Vec<_>>(), ["asked", told]);
    assert_eq!(environment.sandbox.wait().code(), Some(0));
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
fn who_hangs_at_the_end_has_its_time_and_no_more() {
    let hanging = "signal.signal(signal.SIGTERM, signal.SIG_IGN)";
    let deaf = format!(
        "{hanging}\nme = register('e', 'SHUTDOWN')\nnext_extension_event(me)\nprint(int(time.time() * 1000))\nsignal.pause()"
    );
    let indifferent =
        format!("{hanging}\nme = register('e', 'INVOKE')\nwhile True: next_extension_event(me)");
    let runtime = format!("{hanging}\n{ECHO}");
    for (extension, least, most) in
        [(Some(&deaf), 1900, 2100), (Some(&indifferent), 290, 450), (None, 0, 100)]
    {
        let mut told = Vec::new();
        let took = quickest(|| {
            let function = Function::python(&runtime);
            let function = match extension {
                Some(script) => function.extension("e", script),
                None => function,
            };
            let mut environment = Environment::ready(function);
            environment.invoke(b"1").succeeded();
            let (since, asked) = (Instant::now(), SystemTime::now());
            environment.sandbox.signal(Signal::SIGTERM);
            if let Some(heard) = rest(&mut environment).lines().find_map(|line| line.parse().ok()) {
                let heard = SystemTime::UNIX_EPOCH + Duration::from_millis(heard);
                told.push(heard.duration_since(asked).unwrap_or_default());
            }
            assert_eq!(environment.sandbox.wait().code(), Some(0));
            let took = since.elapsed();
            assert!(took >= Duration::from_millis(least), "{took:?}");
            took
        });
        assert!(took < Duration::from_millis(most), "{took:?}");
        // The runtime's share of the time is over by then.
        let told = told.into_iter().min().unwrap_or_default();
        assert!(told < Duration::from_millis(400), "{told:?}");
    }
}

#[test]
fn a_second_signal_changes_nothing() {
    let script = r#"
me = register("e", "SHUTDOWN")
next_extension_event(me)
print("told")
wait_at("/tmp/gate")
print("finished")
"#;
    let mut environment = Environment::ready(Function::python(ECHO).extension("e", script));
    environment.sandbox.signal(Signal::SIGTERM);
    let gate = environment.sandbox.path("/tmp/gate");
    wait_until("the extension is at the gate", || gate.exists().then_some(()));
    environment.sandbox.signal(Signal::SIGTERM);
    environment.sandbox.signal(Signal::SIGINT);
    environment.sandbox.release("/tmp/gate");
    assert_eq!(rest(&mut environment), "told\nfinished\n");
    assert_eq!(environment.sandbox.wait().code(), Some(0));
}

#[test]
fn bodies_beyond_a_megabyte_are_refused_and_the_connection_goes_on() {
    let script = r#"
me = register("e")
def put(path, size, **how):
    other = http.client.HTTPConnection(HOST, PORT)
    answers = []
    for body, more in [(b" " * size, how), (b"no", {})]:
        method = "POST" if path.endswith("register") else "PUT"
        other.request(method, path, body if not more else iter([body]), {"Lambda-Extension-Name": "x", **me}, **more)
        answer = other.getresponse()
        answers.append([answer.status, json.loads(answer.read())])
    return answers
large = (1 << 20) + 1
for path in EXTENSIONS + "register", "/2022-07-01/telemetry", "/2020-08-15/logs":
    print("told", json.dumps([put(path, large), put(path, large, encode_chunked=True), put(path, large - 1)]))
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

#[test]
fn an_extension_has_none_of_the_runtimes_variables() {
    let script = "print('told ' + json.dumps(dict(os.environ)))\n".to_owned() + &idle("e", &[]);
    let function = Function::python(ECHO).extension("e", &script).assigned(|assignment| {
        for name in ["AWS_EXECUTION_ENV", "AWS_XRAY_CONTEXT_MISSING", "_AWS_XRAY_DAEMON_PORT", "MINE"] {
            assignment.environment.insert(name.into(), "x".into());
        }
    });
    let (_, _, log) = Environment::of(function).initialized_with_log();
    let told = log.lines().find_map(|line| line.strip_prefix("told ")).unwrap();
    let variables: Value = serde_json::from_str(told).unwrap();
    let names: Vec<&String> = variables.as_object().unwrap().keys().collect();
    let theirs = [
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    ];
    assert!(!names.iter().any(|name| name.starts_with('_') || theirs.contains(&name.as_str())), "{names:?}");
    assert_eq!(
        (&variables["MINE"], &variables["AWS_LAMBDA_RUNTIME_API"]),
        (&json!("x"), &json!("127.0.0.1:9001"))
    );
}

#[test]
fn there_are_none_if_they_are_turned_off() {
    let script = r#"
exec(open("/var/task/extension.py").read())
def put(path):
    connection.request("PUT", path, "{}")
    answer = connection.getresponse()
    return [answer.status, json.loads(answer.read())]
def handler(event):
    register = ask("POST", "register", "{}", {"Lambda-Extension-Name": "x"})[0]
    return json.dumps([register, os.path.exists("/tmp/e"), put("/2022-07-01/telemetry"), put("/2020-08-15/logs")])
serve(handler)
"#;
    let function = Function::python(script)
        .file("extension.py", 0o644, include_str!("extension.py"))
        .extension("e", "open('/tmp/e', 'w').close()")
        .at("/opt/disable-extensions-jwigqn8j", 0o644, "");
    let told: Value =
        serde_json::from_slice(&Environment::ready(function).invoke(b"{}").succeeded()).unwrap();
    let stub = |api: &str, error_type: &str| json!([202, { "errorMessage": format!("{api} API is not supported"), "errorType": error_type }]);
    let (telemetry, logs) = (stub("Telemetry", "Telemetry.NotSupported"), stub("Logs", "Logs.NotSupported"));
    assert_eq!(told, json!([404, false, telemetry, logs]));
}

#[test]
fn eleven_are_too_many_and_none_is_started() {
    let function = (0..11).fold(Function::python(ECHO), |function, number| {
        function.extension(&format!("e{number}"), "open('/tmp/started', 'w').close()")
    });
    let mut environment = Environment::of(function);
    assert_eq!(environment.initialized().0.error_type.as_deref(), Some("Extension.LaunchError"));
    assert!(!environment.sandbox.path("/tmp/started").exists());
}
