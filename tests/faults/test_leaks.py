"""After storms of crashes, timeouts and throttles everything is as it was before."""

import os
import re
from concurrent.futures import ThreadPoolExecutor

import requests
from botocore.exceptions import ClientError

from harness import engine
from harness.archives import PROBE, python, zip_of
from harness.deployment import deploy
from harness.server import Lambdock
from harness.waiting import wait_until

LIMIT = 4
STORM = 60
LARGE = zip_of({"index.py": "def handler(event, context): return 1", "padding": os.urandom(2 << 20)})
MEETING = python(
    """
import json, os, time, urllib.request

def handler(event, context):
    open("/meeting/" + str(event["number"]), "w").close()
    while len(os.listdir("/meeting")) < event["count"]:
        time.sleep(0.02)
    return event["number"]
"""
)
"""Ends when as many are under way as are to meet."""


def files(server: Lambdock) -> int:
    """File descriptors of the process."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def threads(server: Lambdock) -> int:
    """Threads of the process."""
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


def environments(server: Lambdock) -> dict[str, int]:
    """How many environments there are, by what they do."""
    text = requests.get(f"{server.url}/_lambdock/metrics", timeout=10).text
    found = re.findall(r'^lambdock_environments\{state="(\w+)"\} (\d+)', text, re.MULTILINE)
    assert found, text
    return {state: int(count) for state, count in found}


def volumes(server: Lambdock) -> list[str]:
    """Volumes of the server."""
    label = f"label=lambdock.instance={server.machine()}"
    return engine.docker("volume", "ls", "--quiet", "--filter", label).split()


def outcome(call) -> str:
    """In a word, how a call ended."""
    try:
        answer = call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "Failed" if answer.error else "Answered"


def test_storms_leave_nothing_behind(own_server, tmp_path):
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    meeting.chmod(0o777)
    server = own_server(
        LAMBDA_LIMITS_CONCURRENT_EXECUTIONS=LIMIT,
        LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY=0,
        LAMBDA_DOCKER_FLAGS=f"-v {meeting}:/meeting",
        LAMBDA_KEEPALIVE_MS=1000,
        LAMBDOCK_STANDBY_CONTAINERS=0,
        LAMBDOCK_STANDBY_NETWORKS=0,
    )
    met = deploy(server, MEETING, Timeout=120)

    def meet() -> None:
        """As many run at the same time as the account may have: no counter has been left too high."""
        for left in meeting.iterdir():
            left.unlink()
        with ThreadPoolExecutor(LIMIT) as callers:
            calls = [callers.submit(met.invoke, {"number": number, "count": LIMIT}) for number in range(LIMIT)]
            assert [call.result().value() for call in calls] == list(range(LIMIT))

    def quiet() -> None:
        """Nothing runs and nothing is left of what ran."""
        wait_until(lambda: not any(environments(server).values()), 60, "no environment is left")
        wait_until(lambda: not server.containers(), 60, "no container is left")

    meet()
    quiet()
    before = (files(server), threads(server))
    assert volumes(server) == []

    crashing, slow, busy = deploy(server, PROBE), deploy(server, PROBE, Timeout=1), deploy(server, LARGE)
    storms = {
        "crash": lambda: crashing.run("import os; os._exit(1)"),
        "time is up": lambda: slow.run("import time; time.sleep(5)"),
        "throttled": busy.invoke,
    }
    seen = {}
    for name, call in storms.items():
        with ThreadPoolExecutor(3 * LIMIT) as callers:
            seen[name] = set(callers.map(lambda _, call=call: outcome(call), range(STORM)))
    assert "Failed" in seen["crash"]
    assert "Failed" in seen["time is up"]
    assert "Answered" in seen["throttled"]
    assert all("TooManyRequestsException" in kinds for kinds in seen.values()), seen
    assert {kind for kinds in seen.values() for kind in kinds} <= {"Answered", "Failed", "TooManyRequestsException"}
    assert len(volumes(server)) == 1
    for one in (crashing, slow, busy):
        one.client.delete_function(FunctionName=one.name)

    meet()
    quiet()
    wait_until(lambda: volumes(server) == [], 60, "the volume of the deleted code is removed")
    # Connections to the engine and of clients are kept for a while.
    wait_until(lambda: files(server) <= before[0], 60, f"no more than {before[0]} files are open")
    assert threads(server) <= before[1] + 2, "threads for work that blocks come and go"
