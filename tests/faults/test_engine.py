"""Engines that hang, break off or come back: callers get answers in time, and nothing is left behind."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import engine
from harness.clients import refused
from harness.deployment import create, deploy
from harness.server import seconds_since
from harness.waiting import wait_until


@pytest.fixture
def server(own_server, engine_proxy):
    return own_server(DOCKER_HOST=engine_proxy.host, LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT=6)


def service_error(one) -> str:
    refusal = refused(lambda: one.run("return 1"))
    assert (refusal.status, refusal.code) == (500, "ServiceException"), refusal
    assert refusal.message.startswith("["), "the request id comes first"
    return refusal.message


@pytest.mark.parametrize("request_", ["/containers/create", "/start"])
@pytest.mark.parametrize("held", ["requests", "answers"])
def test_an_engine_that_hangs_while_a_container_starts(server, engine_proxy, request_, held):
    one = deploy(server)
    hold = engine_proxy.hold_requests if held == "requests" else engine_proxy.hold_answers
    hold(request_)
    asked = time.monotonic()
    message = service_error(one)
    assert engine_proxy.held.is_set(), "the engine was asked"
    assert seconds_since(asked) < 20
    assert "lambda environment" in message or "executing lambda" in message
    assert server.health()["services"]["lambda"] == "running"

    engine_proxy.release()
    answer = wait_until(lambda: attempt(one), 30, "invocations work again")
    assert answer.value() == "back"
    wait_until(lambda: len(one.containers(running=False)) <= 1, 30, "what came to life late is removed")


def test_an_engine_that_never_answers_fails_a_function_that_is_prepared(own_server, engine_proxy):
    engine_proxy.hold_requests("")
    server = own_server(DOCKER_HOST=engine_proxy.host)
    assert "none" in server.log, "it is told at the start"
    one = create(server)
    asked = time.monotonic()
    wait_until(lambda: one.configuration()["State"] == "Failed", 30, "its preparation has failed")
    assert engine_proxy.held.is_set(), "the engine was asked"
    assert seconds_since(asked) < 20
    reason = one.configuration()["StateReason"]
    assert "no container engine answers at" in reason
    assert "(no answer)" in reason
    assert server.health()["services"]["lambda"] == "running"


def test_an_engine_that_stops_answering_while_a_function_is_prepared(own_server, engine_proxy):
    server = own_server(DOCKER_HOST=engine_proxy.host, DOCKER_SDK_DEFAULT_TIMEOUT_SECONDS=2)
    engine_proxy.hold_requests("/images/")
    one = create(server)
    asked = time.monotonic()
    wait_until(lambda: one.configuration()["State"] == "Failed", 30, "its preparation has failed")
    assert engine_proxy.held.is_set(), "the engine was asked"
    assert seconds_since(asked) < 20
    assert "the container engine did not answer within 2 s" in one.configuration()["StateReason"]
    engine_proxy.release()
    assert deploy(server).run("return 'works'").value() == "works"


def test_every_caller_of_an_engine_that_hangs_gets_an_answer(server, engine_proxy):
    one = deploy(server)
    engine_proxy.hold_requests("/containers/create")
    asked = time.monotonic()
    with ThreadPoolExecutor(max_workers=12) as callers:
        messages = list(callers.map(lambda _: service_error(one), range(12)))
    # Those who came first wait for the container, the others for their turn to create one.
    assert all("no environment was ready within 6 s" in message for message in messages), messages
    assert "no environment was ready within 6 s" in service_error(one), "somebody who comes later"
    assert seconds_since(asked) < 30

    engine_proxy.release()
    assert wait_until(lambda: attempt(one), 30, "invocations work again").value() == "back"
    wait_until(lambda: len(one.containers(running=False)) <= 1, 30, "what came to life late is removed")


def attempt(one):
    try:
        return one.run("return 'back'")
    except one.client.exceptions.ServiceException:
        return None


def test_an_engine_that_goes_away_and_comes_back(server, engine_proxy):
    one, warm = deploy(server), deploy(server)
    warm.run("return 1")
    engine_proxy.cut()
    asked = time.monotonic()
    assert "Docker not available" in service_error(one)
    assert seconds_since(asked) < 10
    assert warm.run("return 'unaffected'").value() == "unaffected"
    engine_proxy.restore()
    assert wait_until(lambda: attempt(one), 30).value() == "back"


def test_a_container_whose_end_was_missed_is_replaced(server, engine_proxy):
    one = deploy(server)
    one.run("return 1")
    (container,) = one.containers()
    engine_proxy.cut()
    engine.docker("kill", container.id)
    engine_proxy.restore()
    assert wait_until(lambda: attempt(one), 30).value() == "back"
    wait_until(lambda: container.id not in [each.id for each in one.containers(running=False)], 30)


def test_an_engine_that_restarts_and_takes_its_containers_along(server, engine_proxy):
    idle, busy = deploy(server), deploy(server, Timeout=30)
    idle.run("return 1")
    with ThreadPoolExecutor(2) as callers:
        at_work = "open('/tmp/begun', 'w').close(); import time; time.sleep(60)"
        calls = [callers.submit(refused, lambda: busy.run(at_work)) for _ in range(2)]
        containers = wait_until(lambda: len(found := busy.containers()) == 2 and found, 30, "both have a container")
        for container in containers:
            wait_until(lambda one=container: "/tmp/begun" in engine.docker("diff", one.id), 30, "the function runs")
        gone = {container.id for container in server.containers()}
        engine_proxy.cut()
        engine.docker("kill", *gone)
        outcomes = [call.result(30) for call in calls]
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [(500, "ServiceException")] * 2, outcomes
    engine_proxy.restore()
    for one in (idle, busy):
        assert wait_until(lambda one=one: attempt(one), 30, "it answers again").value() == "back"
    server.restart()
    assert not gone & {each.id for each in server.containers()}, "nothing is left of the dead"


def test_an_engine_whose_disk_is_full_is_told_of(server, engine_proxy):
    one = deploy(server)
    full = "mkdir /var/lib/docker/overlay2/abc: no space left on device"
    engine_proxy.refuse("/containers/create", full)
    assert full in service_error(one)
    engine_proxy.release()
    assert wait_until(lambda: attempt(one), 30, "invocations work again").value() == "back"


def test_a_container_that_never_dials_back_is_given_up(own_server):
    # Nothing listens where containers are told to dial.
    server = own_server(LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT=2, HOSTNAME_FROM_LAMBDA="192.0.2.1")
    one = deploy(server)
    asked = time.monotonic()
    message = service_error(one)
    assert 1.5 < seconds_since(asked) < 15
    assert "Timeout while starting up lambda environment for function" in message
    wait_until(lambda: not one.containers(running=False), what="its container is removed")


def test_a_server_that_starts_before_its_engine(own_server, engine_proxy):
    engine_proxy.cut()
    server = own_server(DOCKER_HOST=engine_proxy.host, PERSISTENCE=1)
    one = create(server)
    wait_until(lambda: one.configuration()["State"] == "Failed", 30)
    engine_proxy.restore()
    other = deploy(server)
    assert other.run("return 'works'").value() == "works"


def test_stopping_while_the_engine_hangs_comes_to_an_end(server, engine_proxy):
    one = deploy(server)
    one.run("return 1")
    engine_proxy.hold_requests("/containers/")
    asked = time.monotonic()
    server.terminate()
    server.wait(60)
    assert seconds_since(asked) < 40
    engine_proxy.release()
    engine.remove(server.containers())
