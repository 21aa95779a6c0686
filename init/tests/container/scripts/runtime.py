"""The Runtime API for scripts: one connection, kept open, and the calls on it."""
import os
import signal
import socket
import sys
import threading
import time

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
PORT = int(PORT)
PREFIX = "/2018-06-01/runtime/"


class Answer:
    def __init__(self, stream):
        self.status = int(stream.readline().split()[1])
        self.headers = {}
        while (line := stream.readline().decode("latin-1").strip()):
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = stream.read(int(self.headers.get("content-length", 0)))

    def getheader(self, name):
        return self.headers.get(name.lower())

    def read(self):
        return self.body


class Connection:
    """As much of HTTP as scripts need: Python's own takes longer to load than all the rest of a script."""

    def __init__(self, host=HOST, port=PORT, sock=None):
        self.address, self.sock = (host, port), sock

    def request(self, method, path, body=None, headers={}):
        if self.sock is None:
            self.sock = socket.create_connection(self.address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(body, str):
            body = body.encode("latin-1")
        pieces = body is not None and not isinstance(body, bytes)
        head = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items())]
        if pieces:
            head.append("Transfer-Encoding: chunked")
        elif body is not None:
            head.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*head, "", ""]).encode("latin-1")
        self.sock.sendall(head if pieces else head + (body or b""))
        if pieces:
            for piece in body:
                self.sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.sock.sendall(b"0\r\n\r\n")

    def getresponse(self):
        with self.sock.makefile("rb") as stream:
            return Answer(stream)


connection = Connection()


class Event:
    def __init__(self, headers, body):
        self.headers, self.body = headers, body
        self.id = headers["lambda-runtime-aws-request-id"]


def call(method, path, body=None, headers={}, on=None):
    on = on or connection
    on.request(method, PREFIX + path, body, headers)
    answer = on.getresponse()
    return answer.status, answer.headers, answer.read()


def next_event():
    status, headers, body = call("GET", "invocation/next")
    assert status == 200, body
    return Event(headers, body)


def respond(event, body, headers={}):
    return call("POST", f"invocation/{event.id}/response", body, headers)


def fail(event, body, headers={}):
    return call("POST", f"invocation/{event.id}/error", body, headers)


def serve(handler):
    """Answers each event with what the handler makes of it."""
    while True:
        event = next_event()
        status, _, said = respond(event, handler(event))
        assert status == 202, said


def raw():
    """A plain connection."""
    return socket.create_connection((HOST, PORT))


def spawn(*command):
    """Starts a process in the background."""
    os.spawnvp(os.P_NOWAIT, command[0], command)


def wait_at(gate):
    """Waits until the test opens the gate."""
    if not os.path.exists(gate):
        os.mkfifo(gate)
    with open(gate, "rb") as pipe:
        pipe.read()
