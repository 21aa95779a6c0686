"""Clients that speak HTTP badly, slowly or not at all."""

import concurrent.futures
import contextlib
import json
import os
import socket
import struct
import time

import pytest

from harness import wire
from harness.archives import PROBE
from harness.deployment import Function, deploy, deployed, fresh_name, request
from harness.server import seconds_since
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, authorization


def head(method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: {authorization()}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def answered(stream: socket.socket) -> bytes:
    """Everything until the server closes, or the beginning of an answer."""
    with contextlib.suppress(ConnectionResetError):
        return stream.recv(65536)
    return b""


@pytest.fixture
def half_open(server):
    """Opens connections, says the beginning of something on each, and leaves them so until the test ends."""
    with contextlib.ExitStack() as open_:

        def start(count: int, beginning: bytes) -> list[socket.socket]:
            streams = [open_.enter_context(wire.connect(server)) for _ in range(count)]
            for stream in streams:
                stream.sendall(beginning)
            return streams

        yield start


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"P",
        b"POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Le",
        head("POST", FUNCTIONS, "Content-Length: 1000") + b'{"FunctionName"',
        head("POST", FUNCTIONS, "Transfer-Encoding: chunked") + b"5\r\n{",
    ],
    ids=["silence", "one letter", "half a head", "half a body", "half a chunk"],
)
def test_half_open_connections_hold_up_nobody(server, half_open, beginning):
    half_open(200, beginning)
    started = time.monotonic()
    assert server.health()
    assert wire.send(server, "GET", f"{FUNCTIONS}/nx").status == 404
    assert seconds_since(started) < 2


def test_clients_that_hang_up_in_the_middle_are_forgotten(server):
    before = open_files(server)
    for beginning in [b"GET / HT", head("POST", FUNCTIONS, "Content-Length: 50") + b"{", head("GET", "/x")[:-2]]:
        for _ in range(20):
            stream = wire.connect(server)
            stream.sendall(beginning)
            hang_up_rudely(stream)
    wait_until(lambda: open_files(server) <= before + 5, 20, "its files are closed")


