//! Processes that nobody waits for.

use super::{Protocol, Scenario, under_both};
use crate::sandbox::{Process, wait_until};

under_both!(
    orphans_are_reaped,
    whatever_a_dead_runtime_has_started_is_dead_too,
    a_process_that_is_killed_for_want_of_memory_is_told_as_such,
);

fn orphans_are_reaped<P: Protocol>() {
    let mut environment = P::ready(Scenario::of(
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
    environment.invoke("{}").succeeded();
    wait_until("nobody is left but the runtime", || {
        let others = environment.sandbox().others();
        (others.len() == 1 && !others.iter().any(Process::is_zombie)).then_some(())
    });
}

fn whatever_a_dead_runtime_has_started_is_dead_too<P: Protocol>() {
    let mut environment = P::ready(
        Scenario::of(
            r#"
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "1000"])
        os._exit(0)
    os.wait()
def handler(event):
    daemon()
    spawn("sleep", "1000")
    if event.body == b"crash": os._exit(1)
    if event.body == b"hang": signal.pause()
    return "served"
serve(handler)
"#,
        )
        .timeout(2),
    );
    for how in ["crash", "hang"] {
        environment.invoke(how).result.unwrap_err();
        // No runtime is started before the next invocation.
        let left: Vec<_> = environment.sandbox().others().iter().map(Process::name).collect();
        assert_eq!(left, [""; 0], "after {how}");
    }
}

fn a_process_that_is_killed_for_want_of_memory_is_told_as_such<P: Protocol>() {
    // What the kernel counts for a container with a limit.
    const COUNTS: &str = "/sys/fs/cgroup/memory.events";
    let runtime = r#"
def handler(event):
    open("/tmp/begun-" + event.body.decode(), "w").close()
    wait_at("/tmp/gate")
    os.kill(os.getpid(), signal.SIGKILL)
serve(handler)
"#;
    let mut environment = P::ready(Scenario::of(runtime).file(COUNTS, 0o644, "oom 0\noom_kill 1\n"));
    let outcomes = [(1, "Runtime.ExitError"), (2, "Runtime.OutOfMemory"), (2, "Runtime.ExitError")];
    for (number, (kills, error_type)) in outcomes.into_iter().enumerate() {
        let id = environment.begin(&number.to_string());
        let sandbox = environment.sandbox();
        // What was counted before counts for nothing.
        let begun = sandbox.path(&format!("/tmp/begun-{number}"));
        wait_until("it has begun", || begun.exists().then_some(()));
        std::fs::write(sandbox.path(COUNTS), format!("oom 0\noom_kill {kills}\n")).unwrap();
        sandbox.release("/tmp/gate");
        let told = environment.outcome(&id);
        let message = format!("RequestId: {id} Error: Runtime exited with error: signal: killed");
        assert_eq!(told.error(), (error_type.to_owned(), message));
    }
}
