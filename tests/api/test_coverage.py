"""docs/coverage.md lists the operations; this asks each of them whether it is there."""

import re
from pathlib import Path

import pytest
import requests

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"
OPERATIONS = re.findall(r"^\| (\w+) \|", DOCUMENT.read_text().split("## Decisions")[0], re.MULTILINE)[1:]


def dummy(shape) -> str:
    """Something for a place in a path."""
    if shape.type_name in ("integer", "long"):
        return "1"
    return "nobody"


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_there(server, name):
    model = server.client().meta.service_model
    if name not in model.operation_names:
        pytest.skip("this version of botocore does not know it")
    operation = model.operation_model(name)
    uri = operation.http["requestUri"]
    members = operation.input_shape.members if operation.input_shape else {}
    for member, shape in members.items():
        label = "{" + shape.serialization.get("name", member) + "}"
        uri = uri.replace(label, dummy(shape))
    answer = requests.request(operation.http["method"], server.url + uri, data=b"{}", timeout=20)
    assert answer.status_code != 501, answer.text
