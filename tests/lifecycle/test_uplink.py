"""The uplink admits only containers that this server has started."""

import contextlib
import json
import os
import re
import socket
import struct

import pytest

from harness.deployment import deploy
from harness.server import Lambdock
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Lambdock(tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture(scope="module")
def target(server):
    """A running function, and what its container was told: uplink address, environment id, secret."""
    one = deploy(server)
    one.run("return 1")
    (container,) = one.containers()
    told = container.environment()
    addresses = [value for value in told.values() if re.fullmatch(r"[\w.-]+:\d+", value)]
    assert addresses, told
    host, _, port = addresses[0].rpartition(":")
    return one, (host, int(port)), container.inspect()["Config"]["Labels"]["lambdock.environment"]


def frame(kind: int, head: dict) -> bytes:
    """A frame of the protocol."""
    text = json.dumps(head).encode()
    return struct.pack(">IBI", 1 + 4 + len(text), kind, len(text)) + text


def hello(environment: str, secret: str, **changes) -> bytes:
    return frame(1, {"versions": [1], "environment": environment, "secret": secret, **changes})


def say(address, message: bytes) -> bytes:
    """Everything that is answered until the connection is closed."""
    with socket.create_connection(address, timeout=15) as stream:
        stream.sendall(message)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := stream.recv(4096):
                answer += chunk
    return answer


@pytest.mark.parametrize("secret", ["wrong", "", "x" * 3000])
def test_a_wrong_secret_is_refused(target, secret):
    one, address, environment = target
    for purpose in ("environment", "gateway"):
        answer = say(address, hello(environment, secret, purpose=purpose))
        assert answer[4] == 2, answer
        assert b"reason" in answer
    assert one.run("return 'still there'").value() == "still there"


def test_an_unknown_environment_is_refused(target):
    _, address, _ = target
    assert say(address, hello("0" * 32, "any"))[4] == 2
    assert say(address, hello("no id at all", "any"))[4] == 2


def test_a_second_connection_of_the_same_environment_is_refused(target):
    one, address, environment = target
    (container,) = one.containers()
    (secret,) = [value for name, value in container.environment().items() if "SECRET" in name]
    assert say(address, hello(environment, secret))[4] == 2
    assert one.run("return 'still there'").value() == "still there"


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00" * 64,
        b"\xff" * 64,
        struct.pack(">I", 1 << 31) + b"x" * 100,
        struct.pack(">IBI", 5, 1, 1000),
        struct.pack(">IBI", 9, 1, 4) + b"nojs",
        struct.pack(">IBI", 7, 1, 2) + b"{}",
        frame(9, {"request_id": "x"}),
        os.urandom(5000),
    ],
)
def test_garbage_is_hung_up_on(target, garbage):
    one, address, _ = target
    answer = say(address, garbage)
    assert len(answer) < 200
    assert one.run("return 'still there'").value() == "still there"


def test_silence_does_not_keep_containers_out(server, target):
    _, address, _ = target
    silent = [socket.create_connection(address, timeout=30) for _ in range(20)]
    other = deploy(server)
    assert other.run("return 'in'").value() == "in"
    for each in silent:
        wait_until(lambda each=each: each.recv(1) == b"", 15, "silent connections are closed")
        each.close()


def test_the_public_api_is_only_where_it_was_told_to_be(server, target):
    _, (host, _), _ = target
    with pytest.raises(OSError):
        socket.create_connection((host, server.port), timeout=2).close()
