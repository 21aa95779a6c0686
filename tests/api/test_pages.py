"""Pages of lists: how large they may be, and markers that are none."""

import pytest

from harness.wire import FUNCTIONS, Refusal, refusal, send

ACCOUNT = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000"
# Paths of lists, and the most items that may be asked for.
LISTS = {
    f"{FUNCTIONS}/": 10000,
    f"{FUNCTIONS}/f/aliases": 10000,
    f"{FUNCTIONS}/f/versions": 10000,
    "/2015-03-31/event-source-mappings": 10000,
    "/2020-04-22/code-signing-configs": 10000,
    f"/2020-04-22/code-signing-configs/{ACCOUNT}%3Acode-signing-config%3Acsc-0123456789abcdef0/functions": 10000,
    "/2018-10-31/layers": 50,
    "/2018-10-31/layers/l/versions": 50,
    "/2021-10-31/functions/f/urls": 50,
    "/2019-09-25/functions/f/event-invoke-config/list": 50,
    "/2019-09-30/functions/f/provisioned-concurrency?List=ALL": 50,
    "/2025-11-30/capacity-providers": 50,
    "/2025-11-30/capacity-providers/p/function-versions": 50,
}
EXECUTION = f"{ACCOUNT}%3Afunction%3Af%3A1%2Fdurable-execution%2Fn%2Fi"
# Those of durable executions may be asked for no items at all, which is to say as many as there are by default.
DURABLE_LISTS = [
    "/2025-12-01/functions/f/durable-executions",
    f"/2025-12-01/durable-executions/{EXECUTION}/history",
    f"/2025-12-01/durable-executions/{EXECUTION}/state?CheckpointToken=AAAA",
]


def asked(server, path: str, **query) -> Refusal:
    separator = "&" if "?" in path else "?"
    fields = "&".join(f"{name}={value}" for name, value in query.items())
    return refusal(send(server, "GET", f"{path}{separator}{fields}"))


def out_of_range(items: int, constraint: str) -> Refusal:
    violation = f"Value '{items}' at 'maxItems' failed to satisfy constraint: Member must have value {constraint}"
    return Refusal(400, "ValidationException", f"1 validation error detected: {violation}")


@pytest.mark.parametrize(("path", "most"), LISTS.items())
def test_a_page_has_limits(server, path, most):
    assert asked(server, path, MaxItems=0) == out_of_range(0, "greater than or equal to 1")
    assert asked(server, path, MaxItems=most + 1) == out_of_range(most + 1, f"less than or equal to {most}")


@pytest.mark.parametrize("path", DURABLE_LISTS)
def test_a_page_of_durable_executions_may_be_empty(server, path):
    assert asked(server, path, MaxItems=-1) == out_of_range(-1, "greater than or equal to 0")
    assert asked(server, path, MaxItems=1001) == out_of_range(1001, "less than or equal to 1000")
    assert asked(server, path, MaxItems=0).code != "ValidationException"


@pytest.mark.parametrize(
    "path",
    [
        f"{FUNCTIONS}/",
        f"{FUNCTIONS}/{{}}/aliases",
        f"{FUNCTIONS}/{{}}/versions",
        "/2015-03-31/event-source-mappings",
        "/2018-10-31/layers",
        "/2018-10-31/layers/l/versions",
        "/2020-04-22/code-signing-configs",
        "/2021-10-31/functions/{}/urls",
        "/2019-09-25/functions/{}/event-invoke-config/list",
        "/2019-09-30/functions/{}/provisioned-concurrency?List=ALL",
        "/2025-11-30/capacity-providers",
    ],
)
def test_markers_are_given_out_by_us(server, probe, path):
    answer = asked(server, path.format(probe.name), Marker="none%20of%20ours")
    assert answer == Refusal(400, "InvalidParameterValueException", "Invalid marker: none of ours")
