"""A container registry with one small image, which can be slow, and can want a login."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _layer() -> tuple[bytes, str]:
    """A layer with a file of random bytes, and the digest of what it unpacks to."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        content = os.urandom(4_000_000)
        entry = tarfile.TarInfo("payload")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), 1), _digest(plain.getvalue())


class Registry:
    """Serves `<address>/<any name>:<any tag>` on 127.0.0.1, from which engines pull without TLS."""

    def __init__(self) -> None:
        self.flowing = threading.Event()
        self.flowing.set()
        self.denies = False
        self.misses = False
        self.requests: Counter[str] = Counter()
        layer, unpacked = _layer()
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [unpacked]},
                "history": [{}],
            }
        ).encode()
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": len(config),
                    "digest": _digest(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                        "size": len(layer),
                        "digest": _digest(layer),
                    }
                ],
            }
        ).encode()
        self.blobs = {_digest(config): config, _digest(layer): layer}
        self.layer_digest = _digest(layer)
        self.digest = _digest(self.manifest)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    def __enter__(self) -> "Registry":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.flowing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port, the first part of its images' names."""
        return f"127.0.0.1:{self._server.server_port}"

    def _handler(registry) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                reference = self.path.rpartition("/")[2]
                if registry.denies:
                    self._answer(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
                elif self.path == "/v2/":
                    self._answer(200, b"{}")
                elif registry.misses:
                    self._answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
                elif "/manifests/" in self.path:
                    registry.requests["manifest"] += self.command == "GET"
                    self._answer(200, registry.manifest, MANIFEST_TYPE)
                elif (blob := registry.blobs.get(reference)) is not None:
                    registry.requests[reference] += self.command == "GET"
                    self._answer(200, blob, "application/octet-stream", slowly=reference == registry.layer_digest)
                else:
                    self._answer(404, b"{}")

            def _answer(self, status: int, body: bytes, kind: str = "application/json", slowly: bool = False) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
                self.send_header("Docker-Content-Digest", _digest(body))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if slowly:
                    self.wfile.write(body[: len(body) // 2])
                    registry.flowing.wait()
                    body = body[len(body) // 2 :]
                self.wfile.write(body)

        return Handler
