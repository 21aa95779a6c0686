//! Runtimes that end when they should not, or do not when they should.

use std::time::{Duration, SystemTime};

use lambdock_protocol::{Shutdown, ShutdownReason, Status, ToAgent, ToControlPlane};
use nix::sys::signal::Signal;

use crate::sandbox::{takes_less_than, wait_until};
use crate::uplink::control_plane::{Environment, Function};

#[test]
fn a_runtime_that_ends_during_an_invocation_fails_it_and_the_next_gets_a_fresh_one() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    if event.body == b"exit 0": os._exit(0)
    if event.body == b"exit 3": os._exit(3)
    if event.body == b"killed": os.kill(os.getpid(), signal.SIGKILL)
    if event.body == b"segfault": os.kill(os.getpid(), signal.SIGSEGV)
    return str(os.getpid())
serve(handler)
"#,
    ));
    let mut generations = vec![environment.invoke(b"who").succeeded()];
    for (how, said) in [
        ("exit 0", "Runtime exited without providing a reason"),
        ("exit 3", "Runtime exited with error: exit status 3"),
        ("killed", "Runtime exited with error: signal: killed"),
        ("segfault", "Runtime exited with error: signal: segmentation fault"),
    ] {
        let outcome = environment.invoke(how.as_bytes());
        let id = &outcome.done().request_id;
        assert_eq!(outcome.error(), ("Runtime.ExitError".into(), format!("RequestId: {id} Error: {said}")));
        generations.push(environment.invoke(b"who").succeeded());
    }
    let total = generations.len();
    generations.dedup();
    assert_eq!(generations.len(), total, "a dead runtime has answered");
}

#[test]
fn a_child_that_holds_the_output_open_delays_nothing() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    spawn("sleep", "1000")
    print(int(time.time() * 1000))
    if event.body == b"stay":
        os._exit(3)
    return "served"
serve(handler)
"#,
    ));
    for how in ["stay", "leave"] {
        takes_less_than(Duration::from_millis(200), || {
            let outcome = environment.invoke(how.as_bytes());
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(outcome.failed.is_some(), how == "stay");
            let ended = outcome.text().lines().find_map(|line| line.parse().ok()).map(Duration::from_millis);
            now.saturating_sub(ended.unwrap())
        });
    }
}

#[test]
fn a_timeout_ends_the_invocation_in_time_and_the_next_gets_a_fresh_runtime() {
    let mut environment = Environment::ready(
        Function::python(
            r#"
def handler(event):
    if event.body == b"hang":
        print("hanging")
        open("/tmp/kept", "w").close()
        signal.pause()
    return str(os.getpid()) + str(os.path.exists("/tmp/kept"))
serve(handler)
"#,
        )
        .assigned(|assignment| assignment.timeout_ms = 2500),
    );
    let first = environment.invoke(b"who").succeeded();
    takes_less_than(Duration::from_millis(2600), || {
        // In a runtime that is there: starting one is part of the time.
        environment.invoke(b"who").succeeded();
        let (outcome, took) = environment.timed(b"hang");
        let done = outcome.done().clone();
        let id = &done.request_id;
        assert_eq!(
            outcome.error(),
            ("Sandbox.Timedout".into(), format!("RequestId: {id} Error: Task timed out after 2.50 seconds"))
        );
        assert!(took >= Duration::from_millis(2500), "{took:?}");
        assert_eq!((done.status, done.duration_us, done.billed_ms), (Status::Timeout, 2_500_000, 2500));
        let log = outcome.text();
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines[..2], [format!("START RequestId: {id} Version: $LATEST"), "hanging".to_owned()]);
        assert!(lines[2].ends_with(&format!("Z {id} Task timed out after 2.50 seconds")), "{log}");
        assert_eq!(lines[3..5], [String::new(), format!("END RequestId: {id}")]);
        assert!(lines[5].contains("\tDuration: 2500.00 ms\tBilled Duration: 2500 ms\t"), "{log}");
        assert!(lines[5].ends_with("\tStatus: timeout\t"), "{log}");
        took
    });
    let second = environment.invoke(b"who").succeeded();
    assert!(second.ends_with(b"True") && first.ends_with(b"False"), "/tmp survives");
    assert_ne!(first.strip_suffix(b"False"), second.strip_suffix(b"True"));
}

#[test]
fn a_timeout_in_a_suppressed_init_is_one_of_the_invocation() {
    let mut environment = Environment::of(Function::python("signal.pause()").assigned(|assignment| {
        assignment.init_timeout_ms = Some(500);
        assignment.timeout_ms = 1000;
    }));
    assert_eq!(environment.initialized().0.status, Status::Timeout);
    let outcome = environment.invoke(b"{}");
    assert_eq!(outcome.error().0, "Sandbox.Timedout");
    let before = String::from_utf8(outcome.before.clone()).unwrap();
    let reports: Vec<_> = before.lines().filter(|line| line.starts_with("INIT_REPORT ")).collect();
    assert!(reports.len() == 1 && reports[0].ends_with("\tPhase: invoke\tStatus: timeout"), "{before}");
    assert!(environment.sandbox.others().is_empty());
}

