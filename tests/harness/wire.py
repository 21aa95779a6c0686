"""Requests as bytes: what no well-behaved client would send, and answers that no SDK has interpreted."""

import http.client
import json
import re
import socket
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING

from harness.model import ERRORS

if TYPE_CHECKING:
    from harness.server import Lambdock

FUNCTIONS = "/2015-03-31/functions"

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

# Errors that AWS sends besides those of its model, with the name of their message; these have no `Type`.
NOT_MODELLED = {
    "AccessDeniedException": "Message",
    "InternalFailure": "message",
    "RequestEntityTooLargeException": "message",
    "SerializationException": "message",
    "ValidationException": "message",
}


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> dict:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Refusal:
    """An error as clients are meant to understand it."""

    status: int
    code: str
    message: str | None = field(default=None)


def authorization(account: str = "test", region: str = "us-east-1", service: str = "lambda") -> str:
    """A signature's header: its scope counts, the signature itself does not."""
    scope = f"{account}/20260101/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"


def send(
    server: "Lambdock",
    method: str,
    path: str,
    body: bytes | str | dict = b"",
    headers: dict[str, str] | None = None,
    account: str = "test",
    region: str = "us-east-1",
    timeout: float = 60,
) -> Reply:
    """Sends one request. A `body` that is a dictionary becomes JSON; text is sent as it is."""
    if isinstance(body, dict):
        body = json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        all_headers = {"Authorization": authorization(account, region), **(headers or {})}
        connection.request(method, path, body.encode() if isinstance(body, str) else body, all_headers)
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def connect(server: "Lambdock", timeout: float = 30) -> socket.socket:
    """A connection on which nothing has been said."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout)


def message_key(code: str) -> str:
    """The member that carries the text of such an error: `message` or `Message`. SDKs look for nothing else."""
    if code in NOT_MODELLED:
        return NOT_MODELLED[code]
    (key,) = {"message", "Message"} & ERRORS[code]["members"].keys()
    return key


def blame(status: int, code: str, untyped: bool = False) -> str | None:
    """The `Type` that such an error has. `untyped`: it is one of the few that AWS leaves it out of."""
    if untyped or code in NOT_MODELLED:
        return None
    return "User" if status < 500 else "Service"


def refusal(reply: Reply, untyped: bool = False) -> Refusal:
    """Reads an error, and checks that it has the form that AWS gives to errors."""
    assert reply.status >= 400, f"not refused: {reply.status} {reply.body[:500]!r}"
    code = reply.headers["x-amzn-errortype"]
    assert code, f"no x-amzn-errortype: {reply.status} {reply.headers} {reply.body[:500]!r}"
    assert UUID.fullmatch(reply.headers["x-amzn-RequestId"] or ""), reply.headers
    assert reply.headers["Content-Type"] == "application/json", reply.headers
    body = reply.json()
    key = message_key(code)
    assert not {"message", "Message"} - {key} & body.keys(), f"{code} must have its text in {key}: {body}"
    assert body.get("Type") == blame(reply.status, code, untyped), body
    return Refusal(reply.status, code, body.get(key))
