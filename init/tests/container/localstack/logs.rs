//! The log of an invocation.

use crate::localstack::peer::{Environment, Function};

#[test]
fn the_log_has_what_was_written_and_the_platforms_lines_around_it() {
    let environment = Environment::ready(&Function::python(
        r#"
print("initializing")
def handler(event):
    print("to stdout")
    print("trace\r  back", file=sys.stderr)
    os.write(1, b"\xff\xfe no newline")
    return "{}"
serve(handler)
"#,
    ));
    let id = environment.begin("{}");
    let outcome = environment.outcome(&id);
    let (before, rest) =
        outcome.logs.split_once(&format!("START RequestId: {id} Version: $LATEST\n")).unwrap();
    assert_eq!(before, "initializing\n");
    let (written, end) =
        rest.split_once(&format!("END RequestId: {id}\nREPORT RequestId: {id}\tDuration: ")).unwrap();
    // Two pipes have no order between them.
    let mut lines: Vec<&str> = written.split_inclusive('\n').collect();
    lines.sort_unstable();
    assert_eq!(lines, ["to stdout\n", "trace\r  back\n", "\u{fffd}\u{fffd} no newline\n"]);
    assert!(
        end.contains(" ms\tMemory Size: 512 MB\tMax Memory Used: ") && end.contains("\tInit Duration: "),
        "{end}"
    );
    assert!(end.ends_with("\t\n") && end.lines().count() == 1, "{end}");
    let again = environment.invoke("{}").logs;
    assert!(again.starts_with("START RequestId: ") && !again.contains("Init Duration"), "{again}");
    // The function's output is the container's; the platform's lines are LocalStack's alone.
    let stdout = environment.sandbox.stdout();
    assert!(stdout.starts_with(b"initializing\n"));
    assert_eq!(stdout.split(|byte| *byte == b'\n').count(), 1 + 3 * 2 + 1, "{stdout:?}");
    assert!(!environment.sandbox.stderr().contains("trace\r"));
}

#[test]
fn everything_that_is_printed_before_the_response_is_in_the_log_of_its_invocation() {
    let environment = Environment::ready(&Function::python(
        "def handler(event):\n    print('tail', event.body.decode())\n    return '{}'\nserve(handler)",
    ));
    for number in 0..1000 {
        let payload = number.to_string();
        let outcome = environment.invoke(&payload);
        let tails: Vec<&str> = outcome.logs.lines().filter(|line| line.starts_with("tail")).collect();
        assert_eq!(tails, [format!("tail {number}")]);
        assert_eq!(outcome.succeeded(), "{}");
    }
}

#[test]
fn what_is_written_while_the_end_is_held_back_belongs_to_the_invocation() {
    let environment = Environment::ready(
        &Function::python(
            r#"
def late():
    wait_at("/tmp/gate")
    print("late")
def handler(event):
    threading.Thread(target=late).start()
    return "{}"
serve(handler)
"#,
        )
        .variable("LOCALSTACK_POST_INVOKE_WAIT_MS", "2000"),
    );
    let id = environment.begin("{}");
    environment.sandbox.release("/tmp/gate");
    let outcome = environment.outcome(&id);
    assert!(outcome.logs.contains("late\n"), "{}", outcome.logs);
}

#[test]
fn lines_in_json_are_the_platforms_too() {
    let environment = Environment::ready(
        &Function::python("serve(lambda event: print('{\"level\":\"DEBUG\",\"m\":1}') or print('{\"level\":\"WARN\"}') or '{}')")
            .variable("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .variable("AWS_LAMBDA_LOG_LEVEL", "Info"),
    );
    let logs = environment.invoke("{}").logs;
    let types: Vec<String> = logs
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line.get("type").or(line.get("level")).unwrap().as_str().unwrap().to_owned())
        .collect();
    assert_eq!(types, ["platform.start", "WARN", "platform.report"]);
}

#[test]
fn a_flood_leaves_its_beginning_and_its_end_and_no_lasting_memory() {
    const FLOOD: u64 = 50 << 20;
    let environment = Environment::ready(
        &Function::python(
            r#"
def handler(event):
    line = b"y" * 1023 + b"\n"
    print("the beginning")
    for _ in range(int(event.body)):
        os.write(1, line)
    print("the end")
    return "{}"
serve(handler)
"#,
        )
        // Without it glibc keeps what was freed in between, as the allocator that the init is shipped with does not.
        .variable("MALLOC_MMAP_THRESHOLD_", "32768"),
    );
    let init = environment.sandbox.init();
    environment.invoke("1").succeeded();
    let (before, _) = (init.resident(), init.forget_peak());
    let logs = environment.invoke(&(FLOOD / 1024).to_string()).logs;
    let grown = init.peak().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more at the peak");
    assert!(logs.contains("the beginning\nyyy") && logs.contains("yyy\nthe end\nEND RequestId: "));
    assert!(logs.contains("[lambdock] The log is too long: "));
    assert!((7 << 20..9 << 20).contains(&logs.len()), "{}", logs.len());
    environment.invoke("1").succeeded();
    let kept = init.resident().saturating_sub(before);
    assert!(kept < 4 << 20, "{kept} bytes are kept");
}
