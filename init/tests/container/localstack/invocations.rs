//! Invocations, one at a time and several.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::localstack::peer::{Environment, Function, PAYLOAD_LIMIT};

/// Time within which nothing must happen.
const A_WHILE: Duration = Duration::from_millis(300);

#[test]
fn an_invocation_is_acknowledged_before_it_has_a_result() {
    let environment = Environment::ready(&Function::python(
        r#"
def handler(event):
    wait_at("/tmp/gate")
    return event.body
serve(handler)
"#,
    ));
    let id = environment.begin(r#"{"a":"é"}"#);
    assert!(environment.soon(A_WHILE).is_none());
    environment.sandbox.release("/tmp/gate");
    assert_eq!(environment.outcome(&id).succeeded(), r#"{"a":"é"}"#);
}

#[test]
fn the_event_comes_with_everything_that_was_given() {
    let environment =
        Environment::ready(&Function::python("import json\nserve(lambda event: json.dumps(event.headers))"));
    let more = json!({
        "client-context": "eyJjdXN0b20iOnsiYSI6MX19",
        "cognito-identity": { "cognitoIdentityId": "i", "cognitoIdentityPoolId": "p" },
        "tenant-id": "t",
        "content-type": "text/plain",
        "something-new": [1],
    });
    let now_ms = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let before = now_ms();
    let id = environment.begin_with("{}", more);
    let after = now_ms();
    let told: Value = serde_json::from_str(&environment.outcome(&id).succeeded()).unwrap();
    for (name, value) in [
        ("aws-request-id", id.as_str()),
        ("invoked-function-arn", "arn:aws:lambda:eu-central-1:111111111111:function:f"),
        ("trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"),
        ("client-context", r#"{"custom":{"a":1}}"#),
        ("cognito-identity", r#"{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}"#),
        ("aws-tenant-id", "t"),
    ] {
        assert_eq!(told[format!("lambda-runtime-{name}")], value, "{name}");
    }
    assert_eq!(told["content-type"], "text/plain");
    let deadline: u64 = told["lambda-runtime-deadline-ms"].as_str().unwrap().parse().unwrap();
    assert!((before + 30_000..=after + 30_050).contains(&deadline), "{before} {deadline} {after}");
}

#[test]
fn results_are_json_whatever_the_runtime_calls_them() {
    // LocalStack does not find the body of what calls itself a form, which curl does of everything.
    let environment = Environment::ready(&Function::python(
        "event = next_event()\nrespond(event, 'x', {'Content-Type': 'application/x-www-form-urlencoded'})\nnext_event()",
    ));
    let id = environment.begin("{}");
    environment.next().accept();
    let call = environment.next();
    assert_eq!(
        call.line,
        format!("POST /_localstack_lambda/the-executor/invocations/{id}/response HTTP/1.1")
    );
    assert_eq!(call.headers[..2], ["content-length: 1", "content-type: application/json"]);
    call.accept();
}

#[test]
fn a_second_invocation_waits_for_the_first() {
    let environment = Environment::ready(&Function::python(
        r#"
def handler(event):
    if event.body == b"first":
        wait_at("/tmp/gate")
    print("in", event.body.decode())
    return event.body
serve(handler)
"#,
    ));
    let first = environment.begin("first");
    let second = environment.begin("second");
    environment.sandbox.release("/tmp/gate");
    let outcome = environment.outcome(&first);
    assert!(outcome.logs.contains("in first\n") && !outcome.logs.contains("in second"), "{}", outcome.logs);
    assert_eq!(outcome.succeeded(), "first");
    let outcome = environment.outcome(&second);
    assert!(outcome.logs.contains("in second\n") && !outcome.logs.contains("in first"), "{}", outcome.logs);
    assert_eq!(outcome.succeeded(), "second");
}

#[test]
fn an_invocation_during_the_init_phase_waits_for_its_end() {
    let environment =
        Environment::start(&Function::python("wait_at('/tmp/gate')\nserve(lambda event: event.body)"));
    let id = environment.begin("early");
    assert!(environment.soon(A_WHILE).is_none());
    environment.sandbox.release("/tmp/gate");
    environment.gets_ready();
    assert_eq!(environment.outcome(&id).succeeded(), "early");
}

#[test]
fn a_crowd_is_refused_when_there_is_no_room_and_the_rest_is_served() {
    let environment = Environment::ready(&Function::python(
        r#"
def handler(event):
    if event.body == b"0":
        wait_at("/tmp/gate")
    return event.body
serve(handler)
"#,
    ));
    let mut taken = Vec::new();
    let refused = (0..100).find_map(|number| {
        let id = format!("crowd-{number}");
        let body = json!({ "invoke-id": id, "payload": number.to_string() }).to_string();
        let (status, answer) = environment.request("POST /invoke", body.as_bytes());
        if status == "200 OK" {
            taken.push((id, number.to_string()));
            return None;
        }
        Some((status, answer))
    });
    let (status, answer) = refused.unwrap();
    assert_eq!(status, "429 Too Many Requests");
    assert!(answer.contains(r#""errorType":"TooManyRequests""#), "{answer}");
    assert!(taken.len() > 2);
    environment.sandbox.release("/tmp/gate");
    for (id, payload) in taken {
        assert_eq!(environment.outcome(&id).succeeded(), payload);
    }
}

#[test]
fn payloads_up_to_the_limit_arrive_whole_and_none_beyond() {
    let environment = Environment::ready(&Function::python(
        r#"
import hashlib
def handler(event):
    return {b'?': lambda: event.body, b'"': lambda: hashlib.sha256(event.body).hexdigest()}[event.body[:1]]()
serve(handler)
"#,
    ));
    // As JSON it is twice as long.
    let payload = "\"".repeat(PAYLOAD_LIMIT);
    let sum = std::process::Command::new("python3")
        .args(["-c", "import hashlib, sys; print(hashlib.sha256(b'\"' * int(sys.argv[1])).hexdigest())"])
        .arg(PAYLOAD_LIMIT.to_string())
        .output()
        .unwrap();
    assert_eq!(environment.invoke(&payload).succeeded(), String::from_utf8(sum.stdout).unwrap().trim());
    let answer = format!("?{}", "é".repeat((PAYLOAD_LIMIT - 1) / 2));
    assert_eq!(environment.invoke(&answer).succeeded(), answer);

    let too_large = json!({ "invoke-id": "x", "payload": payload + "\"" }).to_string();
    let (status, answer) = environment.request("POST /invoke", too_large.as_bytes());
    assert_eq!(status, "413 Payload Too Large");
    assert_eq!(
        answer,
        "{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\",\"errorType\":\"RequestEntityTooLarge\"}\n"
    );
    assert_eq!(environment.invoke("?").succeeded(), "?");
}

#[test]
fn a_response_beyond_the_limit_is_an_error_and_the_process_goes_on() {
    let environment = Environment::ready(&Function::python(
        r#"
def handler():
    event = next_event()
    status, _, body = respond(event, b"x" * int(event.body), {"Lambda-Runtime-Function-Response-Mode": "streaming"}
        if event.body == b"000101" else {})
    print(status, os.getpid())
while True:
    handler()
"#,
    ).variable("LOCALSTACK_MAX_PAYLOAD_SIZE", "100"));
    let whole = environment.invoke("100");
    assert!(whole.logs.contains("202 "), "{}", whole.logs);
    assert_eq!(whole.succeeded().len(), 100);
    let expected = r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (100 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#;
    let refused = environment.invoke("101");
    assert!(refused.logs.contains("413 "), "{}", refused.logs);
    assert_eq!(refused.failed(), expected);
    // Streams have a limit of their own on AWS; LocalStack takes them in one piece.
    assert_eq!(environment.invoke("000101").failed(), expected);
    assert_eq!(environment.invoke("1").succeeded(), "x");
}

#[test]
fn streams_arrive_in_one_piece_and_their_trailers_count() {
    let environment = Environment::ready(&Function::python(
        r#"
import base64
def stream(event, pieces, trailers):
    s = raw()
    s.sendall((f"POST /2018-06-01/runtime/invocation/{event.id}/response HTTP/1.1\r\nHost: h\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n").encode())
    for piece in pieces:
        s.sendall(f"{len(piece):x}\r\n{piece}\r\n".encode())
    s.sendall(("0\r\n" + "".join(f"{n}: {v}\r\n" for n, v in trailers.items()) + "\r\n").encode())
    assert b" 202 " in s.recv(1000)
stream(next_event(), ["one ", "two"], {})
error = base64.b64encode(b'{"errorType":"E"}').decode()
stream(next_event(), ["half"], {"Lambda-Runtime-Function-Error-Type": "Runtime.E", "Lambda-Runtime-Function-Error-Body": error})
next_event()
"#,
    ));
    assert_eq!(environment.invoke("{}").succeeded(), "one two");
    assert_eq!(environment.invoke("{}").failed(), r#"{"errorType":"E"}"#);
}

#[test]
fn the_result_is_held_back_until_extensions_are_done() {
    let environment = Environment::ready(&Function::python("serve(lambda event: 'done')").extension(
        "watcher",
        r#"
me = {"Lambda-Extension-Name": "watcher", "Lambda-Extension-Accept-Feature": "accountId"}
_, headers, about = ask("POST", "register", '{"events":["INVOKE"]}', me)
print("about", about.decode())
me = {"Lambda-Extension-Identifier": headers["lambda-extension-identifier"]}
while True:
    next_extension_event(me)
    wait_at("/tmp/gate")
    print("the extension is done")
"#,
    ));
    let id = environment.begin("{}");
    assert!(environment.soon(A_WHILE).is_none());
    environment.sandbox.release("/tmp/gate");
    let outcome = environment.outcome(&id);
    assert!(outcome.logs.contains(r#""accountId":"111111111111""#), "{}", outcome.logs);
    assert!(outcome.logs.contains("the extension is done\nEND RequestId"), "{}", outcome.logs);
    assert_eq!(outcome.succeeded(), "done");
}

#[test]
fn changed_code_is_served_from_the_next_invocation_on_and_no_result_is_lost() {
    let function = Function::python(
        r#"
CODE = open("/var/task/code").read()
def handler(event):
    if event.body == b"wait":
        wait_at("/tmp/gate")
    return CODE
serve(handler)
"#,
    );
    let function =
        function.file("/var/task/code", 0o644, "old").variable("LOCALSTACK_HOT_RELOADING_PATHS", "/var/task");
    let environment = Environment::ready(&function);
    let id = environment.begin("wait");
    std::fs::write(environment.sandbox.path("/var/task/code"), "new").unwrap();
    crate::sandbox::wait_until("the change is noticed", || {
        environment.sandbox.stderr().contains("the code has changed").then_some(())
    });
    environment.sandbox.release("/tmp/gate");
    assert_eq!(environment.outcome(&id).succeeded(), "old");
    assert_eq!(environment.invoke("{}").succeeded(), "new");
}

#[test]
fn segments_of_traces_go_to_localstacks_x_ray() {
    let environment = Environment::ready(&Function::python(
        r#"
def handler(event):
    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    daemon.sendto(b'{"format":"json","version":1}\n{"name":"mine"}', (host, int(port)))
    return "sent"
serve(handler)
"#,
    ));
    assert_eq!(environment.invoke("{}").succeeded(), "sent");
    let call = environment.next();
    assert_eq!(call.line, "POST /TraceSegments HTTP/1.1");
    assert_eq!(call.text(), r#"{"TraceSegmentDocuments":["{\"name\":\"mine\"}"]}"#);
    let scope = "authorization: aws4-hmac-sha256 credential=lsiaqaaaaaavncbmpnsg/19700101/eu-central-1/xray/aws4_request";
    assert!(call.headers.iter().any(|header| header.starts_with(scope)), "{:?}", call.headers);
    call.answer("200 OK", b"{}");
    assert_eq!(environment.invoke("{}").succeeded(), "sent");
}

#[test]
fn memory_beyond_what_the_function_has_is_told_where_nobody_limits_it() {
    let environment = Environment::ready(
        &Function::python("serve(lambda event: str(len(b'x' * (200 << 20))))")
            .variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    );
    let outcome = environment.invoke("{}");
    let told = outcome.logs.split("\tMemory Size: 128 MB\tMax Memory Used: ").nth(1).unwrap();
    let used: u64 = told.split(' ').next().unwrap().parse().unwrap();
    assert!((200..300).contains(&used), "{used} MB");
}

#[test]
fn a_large_payload_is_held_once() {
    const SIZE: usize = 6_000_000;
    // Connections and their buffers.
    const ROOM: u64 = 1 << 20;
    let environment = Environment::ready(&Function::python(
        "serve(lambda event: event.body if event.body.startswith(b'back') else str(len(event.body)))",
    ));
    environment.invoke("warm").succeeded();
    let init = environment.sandbox.init();
    for beginning in ["", "back"] {
        let event = beginning.to_owned() + &"x".repeat(SIZE - beginning.len());
        let before = init.resident();
        init.forget_peak();
        let answer = environment.invoke(&event).succeeded();
        assert!(answer == event || answer == SIZE.to_string());
        let grown = init.peak().saturating_sub(before);
        assert!(grown < SIZE as u64 + ROOM, "{beginning}: {grown} bytes more");
    }
}
