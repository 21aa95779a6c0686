//! Many invocations.

use crate::control_plane::{Environment, Function};

#[test]
fn thousands_of_invocations_leave_nothing_behind() {
    let mut environment = Environment::ready(Function::python(
        r#"
def handler(event):
    print("working")
    return event.body
serve(handler)
"#,
    ));
    let init = environment.sandbox.init();
    let mut run = |times: usize| {
        for number in 0..times {
            let payload = number.to_string().into_bytes();
            assert_eq!(environment.invoke(&payload).succeeded(), payload);
        }
        (init.descriptors(), init.resident())
    };
    let (descriptors, resident) = run(200);
    let (descriptors_later, resident_later) = run(2000);
    assert_eq!(descriptors, descriptors_later);
    assert!(resident_later <= resident + (256 << 10), "{resident} then {resident_later} bytes");
}

#[test]
fn crashes_and_timeouts_leave_nothing_behind() {
    let mut environment = Environment::ready(Function::shell(
        r#"
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
event=$(curl -sS "$api/next")
exit 1
"#,
    ));
    let init = environment.sandbox.init();
    let mut run = |times: usize| {
        for _ in 0..times {
            assert_eq!(environment.invoke(b"crash").error().0, "Runtime.ExitError");
        }
        (init.descriptors(), init.resident())
    };
    let (descriptors, resident) = run(10);
    let (descriptors_later, resident_later) = run(60);
    assert!(descriptors_later <= descriptors + 1, "{descriptors} then {descriptors_later}");
    assert!(resident_later <= resident + (256 << 10), "{resident} then {resident_later} bytes");
}

#[test]
fn callers_that_give_up_waiting_leave_nothing_behind() {
    let mut environment = Environment::ready(Function::python(
        r#"
def impatient(times):
    for _ in range(times):
        gone = raw()
        gone.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        gone.close()
# One that waits makes the environment ready, so that all others may wait, too.
event = next_event()
while True:
    respond(event, "served")
    times = int(event.body)
    waiting = threading.Thread(target=impatient, args=[times])
    def ask():
        global event
        event = next_event()
    asking = threading.Thread(target=ask)
    asking.start()
    waiting.start()
    waiting.join()
    asking.join()
"#,
    ));
    let init = environment.sandbox.init();
    for _ in 0..3 {
        environment.invoke(b"2000").succeeded();
    }
    let before = init.resident();
    for _ in 0..10 {
        environment.invoke(b"2000").succeeded();
    }
    let after = init.resident();
    assert!(after <= before + (512 << 10), "{before} then {after} bytes");
}