#[test]
fn a_response_stands_though_its_runtime_dies_before_it_asks_for_more() {
    let mut environment = Environment::ready(Function::python(
        r#"
while True:
    event = next_event()
    respond(event, str(os.getpid()))
    if event.body == b"last": os._exit(1)
"#,
    ));
    let first = environment.invoke(b"last").succeeded();
    assert_ne!(environment.invoke(b"{}").succeeded(), first);
}

#[test]
fn a_response_stands_though_its_runtime_is_gone_before_it_hears_that_it_was_taken() {
    let mut environment = Environment::ready(Function::python(
        r#"
event = next_event()
how, size = event.body.decode().split()
head = f"POST /2018-06-01/runtime/invocation/{event.id}/{'error' if how == 'error' else 'response'} HTTP/1.1\r\nHost: x\r\n"
body = b"x" * int(size)
mine = connection.sock if how == "same" else raw()
mine.sendall((head + f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
os.kill(os.getpid(), signal.SIGKILL)
"#,
    ));
    for _ in 0..6 {
        for (how, size) in [("same", 10), ("other", 10), ("same", 0), ("other", 300_000), ("error", 10)] {
            let outcome = environment.invoke(format!("{how} {size}").as_bytes());
            if how == "error" {
                assert_eq!(outcome.failed, Some(("Runtime.Unknown".into(), "x".repeat(size))));
            } else {
                assert_eq!(outcome.succeeded().len(), size, "{how}");
            }
        }
    }
}

#[test]
fn a_response_stands_though_its_runtime_never_asks_for_more() {
    let mut environment = Environment::ready(
        Function::python("respond(next_event(), 'answered')\nsignal.pause()")
            .assigned(|assignment| assignment.timeout_ms = 1000),
    );
    let outcome = environment.invoke(b"{}");
    assert_eq!(outcome.response, b"answered");
    assert!(outcome.end.is_some() && outcome.failed.is_none());
    assert_eq!(outcome.done().status, Status::Timeout);
}

#[test]
fn a_runtime_that_dies_while_idle_is_replaced() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    def later():
        wait_at("/tmp/gate")
        os._exit(1)
    threading.Thread(target=later).start()
    return str(os.getpid())
serve(handler)
"#,
    ));
    let first = environment.invoke(b"{}").succeeded();
    environment.sandbox.release("/tmp/gate");
    wait_until("the runtime is gone", || environment.sandbox.others().is_empty().then_some(()));
    assert_ne!(environment.invoke(b"{}").succeeded(), first);
}

#[test]
fn a_shutdown_ends_the_init_in_every_stage_and_takes_the_last_lines_along() {
    let script = r#"
print("starting")
if os.environ["STAGE"] == "init": signal.pause()
event = next_event()
print("running")
if os.environ["STAGE"] == "running": signal.pause()
respond(event, "answered")
print("answered")
signal.pause()
"#;
    for (stage, last) in
        [("init", "starting\n"), ("idle", "starting\n"), ("running", "running\n"), ("answered", "answered\n")]
    {
        for signal in [None, Some(Signal::SIGTERM), Some(Signal::SIGINT)] {
            let mut environment =
                Environment::of(Function::python(script).assigned(|assignment| {
                    drop(assignment.environment.insert("STAGE".into(), stage.into()))
                }));
            if stage != "init" {
                environment.initialized();
            }
            if stage == "running" || stage == "answered" {
                environment.begin(b"{}");
            }
            let mut log = Vec::new();
            let mut asked = stage == "idle";
            let ask = |environment: &mut Environment| match signal {
                Some(signal) => environment.sandbox.signal(signal),
                None => environment
                    .send(&ToAgent::Shutdown(Shutdown { reason: ShutdownReason::Spindown, budget_ms: 2000 })),
            };
            if asked {
                ask(&mut environment);
            }
            while let Some(message) = environment.receive() {
                match message {
                    ToControlPlane::Log(_, lines) => log.extend_from_slice(&lines),
                    ToControlPlane::Failed(failed, _) => panic!("{failed:?}"),
                    _ => {}
                }
                if !asked && log.ends_with(last.as_bytes()) {
                    asked = true;
                    ask(&mut environment);
                }
            }
            assert_eq!(environment.sandbox.wait().code(), Some(0), "{stage} {signal:?}");
        }
    }
}

#[test]
fn an_init_whose_control_plane_is_gone_ends_itself() {
    let mut environment = Environment::ready(Function::python("serve(lambda event: 'served')"));
    environment.hang_up();
    assert_eq!(environment.sandbox.wait().code(), Some(0));
}
