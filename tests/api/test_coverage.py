"""docs/coverage.md lists the operations; this asks each of them whether it is there."""

import re
from pathlib import Path

import pytest

from harness import model
from harness.wire import refusal, send

# AWS answers so where its model does not say it; the second for DeleteAlias.
BESIDES = {"ValidationException", "ResourceNotFoundException"}
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"


def test_every_operation_is_listed():
    listed = re.findall(r"^\| (\w+) \|", DOCUMENT.read_text().split("## Decisions")[0], re.MULTILINE)[1:]
    assert listed == sorted(model.OPERATIONS)


@pytest.mark.parametrize("name", model.OPERATIONS)
def test_an_operation_is_there(server, name):
    reply = send(server, model.method(name), model.path(name), {})
    if reply.status < 400:
        assert reply.status == model.OPERATIONS[name]["http"]["responseCode"]
        return
    answer = refusal(reply)
    assert answer.status < 500, answer
    assert answer.code in model.errors(name) | BESIDES, answer
