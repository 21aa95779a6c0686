"""`docker compose`, in either of its two forms, with the project's own compose files."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import engine
from harness.archives import REPOSITORY
from harness.server import IMAGES, Lambdock, image
from harness.waiting import wait_until

MOTO = REPOSITORY / "images/moto"

WITH_MOTO = Path("compose.yaml")
FILES = [WITH_MOTO, Path("images/lambdock/compose.yaml")]
"""Every compose file of the repository."""


def command() -> list[str] | None:
    """How it is called here; `None`: not at all."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=30, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


@contextmanager
def moto_image(folder: Path) -> Iterator[str]:
    """An image of moto, made by its own Dockerfile: of packages that were fetched here, on a Python that is here."""
    tag = f"lambdock-test/moto:{uuid.uuid4().hex[:10]}"
    base = f"lambdock-test/python-with-pip:{uuid.uuid4().hex[:10]}"
    requirements = MOTO / "requirements.txt"
    # The interpreter's own pip, which is pure Python: the image has none.
    pip = [sys.executable, "-m", "pip"]
    where = subprocess.run(
        [sys.executable, "-c", "import pip; print(pip.__path__[0])"], capture_output=True, text=True, check=True
    )
    with_pip, packages = folder / "with-pip", folder / "packages"
    shutil.copytree(where.stdout.strip(), with_pip / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    recipe = f"FROM {image('python3.12')}\nCOPY pip /pip/pip\nENV PYTHONPATH=/pip\nENTRYPOINT []\n"
    (with_pip / "Dockerfile").write_text(recipe)
    shutil.copytree(MOTO, packages)
    platforms = [f"--platform=manylinux{glibc}_{os.uname().machine}" for glibc in ("2014", "_2_17", "_2_28")]
    fetch = [*pip, "download", "--quiet", "--only-binary=:all:", "--python-version=3.12", *platforms]
    subprocess.run([*fetch, "--dest", packages, "--requirement", requirements], check=True, timeout=300)
    plain = {**os.environ, "DOCKER_BUILDKIT": "0"}
    build = ["docker", "build", "--quiet"]
    try:
        subprocess.run([*build, "--tag", base, with_pip], env=plain, check=True, capture_output=True, timeout=120)
        arguments = ["--build-arg", f"PYTHON={base}", "--build-arg", "PIP_NO_INDEX=1"]
        made = subprocess.run(
            [*build, *arguments, "--tag", tag, packages],
            env=plain,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        yield tag
    finally:
        subprocess.run(["docker", "rmi", "--force", tag, base], capture_output=True, timeout=60, check=False)


class Project(Lambdock):
    """All containers of one compose file, started by somebody in `folder`."""

    def __init__(self, file: Path, folder: Path, images: dict[str, str]):
        super().__init__(folder)
        folder.mkdir(exist_ok=True)
        self._file = REPOSITORY / file
        self._environment = {
            **os.environ,
            "PWD": str(folder),
            "COMPOSE_PROJECT_NAME": self.name,
            "MAIN_CONTAINER_NAME": self.name,
            "LAMBDOCK_PORT": str(self.port),
            "DOCKER_SOCK": str(engine.socket_path()),
            "LAMBDA_RUNTIME_IMAGE_MAPPING": IMAGES,
            **images,
        }

    def _compose(self, *arguments: str) -> str:
        done = subprocess.run(
            [*command(), "--file", self._file, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        self._compose("up", "--detach", "--no-build")
        wait_until(lambda: "Ready." in self.log, 30, "lambdock is ready")

    @property
    def log(self) -> str:
        return engine.log(self.name)

    def close(self, check: bool = True) -> None:
        log = self.log
        self._compose("down", "--volumes")
        left = self.containers()
        engine.remove(left)
        assert not check or not left, f"left behind: {left}\n{log}"
