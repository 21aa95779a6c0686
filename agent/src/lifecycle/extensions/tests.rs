use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn launched(external: &[&str]) -> Extensions {
    let mut extensions = Extensions::default();
    extensions.launch(&names(external));
    extensions
}

fn register(extensions: &mut Extensions, name: &str, events: &[&str]) -> Result<(), Refusal> {
    extensions.register(name, &names(events), format!("id of {name}"))
}

#[test]
fn external_ones_register_once() {
    let mut extensions = launched(&["a"]);
    assert!(!extensions.all_registered());
    register(&mut extensions, "a", &["INVOKE", "SHUTDOWN", "INVOKE"]).unwrap();
    assert!(extensions.all_registered() && !extensions.all_ready());
    let text = "State transition from Registered to Registered failed for extension a. Error: State transition is not allowed";
    assert_eq!(register(&mut extensions, "a", &[]), Err((STATE_ERROR, text.to_owned())));
    assert_eq!(extensions.standings()[0].events, ["INVOKE", "SHUTDOWN"]);
}

#[test]
fn internal_ones_register_until_the_runtime_is_ready() {
    let mut extensions = launched(&["a"]);
    register(&mut extensions, "b", &["INVOKE"]).unwrap();
    assert_eq!(
        register(&mut extensions, "b", &[]).unwrap_err().1,
        "Extension with this name already registered"
    );
    assert_eq!(
        register(&mut extensions, "c", &["SHUTDOWN"]).unwrap_err().1,
        "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"
    );
    extensions.close();
    assert_eq!(register(&mut extensions, "c", &[]).unwrap_err().0, "Extension.RegistrationClosed");
}

#[test]
fn there_are_at_most_ten() {
    let mut extensions = launched(&["a", "b", "c", "d", "e"]);
    for name in ["1", "2", "3", "4", "5"] {
        register(&mut extensions, name, &[]).unwrap();
    }
    assert_eq!(
        register(&mut extensions, "6", &[]),
        Err(("Extension.TooManyExtensions", "Extension limit (10) reached".to_owned()))
    );
}

#[test]
fn events_are_checked_before_the_state() {
    let mut extensions = launched(&["a"]);
    register(&mut extensions, "a", &[]).unwrap();
    let refused = register(&mut extensions, "a", &["OTHER"]);
    assert_eq!(refused, Err(("Extension.InvalidEventType", "OTHER: ErrorInvalidEventType".to_owned())));
}

#[test]
fn only_those_that_want_it_are_given_an_invocation() {
    let mut extensions = launched(&["a", "b"]);
    register(&mut extensions, "a", &["INVOKE"]).unwrap();
    register(&mut extensions, "b", &["SHUTDOWN"]).unwrap();
    extensions.next(CallId(1), "id of a").unwrap();
    extensions.next(CallId(2), "id of b").unwrap();
    assert!(extensions.all_ready());
    assert_eq!(extensions.invoke(), [CallId(1)]);
    assert!(extensions.any_busy());
    assert_eq!(extensions.next(CallId(3), "id of a"), Ok(false));
    assert!(!extensions.any_busy());
    assert_eq!(extensions.next(CallId(4), "id of a").unwrap_err().0, STATE_ERROR);
}

#[test]
fn the_end_is_told_to_those_that_want_to_know_also_when_they_ask_late() {
    let mut extensions = launched(&["asks", "busy", "indifferent"]);
    register(&mut extensions, "asks", &["SHUTDOWN"]).unwrap();
    register(&mut extensions, "busy", &["INVOKE", "SHUTDOWN"]).unwrap();
    register(&mut extensions, "indifferent", &["INVOKE"]).unwrap();
    for (call, name) in [(1, "asks"), (2, "busy"), (3, "indifferent")] {
        extensions.next(CallId(call), &format!("id of {name}")).unwrap();
    }
    extensions.invoke();
    assert_eq!(extensions.announce_end(), (vec![CallId(1)], vec!["indifferent".to_owned()]));
    assert_eq!(extensions.next(CallId(4), "id of busy"), Ok(true));
    // Who has heard of it and asks for more waits until it is killed. [AWS: lambda-extension crate, which does so]
    assert_eq!(extensions.next(CallId(5), "id of busy"), Ok(false));
    assert_eq!(extensions.next(CallId(6), "id of asks"), Ok(false));
    for name in ["asks", "busy", "indifferent"] {
        assert!(extensions.any_alive());
        extensions.exited(name);
    }
    assert!(!extensions.any_alive());
}

#[test]
fn an_end_is_called_what_the_extension_said_before() {
    let mut extensions = launched(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        register(&mut extensions, name, &[]).unwrap();
    }
    extensions.init_error("id of a", "A.B".into()).unwrap();
    extensions.init_error("id of a", "again".into()).unwrap();
    assert_eq!(extensions.next(CallId(1), "id of a").unwrap_err().0, STATE_ERROR);
    extensions.exit_error("id of b", "A.B".into()).unwrap();
    assert_eq!(extensions.exited("a"), Some("Extension.InitError"));
    assert_eq!(extensions.exited("b"), Some("Extension.ExitError"));
    assert_eq!(extensions.exited("c"), Some("Extension.Crash"));
    assert_eq!(extensions.standings()[0].error_type.as_deref(), Some("A.B"));
}

#[test]
fn strangers_are_told_that_they_are() {
    let mut extensions = launched(&[]);
    assert_eq!(extensions.next(CallId(1), "x").unwrap_err().1, "Unknown extension x");
    let refused = extensions.exit_error("x", String::new()).unwrap_err();
    assert_eq!(
        refused,
        ("Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier".to_owned())
    );
}
