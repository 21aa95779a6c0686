//! What SIGTERM leads to.

use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;

use super::{ECHO, Protocol, Scenario, under_both};
use crate::sandbox::{takes_less_than, wait_until};

under_both!(
    the_runtime_is_asked_first_and_then_extensions_are_told,
    who_hangs_has_its_time_and_no_more,
    who_did_not_ask_to_be_told_is_killed,
    without_extensions_nobody_is_waited_for,
    a_second_signal_changes_nothing,
);

const DEAF: &str = "signal.signal(signal.SIGTERM, signal.SIG_IGN)";

/// What was written until the init had ended, and how long it took to.
fn end(environment: &mut impl Protocol) -> (String, Duration) {
    let sandbox = environment.sandbox();
    let since = Instant::now();
    sandbox.signal(Signal::SIGTERM);
    assert_eq!(sandbox.wait().code(), Some(0));
    (String::from_utf8(sandbox.stdout()).unwrap(), since.elapsed())
}

fn the_runtime_is_asked_first_and_then_extensions_are_told<P: Protocol>() {
    let script = r#"
me = register("e", "SHUTDOWN")
event, headers = next_extension_event(me)
left = event.pop("deadlineMs") - time.time() * 1000
print("told", json.dumps(event), headers["content-type"], len(headers["lambda-extension-event-identifier"]), 0 < left <= 2000)
"#;
    let runtime = r#"
def end(*_):
    print("asked")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
serve(lambda event: "served")
"#;
    let mut environment = P::ready(Scenario::of(runtime).extension("e", script));
    environment.invoke("{}").succeeded();
    let told = r#"told {"eventType": "SHUTDOWN", "shutdownReason": "spindown"} application/json 36 True"#;
    assert_eq!(end(&mut environment).0, format!("asked\n{told}\n"));
}

fn who_hangs_has_its_time_and_no_more<P: Protocol>() {
    let extension = format!(
        "{DEAF}\nme = register('e', 'SHUTDOWN')\nnext_extension_event(me)\nprint(time.time_ns() // 1_000_000)\nsignal.pause()"
    );
    let runtime = format!("{DEAF}\n{ECHO}");
    let mut until_told = Duration::MAX;
    takes_less_than(Duration::from_millis(2100), || {
        let mut environment = P::ready(Scenario::of(&runtime).extension("e", &extension));
        environment.invoke("1").succeeded();
        let asked = SystemTime::now();
        let (written, took) = end(&mut environment);
        let heard = SystemTime::UNIX_EPOCH + Duration::from_millis(written.trim().parse().unwrap());
        until_told = heard.duration_since(asked).unwrap_or_default();
        assert!(took >= Duration::from_millis(1900), "{took:?}");
        // The runtime's share of the time is 300 ms.
        if until_told < Duration::from_millis(350) { took } else { Duration::MAX }
    });
    assert!(until_told >= Duration::from_millis(290), "{until_told:?}");
}

fn who_did_not_ask_to_be_told_is_killed<P: Protocol>() {
    let extension = format!("{DEAF}\nme = register('e', 'INVOKE')\nwhile True: next_extension_event(me)");
    takes_less_than(Duration::from_millis(400), || {
        // A runtime that hangs has its share of the time; an extension that will hear nothing has none.
        let runtime = format!("{DEAF}\n{ECHO}");
        let mut environment = P::ready(Scenario::of(&runtime).extension("e", &extension));
        environment.invoke("1").succeeded();
        let took = end(&mut environment).1;
        assert!(took >= Duration::from_millis(290), "{took:?}");
        took
    });
}

fn without_extensions_nobody_is_waited_for<P: Protocol>() {
    let runtime = format!("def end(*_): print('asked')\nsignal.signal(signal.SIGTERM, end)\n{ECHO}");
    takes_less_than(Duration::from_millis(100), || {
        let mut environment = P::ready(Scenario::of(&runtime));
        environment.invoke("1").succeeded();
        let (written, took) = end(&mut environment);
        assert_eq!(written, "", "the runtime is killed, not asked");
        took
    });
}

fn a_second_signal_changes_nothing<P: Protocol>() {
    let script = r#"
me = register("e", "SHUTDOWN")
next_extension_event(me)
print("told")
wait_at("/tmp/gate")
print("finished")
"#;
    let mut environment = P::ready(Scenario::of(ECHO).extension("e", script));
    let sandbox = environment.sandbox();
    sandbox.signal(Signal::SIGTERM);
    let gate = sandbox.path("/tmp/gate");
    wait_until("the extension is at the gate", || gate.exists().then_some(()));
    sandbox.signal(Signal::SIGTERM);
    sandbox.signal(Signal::SIGINT);
    sandbox.release("/tmp/gate");
    assert_eq!(sandbox.wait().code(), Some(0));
    assert_eq!(sandbox.stdout(), b"told\nfinished\n");
}
