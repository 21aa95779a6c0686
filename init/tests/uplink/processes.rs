//! Processes: who is started as what, who is reaped, and what they cost.

use crate::control_plane::{Environment, Function};
use crate::sandbox::{Process, wait_until};

#[test]
fn orphans_are_reaped() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    for _ in range(50):
        if os.fork() == 0:
            if os.fork() == 0: os._exit(0)
            os._exit(0)
        os.wait()
    return "served"
serve(handler)
"#,
    ));
    environment.invoke(b"{}").succeeded();
    wait_until("nobody is left but the runtime", || {
        let others = environment.sandbox.others();
        (others.len() == 1 && !others.iter().any(Process::is_zombie)).then_some(())
    });
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
}
