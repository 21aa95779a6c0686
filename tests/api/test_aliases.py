"""Aliases: made, looked at, pointed elsewhere, invoked and removed."""

import re
from dataclasses import replace

import pytest

from harness.clients import refused
from harness.deployment import deployed
from harness.wire import FUNCTIONS, Refusal, send

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
WEIGHTS = "routingConfig.additionalVersionWeights"


@pytest.fixture
def two(function):
    """A function with the versions 1 and 2."""
    one = function()
    one.client.publish_version(FunctionName=one.name)
    one.configure(Timeout=20)
    one.client.publish_version(FunctionName=one.name)
    return one


@pytest.fixture(scope="module")
def shared(server):
    """The same for tests that only look, or are refused."""
    with deployed(server) as one:
        one.client.publish_version(FunctionName=one.name)
        one.configure(Timeout=20)
        one.client.publish_version(FunctionName=one.name)
        yield one


def alias(function, name="live", version="1", **options) -> dict:
    made = function.client.create_alias(FunctionName=function.name, Name=name, FunctionVersion=version, **options)
    return {member: value for member, value in made.items() if member != "ResponseMetadata"}


def shown(function, name="live") -> dict:
    found = function.client.get_alias(FunctionName=function.name, Name=name)
    return {member: value for member, value in found.items() if member != "ResponseMetadata"}


def routing(**weights) -> dict:
    return {"RoutingConfig": {"AdditionalVersionWeights": {name.removeprefix("v"): w for name, w in weights.items()}}}


def missing(what: str) -> Refusal:
    return Refusal(404, "ResourceNotFoundException", what)


@pytest.mark.statement(84)
def test_an_alias_is_shown_as_it_was_made(two):
    made = alias(two)
    revision = made.pop("RevisionId")
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", revision)
    arn = f"{SCOPE}:{two.name}:live"
    assert made == {"AliasArn": arn, "Name": "live", "FunctionVersion": "1", "Description": ""}
    assert shown(two) == {**made, "RevisionId": revision}

    routed = alias(two, "routed", Description="shared out", **routing(v2=0.2))
    assert routed["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.2}}
    assert routed["Description"] == "shared out"
    assert shown(two, "routed") == routed
    assert "RoutingConfig" not in alias(two, "empty", RoutingConfig={"AdditionalVersionWeights": {}})
    assert alias(two, "latest", "$LATEST")["FunctionVersion"] == "$LATEST"


def test_a_new_alias_leaves_revisions_alone(two):
    def revisions() -> list[str]:
        return [
            two.client.get_function_configuration(FunctionName=two.name, Qualifier=qualifier)["RevisionId"]
            for qualifier in ("$LATEST", "1")
        ]

    before = revisions()
    alias(two)
    assert revisions() == before


@pytest.mark.statement(87, 89)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            routing(v1=0.8, v2=0.2),
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            routing(v1=0.5),
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
    ],
)
def test_routing_that_makes_no_sense_is_refused(shared, options, expected):
    refusal = refused(lambda: alias(shared, **options))
    assert refusal == Refusal(400, "InvalidParameterValueException", expected)


@pytest.mark.statement(88)
@pytest.mark.parametrize(("weight", "printed"), [(2, "2.0"), (-1, "-1.0"), (1.5, "1.5")])
def test_weights_are_parts_of_one(shared, weight, printed):
    message = (
        f"1 validation error detected: Value '{{2={printed}}}' at '{WEIGHTS}' failed to satisfy constraint: "
        "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
        "Member must have value greater than or equal to 0.0, Member must not be null]"
    )
    unchecked = replace(shared, client=shared.server.client(checks=False))
    assert refused(lambda: alias(unchecked, **routing(v2=weight))) == Refusal(400, "ValidationException", message)


