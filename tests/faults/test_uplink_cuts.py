"""Connections of containers that break in the middle of an answer: nobody takes a half for a whole."""

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import streaming
from harness.clients import refused
from harness.deployment import deploy
from harness.function_urls import url_of
from harness.uplink_proxy import UplinkProxy
from harness.waiting import wait_until
from harness.witness import WITNESSED, Witness


@pytest.fixture
def proxy():
    with UplinkProxy() as one:
        yield one


@pytest.fixture
def streamer(proxy, own_server):
    """A function whose connection can be cut."""
    return deploy(own_server(**proxy.settings), streaming.ARCHIVE, **streaming.OPTIONS)


HALF = {"steps": [["fill", 5], ["wait", "never"]]}
"""Five of six megabytes, and nothing more."""


def assert_works_again(one) -> None:
    """The container that was cut off is replaced, and the function answers."""
    whole = one.client.invoke_with_response_stream(
        FunctionName=one.name, Payload=json.dumps({"steps": [["write", "whole"]]})
    )
    assert next(iter(whole["EventStream"]))["PayloadChunk"]["Payload"] == b"whole"
    wait_until(lambda: len(one.containers(running=False)) == 1, 30, "what was cut off is removed")


@pytest.mark.parametrize("buffered", [True, False], ids=["posted at once", "streamed"])
def test_an_answer_that_is_waited_for(streamer, proxy, buffered):
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(refused, lambda: streamer.invoke({"buffered": buffered, **HALF}))
        wait_until(lambda: streamer.containers() and streaming.megabytes_written(streamer) == 5, 30, "half is written")
        proxy.cut()
        refusal = call.result(30)
    assert (refusal.status, refusal.code) == (500, "ServiceException"), refusal
    assert_works_again(streamer)


def test_an_answer_that_is_taken_as_it_comes(streamer, proxy):
    answer = streamer.client.invoke_with_response_stream(FunctionName=streamer.name, Payload=json.dumps(HALF))
    events = iter(answer["EventStream"])
    received = 0
    while received < 5 << 20:
        received += len(next(events)["PayloadChunk"]["Payload"])
    proxy.cut()
    rest = list(events)
    assert [set(event) for event in rest] == [{"InvokeComplete"}], rest
    assert rest[0]["InvokeComplete"]["ErrorCode"] == "ServiceException"
    assert_works_again(streamer)


def test_the_answer_of_a_function_url(streamer, proxy):
    url = url_of(streamer, InvokeMode="RESPONSE_STREAM")
    connection, answer = url.open("POST", "/", json.dumps(HALF))
    assert len(answer.read(5 << 20)) == 5 << 20
    proxy.cut()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    connection.close()
    assert_works_again(streamer)


def test_an_event_is_run_again(proxy, own_server, tmp_path):
    witness = Witness(tmp_path / "witness")
    server = own_server(**proxy.settings, LAMBDA_DOCKER_FLAGS=witness.flags, LAMBDA_RETRY_BASE_DELAY_SECONDS=1)
    one = deploy(server, WITNESSED, Timeout=30)
    one.invoke({"number": 1, "sleep": 5}, InvocationType="Event")
    wait_until(lambda: witness.runs(one.name), what="it runs")
    proxy.cut()
    wait_until(lambda: len(witness.runs(one.name)) == 2, 60, "it runs again")
    first, second = witness.runs(one.name)
    assert (second["event"], second["request_id"]) == (first["event"], first["request_id"])


def test_many_callers_at_once(proxy, own_server):
    server = own_server(**proxy.settings)
    functions = [deploy(server, streaming.ARCHIVE, **streaming.OPTIONS) for _ in range(3)]
    outcomes = {}

    def call(one) -> None:
        outcomes[one.name] = refused(lambda: one.invoke(HALF))

    threads = [threading.Thread(target=call, args=[one]) for one in functions]
    for thread in threads:
        thread.start()
    for one in functions:
        wait_until(lambda one=one: one.containers() and streaming.megabytes_written(one) == 5, 60, "half is written")
    proxy.cut()
    for thread in threads:
        thread.join(30)
    assert {name: (refusal.status, refusal.code) for name, refusal in outcomes.items()} == {
        one.name: (500, "ServiceException") for one in functions
    }
    for one in functions:
        assert_works_again(one)
