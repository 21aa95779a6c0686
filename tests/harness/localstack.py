"""LocalStack itself, from PyPI, with the init that is to be tested in the place of its own."""

import os
import signal
import subprocess
from pathlib import Path

from harness import engine
from harness.archives import REPOSITORY
from harness.clients import lambda_client
from harness.server import IMAGES, free_port, image
from harness.waiting import wait_until

PYTHON = Path(os.environ.get("LAMBDOCK_TEST_LOCALSTACK", REPOSITORY / "target/localstack-venv")) / "bin/python"
INIT = Path(os.environ.get("LAMBDOCK_INIT_X86_64", REPOSITORY / "target/dist/init-x86_64"))

START_SECONDS = 120

# Two things need a network, and are said to be there already: images, and LocalStack's own init, which it wants to
# have though it uses another. What stands in its place can run nothing.
LAUNCH = """
import sys
from pathlib import Path
from localstack.packages.api import InstallTarget
from localstack.services.lambda_.invocation import docker_runtime_executor as executor
from localstack.services.lambda_.packages import lambda_runtime_package

executor.PULLED_IMAGES.update((sys.argv[1], platform) for platform in ("linux/amd64", "linux/arm64"))
installer = lambda_runtime_package.get_installer()
own = Path(installer._get_install_marker_path(installer._get_install_dir(InstallTarget.VAR_LIBS)))
own.parent.mkdir(parents=True)
own.write_text("#!/bin/false")

from localstack.runtime.main import main

main()
"""


class LocalStack:
    """Its Lambda service on the engine, for as long as it is used as a context manager."""

    def __init__(self, folder: Path, runtime: str):
        self.folder = folder
        self.port = free_port()
        self.image = image(runtime)
        self.log_path = folder / "localstack.log"
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "LocalStack":
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "FILESYSTEM_ROOT": str(self.folder / "files"),
            "TMPDIR": str(self.folder),
            # It may run in a container itself, which is none of LocalStack's.
            "OVERRIDE_IN_DOCKER": "0",
            "GATEWAY_LISTEN": f"0.0.0.0:{self.port}",
            "SERVICES": "lambda,s3,iam,sts,logs,sqs",
            "LAMBDA_INIT_BIN_PATH": str(INIT),
            "LAMBDA_RUNTIME_IMAGE_MAPPING": IMAGES,
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "DEBUG": "1",
        }
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [PYTHON, "-c", LAUNCH, self.image],
                env=settings,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._is_ready, START_SECONDS, "LocalStack is ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_ready(self) -> bool:
        log = self.log_path.read_text(errors="replace")
        assert self._process.poll() is None, f"LocalStack has ended with {self._process.returncode}:\n{log[-4000:]}"
        return "\nReady." in log

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def client(self):
        """A boto3 client."""
        return lambda_client(f"http://127.0.0.1:{self.port}", "000000000000", "us-east-1", True)

    def containers(self, function: str, running: bool = True) -> list[engine.Container]:
        """The containers of a function."""
        return engine.containers(f"name=-lambda-{function}-", running=running)
