//! Runtimes that end when they should not.

use crate::control_plane::{Environment, Function};

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
