"""Waiting for conditions, never for time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 15, what: str = "") -> T:
    """Asks `condition` until it gives something true, and returns that. `timeout`: seconds until the test fails."""
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s still not: {what or condition}; last seen: {value!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
