"""docs/statements.md says what the API does; tests say with a mark which of it they show."""

import ast
import re
from pathlib import Path

from botocore import xform_name

from harness.archives import REPOSITORY
from harness.clients import lambda_client
from harness.model import OPERATIONS

TITLES = {
    int(number): title
    for number, title in re.findall(
        r"^\| (\d+) \| (.+) \|$", (REPOSITORY / "docs" / "statements.md").read_text(), re.MULTILINE
    )
}

NOT_SHOWN = {
    191: "Needs what polls queues. A chain of requests that goes round is ended: invoke/test_events.py.",
}
"""Statements that no test shows, each with its reason."""


def given(call: str) -> set:
    """All arguments that functions of that name are called with in the tests."""
    files = Path(__file__).resolve().parents[1].rglob("test_*.py")
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
    calls = (node for node in nodes if ast.unparse(node.func).endswith(call))
    return {ast.literal_eval(argument) for node in calls for argument in node.args}


def test_every_statement_is_shown_or_said_why_not():
    assert list(TITLES) == list(range(1, 205))
    assert given("pytest.mark.statement") == TITLES.keys() - NOT_SHOWN.keys()


def test_every_paginator_is_used():
    client = lambda_client("http://127.0.0.1", "test", "us-east-1", checks=True)
    operations = [xform_name(operation) for operation in OPERATIONS]
    assert given(".get_paginator") == {operation for operation in operations if client.can_paginate(operation)}
