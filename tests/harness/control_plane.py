"""The control plane's own image."""

import os
import platform
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import engine
from harness.archives import REPOSITORY
from harness.server import BINARY
from harness.server import image as runtime_image

STATIC = BINARY.with_name(f"lambdock-static-{platform.machine()}")


@contextmanager
def image(folder: Path) -> Iterator[str]:
    """The image's name; without a static binary, the binary under test on the libraries of another image."""
    if STATIC.exists():
        shutil.copy(STATIC, folder / "lambdock")
        recipe = REPOSITORY / "images/lambdock/Dockerfile"
    else:
        shutil.copy(BINARY, folder / "lambdock")
        recipe = folder / "Dockerfile"
        base = runtime_image("provided.al2023")
        listen = "ENV GATEWAY_LISTEN=0.0.0.0:4566"
        recipe.write_text(f'FROM {base}\nCOPY lambdock /lambdock\n{listen}\nENTRYPOINT ["/lambdock"]\n')
    tag = f"lambdock-test/control-plane:{uuid.uuid4().hex[:10]}"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", tag, "--file", recipe, folder],
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    try:
        yield tag
    finally:
        engine.docker("rmi", "--force", tag)
