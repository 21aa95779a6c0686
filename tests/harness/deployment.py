"""Functions on a server: create them, ask them, take them away."""

import base64
import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness import archives
from harness.server import Lambdock
from harness.waiting import wait_until

ROLE = "arn:aws:iam::000000000000:role/lambda-role"
PYTHON = "python3.12"


@dataclass(frozen=True)
class Answer:
    """What Invoke gave."""

    status: int
    payload: bytes
    error: str | None
    version: str | None
    log: str
    request_id: str
    headers: dict[str, str]

    def json(self) -> Any:
        """The payload, read as JSON."""
        return json.loads(self.payload)

    def value(self) -> Any:
        """The function's answer; it must not have failed."""
        assert self.error is None, f"the function failed: {self.payload.decode(errors='replace')}\n{self.log}"
        return self.json()


@dataclass(frozen=True)
class Function:
    """A function, as its owner sees it."""

    server: Lambdock
    client: Any
    name: str

    def invoke(self, event: Any = None, *, payload: bytes | None = None, **options: Any) -> Answer:
        """Invokes it with `event` as JSON, or with the very bytes of `payload`."""
        body = json.dumps({} if event is None else event).encode() if payload is None else payload
        response = self.client.invoke(FunctionName=self.name, Payload=body, **options)
        metadata = response["ResponseMetadata"]
        return Answer(
            status=response["StatusCode"],
            payload=response["Payload"].read(),
            error=response.get("FunctionError"),
            version=response.get("ExecutedVersion"),
            log=base64.b64decode(response.get("LogResult", "")).decode(errors="replace"),
            request_id=metadata["RequestId"],
            headers=metadata["HTTPHeaders"],
        )

    def run(self, source: str, **options: Any) -> Answer:
        """Runs Python inside a probe (`archives.PROBE`): the body of a `run(event, context)`."""
        return self.invoke({"run": source}, **options)

    def configuration(self) -> dict:
        """GetFunctionConfiguration."""
        return self.client.get_function_configuration(FunctionName=self.name)

    def wait_active(self) -> "Function":
        """Waits until it is Active; fails when it is Failed."""
        wait_until(lambda: settled(self.configuration(), "State", "Active"), 60, f"{self.name} is Active")
        return self

    def wait_updated(self) -> "Function":
        """Waits until its last update is Successful; fails when it is Failed."""
        wait_until(
            lambda: settled(self.configuration(), "LastUpdateStatus", "Successful"),
            60,
            f"{self.name} is updated",
        )
        return self

    def configure(self, **changes: Any) -> None:
        """UpdateFunctionConfiguration, waited for."""
        self.client.update_function_configuration(FunctionName=self.name, **changes)
        self.wait_updated()

    def replace_code(self, archive: bytes) -> None:
        """UpdateFunctionCode, waited for."""
        self.client.update_function_code(FunctionName=self.name, ZipFile=archive)
        self.wait_updated()

    def containers(self, running: bool = True) -> list:
        """Its containers."""
        return self.server.containers(self.name, running)


def settled(configuration: dict, member: str, wanted: str) -> bool:
    """Whether `member` is as wanted. It must not be Failed."""
    assert configuration.get(member) != "Failed", configuration
    return configuration.get(member) == wanted


def fresh_name(stem: str = "f") -> str:
    """A function name that nobody has."""
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def request(name: str, archive: bytes, **changes: Any) -> dict:
    """The body of a CreateFunction request as it goes over the wire; a member set to None is left out."""
    body = {
        "FunctionName": name,
        "Runtime": PYTHON,
        "Role": ROLE,
        "Handler": "index.handler",
        "Code": {"ZipFile": base64.b64encode(archive).decode()},
        **changes,
    }
    return {member: value for member, value in body.items() if value is not None}


def create(
    server: Lambdock,
    archive: bytes = archives.PROBE,
    *,
    client: Any = None,
    name: str | None = None,
    **options: Any,
) -> Function:
    """Creates a function and waits for nothing. An option set to None is left out."""
    function = Function(server, client or server.client(), name or fresh_name())
    code = {"ZipFile": archive}
    options = {"Runtime": PYTHON, "Role": ROLE, "Handler": "index.handler", "Code": code, **options}
    given = {member: value for member, value in options.items() if value is not None}
    function.client.create_function(FunctionName=function.name, **given)
    return function


def deploy(server: Lambdock, archive: bytes = archives.PROBE, **options: Any) -> Function:
    """Creates a function and waits until it is Active."""
    return create(server, archive, **options).wait_active()


@contextlib.contextmanager
def deployed(server: Lambdock, archive: bytes = archives.PROBE, **options: Any) -> Iterator[Function]:
    """A function for as long as it is needed."""
    function = deploy(server, archive, **options)
    try:
        yield function
    finally:
        with contextlib.suppress(function.client.exceptions.ResourceNotFoundException):
            function.client.delete_function(FunctionName=function.name)
