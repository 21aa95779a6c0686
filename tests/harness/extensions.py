"""Functions with extensions, which are mounted where layers would bring them."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

from harness.deployment import Function, deploy

# A whole extension: what differs between tests is what it does with an event.
EXTENSION = """\
#!/usr/bin/env python3
import json, os, sys, time, urllib.error, urllib.request
from pathlib import Path

name = os.path.basename(sys.argv[0])
shared = Path("/shared")
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"

def call(path, headers, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers)) as answer:
        return answer.headers, json.load(answer)

def subscribe(**changes):
    body = {
        "schemaVersion": "2022-12-13",
        "types": ["platform", "function", "extension"],
        "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243/"},
        **changes,
    }
    url = base.replace("2020-01-01/extension/", "2022-07-01/telemetry")
    request = urllib.request.Request(url, json.dumps(body).encode(), mine, method="PUT")
    try:
        with urllib.request.urlopen(request) as answer:
            note("subscribed", [answer.status, json.load(answer)])
    except urllib.error.HTTPError as error:
        note("refused", [error.code, json.load(error)["errorType"]])

def note(kind, value):
    with open(shared / "notes", "a") as file:
        file.write(json.dumps([name, kind, value]) + "\\n")

note("env", dict(os.environ))
me = {"Lambda-Extension-Name": name, "Lambda-Extension-Accept-Feature": "accountId"}
headers, about = call("register", me, {"events": EVENTS})
note("about", about)
mine = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
ON_START
print(name + " is registered", flush=True)
while True:
    headers, event = call("event/next", mine)
    note("event", event)
    note("event id", headers["Lambda-Extension-Event-Identifier"])
ON_EVENT
    if event["eventType"] == "SHUTDOWN":
        sys.exit(0)
"""


def extension(on_event: str = "pass", events: tuple[str, ...] = ("INVOKE", "SHUTDOWN"), on_start: str = "") -> str:
    """The source of an extension that does `on_start` when it has registered, and `on_event` with every event."""
    body = textwrap.indent(textwrap.dedent(on_event), "    ")
    source = EXTENSION.replace("EVENTS", json.dumps(events)).replace("ON_EVENT", body)
    return source.replace("ON_START", textwrap.dedent(on_start))


class Sandbox:
    """A function with extensions, and the folder that they share with the test."""

    def __init__(self, folder: Path, start_server: Callable, extensions: dict[str, str | bytes], **options):
        binaries = folder / "extensions"
        self.shared = folder / "shared"
        binaries.mkdir()
        self.shared.mkdir()
        self.shared.chmod(0o777)
        for name, source in extensions.items():
            (binaries / name).write_bytes(source.encode() if isinstance(source, str) else source)
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
