"""Many asynchronous events, and what has become of them, seen from outside."""

import http.client
import json
import sqlite3
import threading
from collections.abc import Callable

from harness.server import Lambdock
from harness.wire import FUNCTIONS, authorization


class Senders:
    """Clients that send events with numbers until the server is gone, and remember those that it has accepted."""

    def __init__(
        self,
        server: Lambdock,
        function: str,
        first: int = 0,
        threads: int = 8,
        event: Callable[[int], dict] = lambda number: {"number": number},
    ):
        self.accepted: set[int] = set()
        self._event = event
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
                connection.request("POST", path, json.dumps(self._event(number)), headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            assert answer.status == 202, answer.status
            with self._lock:
                self.accepted.add(number)


def waiting(server: Lambdock) -> list[dict]:
    """What is in the journal, as far as somebody else can see: by kind, `Event` or `Delivery`."""
    with sqlite3.connect(f"file:{server.folder}/state/events.db?mode=ro", uri=True) as journal:
        return [json.loads(document) for (document,) in journal.execute("SELECT document FROM work")]
