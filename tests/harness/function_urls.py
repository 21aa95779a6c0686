"""Calls of function URLs: to 127.0.0.1, under the host of the URL."""

import contextlib
import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.deployment import Function
from harness.server import Lambdock
from harness.wire import Reply


@dataclass(frozen=True)
class Url:
    """A function URL."""

    server: Lambdock
    address: str

    @property
    def host(self) -> str:
        """What clients send as `Host`."""
        return urlsplit(self.address).netloc

    @property
    def id(self) -> str:
        """The host's first part."""
        return self.host.split(".")[0]

    def open(
        self,
        method: str = "GET",
        target: str = "/",
        body: bytes | str = b"",
        headers: list[tuple[str, str]] | dict[str, str] | None = None,
        host: str | None = None,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Sends a request, every byte of `target` as it is, and reads the head of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection._validate_path = lambda _: None
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or self.host)
        for name, value in dict(headers).items() if isinstance(headers, dict) else headers or []:
            connection.putheader(name, value)
        content = body.encode() if isinstance(body, str) else body
        if content:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        return connection, connection.getresponse()

    def call(self, *arguments, **options) -> Reply:
        """Sends a request as `open` does, and reads the whole response."""
        connection, answer = self.open(*arguments, **options)
        with contextlib.closing(connection):
            return Reply(answer.status, answer.headers, answer.read())


def url_of(function: Function, **options) -> Url:
    """Creates a URL that everybody may call, unless `options` say otherwise."""
    created = function.client.create_function_url_config(FunctionName=function.name, **{"AuthType": "NONE", **options})
    return Url(function.server, created["FunctionUrl"])
