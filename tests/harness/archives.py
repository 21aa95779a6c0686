"""Deployment packages."""

import io
import os
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = Path(os.environ.get("LAMBDOCK_FUNCTIONS", REPOSITORY / "target" / "functions"))

_TIME = (2026, 1, 1, 0, 0, 0)


def zip_of(files: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of `files`, all executable, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o755 << 16
            entry.compress_type = compression
            archive.writestr(entry, content)
    return buffer.getvalue()


def python(source: str) -> bytes:
    """A Python function, handler `index.handler`."""
    return zip_of({"index.py": source})


def padding(size: int) -> bytes:
    """An archive of exactly `size` bytes that does nothing."""
    name = "padding"
    overhead = len(zip_of({name: b""}, zipfile.ZIP_STORED))
    return zip_of({name: os.urandom(size - overhead)}, zipfile.ZIP_STORED)


def fixture(name: str) -> bytes:
    """An archive built by `cargo xtask functions`."""
    path = FIXTURES / f"{name}.zip"
    assert path.exists(), f"{path} is missing; `cargo xtask functions` builds it"
    return path.read_bytes()


def member(name: str, path: str) -> bytes:
    """A file of such an archive."""
    with zipfile.ZipFile(io.BytesIO(fixture(name))) as archive:
        return archive.read(path)


PROBE = python(
    """
import textwrap

invocations = 0

def handler(event, context):
    global invocations
    invocations += 1
    scope = {"invocations": invocations}
    exec("def run(event, context):\\n" + textwrap.indent(textwrap.dedent(event["run"]), "    "), scope)
    return scope["run"](event, context)
"""
)
"""A function that runs the Python source in the event's `run`, as the body of `run(event, context)`."""
