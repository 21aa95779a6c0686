"""What functions have done, seen from outside: they write it down in a folder of the host."""

import itertools
import json
import time
from pathlib import Path

from harness.archives import python
from harness.waiting import wait_until

INSIDE = "/witness"

_SOURCE = """
import json
import os
import time

def note(**entry):
    with open("/witness/" + os.environ["AWS_LAMBDA_FUNCTION_NAME"], "a") as file:
        file.write(json.dumps(entry) + "\\n")

def handler(event, context):
    note(
        event=event,
        code=CODE,
        time=time.time(),
        request_id=context.aws_request_id,
        arn=context.invoked_function_arn,
        version=context.function_version,
        trace=os.environ.get("_X_AMZN_TRACE_ID"),
        client=context.client_context is not None,
    )
    time.sleep(event.get("sleep", 0))
    while "gate" in event and not os.path.exists("/witness/" + event["gate"]):
        time.sleep(0.02)
    note(event=event, ended=time.time())
    if event.get("fail") or os.environ.get("FAIL"):
        raise RuntimeError(event.get("message", "no luck"))
    return {"did": event.get("number")}
"""


def witnessed(code: str) -> bytes:
    """Notes each event, with the name of its `code`, and its end; fails if it is told to `fail`, by the event or the
    variable FAIL; waits for the `gate` that the event names."""
    return python(f"CODE = {code!r}\n{_SOURCE}")


WITNESSED = witnessed("witness")


class Witness:
    """A folder that functions write into, mounted with `flags`."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        self._folder = folder
        self.flags = f"-v {folder}:{INSIDE}"

    def open(self, gate: str) -> None:
        """Lets those go on that wait for it."""
        (self._folder / gate).touch()

    def _notes(self, function: str) -> list[dict]:
        path = self._folder / function
        text = path.read_text() if path.exists() else ""
        # The last line may be half written.
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def runs(self, function: str) -> list[dict]:
        """What it was invoked with, in that order."""
        return [note for note in self._notes(function) if "ended" not in note]

    def ends(self, function: str) -> list[dict]:
        """What it has finished, in that order."""
        return [note for note in self._notes(function) if "ended" in note]

    def crowd(self, function: str) -> int:
        """The most runs that there were at the same time, until now."""
        steps = [(run["time"], 1) for run in self.runs(function)]
        steps += [(end["ended"], -1) for end in self.ends(function)]
        return max(itertools.accumulate(step for _, step in sorted(steps)), default=0)

    def wait_for(self, function: str, count: int, timeout: float = 30) -> list[dict]:
        """Its runs, once there are so many that have ended."""
        wait_until(lambda: len(self.ends(function)) >= count, timeout, f"{function} has run {count} times")
        return self.runs(function)

    def stays_at(self, function: str, count: int, seconds: float = 1.5) -> None:
        """Fails when there are other than so many runs within this time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert len(self.runs(function)) == count
            time.sleep(0.05)
