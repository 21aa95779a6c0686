"""Changed code is loaded while the container stays."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.deployment import Function, deploy
from harness.waiting import wait_until


@pytest.fixture
def watching(tmp_path, own_server) -> Callable[..., tuple[Function, Path]]:
    """A function that watches a folder of the machine."""

    def make(strategy: str = "", **options):
        code = tmp_path / "code"
        code.mkdir()
        (code / "greeting").write_text("hello")
        variables = [f"-e LOCALSTACK_HOT_RELOADING_PATHS=/code -e LOCALSTACK_FILE_WATCHER_STRATEGY={strategy}"]
        server = own_server(LAMBDA_DOCKER_FLAGS=" ".join([f"-v {code}:/code:ro", *variables]))
        return deploy(server, Timeout=20, **options), code

    return make


PID = "import os; return [os.getpid(), open('/code/greeting').read()]"


@pytest.mark.parametrize("strategy", ["event", "polling"])
def test_a_change_starts_the_runtime_again_in_the_same_container(watching, strategy):
    one, code = watching(strategy)
    before, greeting = one.run(PID).value()
    assert greeting == "hello"
    (container,) = one.containers()
    assert one.run(PID).value()[0] == before
    (code / "greeting").write_text("changed")
    wait_until(lambda: one.run(PID).value()[0] != before, what="a new process answers")
    assert one.run(PID).value()[1] == "changed"
    assert [other.id for other in one.containers()] == [container.id]


def test_an_invocation_under_way_is_finished_first(watching):
    one, code = watching()
    pid = one.run(PID).value()[0]
    source = """
    import os, time
    from pathlib import Path
    while not Path("/code/new").exists():
        time.sleep(0.01)
    time.sleep(1.5)
    return os.getpid()
    """
    answers = []
    thread = threading.Thread(target=lambda: answers.append(one.run(source).value()))
    thread.start()
    (code / "new").write_text("x")
    thread.join()
    assert answers == [pid]
    wait_until(lambda: one.run(PID).value()[0] != pid, what="a new process answers")


def test_no_invocation_is_lost_while_code_changes_all_the_time(watching):
    one, code = watching()
    pids = set()
    for round_ in range(60):
        (code / "greeting").write_text(f"{round_}")
        pids.add(one.run(PID).value()[0])
    wait_until(lambda: one.run(PID).value()[0] not in pids, what="a new process answers")
