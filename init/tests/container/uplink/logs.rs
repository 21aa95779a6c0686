//! What the function writes, and to which invocation it belongs.

use crate::uplink::control_plane::{Environment, Function};

/// The lines between START and END.
fn written(log: &[u8]) -> Vec<u8> {
    let begin = log.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let end = log.windows(5).rposition(|window| window == b"\nEND ").unwrap() + 1;
    log[begin..end].to_vec()
}

#[test]
fn output_of_init_comes_before_the_first_invocation() {
    let mut environment = Environment::of(Function::python(
        r#"
print("loading")
print("failing", file=sys.stderr)
sys.stdout.write("no newline")
serve(lambda event: "served")
"#,
    ));
    let (_, _, mut before) = environment.initialized_with_log();
    let outcome = environment.invoke(b"{}");
    assert!(outcome.text().starts_with("START RequestId: "));
    before.push_str(&String::from_utf8(outcome.before.clone()).unwrap());
    let mut lines: Vec<_> = before.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["failing", "loading", "no newline"]);
    assert_eq!(written(&outcome.log), b"");
}

#[test]
fn everything_that_is_written_before_the_response_is_in_its_invocation() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    print("out", event.id)
    print("err", event.id, file=sys.stderr)
    sys.stdout.write("last " + event.id)
    return "served"
serve(handler)
"#,
    ));
    for _ in 0..1000 {
        let outcome = environment.invoke(b"{}");
        let id = &outcome.done().request_id;
        let text = String::from_utf8(written(&outcome.log)).unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, [format!("err {id}"), format!("last {id}"), format!("out {id}")]);
        assert!(outcome.before.is_empty());
    }
}

#[test]
fn bytes_are_kept_as_they_are() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    os.write(1, event.body)
    return "served"
serve(handler)
"#,
    ));
    for bytes in [
        b"Traceback\r  File\r    raise\n".as_slice(),
        b"\xff\xfe\x00\x1b[31m\n",
        b"\n\n\n",
        b"one\ntwo\r\nthree\n",
        "ünï\u{1f9c0}\n".as_bytes(),
    ] {
        let outcome = environment.invoke(bytes);
        assert_eq!(written(&outcome.log), bytes);
    }
    let unfinished = environment.invoke(b"no newline");
    assert_eq!(written(&unfinished.log), b"no newline\n");
    let long = vec![b'x'; 1_000_000];
    let outcome = environment.invoke(&long);
    let lines = written(&outcome.log);
    assert_eq!(lines.iter().filter(|byte| **byte == b'x').count(), long.len());
}

/// A logger as runtimes have it that were offered a pipe for messages.
const LOGGER: &str = r#"
import struct
def log(text, kind=0xA55A0003):
    text = text.encode()
    frame = struct.pack(">IIQ", kind, len(text), time.time_ns() // 1000) + text
    fd = int(os.environ["_LAMBDA_TELEMETRY_LOG_FD"])
    while frame: frame = frame[os.write(fd, frame):]
"#;

#[test]
fn messages_of_the_runtimes_logger_stay_whole() {
    let mut environment = Environment::ready(Function::python(&format!(
        r#"{LOGGER}
def handler(event):
    log("[INFO] one line\n")
    log("[ERROR] ValueError: no\nTraceback (most recent call last):\n  File x\n")
    log('{{"level":"INFO","message":"json"}}', 0xA55A000E)
    log("x" * 1_000_000)
    return "served"
serve(handler)
"#
    )));
    for _ in 0..20 {
        let outcome = environment.invoke(b"{}");
        let text = String::from_utf8(written(&outcome.log)).unwrap();
        let error = "[ERROR] ValueError: no\nTraceback (most recent call last):\n  File x\n";
        let short = format!("[INFO] one line\n{error}{{\"level\":\"INFO\",\"message\":\"json\"}}\n");
        assert!(text.starts_with(&short), "{}", &text[..300]);
        assert_eq!(text.bytes().filter(|byte| *byte == b'x').count(), 1_000_001);
        assert_eq!(outcome.messages, [error]);
    }
}

#[test]
fn what_is_no_message_in_the_pipe_for_messages_is_text_and_holds_no_memory() {
    let mut environment = Environment::ready(Function::python(&format!(
        r#"{LOGGER}
def handler(event):
    fd = int(os.environ["_LAMBDA_TELEMETRY_LOG_FD"])
    if event.body == b"endless":
        os.write(fd, struct.pack(">IIQ", 0xA55A0003, 0xffffffff, 0))
        for _ in range(300): os.write(fd, b"~" * 100_000)
        os._exit(1)
    os.write(fd, b"just text\n")
    return "served"
serve(handler)
"#
    )));
    let init = environment.sandbox.init();
    assert_eq!(written(&environment.invoke(b"text").log), b"just text\n");
    let before = init.resident();
    init.forget_peak();
    let outcome = environment.invoke(b"endless");
    assert_eq!(outcome.log.iter().filter(|byte| **byte == b'~').count(), 30_000_000);
    assert!(init.peak().saturating_sub(before) < 4 << 20);
    assert_eq!(written(&environment.invoke(b"text").log), b"just text\n");
}

#[test]
fn what_is_written_between_invocations_belongs_to_none_and_what_is_written_late_to_the_next() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    if event.body == b"spawn":
        def later():
            wait_at("/tmp/gate")
            print("in between")
            wait_at("/tmp/gate2")
            print("during the second")
        os.mkfifo("/tmp/gate2")
        threading.Thread(target=later).start()
    else:
        wait_at("/tmp/gate3")
    return "served"
serve(handler)
"#,
    ));
    environment.invoke(b"spawn").succeeded();
    environment.sandbox.release("/tmp/gate");
    assert_eq!(next_log(&mut environment), (None, b"in between\n".to_vec()));
    let id = environment.begin(b"second");
    assert!(next_log(&mut environment).1.starts_with(b"START"));
    environment.sandbox.release("/tmp/gate2");
    let (of, lines) = next_log(&mut environment);
    assert_eq!((of.as_deref(), lines.as_slice()), (Some(id.as_str()), b"during the second\n".as_slice()));
    environment.sandbox.release("/tmp/gate3");
    environment.outcome(&id).succeeded();
}

