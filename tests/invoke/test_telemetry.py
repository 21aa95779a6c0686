"""The Telemetry API and the Logs API, as an extension sees them."""

import pytest

from harness.archives import member
from harness.extensions import Sandbox, extension
from harness.waiting import wait_until

# Listens, subscribes, and notes every event that arrives.
SUBSCRIBE = """
import http.server, threading

class Listener(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        for entry in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            note("told", entry)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("sandbox.localdomain", 4243), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
subscribe()
"""


def told(sandbox: Sandbox, kind: str) -> list:
    """Records of one type that the subscriber got."""
    return [entry["record"] for entry in sandbox.notes("told", "subscriber") if entry["type"] == kind]


@pytest.fixture
def subscribed(sandbox) -> Sandbox:
    """A function with an extension that subscribes to everything."""
    return sandbox({"subscriber": extension(on_start=SUBSCRIBE)})


def test_everything_that_happens_is_told_in_order(subscribed):
    answer = subscribed.function.run("print('a line'); return 'x' * 8")
    assert answer.value() == "x" * 8
    assert subscribed.notes("subscribed") == [[200, "OK"]]
    (report,) = wait_until(lambda: told(subscribed, "platform.report"))
    kinds = [entry["type"] for entry in subscribed.notes("told", "subscriber")]
    order = [
        *["platform.initStart", "platform.telemetrySubscription", "platform.initRuntimeDone", "platform.extension"],
        *["platform.initReport", "platform.start", "function", "platform.runtimeDone", "platform.report"],
    ]
    assert [kind for kind in kinds if kind in order] == order
    assert told(subscribed, "function") == ["a line"]
    (done,) = told(subscribed, "platform.runtimeDone")
    assert (done["requestId"], done["status"]) == (answer.request_id, "success")
    assert done["metrics"]["producedBytes"] == len(answer.payload)
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration", "runtimeOverhead"]
    assert report["metrics"]["initDurationMs"] > 0
    assert 1 <= report["metrics"]["maxMemoryUsedMB"] <= 128
    assert report["metrics"]["durationMs"] >= done["metrics"]["durationMs"]


@pytest.mark.parametrize("api", ["telemetry", "logs"])
def test_awss_own_crate_for_extensions_takes_everything_in(sandbox, api):
    program = member("rust-extension", "bootstrap")
    one = sandbox({"events": program, api: program})
    answers = [one.function.run(f"print('line {number}')") for number in range(3)]
    assert [answer.error for answer in answers] == [None] * 3
    ids = [answer.request_id for answer in answers]
    one.server.close()
    assert one.notes("invoke", "events") == one.notes("invoke", api) == ids
    assert one.notes("shutdown", "events") == one.notes("shutdown", api) == ["spindown"]
    seen = one.notes("told", api)
    for number in range(3):
        assert any(f'"line {number}' in record and record.startswith("Function(") for record in seen), seen
    kinds = {
        "telemetry": ["PlatformInitStart", "PlatformInitRuntimeDone", "PlatformInitReport", "PlatformExtension"],
        "logs": ["PlatformExtension", "PlatformEnd"],
    }
    # What the crate cannot read it does not give out.
    for kind in ["PlatformStart", "PlatformRuntimeDone", "PlatformReport", *kinds[api]]:
        records = [record for record in seen if record.startswith(kind)]
        assert records, (kind, seen)
        if kind in {"PlatformStart", "PlatformReport"}:
            assert all(any(one_id in record for record in records) for one_id in ids), records


def test_subscribing_ends_with_the_init_phase(sandbox):
    one = sandbox({"subscriber": extension(on_event="subscribe()")})
    one.function.run("return 1")
    assert wait_until(lambda: one.notes("refused"))[0] == [403, "Telemetry.SubscriptionClosed"]


def test_what_ends_badly_is_told_as_such(subscribed):
    subscribed.function.run("import os; os._exit(3)")
    (done,) = wait_until(lambda: told(subscribed, "platform.runtimeDone"))
    assert (done["status"], done["errorType"]) == ("error", "Runtime.ExitError")


def test_subscriptions_are_validated_as_aws_does(sandbox):
    wrong = """
    subscribe(types=[])
    subscribe(destination={"protocol": "HTTP", "URI": "http://sandbox.localdomain"})
    subscribe(buffering={"timeoutMs": 24})
    subscribe(schemaVersion="1999-01-01")
    """
    one = sandbox({"subscriber": extension(on_start=wrong)})
    one.function.run("return 1")
    assert one.notes("refused") == [[400, "ValidationError"]] * 4
