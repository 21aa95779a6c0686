//! What a runtime may answer, and what becomes of it.

use lambdock_protocol::{Mode, Status, ToControlPlane};

use crate::uplink::control_plane::{Environment, Function, PAYLOAD_LIMIT};

#[test]
fn a_response_of_the_limit_passes_and_one_byte_more_fails_in_the_same_process() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    size = int(event.body) if event.body else 0
    return b"x" * size if size else str(os.getpid())
while True:
    event = next_event()
    print(respond(event, handler(event)))
"#,
    ));
    let process = environment.invoke(b"").succeeded();
    let most = environment.invoke(PAYLOAD_LIMIT.to_string().as_bytes());
    assert_eq!(most.succeeded().len() as u64, PAYLOAD_LIMIT);
    for more in [PAYLOAD_LIMIT + 1, PAYLOAD_LIMIT * 4] {
        let outcome = environment.invoke(more.to_string().as_bytes());
        let message =
            format!("Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).");
        assert_eq!(outcome.error(), ("Function.ResponseSizeTooLarge".into(), message));
        let said = format!(
            "(413, {{'content-type': 'application/json', \
             'content-length': '{}'",
            format!(
                "{{\"errorMessage\":\"Exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).\",\
                 \"errorType\":\"RequestEntityTooLarge\"}}\n"
            )
            .len()
        );
        assert!(outcome.text().contains(&said), "{}", outcome.text());
    }
    assert_eq!(environment.invoke(b"").succeeded(), process);
}

