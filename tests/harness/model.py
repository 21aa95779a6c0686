"""AWS's model of the API, from which Lambdock's own wire layer is generated."""

import json
from urllib.parse import quote

from harness.archives import REPOSITORY

_MODEL = json.loads((REPOSITORY / "control-plane" / "model" / "lambda-2015-03-31.json").read_text())
SHAPES = _MODEL["shapes"]
OPERATIONS = _MODEL["operations"]
ERRORS = {name: shape for name, shape in SHAPES.items() if shape.get("exception")}


def input_members(operation: str) -> dict[str, dict]:
    """What the request is made of, by name: a shape and where it goes."""
    given = OPERATIONS[operation].get("input")
    return SHAPES[given["shape"]]["members"] if given else {}


def labels(operation: str) -> list[str]:
    """Members that are parts of the path."""
    return [name for name, member in input_members(operation).items() if member.get("location") == "uri"]


def path(operation: str, **values: str) -> str:
    """Path and query of a request. What is not in `values` is something that nobody has, or 1 where numbers are."""
    uri = OPERATIONS[operation]["http"]["requestUri"]
    members = input_members(operation)
    for name in labels(operation):
        shape = SHAPES[members[name]["shape"]]
        value = values.get(name, "1" if shape["type"] in ("integer", "long") else "nobody")
        uri = uri.replace("{" + members[name].get("locationName", name) + "}", quote(value, safe=""))
    return uri


def method(operation: str) -> str:
    """The method of its requests."""
    return OPERATIONS[operation]["http"]["method"]


def errors(operation: str) -> set[str]:
    """Types of errors that it may answer with."""
    return {error["shape"] for error in OPERATIONS[operation]["errors"]}
