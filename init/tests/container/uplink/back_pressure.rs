//! A control plane that takes its time. What it has not taken waits with the function, not with the init.

use std::time::{Duration, Instant};

use lambdock_protocol::Status;
use nix::sys::signal::Signal;

use crate::sandbox::wait_until;
use crate::uplink::control_plane::{Environment, Function};

/// Most that the init may have more than before, in bytes.
const ROOM: u64 = 2 << 20;

/// Writes to something until it has taken nothing for half a second; then says so.
const WRITE_UNTIL_STUCK: &str = r#"
import select
def write_until_stuck(descriptor, piece):
    os.set_blocking(descriptor, False)
    written = 0
    while select.select([], [descriptor], [], 0.5)[1]:
        try: written += os.write(descriptor, piece)
        except BlockingIOError: pass
    os.set_blocking(descriptor, True)
    open("/tmp/stuck", "w").close()
    return written
"#;

fn wait_until_stuck(environment: &Environment) {
    let mark = environment.sandbox.path("/tmp/stuck");
    wait_until("nothing is taken any more", || mark.exists().then_some(()));
}

#[test]
fn a_response_that_nobody_takes_waits_in_the_function() {
    let mut environment = Environment::ready(Function::python(&format!(
        r#"{WRITE_UNTIL_STUCK}
event = next_event()
respond(event, "warm")
event = next_event()
size = 60_000_000
mine = raw()
mine.sendall((
    f"POST /2018-06-01/runtime/invocation/{{event.id}}/response HTTP/1.1\r\nHost: x\r\n"
    f"Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Length: {{size}}\r\n\r\n").encode())
written = write_until_stuck(mine.fileno(), b"x" * 100_000)
mine.sendall(b"x" * (size - written))
assert mine.recv(100).startswith(b"HTTP/1.1 202")
next_event()
"#
    )));
    environment.invoke(b"{}").succeeded();
    let init = environment.sandbox.init();
    let before = init.resident();
    init.forget_peak();
    let id = environment.begin(b"{}");
    wait_until_stuck(&environment);
    assert_eq!(environment.outcome(&id).succeeded().len(), 60_000_000);
    let grown = init.peak().saturating_sub(before);
    assert!(grown < ROOM, "{grown} bytes more");
}

/// A runtime that serves one invocation and then writes lines until nobody takes them any more.
fn floods() -> Function {
    Function::python(&format!(
        r#"{WRITE_UNTIL_STUCK}
event = next_event()
respond(event, "warm")
event = next_event()
write_until_stuck(1, b"x" * 99 + b"\n")
signal.pause()
"#
    ))
}

#[test]
fn lines_that_nobody_takes_wait_in_the_function_which_still_ends_in_time() {
    let mut environment = Environment::ready(floods().assigned(|assignment| assignment.timeout_ms = 4000));
    environment.invoke(b"{}").succeeded();
    let init = environment.sandbox.init();
    let before = init.resident();
    init.forget_peak();
    let id = environment.begin(b"{}");
    wait_until_stuck(&environment);
    wait_until("the function is ended", || environment.sandbox.others().is_empty().then_some(()));
    assert_eq!(environment.outcome(&id).error().0, "Sandbox.Timedout");
    let grown = init.peak().saturating_sub(before);
    assert!(grown < ROOM, "{grown} bytes more");
}

#[test]
fn a_function_with_an_extension_ends_in_time_too_though_nobody_takes_its_lines() {
    let deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n";
    let function = floods().extension(
        "e",
        &format!("{deaf}me = register('e', 'INVOKE', 'SHUTDOWN')\nwhile True: next_extension_event(me)"),
    );
    let mut environment = Environment::ready(function.assigned(|assignment| assignment.timeout_ms = 4000));
    environment.invoke(b"{}").succeeded();
    let since = Instant::now();
    let id = environment.begin(b"{}");
    wait_until_stuck(&environment);
    wait_until("all are ended", || environment.sandbox.others().is_empty().then_some(()));
    let took = since.elapsed();
    assert!(took < Duration::from_millis(4000 + 2500), "{took:?}");
    // Nothing that was to be told is lost, and it is told in order.
    let outcome = environment.outcome(&id);
    assert_eq!(outcome.error().0, "Sandbox.Timedout");
    assert_eq!(outcome.done().status, Status::Timeout);
}

#[test]
fn an_init_that_is_asked_to_end_ends_though_nobody_takes_what_it_says() {
    let extension = "me = register('e', 'INVOKE', 'SHUTDOWN')\nwhile True: next_extension_event(me)";
    for function in [floods(), floods().extension("e", extension)] {
        let mut environment = Environment::ready(function);
        environment.invoke(b"{}").succeeded();
        environment.begin(b"{}");
        wait_until_stuck(&environment);
        let since = Instant::now();
        environment.sandbox.signal(Signal::SIGTERM);
        assert_eq!(environment.sandbox.wait().code(), Some(0));
        assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    }
}
