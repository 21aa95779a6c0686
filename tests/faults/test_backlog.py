"""Killed with thousands of events, retries and dead letters under way: none is lost."""

import json
import random
from collections import Counter

from harness.deployment import deploy
from harness.queues import Queue
from harness.senders import Senders, waiting
from harness.waiting import wait_until
from harness.witness import WITNESSED, Witness

BACKLOG = 2000
"""Events that wait when it is killed, at least."""

FAILS = 10
"""One in so many fails, each time."""

AT_ONCE = 2
"""Events that run at the same time until it is killed: so few that a backlog grows."""


def event(number: int) -> dict:
    return {"number": number, "fail": number % FAILS == 0}


def kinds(server) -> Counter:
    """What waits: events that were not tried, those that are to be tried again, and dead letters."""
    counted = Counter()
    for work in waiting(server):
        if "Delivery" in work:
            counted["dead letters"] += 1
        else:
            counted["retries" if work["Event"]["failures"] else "events"] += 1
    return counted


def test_killed_with_thousands_that_wait_it_loses_none(own_server, moto, silent, tmp_path):
    witness = Witness(tmp_path / "witness")
    server = own_server(
        PERSISTENCE=1,
        LAMBDA_DOCKER_FLAGS=witness.flags,
        LAMBDA_RETRY_BASE_DELAY_SECONDS=2,
        LAMBDOCK_EVENT_CONCURRENCY=AT_ONCE,
        AWS_ENDPOINT_URL_SQS=silent,
    )
    queue = Queue(moto, f"dead-{random.randrange(1 << 32)}")
    one = deploy(server, WITNESSED, Timeout=60, DeadLetterConfig={"TargetArn": queue.arn})
    one.client.put_function_event_invoke_config(FunctionName=one.name, MaximumRetryAttempts=1)
    with Senders(server, one.name, event=event) as senders:
        wait_until(lambda: kinds(server)["dead letters"] >= 5, 60, "dead letters wait for the queue")
        wait_until(lambda: len(waiting(server)) >= BACKLOG + 500, 60, "a backlog has grown")
        server.kill()
    left = kinds(server)
    print("accepted", len(senders.accepted), "left when it was killed", dict(left))
    assert left.total() >= BACKLOG
    assert left["retries"] >= 1 and left["dead letters"] >= 5

    server.settings |= {"AWS_ENDPOINT_URL_SQS": moto.url, "LAMBDOCK_EVENT_CONCURRENCY": "10"}
    server.start()
    letters = Counter()

    def all_done() -> bool:
        while messages := queue.take():
            letters.update(json.loads(message["Body"])["number"] for message in messages)
        return not waiting(server)

    wait_until(all_done, 240, "nothing is left to be done")
    all_done()
    runs = Counter(run["event"]["number"] for run in witness.runs(one.name))
    failing = {number for number in senders.accepted if number % FAILS == 0}
    assert not [number for number in senders.accepted if runs[number] < (2 if number in failing else 1)]
    assert failing <= letters.keys()
    # What a killed process had sent may have been taken although nobody was told.
    known = senders.accepted | runs.keys()
    again = sum(runs[number] - (2 if number % FAILS == 0 else 1) for number in known)
    told_again = sum(letters.values()) - len(letters)
    print("run more often than once, or twice where they fail:", again, "dead letters told again:", told_again)
    # Those that ran when it was killed, and those whose end was not written yet.
    assert again <= 2 * AT_ONCE
    assert told_again == 0, "nobody had heard of them"
