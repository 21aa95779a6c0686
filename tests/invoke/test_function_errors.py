"""Functions that fail: the payload that AWS gives for each way to do so, and that the next invocation works."""

import re

import pytest

from harness.archives import fixture, python, zip_of
from harness.deployment import deployed


@pytest.fixture(scope="module")
def fragile(server):
    """A probe that tests of this module may break: it has to mend itself."""
    with deployed(server, Timeout=20, MemorySize=256) as one:
        yield one


def failed(answer) -> dict:
    """The error of an invocation that was carried out and failed."""
    assert (answer.status, answer.error) == (200, "Unhandled"), answer
    assert answer.version == "$LATEST"
    return answer.json()


@pytest.mark.statement(173)
def test_an_exception_comes_with_its_type_and_its_trace(fragile):
    answer = fragile.run("raise KeyError('colour')", LogType="Tail")
    error = failed(answer)
    assert (error["errorType"], error["errorMessage"]) == ("KeyError", "'colour'")
    assert error["requestId"] == answer.request_id
    assert any("in handler" in line for line in error["stackTrace"])
    assert "[ERROR] KeyError: 'colour'" in answer.log
    assert fragile.run("return 'fine'").value() == "fine"


def test_an_exception_of_node_too(function):
    source = (
        "exports.handler = async () => { class Odd extends Error {}; const e = new Odd('no'); e.name = 'Odd'; throw e }"
    )
    error = failed(function(zip_of({"index.js": source}), Runtime="nodejs22.x").invoke())
    assert (error["errorType"], error["errorMessage"]) == ("Odd", "no")
    assert isinstance(error["trace"], list)


def test_an_exception_leaves_the_process_alive(fragile):
    before = fragile.run("import os; return os.getpid()").value()
    failed(fragile.run("raise ValueError"))
    assert fragile.run("import os; return os.getpid()").value() == before


@pytest.mark.statement(173)
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("import os; os._exit(0)", "Runtime exited without providing a reason"),
        ("import os; os._exit(3)", "Runtime exited with error: exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("import os; os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
        ("import os; os.abort()", "Runtime exited with error: signal: aborted"),
    ],
)
def test_a_runtime_that_ends_in_the_middle(fragile, how, reason):
    answer = fragile.run(how, LogType="Tail")
    assert failed(answer) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: {reason}",
    }
    assert f"END RequestId: {answer.request_id}" in answer.log
    assert f"REPORT RequestId: {answer.request_id}" in answer.log
    assert fragile.run("return 'fine'").value() == "fine"


def test_sys_exit_in_the_middle(fragile):
    answer = fragile.run("import sys; sys.exit(1)")
    error = failed(answer)
    assert error["errorType"] in {"Runtime.ExitError", "SystemExit"}
    assert fragile.run("return 'fine'").value() == "fine"


@pytest.mark.statement(173)
def test_a_timeout_ends_the_process_but_not_the_files(function):
    one = function(Timeout=1)
    written = one.run("open('/tmp/kept', 'w').write('kept'); import sys; sys.marker = 1; return invocations")
    assert written.value() == 1
    answer = one.run("import time; time.sleep(30)", LogType="Tail")
    assert failed(answer) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after 1.00 seconds",
    }
    assert "Task timed out after 1.00 seconds" in answer.log
    assert "Status: timeout" in answer.log
    duration = float(re.search(r"\tDuration: (\d+\.\d\d) ms", answer.log)[1])
    assert 1000 <= duration < 1200
    after = one.run("import sys; return [open('/tmp/kept').read(), hasattr(sys, 'marker'), invocations]")
    assert after.value() == ["kept", False, 1]
    assert len(one.containers()) == 1


def test_a_timeout_that_a_busy_runtime_cannot_see(function):
    one = function(Timeout=1)
    answer = one.run("while True: pass")
    assert failed(answer)["errorType"] == "Sandbox.Timedout"
    assert one.run("return 1").value() == 1


