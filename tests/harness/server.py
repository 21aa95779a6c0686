"""A lambdock process of one's own."""

import itertools
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import requests

from harness import engine
from harness.archives import REPOSITORY
from harness.clients import lambda_client
from harness.waiting import wait_until

BINARY = Path(os.environ.get("LAMBDOCK_BIN", REPOSITORY / "target" / "dist" / "lambdock"))
IMAGES = os.environ.get("LAMBDOCK_TEST_IMAGES", "lambdock-test/<runtime>")

START_SECONDS = 30


def _free_ports():
    # Below the range that the kernel takes ports of outgoing connections from; a part for each test process.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in itertools.cycle(range(20_000 + worker * 500, 20_500 + worker * 500)):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port


_ports = _free_ports()


def image(runtime: str) -> str:
    """The image that runs functions of this runtime in tests."""
    return IMAGES.replace("<runtime>", runtime)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, another one each time."""
    return next(_ports)


def command(arguments: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess:
    """Runs the binary to its end, with `settings` as its environment."""
    return subprocess.run(
        [BINARY, *arguments],
        env=_environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _environment(settings: dict[str, str]) -> dict[str, str]:
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST", "LAMBDA_INIT_BIN_PATH") if name in os.environ
    }
    return kept | {"LAMBDA_RUNTIME_IMAGE_MAPPING": IMAGES} | settings


class Lambdock:
    """Starts with `start`, or as a context manager; `settings` are environment variables.

    The port, the state folder and the first part of container names stay the same over restarts.
    """

    def __init__(self, folder: Path | None = None, **settings: str | int):
        self.folder = folder or Path(tempfile.mkdtemp(prefix="lambdock-test-"))
        self.port = free_port()
        self.name = f"lambdock-test-{uuid.uuid4().hex[:10]}"
        self.settings = {
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "LAMBDOCK_STATE_DIR": str(self.folder / "state"),
            "MAIN_CONTAINER_NAME": self.name,
            # So that URLs in answers work without a name server.
            "LOCALSTACK_HOST": "127.0.0.1",
            **{name: str(value) for name, value in settings.items()},
        }
        self.log_path = self.folder / "lambdock.log"
        self.process: subprocess.Popen | None = None
        self._killed = False

    def __enter__(self) -> "Lambdock":
        try:
            self.start()
        except BaseException:
            self.close(check=False)
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(check=kind is None)

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything it has written since its first start."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        """Starts it and waits until it says that it is ready."""
        seen = len(self.log)
        self.spawn()

        def ready() -> bool:
            log = self.log[seen:]
            assert self.process.poll() is None, f"lambdock ended with {self.process.returncode}:\n{log}"
            return "Ready." in log

        wait_until(ready, START_SECONDS, "lambdock is ready")

    def spawn(self) -> None:
        """Starts it and waits for nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._killed = False
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY],
                env=_environment(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def terminate(self) -> None:
        """Asks it to stop, as a service manager would."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = 30) -> int:
        """Its exit code."""
        return self.process.wait(timeout)

    def kill(self) -> None:
        """Ends it without warning."""
        self.process.kill()
        self.process.wait()
        self._killed = True

    def restart(self) -> None:
        """Stops it and starts it again, on the same state."""
        self.terminate()
        assert self.wait() == 0, self.log
        self.start()

    def close(self, check: bool = True) -> None:
        """Ends it if it still runs, and sees to it that no container stays behind; one that does fails the test."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"lambdock does not stop:\n{self.log}") from None
        self.process = None
        left = self.containers()
        engine.remove(left)
        assert not check or self._killed or not left, f"left behind: {left}\n{self.log}"

    def containers(self, function: str = "", running: bool = False) -> list[engine.Container]:
        """Function containers of this server, of one function or of all, found by their names."""
        name = re.escape(function.lower().replace("_", "-")) + "-[0-9a-f]*$" if function else ""
        return engine.named(f"{self.name}-lambda-{name}", running=running)

    def client(self, account: str = "test", region: str = "us-east-1", checks: bool = True):
        """A boto3 client for Lambda."""
        return lambda_client(self.url, account, region, checks)

    def health(self) -> dict:
        """What the health endpoint says."""
        answer = requests.get(f"{self.url}/_localstack/health", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def machine(self) -> str:
        """The name in the labels of what it makes on the engine."""
        answer = requests.get(f"{self.url}/_localstack/info", timeout=10)
        answer.raise_for_status()
        return answer.json()["machine_id"]

    def wait_for_log(self, text: str, timeout: float = 30) -> None:
        """Waits until `text` is in the log."""
        wait_until(lambda: text in self.log, timeout, f"{text!r} in the log")

    def resident_kib(self) -> int:
        """Memory of the process."""
        return self._memory("VmRSS")

    def forget_peak(self) -> None:
        """From now on, `peak_kib` is about what comes."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_kib(self) -> int:
        """Most memory that the process has had."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+)", status)[1])


def seconds_since(start: float) -> float:
    """Time since `start`, a value of `time.monotonic()`."""
    return time.monotonic() - start
