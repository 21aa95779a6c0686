"""Pages of lists: how large they may be, and markers that are none."""

import pytest

from harness.wire import FUNCTIONS, Refusal, refusal, send

# Paths of lists, and the most items that may be asked for.
LISTS = {
    f"{FUNCTIONS}/": 10000,
    f"{FUNCTIONS}/f/aliases": 10000,
    f"{FUNCTIONS}/f/versions": 10000,
    "/2020-04-22/code-signing-configs": 10000,
    "/2020-04-22/code-signing-configs/"
    "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Acode-signing-config%3Acsc-0123456789abcdef0/functions": 10000,
    "/2021-10-31/functions/f/urls": 50,
    "/2019-09-25/functions/f/event-invoke-config/list": 50,
    "/2019-09-30/functions/f/provisioned-concurrency?List=ALL": 50,
}


def asked(server, path: str, **query) -> Refusal:
    separator = "&" if "?" in path else "?"
    fields = "&".join(f"{name}={value}" for name, value in query.items())
    return refusal(send(server, "GET", f"{path}{separator}{fields}"))


@pytest.mark.parametrize(("path", "most"), LISTS.items())
def test_a_page_has_limits(server, path, most):
    for items, constraint in [
        (0, "Member must have value greater than or equal to 1"),
        (most + 1, f"Member must have value less than or equal to {most}"),
    ]:
        message = f"1 validation error detected: Value '{items}' at 'maxItems' failed to satisfy constraint: "
        assert asked(server, path, MaxItems=items) == Refusal(400, "ValidationException", message + constraint)


@pytest.mark.parametrize("path", ["/", "/{}/aliases", "/{}/versions"])
def test_markers_are_given_out_by_us(server, probe, path):
    answer = asked(server, FUNCTIONS + path.format(probe.name), Marker="none%20of%20ours")
    assert (answer.status, answer.code) == (400, "InvalidParameterValueException")


@pytest.mark.parametrize(
    ("date", "path"),
    [
        ("2021-10-31", "urls"),
        ("2019-09-25", "event-invoke-config/list"),
        ("2019-09-30", "provisioned-concurrency?List=ALL"),
    ],
)
def test_markers_of_what_hangs_on_functions_are_too(server, probe, date, path):
    answer = asked(server, f"/{date}/functions/{probe.name}/{path}", Marker="none%20of%20ours")
    assert (answer.status, answer.code) == (400, "InvalidParameterValueException")
