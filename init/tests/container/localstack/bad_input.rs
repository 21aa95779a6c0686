//! What does not come from LocalStack: everything in the container can reach the control port.

use std::io::Write;
use std::time::Duration;

use crate::localstack::peer::{Environment, Function};

fn echo() -> Environment {
    Environment::ready(&Function::python("serve(lambda event: event.body)"))
}

#[test]
fn what_is_no_invocation_is_refused_and_leads_to_nothing() {
    let environment = echo();
    for body in [
        "no json",
        "",
        "{}",
        "[]",
        r#"{"invoke-id":"","payload":"x"}"#,
        r#"{"invoke-id":"../../x","payload":"x"}"#,
    ] {
        let (status, answer) = environment.request("POST /invoke", body.as_bytes());
        assert_eq!(status, "400 Bad Request", "{body}");
        assert!(answer.contains(r#""errorType":"InvalidRequest""#), "{answer}");
    }
    assert!(environment.soon(Duration::from_millis(300)).is_none());
    assert_eq!(environment.invoke("fine").succeeded(), "fine");
}

#[test]
fn there_is_nothing_but_invoke() {
    let environment = echo();
    assert_eq!(environment.request("GET /", b""), ("404 Not Found".into(), "404 page not found\n".into()));
    assert_eq!(environment.request("POST /invoke/x", b"{}").0, "404 Not Found");
    assert_eq!(environment.request("GET /invoke", b""), ("405 Method Not Allowed".into(), String::new()));
}

#[test]
fn bodies_that_say_they_are_endless_are_not_read() {
    let environment = echo();
    let mut stream = environment.sandbox.connect(9563);
    stream.write_all(b"POST /invoke HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let mut stream = environment.sandbox.connect(9563);
    stream.write_all(b"POST /invoke HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let piece = [b"100000\r\n", &vec![b' '; 1 << 20][..], b"\r\n"].concat();
    let sent = (0..64).take_while(|_| stream.write_all(&piece).is_ok()).count();
    assert!(sent < 64, "{sent} MiB were read");
    assert_eq!(environment.invoke("fine").succeeded(), "fine");
    assert!(environment.sandbox.init().peak() < 64 << 20);
}

#[test]
fn connections_without_end_do_not_keep_localstack_out() {
    let environment = echo();
    // Some say nothing, others stop in the middle of what they say.
    let idle: Vec<_> = (0..300)
        .map(|number| {
            let mut stream = environment.sandbox.connect(9563);
            // Those before it may have been hung up on; this one not yet.
            stream.write_all(if number % 2 == 0 { b"" } else { b"POST /inv" }).unwrap();
            stream
        })
        .collect();
    for _ in 0..3 {
        let (outcome, took) = environment.timed("fine");
        assert_eq!(outcome.succeeded(), "fine");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    drop(idle);
    assert_eq!(environment.invoke("fine").succeeded(), "fine");
}

#[test]
fn a_connection_may_be_used_again() {
    let environment = echo();
    let mut connection = environment.connection();
    for _ in 0..3 {
        let answer = Environment::request_on(&mut connection, "GET /", b"");
        assert_eq!(answer, ("404 Not Found".into(), "404 page not found\n".into()));
    }
}

#[test]
fn garbage_is_answered_or_hung_up_on() {
    let environment = echo();
    for garbage in
        [&b"\0\0\0\0"[..], b"POST /invoke HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n\r\nx", &[b'a'; 100_000]]
    {
        let mut stream = environment.sandbox.connect(9563);
        // It may hang up while we write.
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    }
    assert_eq!(environment.invoke("fine").succeeded(), "fine");
}
