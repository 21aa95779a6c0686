"""A moto server: other AWS services, for Lambdock to pass their calls on to."""

import subprocess
import sys

import requests

from harness.server import free_port
from harness.waiting import wait_until


class Moto:
    """Runs while used as a context manager."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Moto":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, 30, "moto answers")
        return self

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/moto-api/data.json", timeout=2).ok
        except requests.ConnectionError:
            return False

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
