"""ListFunctions and its pages."""

import pytest

from harness.deployment import create
from harness.wire import FUNCTIONS, Refusal, refusal, send


@pytest.fixture(scope="module")
def populated(server):
    """A region of its own with three functions; a client for it and their names."""
    client = server.client(region="ap-south-1")
    names = ["one", "two", "three"]
    for name in names:
        create(server, client=client, name=name).wait_active()
    yield client, names
    for name in names:
        client.delete_function(FunctionName=name)


@pytest.mark.statement(51)
def test_all_functions_are_listed_without_their_states(populated):
    client, names = populated
    answer = client.list_functions()
    assert "NextMarker" not in answer
    assert sorted(each["FunctionName"] for each in answer["Functions"]) == sorted(names)
    for each in answer["Functions"]:
        hidden = [member for member in each if member.startswith(("State", "LastUpdateStatus", "RuntimeVersion"))]
        assert not hidden
        assert each["FunctionArn"] == f"arn:aws:lambda:ap-south-1:000000000000:function:{each['FunctionName']}"
        assert (each["Version"], each["Runtime"]) == ("$LATEST", "python3.12")


def test_an_empty_region_has_an_empty_list(server):
    answer = server.client(region="sa-east-1").list_functions()
    assert answer["Functions"] == []
    assert "NextMarker" not in answer


@pytest.mark.statement(54)
def test_pages_hold_each_function_once(populated):
    client, names = populated
    first = client.list_functions(MaxItems=2)
    assert len(first["Functions"]) == 2
    second = client.list_functions(MaxItems=2, Marker=first["NextMarker"])
    assert "NextMarker" not in second
    listed = [each["FunctionName"] for each in first["Functions"] + second["Functions"]]
    assert sorted(listed) == sorted(names)


@pytest.mark.statement(54, 204)
def test_the_sdks_paginator_finds_all(populated):
    client, names = populated
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
    listed = [each["FunctionName"] for page in pages for each in page["Functions"]]
    assert sorted(listed) == sorted(names)


@pytest.mark.statement(52)
def test_all_versions_have_qualified_arns(populated):
    client, names = populated
    arns = [each["FunctionArn"] for each in client.list_functions(FunctionVersion="ALL")["Functions"]]
    assert sorted(arns) == sorted(f"arn:aws:lambda:ap-south-1:000000000000:function:{name}:$LATEST" for name in names)


@pytest.mark.statement(53)
@pytest.mark.parametrize(
    ("query", "member", "value", "constraint"),
    [
        (
            "FunctionVersion=invalid",
            "functionVersion",
            "invalid",
            "Member must satisfy enum value set: [ALL]",
        ),
        ("MaxItems=0", "maxItems", "0", "Member must have value greater than or equal to 1"),
        ("MaxItems=10001", "maxItems", "10001", "Member must have value less than or equal to 10000"),
    ],
)
def test_wrong_questions_are_refused(server, query, member, value, constraint):
    message = f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/?{query}"))
    assert answer == Refusal(400, "ValidationException", message)
