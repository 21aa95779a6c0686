"""LocalStack's own Lambda service starts our init and does not know (`LAMBDA_INIT_BIN_PATH`)."""

import pytest

from harness.archives import python
from harness.deployment import create, deploy
from harness.localstack import INIT, PYTHON, LocalStack
from harness.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not PYTHON.exists(), reason=f"no LocalStack in {PYTHON.parents[1]}; docs/init.md tells how"),
    pytest.mark.skipif(not INIT.exists(), reason=f"{INIT} is missing; `cargo xtask build` makes it"),
]

SLOW_SECONDS = 2


@pytest.fixture(scope="module")
def localstack(tmp_path_factory):
    with LocalStack(tmp_path_factory.mktemp("localstack"), "python3.12") as one:
        yield one


@pytest.fixture(scope="module")
def probe(localstack):
    return deploy(localstack, Timeout=SLOW_SECONDS, MemorySize=256)


def test_a_function_answers_and_its_log_is_there(probe):
    cold = probe.run("print('hello'); return [1, 'two']", LogType="Tail")
    assert cold.value() == [1, "two"]
    lines = cold.log.splitlines()
    assert lines[0] == f"START RequestId: {cold.request_id} Version: $LATEST"
    assert lines[1:3] == ["hello", f"END RequestId: {cold.request_id}"]
    # LocalStack's own init measures neither.
    assert "\tInit Duration: " in lines[3]
    assert "Max Memory Used: 256 MB" not in lines[3]
    warm = probe.run("return invocations", LogType="Tail")
    assert warm.value() == 2
    assert "Init Duration" not in warm.log
    assert len(probe.containers()) == 1


def test_large_events_and_answers_pass(probe):
    text = "ä\n" * 500_000
    assert probe.invoke({"run": "return event['text']", "text": text}).value() == text


def test_errors_are_the_functions(probe):
    answer = probe.run("raise ValueError('asked to')")
    assert (answer.error, answer.json()["errorType"]) == ("Unhandled", "ValueError")
    # What looks like an error is none.
    assert probe.run("return {'errorType': 'none at all'}").value() == {"errorType": "none at all"}


def test_a_process_that_dies_is_told_and_the_next_one_works(probe):
    answer = probe.run("import os; os._exit(3)")
    message = f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 3"
    assert (answer.error, answer.json()) == (
        "Unhandled",
        {"errorType": "Runtime.ExitError", "errorMessage": message},
    )
    assert probe.run("return invocations").value() == 1


def test_a_timeout_is_told_in_awss_words_and_the_next_one_works(probe):
    answer = probe.run("import time; time.sleep(60)", LogType="Tail")
    assert answer.error == "Unhandled"
    assert answer.json()["errorMessage"].endswith(f" Error: Task timed out after {SLOW_SECONDS}.00 seconds")
    assert f"Task timed out after {SLOW_SECONDS}.00 seconds" in answer.log
    assert probe.run("return invocations").value() == 1


def test_code_that_cannot_be_loaded_is_told(localstack):
    answer = deploy(localstack, python("import nothing_of_the_kind")).invoke()
    assert answer.error == "Unhandled"
    assert answer.json()["errorType"] == "Runtime.ImportModuleError"


def test_a_process_that_dies_before_its_first_event_is_told_at_once(localstack):
    """With its own init LocalStack waits for 20 seconds, and has nothing to say then."""
    answer = deploy(localstack, python("import os; os._exit(7)")).invoke()
    assert answer.error == "Unhandled"
    assert answer.json()["errorMessage"].endswith(" Error: Runtime exited with error: exit status 7")


def test_changed_code_is_served_and_no_invocation_is_lost(localstack, tmp_path):
    code = tmp_path / "code"
    code.mkdir()

    def write(answer: str) -> None:
        (code / "index.py").write_text(f"def handler(event, context): return '{answer}'")

    tmp_path.chmod(0o755)
    write("old")
    one = create(localstack, Code={"S3Bucket": "hot-reload", "S3Key": str(code)}).wait_active()
    assert one.invoke().value() == "old"
    for generation in ["new", "newer"]:
        before = one.invoke().value()
        write(generation)
        seen = set()

        def served(seen=seen, generation=generation) -> bool:
            answer = one.invoke().value()
            seen.add(answer)
            return answer == generation

        wait_until(served, 30, "the new code is served")
        assert seen <= {before, generation}
    assert len(one.containers()) == 1


def test_a_function_that_is_deleted_leaves_no_container(localstack):
    one = deploy(localstack)
    one.run("return 1")
    assert one.containers()
    one.client.delete_function(FunctionName=one.name)
    wait_until(lambda: not one.containers(running=False), 30, "its container is gone")
