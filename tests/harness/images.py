"""Images of functions, built on the engine."""

import io
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from harness import engine
from harness.server import image

BUILD_SECONDS = 120


def build(dockerfile: str, files: dict[str, str] | None = None, name: str | None = None) -> str:
    """Builds an image, returns its name with a tag. `FROM <runtime>` is the image of that runtime in tests."""
    name = name or f"lambdock-test-function-{uuid.uuid4().hex[:10]}:one"
    lines = [line.strip() for line in dockerfile.strip().splitlines()]
    if not lines[0].endswith("scratch"):
        lines[0] = f"FROM {image(lines[0].removeprefix('FROM '))}"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for path, content in {"Dockerfile": "\n".join(lines), **(files or {})}.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content.encode())
            entry.mode = 0o755
            archive.addfile(entry, io.BytesIO(content.encode()))
    done = subprocess.run(
        ["docker", "build", "--quiet", "--tag", name, "-"],
        input=context.getvalue(),
        capture_output=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return name


def identity(name: str) -> str:
    """The engine's id of an image, without `sha256:`."""
    return engine.docker("image", "inspect", "--format", "{{.Id}}", name).strip().removeprefix("sha256:")


@contextmanager
def builder() -> Iterator:
    """`build`, whose images are removed in the end."""
    built: set[str] = set()

    def build_one(*arguments: object, **options: object) -> str:
        name = build(*arguments, **options)
        built.update([name, identity(name)])
        return name

    try:
        yield build_one
    finally:
        if built:
            subprocess.run(["docker", "rmi", "--force", *built], capture_output=True, timeout=60, check=False)
