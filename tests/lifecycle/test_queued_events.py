"""Events that were accepted, and a process that is killed: none is lost."""

import http.client
import json
import random
import sqlite3
import threading
import time
from collections import Counter

from harness.deployment import create, deploy
from harness.server import Lambdock
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, authorization
from harness.witness import WITNESSED, Witness


class Senders:
    """Clients that send events until the server is gone; remember those that it has accepted."""

    def __init__(self, server: Lambdock, function: str, first: int, threads: int = 8):
        self.accepted: set[int] = set()
        self._server = server
        self._function = function
        self._numbers = iter(range(first, first + 1_000_000))
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send) for _ in range(threads)]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        headers = {"X-Amz-Invocation-Type": "Event", "Authorization": authorization()}
        path = f"{FUNCTIONS}/{self._function}/invocations"
        while True:
            with self._lock:
                number = next(self._numbers)
            try:
                connection.request("POST", path, json.dumps({"number": number}), headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            assert answer.status == 202, answer.status
            with self._lock:
                self.accepted.add(number)


def numbers(witness: Witness, function: str) -> Counter:
    return Counter(run["event"]["number"] for run in witness.runs(function))


def test_killed_at_any_moment_it_loses_no_event(own_server, tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    moments = random.Random(seed)
    witness = Witness(tmp_path / "witness")
    server = own_server(PERSISTENCE=1, LAMBDA_DOCKER_FLAGS=witness.flags)
    one = deploy(server, WITNESSED, Timeout=60)
    one.invoke({"number": -1})
    accepted: set[int] = set()
    kills = 4
    for round_ in range(kills):
        with Senders(server, one.name, round_ * 1_000_000) as senders:
            wait_until(lambda: len(senders.accepted) >= 800)
            time.sleep(moments.uniform(0, 0.3))
            server.kill()
        accepted |= senders.accepted
        left = len(accepted - numbers(witness, one.name).keys())
        print("accepted", len(accepted), "of them not yet run", left)
        server.start()
    assert len(accepted) >= 3000
    wait_until(lambda: accepted <= numbers(witness, one.name).keys(), 150, "every accepted event has run")
    wait_until(lambda: not left_in(server), 30, "nothing is left to be done")
    counted = numbers(witness, one.name)
    again = sum(count - 1 for count in counted.values())
    print("run more than once", again)
    # Those that ran when it was killed, and those whose end was not written yet.
    assert again <= kills * 2 * 10


def left_in(server: Lambdock) -> bool:
    """Whether the journal has anything in it, as far as somebody else can see."""
    with sqlite3.connect(f"file:{server.folder}/state/events.db?mode=ro", uri=True) as journal:
        return bool(journal.execute("SELECT count(*) FROM work").fetchone()[0])


def test_events_wait_for_an_engine(own_server, engine_proxy, tmp_path):
    witness = Witness(tmp_path / "witness")
    server = own_server(PERSISTENCE=1, DOCKER_HOST=engine_proxy.host, LAMBDA_DOCKER_FLAGS=witness.flags)
    one = deploy(server, WITNESSED, Timeout=20)
    engine_proxy.cut()
    for number in range(5):
        one.invoke({"number": number}, InvocationType="Event")
    server.wait_for_log("an event could not be run; it is tried again")
    assert witness.runs(one.name) == []
    engine_proxy.restore()
    witness.wait_for(one.name, 5, 60)
    assert numbers(witness, one.name) == Counter(range(5))


def test_without_persistence_events_end_with_the_process_and_it_says_so(own_server, tmp_path):
    witness = Witness(tmp_path / "witness")
    server = own_server(LAMBDA_DOCKER_FLAGS=witness.flags, LAMBDA_RETRY_BASE_DELAY_SECONDS=60)
    one = deploy(server, WITNESSED)
    one.invoke({"fail": True, "number": 1}, InvocationType="Event")
    witness.wait_for(one.name, 1)
    server.terminate()
    assert server.wait() == 0
    assert "asynchronous invocations are lost; PERSISTENCE=1 keeps them left=1" in server.log
    assert list((server.folder / "state").rglob("events.db*")) == []
    server.start()
    again = create(server, WITNESSED, name=one.name).wait_active()
    again.invoke({"number": 3})
    assert [run["event"]["number"] for run in witness.runs(one.name)] == [1, 3]
