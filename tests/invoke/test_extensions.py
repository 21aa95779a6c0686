"""Extensions: processes of their own, and threads of the runtime."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.deployment import Function, deploy
from harness.waiting import wait_until

# A whole extension: what differs between tests is what it does with an event.
EXTENSION = '''\
#!/usr/bin/env python3
import json, os, sys, time, urllib.request
from pathlib import Path

name = os.path.basename(sys.argv[0])
shared = Path("/shared")
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"

def call(path, headers, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers)) as answer:
        return answer.headers, json.load(answer)

def note(kind, value):
    with open(shared / "notes", "a") as file:
        file.write(json.dumps([name, kind, value]) + "\\n")

note("env", dict(os.environ))
headers, about = call("register", {"Lambda-Extension-Name": name, "Lambda-Extension-Accept-Feature": "accountId"}, {"events": EVENTS})
note("about", about)
mine = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
print(name + " is registered", flush=True)
while True:
    headers, event = call("event/next", mine)
    note("event", event)
    note("event id", headers["Lambda-Extension-Event-Identifier"])
ON_EVENT
    if event["eventType"] == "SHUTDOWN":
        sys.exit(0)
'''


def extension(on_event: str = "    pass", events: tuple[str, ...] = ("INVOKE", "SHUTDOWN")) -> str:
    """The source of an extension that does `on_event`."""
    body = textwrap.indent(textwrap.dedent(on_event), "    ")
    return EXTENSION.replace("EVENTS", json.dumps(events)).replace("ON_EVENT", body)


class Sandbox:
    """A function with extensions, and the folder that they share with the test."""

    def __init__(self, folder: Path, start_server: Callable, extensions: dict[str, str], **options):
        binaries = folder / "extensions"
        self.shared = folder / "shared"
        binaries.mkdir()
        self.shared.mkdir()
        self.shared.chmod(0o777)
        for name, source in extensions.items():
            (binaries / name).write_text(source)
            (binaries / name).chmod(0o755)
        flags = f"-v {binaries}:/opt/extensions:ro -v {self.shared}:/shared"
        self.server = start_server(LAMBDA_DOCKER_FLAGS=flags, DEBUG=1)
        self.function: Function = deploy(self.server, Timeout=20, **options)

    def notes(self, kind: str, name: str | None = None) -> list:
        """What extensions have noted, in order."""
        path = self.shared / "notes"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
        return [value for who, what, value in entries if what == kind and name in (None, who)]


@pytest.fixture
def sandbox(tmp_path, own_server) -> Callable[..., Sandbox]:
    """Makes a function with extensions."""
    return lambda extensions, **options: Sandbox(tmp_path, own_server, extensions, **options)


def test_an_extension_is_told_of_every_invocation_and_of_the_end(sandbox):
    one = sandbox({"watcher": extension()})
    answer = one.function.run("return context.aws_request_id")
    assert answer.value() == answer.request_id
    assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]" in one.server.log
    (about,) = one.notes("about")
    assert list(about) == ["accountId", "functionName", "functionVersion", "handler"]
    assert (about["accountId"], about["functionName"]) == ("000000000000", one.function.name)
    (event,) = wait_until(lambda: one.notes("event"))
    assert list(event)[:4] == ["eventType", "deadlineMs", "requestId", "invokedFunctionArn"]
    assert (event["eventType"], event["requestId"]) == ("INVOKE", answer.request_id)
    one.server.close()
    last = one.notes("event")[-1]
    assert (last["eventType"], last["shutdownReason"]) == ("SHUTDOWN", "spindown")
    ids = one.notes("event id")
    assert len(ids) == len(set(ids)) == 2


def test_the_runtime_starts_when_all_extensions_have_registered(sandbox):
    slow = extension().replace("headers, about =", "time.sleep(1)\nheaders, about =", 1)
    one = sandbox({"a-fast": extension(), "b-slow": slow})
    assert one.function.run("return 1").value() == 1
    registered = [about["functionName"] for about in one.notes("about")]
    assert registered == [one.function.name] * 2
    assert "a-fast is registered" in one.server.log


def test_the_answer_leaves_before_extensions_are_done(sandbox):
    wait = """
    while event["eventType"] == "INVOKE" and not (shared / "release").exists():
        time.sleep(0.01)
    note("done", True)
    """
    one = sandbox({"slow": extension(wait)})
    assert one.function.run("return 1").value() == 1
    assert not one.notes("done")
    (one.shared / "release").touch()
    assert one.function.run("return 2").value() == 2


def test_an_extension_does_not_see_what_is_the_runtimes(sandbox):
    one = sandbox({"watcher": extension()})
    one.function.run("return 1")
    (seen,) = one.notes("env")
    hidden = {
        *["AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING"],
        *["AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER", "HOME", "HOSTNAME"],
    }
    assert not hidden & set(seen)
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == one.function.name


def test_a_crash_fails_the_invocation_and_the_next_one_works(sandbox):
    crash = """
    if event["eventType"] == "INVOKE" and not (shared / "crashed").exists():
        (shared / "crashed").touch()
        os._exit(7)
    """
    one = sandbox({"fragile": extension(crash)})
    answer = one.function.run("import time; time.sleep(15)", LogType="Tail")
    assert answer.error == "Unhandled"
    assert answer.json() == {
        "errorType": "Extension.Crash",
        "errorMessage": f"RequestId: {answer.request_id} Error: exit status 7",
    }
    assert one.function.run("return 2").value() == 2


def test_a_crash_in_the_init_phase_is_told_to_the_caller(sandbox):
    one = sandbox({"broken": "#!/bin/sh\nexit 3\n"})
    assert one.function.run("return 1").json()["errorType"] == "Extension.Crash"
    assert "Phase: init\tStatus: error\tError Type: Extension.Crash" in one.server.log


def test_a_file_that_cannot_be_run_is_told_to_the_caller(sandbox):
    one = sandbox({"no-program": "neither a script nor a binary"})
    assert one.function.run("return 1").json()["errorType"] == "Extension.LaunchError"


def test_extensions_hear_of_a_timeout(sandbox):
    one = sandbox({"watcher": extension()})
    one.function.configure(Timeout=1)
    answer = one.function.run("import time; time.sleep(15)")
    assert answer.json()["errorMessage"].endswith("Task timed out after 1.00 seconds")
    wait_until(lambda: one.notes("event")[-1].get("shutdownReason") == "timeout")
    assert one.function.run("return 2").value() == 2


def test_wrong_calls_are_answered_as_aws_does(probe):
    source = """
    import json, os, urllib.request, urllib.error, uuid
    base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
    def call(method, path, headers, body=None):
        request = urllib.request.Request(base + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return [answer.status, json.load(answer)]
        except urllib.error.HTTPError as error:
            text = error.read()
            return [error.code, json.loads(text)["errorType"] if text else ""]
    own = "Lambda-Extension-Identifier"
    return [
        call("POST", "register", {}, b"{}"),
        call("POST", "register", {"Lambda-Extension-Name": "x"}, b"nojson"),
        call("POST", "register", {"Lambda-Extension-Name": "x"}, b'{"events":["SHUTDOWN"]}'),
        call("POST", "register", {"Lambda-Extension-Name": "x"}, b'{"events":["OTHER"]}'),
        call("POST", "register", {"Lambda-Extension-Name": "x"}, b'{"events":["INVOKE"]}'),
        call("GET", "event/next", {}),
        call("GET", "event/next", {own: "1"}),
        call("GET", "event/next", {own: str(uuid.uuid4())}),
        call("POST", "init/error", {own: str(uuid.uuid4())}, b""),
        call("PUT", "register", {}, b""),
    ]
    """
    assert probe.run(source).value() == [
        [403, "Extension.InvalidExtensionName"],
        [403, "InvalidRequestFormat"],
        [403, "Extension.InvalidEventType"],
        [403, "Extension.InvalidEventType"],
        [403, "Extension.RegistrationClosed"],
        [403, "Extension.MissingExtensionIdentifier"],
        [403, "Extension.InvalidExtensionIdentifier"],
        [403, "Extension.UnknownExtensionIdentifier"],
        [403, "Extension.MissingHeader"],
        [405, ""],
    ]
