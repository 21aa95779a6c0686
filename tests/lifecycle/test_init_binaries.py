"""The init as a program: small, and in need of nothing."""

import os
import platform
import struct
import subprocess
from pathlib import Path

import pytest

from harness import engine, needs
from harness.deployment import deploy
from harness.server import BINARY
from harness.waiting import wait_until

MACHINES = {"x86_64": 62, "aarch64": 183}
INTERPRETER = 3


def binary(architecture: str) -> Path:
    """The init for one architecture."""
    default = BINARY.with_name(f"init-{architecture}")
    return Path(os.environ.get(f"LAMBDOCK_INIT_{architecture.upper()}", default))


@pytest.mark.parametrize("architecture", MACHINES)
def test_it_is_small_and_static(architecture):
    content = binary(architecture).read_bytes()
    assert len(content) <= 2 * 1024 * 1024
    assert content.startswith(b"\x7fELF")
    (machine,) = struct.unpack_from("<H", content, 18)
    assert machine == MACHINES[architecture]
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    kinds = [struct.unpack_from("<I", content, table + size * n)[0] for n in range(count)]
    assert INTERPRETER not in kinds, "nothing of the image is needed to run it"


@pytest.mark.parametrize("architecture", MACHINES)
def test_it_serves_invocations_on_both_architectures(own_server, architecture):
    """That of another machine is emulated (qemu-user), PID 1 of a real container; the runtime that it starts is not."""
    foreign = architecture != platform.machine()
    emulated = Path(f"/proc/sys/fs/binfmt_misc/qemu-{architecture}").exists()
    needs.wanted(emulated or not foreign, f"qemu-user-static, registered for {architecture}")
    server = own_server(LAMBDA_INIT_BIN_PATH=binary(architecture))
    one = deploy(server, Timeout=60)
    answer = one.run("print('said'); return 'answered'", LogType="Tail")
    assert answer.value() == "answered"
    (container,) = one.containers()
    running = Path(f"/proc/{container.inspect()['State']['Pid']}/exe").readlink()
    assert (running != Path("/var/rapid/init")) == foreign, running
    assert answer.log.count("said\n") == 1
    assert f"REPORT RequestId: {answer.request_id}" in answer.log
    failed = one.run("raise ValueError('no')")
    assert (failed.error, failed.json()["errorType"]) == ("Unhandled", "ValueError")
    assert one.run("return invocations").value() == 3, "all in the same environment"


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_it_ends_at_once_when_its_container_is_stopped(own_server, signal):
    server = own_server(LAMBDA_REMOVE_CONTAINERS=0)
    one = deploy(server)
    one.run("return 1")
    (container,) = one.containers()
    engine.docker("kill", "--signal", signal, container.id)
    state = wait_until(lambda: (state := container.inspect()["State"])["Status"] == "exited" and state, 5)
    assert state["ExitCode"] == 0
    assert one.run("return 'in another one'").value() == "in another one"
    server.terminate()
    server.wait()
    engine.remove(server.containers())


def test_outside_of_a_container_of_ours_it_says_what_is_missing():
    done = subprocess.run([binary(platform.machine())], env={}, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "LAMBDOCK" in done.stderr
