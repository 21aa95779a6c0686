"""Event invoke configurations."""

import pytest

from harness.clients import refused
from harness.wire import Refusal

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:queue"
NO_FUNCTION = Refusal(404, "ResourceNotFoundException", "The function doesn't exist.")
NOTHING_SET = Refusal(
    400,
    "InvalidParameterValueException",
    "You must specify at least one of error handling or destination setting.",
)
DERIVED = Refusal(
    400,
    "InvalidParameterValueException",
    "The derived qualifier from the function name does not match the specified qualifier.",
)
PATTERN = (
    r"Member must satisfy regular expression pattern: $|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):"
    r"([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
)
EMPTY = {"OnSuccess": {}, "OnFailure": {}}


def no_config(arn: str) -> Refusal:
    return Refusal(404, "ResourceNotFoundException", f"The function {arn} doesn't have an EventInvokeConfig")


@pytest.fixture
def published(function):
    """A function with a version 1 and an alias `live` of it."""
    one = function()
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    return one


def put(one, name=None, **settings) -> dict:
    return shown(one.client.put_function_event_invoke_config(FunctionName=name or one.name, **settings))


def update(one, name=None, **settings) -> dict:
    return shown(one.client.update_function_event_invoke_config(FunctionName=name or one.name, **settings))


def get(one, **qualifier) -> dict:
    return shown(one.client.get_function_event_invoke_config(FunctionName=one.name, **qualifier))


def shown(answer: dict) -> dict:
    assert answer.pop("LastModified").year > 2000
    answer.pop("ResponseMetadata", None)
    return answer


@pytest.mark.statement(142)
def test_put_replaces_and_update_merges(function):
    one = function()
    arn = f"{SCOPE}:{one.name}:$LATEST"
    first = {"FunctionArn": arn, "MaximumRetryAttempts": 0, "DestinationConfig": EMPTY}
    assert put(one, MaximumRetryAttempts=0) == first
    second = {"FunctionArn": arn, "MaximumEventAgeInSeconds": 60, "DestinationConfig": EMPTY}
    assert put(one, MaximumEventAgeInSeconds=60) == second
    third = {**second, "MaximumRetryAttempts": 1}
    assert update(one, MaximumRetryAttempts=1) == third
    fourth = {**third, "DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}}}
    assert update(one, DestinationConfig={"OnFailure": {"Destination": QUEUE}}) == fourth
    assert get(one) == get(one, Qualifier="$LATEST") == fourth
    assert update(one, DestinationConfig={"OnFailure": {}}) == third


@pytest.mark.statement(143)
def test_something_has_to_be_set(function):
    one = function()
    assert refused(lambda: put(one)) == NOTHING_SET
    assert refused(lambda: put(one, "nx")) == NOTHING_SET
    assert put(one, DestinationConfig={"OnSuccess": {}})["DestinationConfig"] == EMPTY
    assert refused(lambda: update(one)) == NOTHING_SET


@pytest.mark.statement(146, 204)
def test_versions_and_aliases_have_their_own(published):
    arn = f"{SCOPE}:{published.name}"
    for name, qualifier in [
        (published.name, {"Qualifier": "1"}),
        (f"{published.name}:live", {}),
        (f"{arn}:live", {"Qualifier": "live"}),
        (published.name, {}),
    ]:
        put(published, name, MaximumRetryAttempts=1, **qualifier)
    configs = published.client.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName=published.name, PaginationConfig={"PageSize": 1}
    )
    pages = [page["FunctionEventInvokeConfigs"] for page in configs]
    assert [len(page) for page in pages] == [1, 1, 1]
    arns = {config["FunctionArn"] for page in pages for config in page}
    assert arns == {f"{arn}:{qualifier}" for qualifier in ["$LATEST", "1", "live"]}
    assert refused(lambda: put(published, f"{published.name}:live", MaximumRetryAttempts=1, Qualifier="1")) == DERIVED
    published.client.delete_function_event_invoke_config(FunctionName=published.name, Qualifier="live")
    assert refused(lambda: get(published, Qualifier="live")) == no_config(f"{arn}:live")
    assert get(published, Qualifier="1")["MaximumRetryAttempts"] == 1


