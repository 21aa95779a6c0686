"""Environments: kept warm, one invocation at a time, as many as are needed, gone when idle."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from harness import engine
from harness.archives import python
from harness.deployment import deploy
from harness.waiting import wait_until

WHERE = "import os; return [os.environ['AWS_LAMBDA_LOG_STREAM_NAME'], invocations]"

CROWDED = python(
    """
import os
import time

inside = 0

def handler(event, context):
    global inside
    inside += 1
    crowd = inside
    time.sleep(event["seconds"])
    inside -= 1
    return {"number": event["number"], "crowd": crowd, "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]}
"""
)


# Ends when as many are under way as there are to be, of which each leaves a tag.
TOGETHER = python(
    """
import json
import os
import time
import urllib.request

def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL"] + "/2017-03-31/tags/" + context.invoked_function_arn
    mark = json.dumps({"Tags": {str(event["number"]): ""}}).encode()
    urllib.request.urlopen(urllib.request.Request(url, mark, method="POST"))
    while len(json.load(urllib.request.urlopen(url))["Tags"]) < event["crowd"]:
        time.sleep(0.05)
    return {"number": event["number"], "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]}
"""
)


@pytest.mark.statement(178)
def test_one_invocation_after_the_other_uses_one_environment(function):
    one = function()
    answers = [one.run(WHERE).value() for _ in range(4)]
    assert len({stream for stream, _ in answers}) == 1
    assert [count for _, count in answers] == [1, 2, 3, 4]
    assert len(one.containers(running=False)) == 1


@pytest.mark.statement(179)
def test_simultaneous_invocations_use_an_environment_each(function):
    one = function(TOGETHER, Timeout=60)
    number = 5
    with ThreadPoolExecutor(number) as pool:
        answers = list(pool.map(lambda n: one.invoke({"number": n, "crowd": number}).value(), range(number)))
    assert [answer["number"] for answer in answers] == list(range(number))
    assert len({answer["stream"] for answer in answers}) == number
    assert len(one.containers()) == number


def test_a_storm_is_answered_without_mixing_anything_up(function):
    one = function(CROWDED, Timeout=60)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: one.invoke({"number": n, "seconds": 0.01}).value(), range(200)))
    assert [answer["number"] for answer in answers] == list(range(200))
    assert {answer["crowd"] for answer in answers} == {1}
    # An environment is busy for a moment after its answer, so a caller that comes back at once may need another.
    assert len({answer["stream"] for answer in answers}) <= len(one.containers()) <= 2 * 8


@pytest.mark.statement(178)
def test_without_keepalive_every_invocation_is_cold(own_server):
    one = deploy(own_server(LAMBDA_KEEPALIVE_MS=0))
    answers = [one.run(WHERE).value() for _ in range(3)]
    assert len({stream for stream, _ in answers}) == 3
    assert [count for _, count in answers] == [1, 1, 1]
    wait_until(lambda: not one.containers(running=False), what="the containers are removed")


@pytest.mark.statement(178)
def test_idle_environments_go_when_their_time_is_over(own_server):
    one = deploy(own_server(LAMBDA_KEEPALIVE_MS=1500))
    first, _ = one.run(WHERE).value()
    idle_since = time.monotonic()
    assert one.containers()
    wait_until(lambda: not one.containers(running=False), what="the container is removed")
    assert time.monotonic() - idle_since >= 1.2
    assert one.run(WHERE).value()[0] != first


def test_work_starts_the_idle_time_anew(own_server):
    one = deploy(own_server(LAMBDA_KEEPALIVE_MS=1000))
    until = time.monotonic() + 3
    streams = set()
    while time.monotonic() < until:
        streams.add(
            one.run("import os, time; time.sleep(0.3); return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']").value()
        )
    assert len(streams) == 1


def test_an_invocation_longer_than_the_keepalive_finishes(own_server):
    one = deploy(own_server(LAMBDA_KEEPALIVE_MS=200), Timeout=10)
    assert one.run("import time; time.sleep(1.5); return 'slept'").value() == "slept"


def test_containers_are_kept_when_asked_for(own_server):
    server = own_server(LAMBDA_REMOVE_CONTAINERS=0, LAMBDA_KEEPALIVE_MS=0)
    one = deploy(server)
    assert one.run("print('a trace'); return 1").value() == 1
    (kept,) = wait_until(lambda: [each for each in one.containers(running=False) if each.state == "exited"])
    assert kept.inspect()["State"]["Running"] is False
    assert engine.docker("logs", kept.id) == "a trace\n"
    server.terminate()
    assert server.wait() == 0
    assert one.containers(running=False), "stopping Lambdock does not remove what is to be kept"
    engine.remove(one.containers(running=False))


def test_a_container_that_is_killed_from_outside_is_replaced(function):
    one = function()
    first, _ = one.run(WHERE).value()
    (container,) = one.containers()
    engine.docker("kill", container.id)
    second = wait_until(
        lambda: (answer := one.run(WHERE)).error is None and answer.value()[0], what="another container answers"
    )
    assert second != first
    wait_until(lambda: container.id not in [each.id for each in one.containers(running=False)])


@pytest.mark.statement(177)
def test_an_invocation_whose_container_is_killed_gets_an_error_and_the_next_one_works(function):
    one = function(Timeout=30)
    one.run("return 1")
    (container,) = one.containers()
    errors = []

    def invoke():
        try:
            one.run("open('/tmp/begun', 'w').close(); import time; time.sleep(20)")
        except one.client.exceptions.ServiceException as error:
            errors.append(error.response)

    thread = threading.Thread(target=invoke)
    thread.start()
    wait_until(lambda: begun(container), what="the function runs")
    engine.docker("kill", container.id)
    thread.join(15)
    assert not thread.is_alive()
    (response,) = errors
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert re.match(r"\[[0-9a-f-]{36}\] Internal error while executing lambda", response["Error"]["Message"])
    assert one.run("return 'next'").value() == "next"


def begun(container) -> bool:
    """Whether the function in it has left its mark."""
    changed = engine.docker("diff", container.id)
    return "/tmp/begun" in changed


@pytest.mark.statement(180)
def test_containers_have_labels_and_telling_names(own_server):
    server = own_server(LAMBDOCK_STANDBY_CONTAINERS=0)
    one = deploy(server, name="Named_Function")
    one.run("return 1")
    (container,) = server.containers("named-function")
    assert re.fullmatch(rf"{server.name}-lambda-named-function-[0-9a-f]{{32}}", container.name)
    labels = container.inspect()["Config"]["Labels"]
    assert labels["lambdock.instance"]
    assert "Named_Function" in labels["lambdock.function"]
    assert container.name.endswith(labels["lambdock.environment"])


def standing_by(server) -> list:
    """Containers that stand by and whose init has dialled in; the server has to tell of that (DEBUG=1)."""
    arrivals = [line for line in server.log.splitlines() if "dialled in" in line]
    there = server.containers("..standby", running=True)
    return [one for one in there if any(one.name[-32:] in line for line in arrivals)]


def test_a_container_that_stands_by_becomes_the_function_s(own_server):
    server = own_server(LAMBDOCK_STANDBY_CONTAINERS=1, LAMBDOCK_STANDBY_NETWORKS=0, DEBUG=1)
    one = deploy(server, MemorySize=192)
    (before,) = wait_until(lambda: standing_by(server), what="a container stands by")
    other = deploy(server, MemorySize=320)
    assert other.run(WHERE).value()[1] == 1
    (container,) = other.containers()
    assert container.id == before.id
    assert container.inspect()["HostConfig"]["Memory"] == 320 << 20
    (after,) = wait_until(lambda: standing_by(server), what="another container stands by")
    assert after.id != before.id
    one.run(WHERE)
    assert [each.id for each in one.containers()] == [after.id]


def test_a_container_that_stood_by_and_was_removed_is_not_missed(own_server):
    server = own_server(LAMBDOCK_STANDBY_CONTAINERS=1, LAMBDOCK_STANDBY_NETWORKS=0, DEBUG=1)
    one = deploy(server)
    engine.remove(wait_until(lambda: standing_by(server), what="a container stands by"))
    assert one.run(WHERE).value()[1] == 1


def test_functions_end_with_the_network_that_they_were_started_in(own_server):
    server = own_server(LAMBDOCK_STANDBY_CONTAINERS=0, LAMBDOCK_STANDBY_NETWORKS=1, DEBUG=1)
    one = deploy(server, Timeout=20)
    one.run(WHERE)
    (lender,) = wait_until(lambda: standing_by(server), what="a network stands by")
    one.configure(MemorySize=192)
    one.run(WHERE)
    (borrower,) = wait_until(lambda: len(one.containers()) == 1 and one.containers())
    assert borrower.inspect()["HostConfig"]["NetworkMode"] == f"container:{lender.inspect()['Id']}"
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(one.run, "open('/tmp/begun', 'w'); import time; time.sleep(15)")
        wait_until(lambda: begun(borrower), what="the function runs")
        engine.remove([lender])
        with pytest.raises(ClientError, match=r"the container ended|was ended|connection"):
            answer.result()
    assert one.run(WHERE).value()[1] == 1
    wait_until(lambda: standing_by(server), what="another network stands by")


def test_memory_is_limited_by_the_engine(function):
    one = function(MemorySize=192)
    one.run("return 1")
    (container,) = one.containers()
    limits = container.inspect()["HostConfig"]
    assert 192 <= limits["Memory"] / 1024 / 1024 < 256


def test_other_functions_are_not_held_up(function):
    count = 3
    slow = function(CROWDED, Timeout=30)
    quick = function()
    quick.run("return 1")
    slow.invoke({"number": 0, "seconds": 0})
    with ThreadPoolExecutor(count) as pool:
        waiting = [pool.submit(slow.invoke, {"number": n, "seconds": 3}) for n in range(count)]
        started = time.monotonic()
        assert quick.run("return 2").value() == 2
        assert time.monotonic() - started < 2.5
        assert all(each.result().error is None for each in waiting)


def test_a_burst_of_one_function_does_not_hold_up_a_single_start_of_another(own_server, tmp_path):
    gate = tmp_path / "gate"
    gate.mkdir()
    nothing_stands_by = {"LAMBDOCK_STANDBY_CONTAINERS": 0, "LAMBDOCK_STANDBY_NETWORKS": 0}
    server = own_server(LAMBDA_DOCKER_FLAGS=f"-v {gate}:/gate", **nothing_stands_by)
    count = 20
    crowded, single = deploy(server, Timeout=300), deploy(server, Timeout=300)
    # Nobody is free again before the gate is open, so each needs a container of its own.
    wait = "import os, time\nwhile not os.path.exists('/gate/open'): time.sleep(0.05)"
    with ThreadPoolExecutor(count) as callers:
        calls = [callers.submit(crowded.run, wait) for _ in range(count)]
        wait_until(crowded.containers, 60, "the burst has begun")
        try:
            assert single.run("return 2").value() == 2
            started = len(crowded.containers(running=False))
        finally:
            (gate / "open").touch()
        assert all(call.result().error is None for call in calls)
    assert started < count, "it did not wait for the whole burst"


def test_when_memory_is_short_containers_that_wait_end_and_come_back_when_needed(own_server):
    # No machine has that much.
    server = own_server(LAMBDOCK_MEMORY_RESERVE=1_000_000_000)
    one, kept = deploy(server), deploy(server)
    version = kept.client.publish_version(FunctionName=kept.name)["Version"]
    kept.client.put_provisioned_concurrency_config(
        FunctionName=kept.name, Qualifier=version, ProvisionedConcurrentExecutions=1
    )
    assert one.run("return 1").value() == 1
    wait_until(lambda: not one.containers(running=False), 30, "it has ended long before its keep-alive")
    assert "LAMBDOCK_MEMORY_RESERVE" in server.log
    assert one.run("return 2").value() == 2
    config = wait_until(
        lambda: (state := provisioned(kept, version))["Status"] == "READY" and state, 30, "what is provisioned is ready"
    )
    assert config["AvailableProvisionedConcurrentExecutions"] == 1
    wait_until(lambda: not one.containers(running=False), 30, "it has ended again")
    assert len(kept.containers()) == 1, "what is provisioned stays"


def provisioned(one, version) -> dict:
    """The state of its provisioned concurrency."""
    return one.client.get_provisioned_concurrency_config(FunctionName=one.name, Qualifier=version)