#[test]
fn a_chunked_response_that_grows_too_large_fails_in_the_same_process() {
    let mut environment = Environment::ready(Function::python(
        r#"
while True:
    event = next_event()
    size = int(event.body)
    status, _, said = respond(event, (b"x" * 100_000 for _ in range(size // 100_000)) if size else str(os.getpid()))
    print(status)
"#,
    ));
    let process = environment.invoke(b"0").succeeded();
    let outcome = environment.invoke(b"20000000");
    assert_eq!(outcome.error().0, "Function.ResponseSizeTooLarge");
    assert!(outcome.text().contains("\n413\n"), "{}", outcome.text());
    assert_eq!(environment.invoke(b"0").succeeded(), process);
}

#[test]
fn a_streamed_response_arrives_as_it_is_made() {
    let mut environment = Environment::ready(Function::python(
        r#"
def pieces():
    yield b"first"
    wait_at("/tmp/gate")
    yield b"second"
while True:
    event = next_event()
    respond(event, pieces(), {
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        "Content-Type": "application/vnd.awslambda.http-integration-response",
    })
"#,
    ));
    let id = environment.begin(b"{}");
    let start = loop {
        match environment.next() {
            ToControlPlane::ResponseStart(start) => break start,
            ToControlPlane::Log(..) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((start.mode, start.length, start.request_id), (Mode::Streaming, None, id.clone()));
    assert_eq!(start.content_type.as_deref(), Some("application/vnd.awslambda.http-integration-response"));
    let ToControlPlane::ResponseChunk(first) = environment.next() else { panic!("no chunk") };
    assert_eq!(first, "first");
    environment.sandbox.release("/tmp/gate");
    let ToControlPlane::ResponseChunk(second) = environment.next() else { panic!("no chunk") };
    assert_eq!(second, "second");
    let ToControlPlane::ResponseEnd(end, _) = environment.next() else { panic!("no end") };
    assert_eq!((end.request_id, end.error_type), (id, None));
}

#[test]
fn a_streamed_response_may_exceed_the_limit_of_buffered_ones() {
    let mut environment = Environment::ready(Function::python(
        r#"
while True:
    respond(next_event(), (b"x" * 1_000_000 for _ in range(20)), {"Lambda-Runtime-Function-Response-Mode": "streaming"})
"#,
    ));
    assert_eq!(environment.invoke(b"{}").succeeded().len(), 20_000_000);
}

/// Posts a chunked response with trailers.
const TRAILERS: &str = r#"
import base64
mine = raw()
answers = mine.makefile("rb")
while True:
    event = next_event()
    mine.sendall((
        f"POST /2018-06-01/runtime/invocation/{event.id}/response HTTP/1.1\r\nHost: x\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
        "4\r\nhalf\r\n0\r\n").encode())
    if event.body == b"fail":
        body = base64.b64encode(b'{"errorMessage":"midway","errorType":"Error"}').decode()
        mine.sendall((
            "Lambda-Runtime-Function-Error-Type: Function.Midway\r\n"
            f"Lambda-Runtime-Function-Error-Body: {body}\r\n").encode())
    mine.sendall(b"\r\n")
    print(answers.readline().decode().strip())
    while answers.readline() != b"\r\n": pass
    answers.read(len('{"status":"OK"}\n'))
"#;

#[test]
fn error_trailers_fail_a_response_midway() {
    let mut environment = Environment::ready(Function::python(TRAILERS));
    let outcome = environment.invoke(b"fail");
    assert!(outcome.text().contains("HTTP/1.1 202 Accepted"), "{}", outcome.text());
    let (end, payload) = outcome.end.clone().unwrap();
    assert_eq!(end.error_type.as_deref(), Some("Function.Midway"));
    assert_eq!(payload, r#"{"errorMessage":"midway","errorType":"Error"}"#);
    assert_eq!((outcome.response.as_slice(), outcome.done().status), (b"half".as_slice(), Status::Error));
    assert_eq!(environment.invoke(b"well").succeeded(), b"half");
}

#[test]
fn a_truncated_response_fails_at_once_and_the_runtime_goes_on() {
    let mut environment = Environment::ready(Function::python(
        r#"
event = next_event()
def another_event():
    """It may take a moment until it is seen that the connection is gone."""
    global event
    while True:
        status, headers, body = call("GET", "invocation/next")
        if status == 200 and headers["lambda-runtime-aws-request-id"] != event.id:
            event = Event(headers, body)
            return
while True:
    if event.body == b"well":
        respond(event, str(os.getpid()))
        another_event()
        continue
    mine = raw()
    mine.sendall(f"POST /2018-06-01/runtime/invocation/{event.id}/response HTTP/1.1\r\nHost: x\r\n".encode())
    if event.body == b"length":
        mine.sendall(b"Content-Length: 100\r\n\r\nhalf")
    elif event.body == b"nothing":
        mine.sendall(b"Content-Length: 100\r\n\r\n")
    elif event.body == b"chunked":
        mine.sendall(b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
    elif event.body == b"chunk":
        mine.sendall(b"Transfer-Encoding: chunked\r\n\r\n400\r\nhalf")
    elif event.body == b"garbage":
        mine.sendall(b"Transfer-Encoding: chunked\r\n\r\nno number\r\nhalf")
    elif event.body == b"reset":
        mine.sendall(b"Content-Length: 100\r\n\r\nhalf")
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    mine.close()
    another_event()
"#,
    ));
    let process = environment.invoke(b"well").succeeded();
    for how in ["length", "nothing", "chunked", "chunk", "garbage", "reset"] {
        let outcome = environment.invoke(how.as_bytes());
        assert_eq!(outcome.error().0, "Runtime.TruncatedResponse", "{how}");
        assert!(outcome.done().duration_us < 5_000_000, "{how}: it was found out by the deadline");
    }
    assert_eq!(environment.invoke(b"well").succeeded(), process);
}

/// Posts `event.body` bytes of an error to `path` and says that there are more; goes on when that was understood.
const BROKEN_ERROR: &str = r#"
def post_broken(path):
    mine = raw()
    mine.sendall((
        f"POST /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        "Lambda-Runtime-Function-Error-Type: Function.Mine\r\n\r\n{half").encode())
    mine.shutdown(socket.SHUT_WR)
    return mine.recv(1000).split()[1]
"#;

/// What is told of an error of which only the type has arrived.
const ONLY_ITS_TYPE: &str = r#"{"errorType":"Function.Mine","errorMessage":""}"#;

#[test]
fn an_error_that_breaks_off_ends_the_invocation_at_once_and_the_runtime_goes_on() {
    let mut environment = Environment::ready(Function::python(&format!(
        r#"{BROKEN_ERROR}
while True:
    event = next_event()
    if event.body == b"well": respond(event, str(os.getpid()))
    else: print(post_broken(f"invocation/{{event.id}}/error"))
"#
    )));
    let process = environment.invoke(b"well").succeeded();
    let outcome = environment.invoke(b"break");
    assert_eq!(outcome.failed, Some(("Function.Mine".into(), ONLY_ITS_TYPE.into())));
    assert!(outcome.text().contains("b'400'") && outcome.done().duration_us < 5_000_000, "{outcome:?}");
    assert_eq!(environment.invoke(b"well").succeeded(), process);
}

#[test]
fn an_init_error_that_breaks_off_is_one() {
    let mut environment =
        Environment::of(Function::python(&format!("{BROKEN_ERROR}\nprint(post_broken('init/error'))")));
    let (initialized, payload) = environment.initialized();
    assert_eq!((initialized.error_type.as_deref(), payload.as_str()), (Some("Function.Mine"), ONLY_ITS_TYPE));
}

#[test]
fn an_error_that_is_too_large_ends_the_invocation_at_once_and_the_runtime_goes_on() {
    let mut environment = Environment::ready(Function::python(
        r#"
def pieces(size):
    for _ in range(size // 100_000): yield b"x" * 100_000
while True:
    event = next_event()
    how, size = event.body.decode().split()
    if how == "well": respond(event, str(os.getpid()))
    if how == "announced": print(fail(event, b"x" * int(size))[0])
    if how == "chunked": print(fail(event, pieces(int(size)))[0])
"#,
    ));
    let init = environment.sandbox.init();
    let process = environment.invoke(b"well 0").succeeded();
    let error = environment.invoke(format!("announced {PAYLOAD_LIMIT}").as_bytes());
    assert_eq!(error.failed.unwrap().1.len() as u64, PAYLOAD_LIMIT);
    let before = init.resident();
    init.forget_peak();
    for how in ["announced", "chunked"] {
        let outcome = environment.invoke(format!("{how} 50000000").as_bytes());
        assert_eq!(outcome.error().0, "Function.ResponseSizeTooLarge", "{how}");
        assert!(outcome.text().contains("\n413\n"), "{}", outcome.text());
    }
    assert!(init.peak().saturating_sub(before) < 16 << 20);
    assert_eq!(environment.invoke(b"well 0").succeeded(), process);
}

#[test]
fn a_runtime_need_not_wait_to_hear_that_its_answer_was_taken() {
    let mut environment = Environment::ready(Function::python(
        r#"
event = next_event()
while True:
    mine = raw()
    path = "error" if event.body == b"error" else "response"
    body = b"" if event.body == b"empty" else b"x" * (1_000_000 if event.body == b"large" else 10)
    mine.sendall((
        f"POST /2018-06-01/runtime/invocation/{event.id}/{path} HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
    mine.close()
    while True:
        status, headers, body = call("GET", "invocation/next")
        if status == 200 and headers["lambda-runtime-aws-request-id"] != event.id: break
    event = Event(headers, body)
"#,
    ));
    for _ in 0..20 {
        for (what, length) in [("empty", 0), ("small", 10), ("large", 1_000_000)] {
            assert_eq!(environment.invoke(what.as_bytes()).succeeded().len(), length);
        }
        assert_eq!(
            environment.invoke(b"error").failed,
            Some(("Runtime.Unknown".into(), "xxxxxxxxxx".into()))
        );
    }
}

#[test]
fn an_invalid_mode_fails_at_once_and_the_runtime_goes_on() {
    let mut environment = Environment::ready(Function::python(
        r#"
while True:
    event = next_event()
    headers = {"Lambda-Runtime-Function-Response-Mode": event.body.decode()} if event.body else {}
    print(respond(event, str(os.getpid()), headers))
"#,
    ));
    let process = environment.invoke(b"").succeeded();
    let outcome = environment.invoke(b"foo");
    assert_eq!(outcome.error().0, "Runtime.InvalidResponseModeHeader");
    assert!(outcome.text().contains("(400, "), "{}", outcome.text());
    assert!(outcome.text().contains("InvalidFunctionResponseMode"), "{}", outcome.text());
    assert!(outcome.done().duration_us < 5_000_000);
    assert_eq!(environment.invoke(b"").succeeded(), process);
}

#[test]
fn the_answer_leaves_before_the_runtime_asks_for_more() {
    let mut environment = Environment::ready(Function::python(
        r#"
event = next_event()
respond(event, "early")
wait_at("/tmp/gate")
print("late")
serve(lambda event: "second")
"#,
    ));
    environment.begin(b"{}");
    loop {
        match environment.next() {
            ToControlPlane::ResponseEnd(..) => break,
            ToControlPlane::Done(done) => panic!("{done:?}"),
            _ => {}
        }
    }
    environment.sandbox.release("/tmp/gate");
    let mut log = Vec::new();
    loop {
        match environment.next() {
            ToControlPlane::Log(_, lines) => log.extend_from_slice(&lines),
            ToControlPlane::Done(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(log.starts_with(b"late\nEND "), "{}", String::from_utf8_lossy(&log));
    assert_eq!(environment.invoke(b"{}").succeeded(), b"second");
}
