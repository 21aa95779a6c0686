//! Processes: who is started as what, who is reaped, and what they cost.

use crate::sandbox::{Process, wait_until};
use crate::uplink::control_plane::{Environment, Function};

#[test]
fn who_looks_around_in_the_container_is_left_alone_when_the_function_is_ended() {
    let mut environment = Environment::ready(
        Function::python(
            r#"
def handler(event):
    spawn("env", "-i", "setsid", "/usr/bin/sleep", "1001")
    if event.body == b"crash": os._exit(1)
    if event.body == b"hang": signal.pause()
    return "served"
serve(handler)
"#,
        )
        .assigned(|assignment| assignment.timeout_ms = 1500),
    );
    let script = "sleep 2001 & (sleep 2002 &) ; setsid sleep 2003 & (setsid env -i /usr/bin/sleep 2004 &) ; \
         echo $$ > /tmp/shell; wait";
    let mut shell = environment.sandbox.exec(script, &[("LAMBDOCK_SECRET", "secret")]);
    // Only its variables tell of this one where it comes from: its shell is gone.
    let mut gone = environment.sandbox.exec("setsid sleep 2005 &", &[("LAMBDOCK_SECRET", "secret")]);
    assert!(gone.wait().unwrap().success());
    let theirs = |environment: &Environment| {
        let commands = environment.sandbox.others().iter().map(|one| one.command()).collect::<Vec<_>>();
        let mut theirs: Vec<_> =
            commands.into_iter().filter(|command| command.starts_with("sleep ")).collect();
        theirs.sort();
        theirs
    };
    let all = ["sleep 2001", "sleep 2002", "sleep 2003", "sleep 2005"];
    wait_until("they are there", || (theirs(&environment) == all).then_some(()));
    for how in ["crash", "hang"] {
        assert!(environment.invoke(how.as_bytes()).failed.is_some());
        assert_eq!(theirs(&environment), all, "after {how}");
        let functions = environment.sandbox.others();
        let left: Vec<_> =
            functions.iter().map(Process::command).filter(|one| one.ends_with(" 1001")).collect();
        assert_eq!(left, [""; 0], "after {how}");
    }
    assert!(shell.try_wait().unwrap().is_none());
    environment.sandbox.signal(nix::sys::signal::Signal::SIGTERM);
    environment.sandbox.wait();
    // With PID 1 the container goes, and everybody in it.
    shell.wait().unwrap();
}

#[test]
fn memory_that_a_dead_runtime_has_used_is_told_once() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    if event.body == b"large":
        block = b"x" * (150 << 20)
        os._exit(1)
    return "served"
serve(handler)
"#,
    ));
    let used = |environment: &mut Environment, what: &str| {
        environment.invoke(what.as_bytes()).done().max_memory_bytes.unwrap() >> 20
    };
    let large = used(&mut environment, "large");
    assert!((150..230).contains(&large), "{large} MB");
    let small = used(&mut environment, "small");
    assert!((3..60).contains(&small), "{small} MB");
}

#[test]
fn memory_used_is_the_functions_own() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    block = bytearray(int(event.body) * 1024 * 1024)
    for at in range(0, len(block), 4096): block[at] = 1
    return "served"
serve(handler)
"#,
    ));
    let used = |environment: &mut Environment, megabytes: &str| {
        let outcome = environment.invoke(megabytes.as_bytes());
        let bytes = outcome.done().max_memory_bytes.unwrap();
        let line = format!("\tMax Memory Used: {} MB\t", bytes.div_ceil(1 << 20));
        assert!(outcome.text().contains(&line), "{}", outcome.text());
        bytes >> 20
    };
    let small = used(&mut environment, "0");
    assert!((3..60).contains(&small), "{small} MB");
    let large = used(&mut environment, "100");
    assert!((100 + small - 5..170).contains(&large), "{small} then {large} MB");
    let small_again = used(&mut environment, "0");
    assert!(small_again < small + 30, "{small}, then {large}, then {small_again} MB");
}
