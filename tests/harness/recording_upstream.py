"""An upstream that tells what arrives, as it arrives, and that answers in two parts."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 16


class RecordingUpstream:
    """Takes one request at a time; answers with `beginning`, and with the other `size` bytes once it is released."""

    def __init__(self, beginning: bytes, size: int):
        self.headers: list[tuple[str, str]] = []
        self.received = 0
        self._may_end = threading.Event()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                upstream.headers = self.headers.items()
                left = int(self.headers["Content-Length"])
                while left:
                    got = len(self.rfile.read1(min(left, PIECE)))
                    if not got:
                        return
                    left -= got
                    upstream.received += got
                self.send_response(200)
                self.send_header("x-amz-of-its-own", "yes")
                self.send_header("Content-Length", str(len(beginning) + size))
                self.end_headers()
                self.wfile.write(beginning)
                assert upstream._may_end.wait(60)
                for at in range(0, size, PIECE):
                    self.wfile.write(bytes(min(PIECE, size - at)))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"

    def release(self) -> None:
        """Lets the answer go on."""
        self._may_end.set()

    def __enter__(self) -> "RecordingUpstream":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
