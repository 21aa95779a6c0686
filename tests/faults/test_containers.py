"""Containers that end, stop or fall silent in each phase of their life: callers hear the truth, nothing is left."""

import json
import threading

import pytest

from harness import engine, streaming
from harness.archives import python
from harness.clients import refused
from harness.deployment import deploy
from harness.waiting import wait_until
from harness.witness import WITNESSED, Witness

SLOW_TO_START = python(
    """
import time
from pathlib import Path

Path("/tmp/begun").touch()
while Path("/gate/shut").exists():
    time.sleep(0.01)

def handler(event, context):
    return "started"
"""
)
"""Its init goes on for as long as the gate is shut."""

BEGIN_AND_WAIT = "open('/tmp/begun', 'w').close(); import time; time.sleep(60)"


class Caller:
    """Somebody who calls in the background; `outcome` is what `call` gave or the refusal."""

    def __init__(self, call):
        self._outcome = None
        self._thread = threading.Thread(target=self._run, args=[call], daemon=True)
        self._thread.start()

    def _run(self, call) -> None:
        try:
            self._outcome = call()
        except Exception as error:  # the test looks at it
            self._outcome = error

    def outcome(self, timeout: float = 20):
        """What became of it."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), f"after {timeout} s there is no answer"
        return self._outcome


def container_at_work(one):
    """Its container, once the function in it has left its mark."""
    (container,) = wait_until(one.containers, what="it has a container")
    wait_until(lambda: "/tmp/begun" in engine.docker("diff", container.id), what="the function runs")
    return container


def assert_replaced(one, container) -> None:
    """Nothing is left of the container, and the function works."""
    assert one.run("return 'next'").value() == "next"
    wait_until(lambda: container.id not in [each.id for each in one.containers(running=False)], what="it is removed")


@pytest.mark.statement(177)
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_container_that_ends_during_init_is_a_failure_of_the_service(own_server, tmp_path, how):
    gate = tmp_path / "gate"
    gate.mkdir()
    (gate / "shut").touch()
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS=f"-v {gate}:/gate"), SLOW_TO_START, Timeout=30)
    caller = Caller(lambda: refused(one.invoke))
    container = container_at_work(one)
    engine.docker(how, container.id)
    refusal = caller.outcome()
    assert (refusal.status, refusal.code) == (500, "ServiceException"), refusal
    (gate / "shut").unlink()
    assert one.invoke().value() == "started"
    wait_until(lambda: container.id not in [each.id for each in one.containers(running=False)])


def test_a_container_that_is_stopped_during_an_invocation(function):
    one = function(Timeout=30)
    caller = Caller(lambda: refused(lambda: one.run(BEGIN_AND_WAIT)))
    container = container_at_work(one)
    engine.docker("stop", "--time", "10", container.id)
    refusal = caller.outcome()
    assert (refusal.status, refusal.code) == (500, "ServiceException"), refusal
    assert_replaced(one, container)


def test_a_container_that_ends_in_the_middle_of_its_answer(function):
    one = function(streaming.ARCHIVE, **streaming.OPTIONS)
    steps = {"steps": [["write", "half"], ["wait", "never"]]}
    answer = one.client.invoke_with_response_stream(FunctionName=one.name, Payload=json.dumps(steps))
    events = iter(answer["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"half"
    (container,) = one.containers()
    engine.docker("kill", container.id)
    rest = list(events)
    assert [set(event) for event in rest] == [{"InvokeComplete"}], rest
    assert rest[0]["InvokeComplete"]["ErrorCode"], "a cut answer is never passed off as a whole one"
    whole = one.client.invoke_with_response_stream(
        FunctionName=one.name, Payload=json.dumps({"steps": [["write", "whole"]]})
    )
    assert next(iter(whole["EventStream"]))["PayloadChunk"]["Payload"] == b"whole"


def test_an_event_whose_container_ends_is_run_again(own_server, tmp_path):
    witness = Witness(tmp_path / "witness")
    server = own_server(LAMBDA_DOCKER_FLAGS=witness.flags, LAMBDA_RETRY_BASE_DELAY_SECONDS=1)
    one = deploy(server, WITNESSED, Timeout=30)
    one.invoke({"number": 1, "sleep": 5}, InvocationType="Event")
    wait_until(lambda: witness.runs(one.name), what="it runs")
    (container,) = one.containers()
    engine.docker("kill", container.id)
    wait_until(lambda: len(witness.runs(one.name)) == 2, 60, "it runs again")
    first, second = witness.runs(one.name)
    assert (second["event"], second["request_id"]) == (first["event"], first["request_id"])


@pytest.mark.parametrize("cut", ["pause", "network"])
def test_a_container_that_falls_silent_is_given_up(function, cut):
    one = function(Timeout=2)
    one.run("return 1")
    caller = Caller(lambda: refused(lambda: one.run(BEGIN_AND_WAIT)))
    container = container_at_work(one)
    if cut == "pause":
        engine.docker("pause", container.id)
    else:
        # Of a container in another's network it is the other's that is cut.
        owner = container.inspect()["HostConfig"]["NetworkMode"].removeprefix("container:")
        engine.docker("network", "disconnect", "--force", "bridge", owner if owner != "bridge" else container.id)
    refusal = caller.outcome(60)
    assert (refusal.status, refusal.code) == (500, "ServiceException"), refusal
    assert_replaced(one, container)
    # Nobody else is put into the network that was cut.
    assert function().run("return 'reached'").value() == "reached"


def test_everything_killed_at_once_comes_back(own_server):
    server = own_server()
    functions = [deploy(server, Timeout=30) for _ in range(4)]
    for one in functions:
        one.run("return 1")
    containers = server.containers()
    engine.docker("kill", *[container.id for container in containers])
    for one in functions:
        answer = wait_until(lambda one=one: attempt(one), 30, "it answers again")
        assert answer.value() == "back"
    gone = {container.id for container in containers}
    wait_until(lambda: not gone & {each.id for each in server.containers()}, what="the dead are removed")


def attempt(one):
    """An answer, unless its container was found dead only now."""
    try:
        return one.run("return 'back'")
    except one.client.exceptions.ServiceException:
        return None


def test_forks_without_end_stay_in_their_container(function):
    one = function(Timeout=60, MemorySize=1024)
    source = """
    import os, subprocess
    subprocess.run(["sh", "-c", "while :; do sleep 600 & done"])
    print("processes:", sum(name.isdigit() for name in os.listdir("/proc")), flush=True)
    os._exit(1)
    """
    answer = one.run(source, LogType="Tail")
    assert answer.json()["errorType"] == "Runtime.ExitError", answer.payload
    (processes,) = [int(line.split()[1]) for line in answer.log.splitlines() if line.startswith("processes:")]
    assert 900 < processes < 1100, "the shell has ended because it could not fork"
    (container,) = one.containers()
    # They are gone, so there is room for another runtime, in the same container.
    assert one.run("import os; return sum(name.isdigit() for name in os.listdir('/proc'))").value() < 10
    assert [other.id for other in one.containers()] == [container.id]
