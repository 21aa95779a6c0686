//! What a runtime is told of an invocation.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::uplink::control_plane::{Environment, Function, PAYLOAD_LIMIT};

/// Answers with the headers of the event, one to a line.
const HEADERS: &str = r#"
serve(lambda event: "\n".join(f"{name}: {value}" for name, value in sorted(event.headers.items())))
"#;

fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn the_event_has_all_its_headers() {
    let mut environment = Environment::ready(Function::python(HEADERS));
    let before = now_ms();
    let id = environment.begin_as(b"{}", |invoke| {
        invoke.timeout_ms = 7000;
        invoke.trace_id =
            Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".into());
        invoke.client_context = Some(r#"{"custom":{"käse":"🧀"}}"#.into());
        invoke.cognito_identity = Some(r#"{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}"#.into());
        invoke.tenant_id = Some("blue".into());
    });
    let after = now_ms();
    let headers: String = environment.outcome(&id).succeeded().into_iter().map(char::from).collect();
    let is = |name, value: &str| assert_eq!(header(&headers, name), Some(value), "{headers}");
    is("lambda-runtime-aws-request-id", &id);
    is("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:f");
    is(
        "lambda-runtime-trace-id",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    );
    // The script reads headers as Latin-1, and so are they written: UTF-8 arrives as UTF-8.
    is("lambda-runtime-client-context", &latin_of_utf8(r#"{"custom":{"käse":"🧀"}}"#));
    is("lambda-runtime-cognito-identity", r#"{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}"#);
    is("lambda-runtime-aws-tenant-id", "blue");
    is("content-type", "application/json");
    is("content-length", "2");
    let deadline: u64 = header(&headers, "lambda-runtime-deadline-ms").unwrap().parse().unwrap();
    assert!((before + 7000..=after + 7000 + 50).contains(&deadline), "{before} {deadline} {after}");
}

fn latin_of_utf8(text: &str) -> String {
    // The response was encoded as Latin-1 too, and then read byte by byte.
    text.bytes().map(char::from).collect()
}

#[test]
fn what_is_not_given_is_no_header() {
    let mut environment = Environment::ready(Function::python(HEADERS));
    let headers = String::from_utf8(environment.invoke(b"{}").succeeded()).unwrap();
    for absent in [
        "lambda-runtime-trace-id",
        "lambda-runtime-client-context",
        "lambda-runtime-cognito-identity",
        "lambda-runtime-aws-tenant-id",
    ] {
        assert_eq!(header(&headers, absent), None);
    }
}

#[test]
fn a_context_that_cannot_be_a_header_is_left_out() {
    let mut environment = Environment::ready(Function::python(HEADERS));
    let id = environment.begin_as(b"{}", |invoke| invoke.client_context = Some("{\n}\r\nx: y".into()));
    let headers = String::from_utf8(environment.outcome(&id).succeeded()).unwrap();
    assert_eq!(header(&headers, "lambda-runtime-client-context"), None);
    assert_eq!(header(&headers, "x"), None);
}

#[test]
fn payloads_go_both_ways_untouched() {
    let mut environment = Environment::ready(Function::python("serve(lambda event: event.body)"));
    let large: Vec<u8> = (0..PAYLOAD_LIMIT).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
    for payload in [
        b"".as_slice(),
        b"{}",
        "{\"ß\":\"\u{1f9c0}\"}".as_bytes(),
        b"\x00\xff\xfe\r\n\r\nHTTP/1.1 200 OK\r\n",
        &large,
    ] {
        let outcome = environment.invoke(payload);
        assert_eq!(outcome.response.len(), payload.len());
        assert!(outcome.succeeded() == payload);
    }
}

#[test]
fn a_connection_that_breaks_while_it_waits_takes_no_event_with_it() {
    let mut environment = Environment::ready(Function::python(
        r#"
gone = raw()
gone.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
wait_at("/tmp/gate")
gone.close()
serve(lambda event: event.body)
"#,
    ));
    environment.sandbox.release("/tmp/gate");
    assert_eq!(environment.invoke(b"1").succeeded(), b"1");
    assert_eq!(environment.invoke(b"2").succeeded(), b"2");
}
