"""The container engine, seen through its own command line client."""

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.waiting import wait_until


def socket_path() -> Path:
    """The engine's socket."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    assert host.startswith("unix://"), f"the tests stand between Lambdock and the engine's socket, not {host}"
    return Path(host.removeprefix("unix://"))


def docker(*arguments: str) -> str:
    """Runs `docker`, returns what it prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def log(name: str) -> str:
    """What a container has written, on both of its streams; nothing when there is none of that name."""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(["docker", "logs", name], **both, text=True, timeout=60, check=False)
    return done.stdout if done.returncode == 0 else ""


@dataclass(frozen=True)
class Container:
    """A container as `docker ps` lists it."""

    id: str
    name: str
    state: str

    def inspect(self) -> dict:
        """Everything that the engine knows of it."""
        return json.loads(docker("inspect", self.id))[0]

    def environment(self) -> dict[str, str]:
        """Variables it was created with."""
        return dict(entry.split("=", 1) for entry in self.inspect()["Config"]["Env"])


def containers(*filters: str, running: bool = False) -> list[Container]:
    """Containers that pass all `filters`, stopped ones too unless only `running` ones are asked for."""
    arguments = ["ps", "--no-trunc", "--format", "{{json .}}"] + ([] if running else ["--all"])
    for one in filters:
        arguments += ["--filter", one]
    rows = [json.loads(line) for line in docker(*arguments).splitlines()]
    return [Container(row["ID"], row["Names"], row["State"]) for row in rows]


def named(prefix: str, running: bool = False) -> list[Container]:
    """Containers whose names begin with `prefix`."""
    return containers(f"name=^/?{prefix}", running=running)


def remove(those: Iterable[Container]) -> None:
    """Removes containers, whatever state they are in; not an error: they are gone already."""
    ids = [container.id for container in those]
    if ids:
        subprocess.run(["docker", "rm", "--force", "--volumes", *ids], capture_output=True, timeout=60, check=False)
        wait_until(lambda: not any(containers(f"id={one}") for one in ids), what=f"{ids} are removed")
