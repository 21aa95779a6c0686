"""Whatever a test here sends, the server has to be as well as before."""

import pytest

from harness import wire
from harness.wire import FUNCTIONS


@pytest.fixture(autouse=True)
def lives_on(server, probe):
    """After each test: the server answers, works, and did not have to start anew."""
    process = server.process.pid
    yield
    assert server.process.poll() is None
    assert server.process.pid == process
    assert server.health()["services"]["lambda"] == "running"
    reply = wire.send(server, "POST", f"{FUNCTIONS}/{probe.name}/invocations", {"run": "return 'alive'"})
    assert (reply.status, reply.body) == (200, b'"alive"')
    assert "panicked" not in server.log
