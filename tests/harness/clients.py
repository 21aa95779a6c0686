"""AWS's own clients: boto3, the AWS CLI, and LocalStack's wrapper of it."""

import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.wire import Refusal, blame

_session_lock = threading.Lock()


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session()


@functools.cache
def lambda_client(url: str, account: str, region: str, checks: bool):
    """A boto3 client that asks once; without `checks` it sends what the service has to refuse."""
    config = Config(
        retries={"total_max_attempts": 1},
        read_timeout=120,
        max_pool_connections=64,
        parameter_validation=checks,
    )
    with _session_lock:
        return _session().client(
            "lambda",
            endpoint_url=url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=config,
        )


def refused(call: Callable[..., object], *, untyped: bool = False, **parameters: object) -> Refusal:
    """The error that `call` ends with, as boto3 understands it. `untyped`: AWS does not say who is to blame for it."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        response = error.response
        status, code = response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
        assert response.get("Type") == blame(status, code, untyped), response
        return Refusal(status, code, response["Error"].get("Message"))
    raise AssertionError(f"not refused: {answer}")


class Shell:
    """A user's terminal in an empty folder, with credentials but nothing else configured."""

    def __init__(self, folder: Path, variables: dict[str, str]):
        self.folder = folder
        tools = Path(sys.executable).parent
        self._environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            **variables,
        }

    def run(self, *command: str) -> str:
        """What the command prints; it must succeed."""
        done = self.attempt(*command)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *command: str) -> subprocess.CompletedProcess:
        """Runs the command, whatever comes of it."""
        program = shutil.which(command[0], path=self._environment["PATH"])
        assert program, f"{command[0]} is not installed; see tests/requirements.txt"
        return subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