fn next_log(environment: &mut Environment) -> (Option<String>, Vec<u8>) {
    match environment.next() {
        lambdock_protocol::ToControlPlane::Log(log, lines) => (log.request_id, lines.to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_function_writes_is_in_the_containers_log_too_and_nothing_else_is() {
    let mut environment = Environment::ready(Function::python(
        r#"
print("loading")
def handler(event):
    print("out-of-function")
    print("err-of-function", file=sys.stderr)
    return "served"
serve(handler)
"#,
    ));
    environment.invoke(b"{}").succeeded();
    let log = String::from_utf8(environment.sandbox.stdout()).unwrap();
    let mut lines: Vec<_> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err-of-function", "loading", "out-of-function"]);
    assert!(!environment.sandbox.stderr().contains("-of-function"));
}

#[test]
fn a_flood_passes_through_a_small_init() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    line = b"x" * 99 + b"\n"
    for _ in range(500): os.write(1, line * 1000)
    return "served"
serve(handler)
"#,
    ));
    let init = environment.sandbox.init();
    let before = init.resident();
    init.forget_peak();
    let outcome = environment.invoke(b"{}");
    assert_eq!(written(&outcome.log).len(), 50_000_000);
    let grown = init.peak().saturating_sub(before);
    assert!(grown < 2 << 20, "{grown} bytes more");
}

#[test]
fn a_flood_without_a_single_newline_passes_too() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    for _ in range(500): os.write(2, b"x" * 100_000)
    return "served"
serve(handler)
"#,
    ));
    let init = environment.sandbox.init();
    let before = init.resident();
    init.forget_peak();
    let outcome = environment.invoke(b"{}");
    assert_eq!(written(&outcome.log).iter().filter(|byte| **byte == b'x').count(), 50_000_000);
    let grown = init.peak().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
}

#[test]
fn a_child_that_writes_for_ever_keeps_no_invocation_from_its_end() {
    use crate::uplink::control_plane::Lines;
    let mut environment = Environment::ready(
        Function::python(
            r#"
def handler(event):
    if event.body == b"flood": spawn("yes")
    if event.body == b"hang": signal.pause()
    return "served"
serve(handler)
"#,
        )
        .assigned(|assignment| assignment.timeout_ms = 5000),
    );
    for what in ["flood", "serve", "serve"] {
        let id = environment.begin(what.as_bytes());
        assert_eq!(environment.outcome_with(&id, Lines::Dropped).succeeded(), b"served");
    }
    let id = environment.begin(b"hang");
    let outcome = environment.outcome_with(&id, Lines::Dropped);
    assert_eq!(outcome.error().0, "Sandbox.Timedout");
    assert!(environment.sandbox.others().is_empty());
}