def test_memory_is_limited_and_the_next_invocation_works(function):
    one = function(MemorySize=128, Timeout=20)
    answer = one.run("block = bytearray(400 * 1024 * 1024); return len(block)", LogType="Tail")
    error = failed(answer)
    assert error["errorType"] == "Runtime.OutOfMemory"
    assert error["errorMessage"] == (f"RequestId: {answer.request_id} Error: Runtime exited with error: signal: killed")
    used = int(re.search(r"Max Memory Used: (\d+) MB", answer.log)[1])
    assert 120 <= used <= 128
    assert one.run("return 'fine'").value() == "fine"


def test_used_memory_is_measured(function):
    one = function(MemorySize=512)

    def used(source: str) -> int:
        log = one.run(source, LogType="Tail").log
        assert "Memory Size: 512 MB" in log
        return int(re.search(r"Max Memory Used: (\d+) MB", log)[1])

    assert 5 < used("return 1") < 100
    assert 105 < used("return len(bytes(1 for _ in range(100)) * 1024 * 1024)") < 300


IMPORT_ERRORS = {
    "an import fails": (
        python("import does_not_exist\ndef handler(event, context): return 1"),
        "Runtime.ImportModuleError",
        "Unable to import module 'index': No module named 'does_not_exist'",
    ),
    "the module raises": (
        python("raise ValueError('at import')\ndef handler(event, context): return 1"),
        "ValueError",
        "at import",
    ),
    "the syntax is wrong": (
        python("def handler(event, context)\n  return 1"),
        "Runtime.UserCodeSyntaxError",
        "Syntax error in module 'index'",
    ),
    "the handler is missing": (
        python("def other(event, context): return 1"),
        "Runtime.HandlerNotFound",
        "Handler 'handler' missing on module 'index'",
    ),
}


@pytest.mark.parametrize("case", IMPORT_ERRORS)
def test_what_fails_before_the_handler_runs(function, case):
    archive, kind, message = IMPORT_ERRORS[case]
    one = function(archive)
    for _ in range(2):
        error = failed(one.invoke())
        assert error["errorType"] == kind
        assert message in error["errorMessage"]
    one.replace_code(python("def handler(event, context): return 'mended'"))
    assert one.invoke().value() == "mended"


def test_a_handler_in_a_missing_module(function):
    error = failed(function(Handler="nowhere.handler").invoke())
    assert error["errorType"] == "Runtime.ImportModuleError"


def test_a_process_that_ends_before_the_handler_runs(function):
    one = function(python("import os\nos._exit(7)"))
    answer = one.invoke(LogType="Tail")
    assert failed(answer) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 7",
    }


def test_a_bootstrap_that_is_missing(function):
    one = function(zip_of({"readme": "no bootstrap here"}), Runtime="provided.al2023", Handler="x")
    error = failed(one.invoke())
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    one.replace_code(fixture("shell-provided"))
    assert one.invoke({"body": '{"num1": 2, "num2": 3}'}).status == 200


def test_an_answer_that_is_not_json(fragile):
    error = failed(fragile.run("return {1, 2}"))
    assert error["errorType"] == "Runtime.MarshalError"
    assert fragile.run("return 1").value() == 1


def test_a_child_that_outlives_its_parent_does_not_delay_the_error(function):
    one = function(Timeout=20)
    answer = one.run(
        """
        import os, subprocess
        subprocess.Popen(["sleep", "15"])
        os._exit(4)
        """,
        LogType="Tail",
    )
    assert "exit status 4" in failed(answer)["errorMessage"]
    duration = float(re.search(r"\tDuration: (\d+\.\d\d) ms", answer.log)[1])
    assert duration < 5000
    survivors = one.run(
        """
        import os
        names = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                names.append(open(f"/proc/{pid}/comm").read().strip())
            except OSError:
                pass
        return names
        """
    ).value()
    assert "sleep" not in survivors
