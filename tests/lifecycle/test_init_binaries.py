"""The init as a program: small, and in need of nothing."""

import os
import struct
import subprocess

import pytest

from harness import engine
from harness.deployment import deploy
from harness.server import BINARY
from harness.waiting import wait_until

MACHINES = {"x86_64": 62, "aarch64": 183}
INTERPRETER = 3


@pytest.mark.parametrize("architecture", MACHINES)
def test_it_is_small_and_static(architecture):
    default = BINARY.with_name(f"init-{architecture}")
    with open(os.environ.get(f"LAMBDOCK_INIT_{architecture.upper()}", default), "rb") as file:
        content = file.read()
    assert len(content) <= 2 * 1024 * 1024
    assert content.startswith(b"\x7fELF")
    (machine,) = struct.unpack_from("<H", content, 18)
    assert machine == MACHINES[architecture]
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    kinds = [struct.unpack_from("<I", content, table + size * n)[0] for n in range(count)]
    assert INTERPRETER not in kinds, "nothing of the image is needed to run it"


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
    init = os.environ.get("LAMBDOCK_INIT_X86_64", BINARY.with_name("init-x86_64"))
    done = subprocess.run([init], env={}, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "LAMBDOCK" in done.stderr
