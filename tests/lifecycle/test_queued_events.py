"""Events that were accepted, and a process that is killed: none is lost."""

import random
import time
from collections import Counter

from harness.deployment import create, deploy
from harness.senders import Senders, waiting
from harness.waiting import wait_until
from harness.witness import WITNESSED, Witness


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
    wait_until(lambda: not waiting(server), 30, "nothing is left to be done")
    counted = numbers(witness, one.name)
    again = sum(count - 1 for count in counted.values())
    print("run more than once", again)
    # Those that ran when it was killed, and those whose end was not written yet.
    assert again <= kills * 2 * 10


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
