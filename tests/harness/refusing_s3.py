"""An S3 that gives nothing out, and says why."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RefusingS3:
    """Answers every request with `status`, `headers` and an error of `code` while used as a context manager."""

    def __init__(self, status: int, code: str, message: str, **headers: str):
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "RefusingS3":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
