//! Runtimes that mean harm. The init lives, serves, and stays small.

use crate::uplink::control_plane::{Environment, Function};

/// Most that the init may have more than before, whatever is done to it, in bytes.
const ROOM: u64 = 48 << 20;

/// Runs `attack` inside an invocation whose answer must still arrive, and looks at the init's memory.
fn survives(attack: &str) {
    let script = format!(
        r#"
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
kept = []
def attack(event):
{}
def handler(event):
    if event.body == b"attack": attack(event)
    return "served"
serve(handler)
"#,
        attack.lines().map(|line| format!("    {line}\n")).collect::<String>()
    );
    let patient = Function::python(&script).assigned(|assignment| assignment.timeout_ms = 100_000);
    let mut environment = Environment::ready(patient);
    environment.invoke(b"{}").succeeded();
    let init = environment.sandbox.init();
    let before = init.resident();
    init.forget_peak();
    assert_eq!(environment.invoke(b"attack").succeeded(), b"served");
    assert_eq!(environment.invoke(b"{}").succeeded(), b"served");
    let grown = init.peak().saturating_sub(before);
    assert!(grown < ROOM, "{} MB more", grown >> 20);
}

#[test]
fn malformed_requests() {
    survives(
        r#"
for text in [
    b"", b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 1000,
    b"GET /2018-06-01/runtime/invocation/next\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nxxxxx",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000 + b"\r\n", b"GET / HTTP/1.1\r\n" + b"x" * 100_000 + b": y\r\n\r\n",
    b"GET //////%00%ff HTTP/1.1\r\nHost:\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://x/2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /2018-06-01/runtime/invocation//response HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"POST /2018-06-01/runtime/invocation/../response HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
]:
    other = raw()
    try:
        other.sendall(text)
        other.shutdown(socket.SHUT_WR)
        while other.recv(65536): pass
    except OSError: pass
    other.close()
"#,
    );
}

#[test]
fn requests_with_random_faults() {
    survives(
        r#"
import random
chance = random.Random(20260102)
sound = [f"{line} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nX-Y: z\r\n\r\nbody".encode() for line in [
    "POST /2018-06-01/runtime/invocation/x/response", "POST /2018-06-01/runtime/invocation/x/error",
    "POST /2018-06-01/runtime/init/error", "GET /2018-06-01/ping", "GET /2018-06-01/runtime/restore/next",
    "POST /2020-01-01/extension/register", "GET /2020-01-01/extension/event/next",
    "PUT /2022-07-01/telemetry", "PUT /2020-08-15/logs", "GET /2021-04-23/credentials",
]]
def faulty():
    text = bytearray(b"".join(chance.choices(sound, k=chance.randint(1, 4))))
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(text))
        how = chance.randrange(4)
        if how == 0: text[at] = chance.randrange(256)
        elif how == 1: del text[at:at + chance.randint(1, 20)]
        elif how == 2: text[at:at] = chance.choice([b"\r\n", b"\x00", b" ", b"Transfer-Encoding: chunked\r\n", b"9" * 30, b"%"])
        else: text[at:at] = text[at:at + 30]
        if not text: return b""
    return bytes(text)
for _ in range(1500):
    other = raw()
    try:
        other.sendall(faulty())
        other.shutdown(socket.SHUT_WR)
        while other.recv(65536): pass
    except OSError: pass
    other.close()
"#,
    );
}

#[test]
fn a_head_of_more_than_a_megabyte_passes_and_a_larger_one_is_refused() {
    survives(
        r#"
def ping(size):
    other = raw()
    other.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-XRay-Error-Cause: ")
    try:
        other.sendall(b"x" * size)
        other.sendall(b"\r\n\r\n")
    except OSError: return 431
    try: return int(other.makefile("rb").readline().split()[1])
    except (OSError, IndexError): return 431
assert ping(1100 * 1024) == 200
assert ping(3000 * 1024) == 431
"#,
    );
}

#[test]
fn a_thousand_connections() {
    survives(
        r#"
for _ in range(1000): kept.append(raw())
for other in kept: other.close()
"#,
    );
}

#[test]
fn a_thousand_callers_at_once() {
    survives(
        r#"
others = [raw() for _ in range(1000)]
for other in others: other.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
for other in others: assert other.recv(100).startswith(b"HTTP/1.1 200"), "not served"
"#,
    );
}

#[test]
fn hundreds_of_senders_that_stop_in_a_large_head() {
    survives(
        r#"
for _ in range(400):
    other = raw()
    other.setblocking(False)
    kept.append(other)
    try: other.send(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\nX: ")
    except OSError: pass
for _ in range(40):
    for other in kept:
        try: other.send(b"x" * 32768)
        except OSError: pass
    call_ping = raw()
    call_ping.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert call_ping.recv(100).startswith(b"HTTP/1.1 200"), "not served"
"#,
    );
}

#[test]
fn hundreds_of_senders_that_stop_in_a_large_error() {
    survives(
        r#"
for _ in range(400):
    other = raw()
    other.setblocking(False)
    kept.append(other)
    head = f"POST /2018-06-01/runtime/invocation/{event.id}/error HTTP/1.1\r\nHost: x\r\nContent-Length: 6000000\r\n\r\n"
    other.send(head.encode())
for _ in range(60):
    for other in kept:
        try: other.send(b"x" * 81920)
        except OSError: pass
    call_ping = raw()
    call_ping.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert call_ping.recv(100).startswith(b"HTTP/1.1 200"), "not served"
"#,
    );
}

#[test]
fn a_sender_that_stops_in_its_response_is_stopped_by_the_deadline() {
    let mut environment = Environment::ready(
        Function::python(
            r#"
event = next_event()
slow = raw()
slow.sendall(f"POST /2018-06-01/runtime/invocation/{event.id}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf".encode())
signal.pause()
"#,
        )
        .assigned(|assignment| assignment.timeout_ms = 1500),
    );
    let outcome = environment.invoke(b"{}");
    assert_eq!(outcome.error().0, "Sandbox.Timedout");
}

#[test]
fn callers_that_never_stop_do_not_stop_the_clock() {
    let mut environment = Environment::ready(
        Function::python(
            r#"
def hammer():
    request = b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" * 50
    other = raw()
    def read():
        while other.recv(1 << 20): pass
    threading.Thread(target=read).start()
    while True: other.sendall(request)
next_event()
for _ in range(8):
    if os.fork() == 0:
        for _ in range(8): threading.Thread(target=hammer).start()
        hammer()
signal.pause()
"#,
        )
        .assigned(|assignment| assignment.timeout_ms = 2000),
    );
    let (outcome, took) = environment.timed(b"{}");
    assert_eq!(outcome.error().0, "Sandbox.Timedout");
    assert!(took.as_secs() < 8, "{took:?}");
}