def open_files(server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_a_client_that_hangs_up_does_not_break_the_function(server, probe):
    body = json.dumps({"run": "import time; time.sleep(0.5); return 1"}).encode()
    for _ in range(3):
        with wire.connect(server) as stream:
            stream.sendall(head("POST", f"{FUNCTIONS}/{probe.name}/invocations", f"Content-Length: {len(body)}") + body)
    wait_until(lambda: probe.run("return 'fine'").value() == "fine")


def say_and_hang_up(server, method: str, path: str, body: dict | None = None, *, reset: bool = False) -> None:
    """Sends a whole request and does not wait for its answer. With `reset`, it may get lost on its way."""
    data = b"" if body is None else json.dumps(body).encode()
    with wire.connect(server) as stream:
        stream.sendall(head(method, path, f"Content-Length: {len(data)}") + data)
        if reset:
            hang_up_rudely(stream)


def hang_up_rudely(stream: socket.socket) -> None:
    """Not a polite end but a reset."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def test_what_a_client_began_is_brought_to_its_end_when_it_hangs_up(server):
    client = server.client()
    functions = [Function(server, client, fresh_name()) for _ in range(6)]
    for each in functions:
        say_and_hang_up(server, "POST", FUNCTIONS, request(each.name, PROBE))
    for each in functions:
        wait_until(lambda each=each: each.name in names(client), what="it is created")
        each.wait_active()
        say_and_hang_up(server, "PUT", f"{FUNCTIONS}/{each.name}/configuration", {"Timeout": 7})
        wait_until(lambda each=each: each.configuration()["Timeout"] == 7, what="it is updated")
        each.wait_updated()
    one = functions[0]
    one.run("return 1")
    for each in functions:
        say_and_hang_up(server, "DELETE", f"{FUNCTIONS}/{each.name}")
    wait_until(lambda: not names(client) & {each.name for each in functions}, what="they are deleted")
    wait_until(lambda: not one.containers(running=False), 30, "its container is removed")


def test_nothing_stays_half_done_when_connections_are_reset(server):
    client = server.client()
    wanted = {fresh_name() for _ in range(40)}
    for name in wanted:
        say_and_hang_up(server, "POST", FUNCTIONS, request(name, PROBE), reset=True)
    # Whatever has arrived, has done so before this.
    with deployed(server):
        for name in wanted & names(client):
            Function(server, client, name).wait_active()
            client.delete_function(FunctionName=name)


def names(client) -> set[str]:
    """The names of all functions."""
    pages = client.get_paginator("list_functions").paginate()
    return {each["FunctionName"] for page in pages for each in page["Functions"]}


def test_an_invocation_is_run_even_when_its_client_hangs_up(server):
    one = deploy(server)
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=1)
    say_and_hang_up(server, "POST", f"{FUNCTIONS}/{one.name}/invocations", {"run": "return 1"})
    wait_until(lambda: one.containers(), 30, "it is cold and was begun")

    def invocations() -> int:
        with contextlib.suppress(one.client.exceptions.TooManyRequestsException):
            return one.run("return invocations").value()

    assert wait_until(invocations, 30) == 2, "the second one that its only environment has run"


def test_a_client_that_says_no_more_is_answered(server):
    with wire.connect(server) as stream:
        stream.sendall(head("GET", f"{FUNCTIONS}/nx"))
        stream.shutdown(socket.SHUT_WR)
        assert answered(stream).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"\x00" * 1000,
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        head("POST", FUNCTIONS, "Content-Length: -5"),
        head("POST", FUNCTIONS, "Content-Length: 5", "Content-Length: 6") + b"{}",
        head("POST", FUNCTIONS, "Content-Length: 99999999999999999999999"),
        head("POST", FUNCTIONS, "Transfer-Encoding: chunked") + b"zz\r\n{}\r\n",
        b"GET / HTTP/1.1\r\nBad Header\r\n\r\n",
    ],
    ids=lambda noise: noise[:30].decode("latin-1").replace("\x00", "0"),
)
def test_what_is_no_http_is_hung_up_on(server, noise):
    with wire.connect(server, timeout=10) as stream:
        stream.sendall(noise)
        answer = answered(stream)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer[:200]


@pytest.mark.parametrize("size", [1_000_000, 10_000_000])
def test_huge_headers_are_refused(server, size):
    with wire.connect(server, timeout=10) as stream:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stream.sendall(head("GET", FUNCTIONS, "X-Huge: " + "x" * size))
        answer = answered(stream)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200]


def test_thousands_of_headers_are_refused(server):
    with wire.connect(server, timeout=10) as stream:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stream.sendall(head("GET", f"{FUNCTIONS}/nx", *[f"X-Header-{n}: {n}" for n in range(5000)]))
        answer = answered(stream)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200]


def test_announced_bodies_take_no_room_before_they_come(server, half_open):
    before = server.resident_kib()
    half_open(20, head("POST", FUNCTIONS, f"Content-Length: {10 * 1024**3}") + b"{" * 1000)
    half_open(20, head("POST", FUNCTIONS, "Content-Length: 70000000") + b"{" * 1000)
    assert server.health()
    assert server.resident_kib() < before + 50 * 1024


def test_an_endless_body_is_cut_off(server):
    most = 3 * 1024**3
    piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    sent = 0
    with wire.connect(server, timeout=20) as stream:
        stream.sendall(head("POST", FUNCTIONS, "Transfer-Encoding: chunked"))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while sent < most:
                stream.sendall(piece)
                sent += 0x100000
        assert sent < most, "the server takes whatever it is given"
        answer = answered(stream)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert server.resident_kib() < 300 * 1024


def test_uploads_of_code_take_turns(server):
    """Ten of almost as much as one may have come at once; only some of them are in memory."""
    body = b'{"ZipFile": "' + b"A" * 65_000_000 + b'"}'
    before = server.resident_kib()
    server.forget_peak()

    def upload(_: int) -> int:
        return wire.send(server, "PUT", f"{FUNCTIONS}/nx/code", body, timeout=120).status

    with concurrent.futures.ThreadPoolExecutor(10) as clients:
        statuses = list(clients.map(upload, range(10)))
    assert statuses == [404] * 10
    assert server.peak_kib() - before < 450 * 1024


def test_requests_may_arrive_byte_by_byte(server):
    with wire.connect(server) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head("GET", f"{FUNCTIONS}/nx"):
            stream.sendall(bytes([byte]))
        assert answered(stream).startswith(b"HTTP/1.1 404")


def test_several_requests_may_share_a_connection(server):
    with wire.connect(server) as stream:
        stream.sendall(head("GET", f"{FUNCTIONS}/one") + head("GET", f"{FUNCTIONS}/two"))
        seen = b""
        while seen.count(b"HTTP/1.1 404") < 2:
            chunk = stream.recv(4096)
            assert chunk, seen
            seen += chunk
        assert seen.index(b"function:one") < seen.index(b"function:two")


def test_a_client_that_waits_for_continue_is_told_to(server):
    body = json.dumps(request(fresh_name(), PROBE, Role="r1")).encode()
    with wire.connect(server) as stream:
        stream.sendall(head("POST", FUNCTIONS, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert answered(stream).startswith(b"HTTP/1.1 100")
        stream.sendall(body)
        assert answered(stream).startswith(b"HTTP/1.1 400")
