"""The end of a server: asked for or not, what runs finishes, and no container stays."""

import json
import signal
import socket
import threading
import time
import uuid

import pytest

from harness import engine, wire
from harness.deployment import deploy
from harness.server import Lambdock, image, seconds_since
from harness.waiting import wait_until


class Background:
    """An invocation under way, and what becomes of it."""

    def __init__(self, function, source: str):
        self.outcome: object = None
        self._thread = threading.Thread(target=self._run, args=(function, source), daemon=True)
        self._thread.start()

    def _run(self, function, source):
        try:
            self.outcome = function.run(source)
        except Exception as error:
            self.outcome = error

    def result(self, timeout: float = 30):
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the invocation has not ended"
        return self.outcome


def under_way(server, function, seconds: float) -> Background:
    """Starts an invocation that takes so long; returns once the function runs. The server must log at DEBUG."""
    token = uuid.uuid4().hex
    background = Background(
        function, f"print('begun-' + '{token}', flush=True); import time; time.sleep({seconds}); return 'finished'"
    )
    server.wait_for_log(f"begun-{token}")
    return background


@pytest.mark.statement(202)
@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_finishes_and_nothing_stays(own_server, signal_):
    server = own_server(DEBUG=1)
    one, idle = deploy(server, Timeout=30), deploy(server)
    idle.run("return 1")
    running = under_way(server, one, 2)
    asked = time.monotonic()
    server.process.send_signal(signal_)
    wait_until(lambda: refuses_connections(server), what="new connections are refused")
    assert server.process.poll() is None, "it waits for the invocation"
    assert running.result().value() == "finished"
    assert server.wait() == 0
    assert seconds_since(asked) < 10
    assert server.containers() == []


def refuses_connections(server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    except ConnectionError:
        return True
    return False


def test_what_takes_longer_than_the_grace_time_is_ended(own_server):
    server = own_server(DEBUG=1, LAMBDOCK_SHUTDOWN_GRACE=1)
    one = deploy(server, Timeout=60)
    running = under_way(server, one, 50)
    asked = time.monotonic()
    server.terminate()
    assert server.wait() == 0
    assert 0.9 < seconds_since(asked) < 8
    running.result()
    assert server.containers() == []


def test_a_second_signal_ends_the_wait(own_server):
    server = own_server(DEBUG=1, LAMBDOCK_SHUTDOWN_GRACE=60)
    running = under_way(server, deploy(server, Timeout=60), 50)
    server.terminate()
    wait_until(lambda: refuses_connections(server))
    asked = time.monotonic()
    server.terminate()
    server.wait()
    assert seconds_since(asked) < 8
    running.result()
    assert server.containers() == []


def test_idle_and_half_open_connections_do_not_delay_the_end(own_server):
    server = own_server()
    idle = wire.connect(server)
    half = wire.connect(server)
    half.sendall(b"POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Le")
    body = wire.connect(server)
    body.sendall(b"POST /2015-03-31/functions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    asked = time.monotonic()
    server.terminate()
    assert server.wait() == 0
    # A request whose body is still to come may use up the grace time, ten seconds.
    assert seconds_since(asked) < 13
    for each in (idle, half, body):
        each.close()


def test_a_start_that_is_interrupted_leaves_nothing(tmp_path):
    """A script of the stage holds the start where it is; the signal comes then."""
    for stage in ("boot", "start", "ready"):
        folder = tmp_path / stage
        scripts = folder / "init" / f"{stage}.d"
        scripts.mkdir(parents=True)
        reached = folder / "reached"
        (scripts / "hold.sh").write_text(f"#!/bin/sh\ntouch {reached}\nexec sleep 60\n")
        (scripts / "hold.sh").chmod(0o755)
        server = Lambdock(folder, LAMBDOCK_SCRIPTS_DIR=folder / "init")
        server.spawn()
        wait_until(reached.exists, what=f"{stage} is reached")
        server.terminate()
        assert server.wait() == 0, server.log
        assert refuses_connections(server)
        server.close()


def test_an_interrupted_cold_start_leaves_nothing(own_server):
    server = own_server(LAMBDOCK_SHUTDOWN_GRACE=0, LAMBDOCK_STANDBY_CONTAINERS=0)
    one = deploy(server)
    running = Background(one, "import time; time.sleep(60)")
    wait_until(server.containers, what="the container is made")
    server.terminate()
    assert server.wait() == 0
    running.result()
    assert server.containers() == []


@pytest.fixture
def strangers(tmp_path):
    """Containers that are not the server's: another server's by its label, and one that only has a similar name."""
    made = []

    def make(*arguments: str) -> str:
        made.append(engine.docker("create", *arguments, image("python3.12"), "true").strip())
        return made[-1]

    yield make
    engine.remove(engine.Container(id, "", "") for id in made)


@pytest.mark.statement(202)
def test_orphans_of_a_killed_server_are_removed_at_the_next_start(own_server, strangers):
    server = own_server(PERSISTENCE=1)
    one = deploy(server)
    one.run("return 1")
    (orphan,) = one.containers()
    other_label = strangers("--label", f"lambdock.instance={uuid.uuid4().hex}")
    similar_name = strangers("--name", f"{server.name}-lambda-{one.name}-{'0' * 32}")
    server.kill()
    assert server.containers(), "the orphan is there, running or not"
    server.start()

    def ids() -> set[str]:
        return {container.id for container in engine.containers()}

    wait_until(lambda: orphan.id not in ids(), what="the orphan is removed")
    assert {other_label, similar_name} <= ids()
    assert one.run("return 'again'").value() == "again"
    engine.remove([engine.Container(similar_name, "", "")])


def test_servers_do_not_touch_each_others_containers(own_server):
    first = own_server()
    one = deploy(first)
    stream = one.run("import os; return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']").value()
    second = own_server()
    deploy(second).run("return 1")
    second.restart()
    second.terminate()
    assert second.wait() == 0
    assert one.run("import os; return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']").value() == stream


def test_containers_of_a_killed_server_end_by_themselves(own_server):
    server = own_server()
    one = deploy(server)
    one.run("return 1")
    assert server.containers(running=True)
    server.kill()
    wait_until(lambda: not server.containers(running=True), 20, "the init notices and ends")


def test_health_is_json_to_the_last(own_server):
    server = own_server()
    assert json.dumps(server.health())
