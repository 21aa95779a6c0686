//! What happens often and is to leave nothing behind.

use lambdock_protocol::ToControlPlane;

use crate::uplink::control_plane::{Environment, Function};

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
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
def heard():
    """Who is answered later has been heard later."""
    other = Connection()
    other.request("GET", "/2018-06-01/ping")
    other.getresponse().read()
mine = raw()
mine.sendall(NEXT)
while True:
    answer = Connection(sock=mine).getresponse()
    times = int(answer.read())
    class event: id = answer.getheader("lambda-runtime-aws-request-id")
    respond(event, "served")
    # The first that waits again gets the next event; those after it give up.
    mine.sendall(NEXT)
    heard()
    for _ in range(times):
        many = [raw() for _ in range(100)]
        for one in many: one.sendall(NEXT)
        heard()
        for one in many: one.close()
        heard()
    print("gave up")
"#,
    ));
    let init = environment.sandbox.init();
    let mut run = |rounds: &[u8]| {
        let outcome = environment.invoke(rounds);
        // It may be written before or after the end.
        if !outcome.text().contains("gave up\n") {
            let ToControlPlane::Log(_, line) = environment.next() else { panic!("not a line") };
            assert_eq!(line, "gave up\n");
        }
        outcome.succeeded();
        init.resident()
    };
    let before = run(b"20");
    let after = run(b"100");
    assert!(after <= before + (256 << 10), "{before} then {after} bytes");
}