def test_configurations_go_with_aliases_and_versions(published):
    client, arn = published.client, f"{SCOPE}:{published.name}"
    for qualifier in ["1", "live"]:
        put(published, MaximumRetryAttempts=1, Qualifier=qualifier)
    client.delete_alias(FunctionName=published.name, Name="live")
    client.create_alias(FunctionName=published.name, Name="live", FunctionVersion="1")
    assert refused(lambda: get(published, Qualifier="live")) == no_config(f"{arn}:live")
    assert get(published, Qualifier="1")["MaximumRetryAttempts"] == 1
    client.delete_alias(FunctionName=published.name, Name="live")
    client.delete_function(FunctionName=published.name, Qualifier="1")
    assert refused(lambda: get(published, Qualifier="1")) == no_config(f"{arn}:1")
    assert client.list_function_event_invoke_configs(FunctionName=published.name)["FunctionEventInvokeConfigs"] == []


@pytest.mark.statement(147)
def test_publishing_copies_none(function):
    one = function()
    put(one, MaximumRetryAttempts=1)
    version = one.client.publish_version(FunctionName=one.name)["Version"]
    assert refused(lambda: get(one, Qualifier=version)) == no_config(f"{SCOPE}:{one.name}:{version}")


@pytest.mark.statement(144)
def test_functions_and_configurations_that_are_missing(server, function):
    one = function()
    client = server.client()
    for name, qualifier in [("nx", {}), (one.name, {"Qualifier": "missing"})]:
        assert refused(lambda: put(one, name, MaximumRetryAttempts=1, **qualifier)) == NO_FUNCTION  # noqa: B023
        assert refused(lambda: update(one, name, MaximumRetryAttempts=1, **qualifier)) == NO_FUNCTION  # noqa: B023
        missing = no_config(f"{SCOPE}:{name}:{qualifier.get('Qualifier', '$LATEST')}")
        where = {"FunctionName": name, **qualifier}
        assert refused(lambda: client.get_function_event_invoke_config(**where)) == missing  # noqa: B023
        assert refused(lambda: client.delete_function_event_invoke_config(**where)) == missing  # noqa: B023
    assert refused(lambda: client.list_function_event_invoke_configs(FunctionName="nx")) == NO_FUNCTION
    assert refused(lambda: update(one, MaximumRetryAttempts=1)) == no_config(f"{SCOPE}:{one.name}:$LATEST")


@pytest.mark.statement(145)
@pytest.mark.parametrize("outcome", ["OnSuccess", "OnFailure"])
def test_destinations_are_checked(function, outcome):
    one, other = function(), function()

    def destination(arn):
        return put(one, DestinationConfig={outcome: {"Destination": arn}})

    def invalid(message):
        return Refusal(400, "InvalidParameterValueException", message)

    own, missing = f"{SCOPE}:{one.name}", f"{SCOPE}:nx"
    assert refused(lambda: destination(missing)) == invalid(f"The destination ARN {missing} is invalid.")
    itself = "You can't specify the function as a destination for itself."
    assert refused(lambda: destination(own)) == invalid(itself)
    assert destination(f"{SCOPE}:{other.name}")["DestinationConfig"][outcome]["Destination"].endswith(other.name)
    user = own.replace(":lambda:", ":iam:")
    outcomes = {"OnSuccess": "null", "OnFailure": "null", outcome: f"{outcome}(destination={user})"}
    message = (
        f"The provided destination config DestinationConfig(onSuccess={outcomes['OnSuccess']}, "
        f"onFailure={outcomes['OnFailure']}) is invalid."
    )
    assert refused(lambda: destination(user)) == invalid(message)
    broken = own.replace(":lambda:", ":_-/!lambda:")
    member = outcome[0].lower() + outcome[1:]
    violation = f"Value '{broken}' at 'destinationConfig.{member}.destination' failed to satisfy constraint: {PATTERN}"
    no_arn = Refusal(400, "ValidationException", f"1 validation error detected: {violation}")
    assert refused(lambda: destination(broken)) == no_arn


def test_a_new_function_of_the_same_name_has_none(function):
    one = function()
    put(one, MaximumRetryAttempts=1)
    one.client.delete_function(FunctionName=one.name)
    again = function(name=one.name)
    assert refused(lambda: get(again)) == no_config(f"{SCOPE}:{one.name}:$LATEST")
