"""A disk without room: what could not be kept is refused, what was accepted is there, and all goes on after."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from harness.archives import PROBE, padding
from harness.clients import refused
from harness.deployment import create, deploy
from harness.server import Lambdock
from harness.waiting import wait_until
from harness.witness import WITNESSED, Witness

SIZE_MB = 24


class Disk:
    """A small disk of one's own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leaves no room at all."""
        with suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 65536)
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while True:
                filler.write(b"x")

    def clear(self) -> None:
        """Gives the room back."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path):
    """A disk, there until after the servers of the test have ended."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", folder], check=True)
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def server_on(disk, own_server) -> Callable[..., Lambdock]:
    """Starts a server whose state is on the disk."""
    return lambda **settings: own_server(LAMBDOCK_STATE_DIR=str(disk.folder / "state"), PERSISTENCE=1, **settings)


def shape(one) -> dict:
    """What GetFunctionConfiguration tells of the function itself."""
    return {member: value for member, value in one.configuration().items() if member != "ResponseMetadata"}


def assert_no_room(refusal) -> None:
    assert (refusal.status, refusal.code) == (500, "ServiceException"), refusal
    assert "full" in refusal.message or "No space left" in refusal.message, refusal


def test_what_finds_no_room_is_refused_and_changes_nothing(disk, server_on):
    server = server_on()
    one = deploy(server)
    assert one.run("return 1").value() == 1
    before = shape(one)
    disk.fill()
    assert_no_room(refused(lambda: create(server, padding(1_000_000), name="too-much")))
    assert_no_room(refused(lambda: one.client.update_function_code(FunctionName=one.name, ZipFile=padding(900_000))))
    assert_no_room(refused(lambda: one.client.update_function_configuration(FunctionName=one.name, Timeout=7)))
    assert shape(one) == before
    assert [each["FunctionName"] for each in one.client.list_functions()["Functions"]] == [one.name]
    assert one.run("return 2").value() == 2, "invocations need no disk"

    disk.clear()
    one.configure(Timeout=7)
    assert one.run("return 3").value() == 3
    assert deploy(server, padding(1_000_000), name="too-much").configuration()["State"] == "Active"


def test_an_event_that_cannot_be_kept_is_not_accepted(disk, server_on, tmp_path):
    witness = Witness(tmp_path / "witness")
    server = server_on(LAMBDA_DOCKER_FLAGS=witness.flags)
    one = deploy(server, WITNESSED)
    one.invoke({"number": 0})
    disk.fill()
    kept = set()
    for number in range(1, 200):
        with suppress(one.client.exceptions.ServiceException):
            one.invoke({"number": number, "ballast": "x" * 100_000}, InvocationType="Event")
            kept.add(number)
            continue
        break
    else:
        raise AssertionError(f"there is room for ever: {kept}")
    disk.clear()
    one.invoke({"number": 1000}, InvocationType="Event")
    kept.add(1000)
    wait_until(lambda: kept <= {run["event"]["number"] for run in witness.runs(one.name)}, 60, "all accepted have run")


def test_code_that_finds_no_room_in_its_container_is_told_of(disk, own_server):
    server = own_server(LAMBDA_DOCKER_FLAGS=f"-v {disk.folder}:/var/task")
    one = deploy(server, padding(1_000_000))
    disk.fill()
    refusal = refused(lambda: one.run("return 1"))
    assert (refusal.status, refusal.code) == (500, "ServiceException"), refusal
    assert "No space left on device" in refusal.message, refusal
    wait_until(lambda: not one.containers(running=False), what="its container is removed")
    disk.clear()
    one.replace_code(PROBE)
    assert one.run("return 'fits'").value() == "fits"


def test_killed_on_a_full_disk_it_starts_again(disk, server_on):
    server = server_on()
    one = deploy(server)
    disk.fill()
    refused(lambda: one.client.update_function_configuration(FunctionName=one.name, Timeout=7))
    server.kill()
    disk.clear()
    server.start()
    assert one.wait_active().run("return 'still there'").value() == "still there"
    assert one.configuration()["Timeout"] == 3
