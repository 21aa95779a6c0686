//! Extensions that end when they should not.

use super::{Protocol, Scenario, under_both};

under_both!(
    an_extension_that_ends_fails_the_invocation_and_the_next_one_succeeds,
    an_extension_that_says_it_ends_may_ask_for_nothing_more,
);

/// Hangs if it is asked to.
const RUNTIME: &str = r#"
def handler(event):
    if event.body == b"hang": signal.pause()
    return event.body
serve(handler)
"#;

fn an_extension_that_ends_fails_the_invocation_and_the_next_one_succeeds<P: Protocol>() {
    for (end, error_type, said) in [
        ("os._exit(0)", "Extension.Crash", "exit code 0"),
        ("os._exit(3)", "Extension.Crash", "exit status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Extension.Crash", "signal: killed"),
        (
            "ask('POST', 'exit/error', '{}', {**me, 'Lambda-Extension-Function-Error-Type': 'E'}); os._exit(3)",
            "Extension.ExitError",
            "exit status 3",
        ),
    ] {
        let extension = format!(
            r#"
me = register("e", "INVOKE")
while True:
    next_extension_event(me)
    if not os.path.exists("/tmp/once"):
        open("/tmp/once", "w").close()
        {end}
"#
        );
        let mut environment = P::ready(Scenario::of(RUNTIME).extension("e", &extension));
        let told = environment.invoke("hang");
        assert_eq!(told.error(), (error_type.into(), format!("RequestId: {} Error: {said}", told.id)));
        assert_eq!(environment.invoke("again").succeeded(), "again");
    }
}

fn an_extension_that_says_it_ends_may_ask_for_nothing_more<P: Protocol>() {
    let script = r#"
me = register("e", "INVOKE")
next_extension_event(me)
status, _, said = ask("POST", "exit/error", "{}", {**me, "Lambda-Extension-Function-Error-Type": "Extension.Mine"})
print("told", status, refusal("GET", "event/next", headers=me))
os._exit(1)
"#;
    let told = P::ready(Scenario::of(RUNTIME).extension("e", script)).invoke("hang");
    assert_eq!(told.error().0, "Extension.ExitError");
    assert!(told.log.contains("told 202 [403, 'Extension.InvalidExtensionState']"), "{}", told.log);
}
