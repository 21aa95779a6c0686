//! Many invocations.

use super::{Protocol, Scenario, under_both};

under_both!(ten_thousand_invocations_leave_nothing_behind);

/// A runtime that does as little as one can.
const QUICK: &str = r#"
import re
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\ndone"
wire = raw()
def answer_to(request):
    wire.sendall(request)
    said = b""
    while True:
        said += wire.recv(65536)
        head, _, body = said.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if length and len(body) >= int(length[1]): return head
while True:
    id = re.search(rb"request-id: (\S+)", answer_to(NEXT))[1].decode()
    answer_to((ANSWER % id).encode())
"#;

fn ten_thousand_invocations_leave_nothing_behind<P: Protocol>() {
    let mut environment = P::ready(Scenario::of(QUICK).variable("LOCALSTACK_INIT_LOG_LEVEL", "warn"));
    let mut figures_after = |times: usize| {
        for _ in 0..times {
            assert_eq!(environment.invoke("{}").succeeded(), "done");
        }
        let init = environment.sandbox().init();
        (init.descriptors(), init.threads(), init.resident())
    };
    let (descriptors, threads, resident) = figures_after(500);
    let later = figures_after(9500);
    // One that had something to do at the start has ended since.
    assert!(later.0 <= descriptors && later.1 <= threads, "{descriptors} and {threads} then {later:?}");
    assert!(later.2 <= resident + (256 << 10), "{resident} then {} bytes", later.2);
}
