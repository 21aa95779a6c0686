"""`LogType: Tail`: START, the function's own output, END and REPORT."""

import base64
import re

import pytest

from harness.archives import python
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, send

REPORT = re.compile(
    r"REPORT RequestId: (?P<id>\S+)\tDuration: (?P<duration>\d+\.\d\d) ms\tBilled Duration: (?P<billed>\d+) ms\t"
    r"Memory Size: (?P<size>\d+) MB\tMax Memory Used: (?P<used>\d+) MB\t(Init Duration: (?P<init>\d+\.\d\d) ms\t)?\n?$"
)


def test_output_stands_between_start_and_end(probe):
    answer = probe.run("print('to stdout'); import sys; print('to stderr', file=sys.stderr)", LogType="Tail")
    lines = answer.log.splitlines()
    start = lines.index(f"START RequestId: {answer.request_id} Version: $LATEST")
    end = lines.index(f"END RequestId: {answer.request_id}")
    own = lines[start + 1 : end]
    assert sorted(own) == ["to stderr", "to stdout"]
    assert lines[end + 1].startswith("REPORT")
    assert answer.log.endswith("\n")


def warm(one, source: str) -> re.Match:
    """The report of an invocation in an environment that has run before; on a busy machine a new one may come first."""

    def attempt() -> re.Match | None:
        answer = one.run(source, LogType="Tail")
        report = REPORT.search(answer.log)
        assert report, answer.log
        assert report["id"] == answer.request_id
        return None if report["init"] else report

    return wait_until(attempt, what="a report without an init")


def test_the_report_is_measured(probe):
    report = warm(probe, "import time; time.sleep(0.3)")
    duration = float(report["duration"])
    assert 300 <= duration < 1000
    assert duration <= int(report["billed"]) < duration + 1.01
    assert report["size"] == "512"


def test_the_first_report_tells_the_init_duration(function):
    one = function()
    first = REPORT.search(one.run("return 1", LogType="Tail").log)
    assert 1 < float(first["init"]) < 10_000
    assert int(first["billed"]) >= float(first["init"]), "AWS bills it"
    warm(one, "return 1")


def test_output_of_the_init_phase_is_told_with_the_first_invocation(function):
    one = function(python("print('loading')\ndef handler(event, context): print('running')"))
    first, second = one.invoke({}, LogType="Tail").log, one.invoke({}, LogType="Tail").log
    assert first.startswith("loading\nSTART RequestId: ")
    assert second.startswith("START RequestId: ")


def test_why_the_init_phase_failed_is_told(function):
    one = function(python("raise ValueError('no luck')"))
    log = one.invoke({}, LogType="Tail").log
    before, after = log.split("START RequestId: ")
    assert "no luck" in before
    phases = [line.split("\t")[1] for line in before.splitlines() if line.startswith("INIT_REPORT ")]
    assert phases == ["Phase: init", "Phase: invoke"]
    assert "\nINIT_START " not in "\n" + log
    assert "END RequestId: " in after


def test_an_error_of_several_lines_is_told_as_it_is(probe):
    log = probe.run("raise ValueError('no luck')", LogType="Tail").log
    assert "[ERROR] ValueError: no luck\nTraceback (most recent call last):\n" in log
    assert "\r" not in log


@pytest.mark.statement(171)
def test_only_the_last_four_kilobytes_are_told(probe):
    answer = probe.run("print('x' * 100_000); print('the last line')", LogType="Tail")
    assert len(answer.log.encode()) == 4096
    assert "the last line\nEND RequestId: " in answer.log
    assert REPORT.search(answer.log)


def test_an_unfinished_line_is_finished(probe):
    answer = probe.run("import sys; sys.stdout.write('no newline'); sys.stdout.flush()", LogType="Tail")
    assert "no newline\nEND RequestId: " in answer.log


def test_other_peoples_letters_survive(probe):
    answer = probe.run("print('grüße 🦀')", LogType="Tail")
    assert "grüße 🦀\n" in answer.log


def test_bytes_that_are_no_text_do_no_harm(probe):
    answer = probe.run("import os; os.write(1, bytes(range(128, 256)) + b'after\\n'); return 'fine'", LogType="Tail")
    assert answer.value() == "fine"
    assert "after\n" in answer.log


def test_the_log_is_only_told_to_those_who_ask(probe, server):
    reply = send(server, "POST", f"{FUNCTIONS}/{probe.name}/invocations", {"run": "print(1)"})
    assert reply.headers["X-Amz-Log-Result"] is None
    tail = {"X-Amz-Log-Type": "Tail"}
    reply = send(server, "POST", f"{FUNCTIONS}/{probe.name}/invocations", {"run": "print(1)"}, tail)
    assert b"\n1\n" in base64.b64decode(reply.headers["X-Amz-Log-Result"])


def test_output_of_one_invocation_is_not_told_with_the_next(probe):
    probe.run("print('mine alone')")
    assert "mine alone" not in probe.run("return 1", LogType="Tail").log


def test_a_flood_of_output_arrives_and_the_answer_with_it(probe):
    answer = probe.run("for n in range(100_000): print(n, 'x' * 60)\nreturn 'done'", LogType="Tail")
    assert answer.value() == "done"
    assert "99999 xxx" in answer.log
