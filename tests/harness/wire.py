"""Requests as bytes: what no well-behaved client would send, and answers that no SDK has interpreted."""

import http.client
import json
import re
import socket
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.server import Lambdock

FUNCTIONS = "/2015-03-31/functions"

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

# AWS's models name the message of these `Message`, that of all others `message`; SDKs show the wrong one as empty.
CAPITAL_MESSAGE = {"ResourceNotFoundException", "ServiceException", "AccessDeniedException"}

# Errors that are not in the model come without `Type`.
WITHOUT_TYPE = {
    "ValidationException",
    "RequestEntityTooLargeException",
    "AccessDeniedException",
    "SerializationException",
    "UnknownOperationException",
    "InternalFailure",
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


def refusal(reply: Reply) -> Refusal:
    """Reads an error, and checks that it has the form that AWS gives to errors."""
    assert reply.status >= 400, f"not refused: {reply.status} {reply.body[:500]!r}"
    code = reply.headers["x-amzn-errortype"]
    assert code, f"no x-amzn-errortype: {reply.status} {reply.headers} {reply.body[:500]!r}"
    assert UUID.fullmatch(reply.headers["x-amzn-RequestId"] or ""), reply.headers
    assert reply.headers["Content-Type"] == "application/json", reply.headers
    body = reply.json()
    key, other = ("Message", "message") if code in CAPITAL_MESSAGE else ("message", "Message")
    assert other not in body, f"{code} must have its text in {key}: {body}"
    if code not in WITHOUT_TYPE:
        assert body.get("Type") == ("User" if reply.status < 500 else "Service"), body
    elif code in {"ValidationException", "RequestEntityTooLargeException"}:
        assert "Type" not in body, body
    return Refusal(reply.status, code, body.get(key))
