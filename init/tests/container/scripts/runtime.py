"""The Runtime API for scripts: one connection, kept open, and the calls on it."""
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
PORT = int(PORT)
PREFIX = "/2018-06-01/runtime/"
connection = http.client.HTTPConnection(HOST, PORT)


class Event:
    def __init__(self, headers, body):
        self.headers, self.body = headers, body
        self.id = headers["lambda-runtime-aws-request-id"]


def call(method, path, body=None, headers={}, on=None):
    on = on or connection
    on.request(method, PREFIX + path, body, headers)
    answer = on.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


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


def wait_at(gate):
    """Waits until the test opens the gate."""
    if not os.path.exists(gate):
        os.mkfifo(gate)
    with open(gate, "rb") as pipe:
        pipe.read()
