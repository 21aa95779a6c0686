"""Changed code is loaded while the container stays."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.deployment import Function, deploy
from harness.waiting import wait_until


@pytest.fixture
def watching(tmp_path, own_server) -> Callable[..., tuple[Function, Path]]:
    """A function that watches a folder of the machine."""

    def make(strategy: str = "", debounce_ms: int = 500, **options):
        code = tmp_path / "code"
        code.mkdir()
        (code / "greeting").write_text("hello")
        variables = [
            "-e LOCALSTACK_HOT_RELOADING_PATHS=/code",
            f"-e LOCALSTACK_FILE_WATCHER_STRATEGY={strategy}",
            f"-e LAMBDOCK_HOT_RELOADING_DEBOUNCE_MS={debounce_ms}",
        ]
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


# The process, and the code that it was started with.
BORN = """
import builtins, os
if not hasattr(builtins, "greeting"):
    builtins.greeting = open("/code/greeting").read()
return [os.getpid(), int(builtins.greeting)]
"""


def test_no_invocation_is_lost_while_code_changes_all_the_time(watching):
    one, code = watching(debounce_ms=5)
    over = threading.Event()
    versions = itertools.count(1)

    def save() -> None:
        (code / ".greeting").write_text(str(next(versions)))
        (code / ".greeting").rename(code / "greeting")

    def keep_saving() -> None:
        while not over.wait(0.1):
            save()

    save()
    saving = threading.Thread(target=keep_saving)
    saving.start()
    answers: list[tuple[int, int]] = []

    try:
        while len(set(answers)) < 6 and len(answers) < 2000:
            answers.append(tuple(one.run(BORN).value()))
    finally:
        over.set()
        saving.join()
    assert len(set(answers)) == 6, "code is not loaded while there are invocations"
    greetings = [greeting for _, greeting in answers]
    assert greetings == sorted(greetings), "old code is back"
    last = int((code / "greeting").read_text())
    wait_until(lambda: one.run(BORN).value()[1] == last, what="the last is served")