@pytest.mark.statement(90, 91)
def test_only_published_versions_take_part_in_routing(shared):
    message = "$LATEST is not supported for an alias pointing to more than 1 version"
    of_latest = refused(lambda: alias(shared, version="$LATEST", **routing(v1=0.5)), untyped=True)
    assert of_latest == Refusal(400, "InvalidParameterValueException", message)

    message = (
        f"1 validation error detected: Value '{{$LATEST=0.5}}' at '{WEIGHTS}' failed to satisfy constraint: "
        "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, "
        "Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]"
    )
    weights = {"RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}}}
    assert refused(lambda: alias(shared, **weights)) == Refusal(400, "ValidationException", message)


@pytest.mark.statement(92)
def test_an_alias_points_to_versions_that_exist(shared):
    expected = missing(f"Function not found: {SCOPE}:{shared.name}:10")
    assert refused(lambda: alias(shared, version="10", **routing(v2=0.5))) == expected
    assert refused(lambda: alias(shared, **routing(v10=0.5))) == expected
    unknown = refused(
        lambda: shared.client.create_alias(FunctionName="nx", Name="live", FunctionVersion="1", **routing(v2=0.5))
    )
    assert unknown == missing(f"Function not found: {SCOPE}:nx:1")


@pytest.mark.statement(85)
def test_a_name_is_given_once(two):
    alias(two)
    taken = refused(lambda: alias(two, version="2"))
    arn = f"{SCOPE}:{two.name}:live"
    assert taken == Refusal(409, "ResourceConflictException", f"Alias already exists: {arn}")
    assert shown(two)["FunctionVersion"] == "1"


@pytest.mark.statement(86)
def test_a_name_is_no_number_but_may_look_like_a_date(two):
    message = (
        "1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member must satisfy "
        "regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
    )
    assert refused(lambda: alias(two, "2024")) == Refusal(400, "ValidationException", message)
    alias(two, "2024-01-02")
    assert two.run("return 1", Qualifier="2024-01-02").value() == 1


@pytest.mark.statement(45)
def test_a_function_shows_the_version_behind_an_alias(two):
    alias(two, **routing(v2=0.5))
    first = two.client.get_function_configuration(FunctionName=two.name, Qualifier="1")
    for name, options in ((two.name, {"Qualifier": "live"}), (f"{SCOPE}:{two.name}:live", {})):
        for operation in ("get_function", "get_function_configuration"):
            answer = getattr(two.client, operation)(FunctionName=name, **options)
            found = answer.get("Configuration", answer)
            assert found["FunctionArn"] == f"{SCOPE}:{two.name}:live"
            assert (found["Version"], found["RevisionId"]) == ("1", first["RevisionId"])
    alias(two, "latest", "$LATEST")
    found = two.client.get_function_configuration(FunctionName=two.name, Qualifier="latest")
    assert (found["FunctionArn"], found["Version"]) == (f"{SCOPE}:{two.name}:latest", "$LATEST")


@pytest.mark.statement(203)
def test_waiters_understand_aliases(two):
    alias(two)
    for waiter in ("function_active_v2", "function_updated_v2"):
        two.client.get_waiter(waiter).wait(FunctionName=f"{two.name}:live")
    two.client.get_waiter("published_version_active").wait(FunctionName=two.name, Qualifier="live")


@pytest.mark.statement(46, 93, 94, 96, 98)
def test_what_is_missing_is_named(shared):
    client, arn = shared.client, f"{SCOPE}:{shared.name}:non-existent"
    named = {"FunctionName": shared.name, "Name": "non-existent"}
    assert refused(lambda: client.get_alias(**named)) == missing(f"Cannot find alias arn: {arn}")
    assert refused(lambda: client.update_alias(**named)) == missing(f"Alias not found: {arn}")
    assert refused(lambda: shared.invoke(Qualifier="non-existent")) == missing(f"Function not found: {arn}")
    looked_at = refused(lambda: client.get_function(FunctionName=arn))
    assert looked_at == missing(f"Function not found: {arn}")
    client.delete_alias(**named)


@pytest.mark.parametrize("operation", ["get_alias", "update_alias", "delete_alias", "list_aliases"])
def test_a_missing_function_has_no_aliases(server, operation):
    name = {} if operation == "list_aliases" else {"Name": "live"}
    refusal = refused(lambda: getattr(server.client(), operation)(FunctionName="nx", **name))
    assert refusal == missing(f"Function not found: {SCOPE}:nx")


@pytest.mark.statement(95)
def test_an_update_replaces_what_it_names(two):
    made = alias(two, Description="before", **routing(v2=0.2))

    def update(**changes) -> dict:
        two.client.update_alias(FunctionName=two.name, Name="live", **changes)
        return shown(two)

    moved = update(**routing(v2=0.7))
    assert moved["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.7}}
    assert (moved["Description"], moved["FunctionVersion"]) == ("before", "1")
    ended = update(RoutingConfig={})
    assert "RoutingConfig" not in ended
    pointed = update(FunctionVersion="2", Description="after")
    assert (pointed["FunctionVersion"], pointed["Description"]) == ("2", "after")
    nothing = update()
    assert {**nothing, "RevisionId": None} == {**pointed, "RevisionId": None}
    revisions = [each["RevisionId"] for each in (made, moved, ended, pointed, nothing)]
    assert len(set(revisions)) == 5, "every update gives a new revision"


def test_an_update_must_leave_something_that_makes_sense(two):
    alias(two, **routing(v2=0.2))
    before = shown(two)
    same = "Invalid function version 2. Function version 2 is already included in routing configuration."
    for changes, expected in (
        ({"FunctionVersion": "2"}, Refusal(400, "InvalidParameterValueException", same)),
        ({"FunctionVersion": "10"}, missing(f"Function not found: {SCOPE}:{two.name}:10")),
        (routing(v10=0.1), missing(f"Function not found: {SCOPE}:{two.name}:10")),
    ):
        refusal = refused(
            lambda changes=changes: two.client.update_alias(FunctionName=two.name, Name="live", **changes)
        )
        assert refusal == expected
    assert shown(two) == before


@pytest.mark.statement(94)
def test_the_revision_can_be_a_condition(two):
    revision = alias(two)["RevisionId"]

    def update(**options) -> dict:
        return two.client.update_alias(FunctionName=two.name, Name="live", **options)

    stale = Refusal(
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
    )
    assert refused(lambda: update(RevisionId="wrong")) == stale
    assert update(RevisionId=revision)["RevisionId"] != revision
    assert refused(lambda: update(RevisionId=revision)) == stale


@pytest.mark.statement(99, 204)
def test_aliases_are_listed_in_pages_and_by_version(two):
    for name, version in (("d", "2"), ("b", "1"), ("a", "1"), ("c", "1")):
        alias(two, name, version)

    def listed(**options) -> list[str]:
        pages = two.client.get_paginator("list_aliases").paginate(FunctionName=two.name, **options)
        return [each["Name"] for each in pages.build_full_result()["Aliases"]]

    assert listed() == ["a", "b", "c", "d"]
    assert listed(PaginationConfig={"PageSize": 1}) == ["a", "b", "c", "d"]
    assert listed(FunctionVersion="1", PaginationConfig={"PageSize": 2}) == ["a", "b", "c"]
    assert listed(FunctionVersion="2") == ["d"]
    assert listed(FunctionVersion="$LATEST") == []
    assert two.client.list_aliases(FunctionName=two.name, MaxItems=4).get("NextMarker") is None


@pytest.mark.statement(96)
def test_a_deleted_alias_is_gone(two):
    alias(two)
    two.run("return 1", Qualifier="live").value()
    for _ in range(2):
        reply = send(two.server, "DELETE", f"{FUNCTIONS}/{two.name}/aliases/live")
        assert (reply.status, reply.body) == (204, b"")
    expected = missing(f"Function not found: {SCOPE}:{two.name}:live")
    assert refused(lambda: two.run("return 1", Qualifier="live")) == expected
    assert two.client.list_aliases(FunctionName=two.name)["Aliases"] == []


def test_an_alias_is_not_deleted_as_a_function(two):
    alias(two)
    refusal = refused(lambda: two.client.delete_function(FunctionName=two.name, Qualifier="live"))
    message = "Deletion of aliases is not currently supported."
    assert refusal == Refusal(400, "InvalidParameterValueException", message)


def test_a_version_that_aliases_reference_cannot_be_deleted(two):
    alias(two, "b", "2")
    alias(two, "a", "1", **routing(v2=0.0))
    message = "Unable to delete version because the following aliases reference it: [a, b]"
    refusal = refused(lambda: two.client.delete_function(FunctionName=two.name, Qualifier="2"))
    assert refusal == Refusal(409, "ResourceConflictException", message)
    two.client.delete_alias(FunctionName=two.name, Name="a")
    two.client.delete_alias(FunctionName=two.name, Name="b")
    two.client.delete_function(FunctionName=two.name, Qualifier="2")


def test_an_invocation_of_an_alias_runs_the_version_it_points_to(two):
    alias(two)
    answer = two.run("return [context.function_version, context.invoked_function_arn]", Qualifier="live")
    assert (answer.value(), answer.version) == (["1", f"{SCOPE}:{two.name}:live"], "1")
    two.client.update_alias(FunctionName=two.name, Name="live", FunctionVersion="2")
    assert two.client.invoke(FunctionName=f"{two.name}:live", Payload=b'{"run": "return 1"}')["ExecutedVersion"] == "2"
    two.client.update_alias(FunctionName=two.name, Name="live", FunctionVersion="$LATEST")
    assert two.run("return 1", Qualifier="live").version == "$LATEST"


def test_an_alias_shares_the_environments_of_its_version(two):
    alias(two)
    assert two.run("return invocations", Qualifier="1").value() == 1
    assert two.run("return invocations", Qualifier="live").value() == 2


@pytest.mark.statement(97)
def test_invocations_are_shared_out_between_two_versions(two):
    alias(two, **routing(v2=0.5))

    def executed(count: int) -> set[str]:
        return {two.run("return 1", Qualifier="live").version for _ in range(count)}

    # With both as likely, one of them is missed once in 2^59 runs.
    assert executed(60) == {"1", "2"}
    for weight, version in ((0.0, "1"), (1.0, "2")):
        two.client.update_alias(FunctionName=two.name, Name="live", **routing(v2=weight))
        assert executed(20) == {version}


def test_aliases_of_another_account_are_reached_by_arn(server):
    other = server.client(account="111111111111")
    with deployed(server, client=other) as one:
        arn = f"arn:aws:lambda:us-east-1:111111111111:function:{one.name}"
        mine = server.client()
        made = mine.create_alias(FunctionName=arn, Name="live", FunctionVersion="$LATEST")
        assert made["AliasArn"] == f"{arn}:live"
        assert mine.get_alias(FunctionName=arn, Name="live")["Name"] == "live"
        assert mine.update_alias(FunctionName=arn, Name="live", Description="d")["Description"] == "d"
        assert [each["Name"] for each in mine.list_aliases(FunctionName=arn)["Aliases"]] == ["live"]
        mine.delete_alias(FunctionName=arn, Name="live")
        assert other.list_aliases(FunctionName=one.name)["Aliases"] == []
