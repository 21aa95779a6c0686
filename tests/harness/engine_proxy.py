"""A socket in front of the engine's, to make an engine that is slow, hangs or dies."""

import contextlib
import json
import socket
import threading
from pathlib import Path

from harness import engine


class EngineProxy:
    """Passes bytes on between its own socket and the engine's until told otherwise. Used as a context manager.

    Requests are told apart by text in their heads, such as `/containers/create`.
    """

    def __init__(self, folder: Path):
        self.path = folder / "engine.sock"
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self._pattern: bytes | None = None
        self._answers_only = False
        self._refusal: str | None = None
        self._connections: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.held = threading.Event()

    @property
    def host(self) -> str:
        """The value for DOCKER_HOST."""
        return f"unix://{self.path}"

    def __enter__(self) -> "EngineProxy":
        self.restore()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self.cut()

    def hold_requests(self, pattern: str) -> None:
        """Requests with `pattern` in them do not reach the engine, until released."""
        self._hold(pattern, answers_only=False)

    def hold_answers(self, pattern: str) -> None:
        """The engine does what it is asked to by requests with `pattern`, but nobody hears of it, until released."""
        self._hold(pattern, answers_only=True)

    def refuse(self, pattern: str, message: str) -> None:
        """Requests with `pattern` in them are answered with an error of the engine's, until released."""
        with self._lock:
            self._pattern, self._refusal = pattern.encode(), message

    def _hold(self, pattern: str, answers_only: bool) -> None:
        with self._lock:
            self._pattern, self._answers_only = pattern.encode(), answers_only
            self.held.clear()
            self._open.clear()

    def release(self) -> None:
        """Lets everything through again, what was held included."""
        with self._lock:
            self._pattern = self._refusal = None
            self._open.set()

    def cut(self) -> None:
        """The engine is gone: connections break, new ones are refused."""
        with self._lock:
            listener, self._listener = self._listener, None
            self.path.unlink(missing_ok=True)
            broken, self._connections = self._connections, set()
        for each in [listener, *broken]:
            if each is not None:
                _break(each)

    def restore(self) -> None:
        """The engine is back."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            try:
                upstream.connect(str(engine.socket_path()))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._connections |= {client, upstream}
            answers_held = threading.Event()
            for pump in [self._requests, self._answers]:
                threading.Thread(target=pump, args=(client, upstream, answers_held), daemon=True).start()

    def _requests(self, client: socket.socket, upstream: socket.socket, answers_held: threading.Event) -> None:
        for chunk in _chunks(client):
            if (pattern := self._pattern) is not None and pattern in chunk:
                if (message := self._refusal) is not None:
                    _send(client, _refusal(message))
                    break
                if self._answers_only:
                    answers_held.set()
                else:
                    self.held.set()
                    self._open.wait()
            if not _send(upstream, chunk):
                break
        _half_close(upstream)

    def _answers(self, client: socket.socket, upstream: socket.socket, answers_held: threading.Event) -> None:
        for chunk in _chunks(upstream):
            if answers_held.is_set():
                self.held.set()
                self._open.wait()
                answers_held.clear()
            if not _send(client, chunk):
                break
        _half_close(client)


def _refusal(message: str) -> bytes:
    body = json.dumps({"message": message}).encode()
    head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _chunks(stream: socket.socket):
    with contextlib.suppress(OSError):
        while chunk := stream.recv(1 << 16):
            yield chunk


def _send(stream: socket.socket, chunk: bytes) -> bool:
    try:
        stream.sendall(chunk)
    except OSError:
        return False
    return True


def _half_close(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_WR)


def _break(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
    stream.close()
