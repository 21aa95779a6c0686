"""Function URL configurations."""

import re

import pytest

from harness.clients import refused
from harness.deployment import deploy
from harness.wire import Refusal

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
NOTHING = Refusal(404, "ResourceNotFoundException", "The resource you requested does not exist.")
NO_FUNCTION = Refusal(404, "ResourceNotFoundException", "Function does not exist")


@pytest.fixture
def published(function):
    """A function with a version 1 and an alias `live` of it."""
    return publish(function())


def publish(one):
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    return one


def create(one, **options) -> dict:
    return shown(one.client.create_function_url_config(FunctionName=one.name, **{"AuthType": "NONE", **options}))


def get(one, **qualifier) -> dict:
    return shown(one.client.get_function_url_config(FunctionName=one.name, **qualifier))


def update(one, **options) -> dict:
    return shown(one.client.update_function_url_config(FunctionName=one.name, **options))


def shown(answer: dict) -> dict:
    answer.pop("ResponseMetadata")
    return answer


@pytest.mark.statement(148, 149)
def test_a_url_is_created_shown_changed_and_deleted(server, function):
    one = function()
    created = create(one)
    assert set(created) == {"AuthType", "CreationTime", "FunctionArn", "FunctionUrl"}
    assert created["FunctionArn"] == f"{SCOPE}:{one.name}"
    host = rf"http://[a-z0-9]{{32}}\.lambda-url\.us-east-1\.127\.0\.0\.1:{server.port}/"
    assert re.fullmatch(host, created["FunctionUrl"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", created["CreationTime"])
    got = get(one)
    assert got == {**created, "InvokeMode": "BUFFERED", "LastModifiedTime": created["CreationTime"]}
    exists = (
        f"Failed to create function url config for [functionArn = {SCOPE}:{one.name}]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function"
    )
    assert refused(lambda: create(one)) == Refusal(409, "ResourceConflictException", exists)
    updated = update(one, AuthType="AWS_IAM")
    assert "InvokeMode" not in updated
    assert (updated["AuthType"], updated["FunctionUrl"]) == ("AWS_IAM", created["FunctionUrl"])
    assert update(one, InvokeMode="RESPONSE_STREAM")["InvokeMode"] == "RESPONSE_STREAM"
    assert update(one, AuthType="NONE")["InvokeMode"] == "RESPONSE_STREAM"
    deleted = one.client.delete_function_url_config(FunctionName=one.name)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(lambda: get(one)) == NOTHING


def test_cors_is_kept_as_it_is(function):
    one = function()
    cors = {
        "AllowCredentials": False,
        "AllowHeaders": ["x-custom"],
        "AllowMethods": ["GET"],
        "AllowOrigins": ["https://example.com"],
        "ExposeHeaders": ["date"],
        "MaxAge": 0,
    }
    assert create(one, Cors=cors)["Cors"] == get(one)["Cors"] == cors
    assert update(one, Cors={"AllowOrigins": ["*"]})["Cors"] == {"AllowOrigins": ["*"]}
    assert update(one, AuthType="AWS_IAM")["Cors"] == {"AllowOrigins": ["*"]}
    assert "Cors" not in update(one, Cors={})


@pytest.mark.statement(152)
def test_the_invoke_mode_is_shown_where_it_was_chosen(server, function):
    one = function()
    assert create(one, InvokeMode="BUFFERED")["InvokeMode"] == "BUFFERED"
    client = server.client(checks=False)
    assert refused(lambda: client.update_function_url_config(FunctionName=one.name, InvokeMode="UNKNOWN")) == Refusal(
        400,
        "ValidationException",
        "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must "
        "satisfy enum value set: [RESPONSE_STREAM, BUFFERED]",
    )


@pytest.mark.statement(153, 204)
def test_functions_and_aliases_have_urls_of_their_own(published):
    own, alias = create(published), create(published, Qualifier="live")
    assert alias["FunctionArn"] == f"{SCOPE}:{published.name}:live"
    assert own["FunctionUrl"] != alias["FunctionUrl"]
    pages = published.client.get_paginator("list_function_url_configs").paginate(
        FunctionName=published.name, PaginationConfig={"PageSize": 1}
    )
    listed = [config for page in pages for config in page["FunctionUrlConfigs"]]
    assert {config["FunctionUrl"] for config in listed} == {own["FunctionUrl"], alias["FunctionUrl"]}
    assert [config["InvokeMode"] for config in listed] == ["BUFFERED", "BUFFERED"]
    published.client.delete_function_url_config(FunctionName=published.name)
    assert get(published, Qualifier="live")["FunctionUrl"] == alias["FunctionUrl"]
    published.client.delete_alias(FunctionName=published.name, Name="live")
    assert refused(lambda: get(published, Qualifier="live")) == NOTHING


@pytest.mark.statement(150)
@pytest.mark.parametrize("qualifier", ["1", "2", "$LATEST"])
def test_only_aliases_are_qualifiers(published, qualifier):
    refusal = Refusal(
        400,
        "ValidationException",
        f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: Member must "
        r"satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)",
    )
    client = published.client
    for name in [published.name, "nx"]:
        where = {"FunctionName": name, "Qualifier": qualifier}
        for call in [
            lambda: client.create_function_url_config(**where, AuthType="NONE"),  # noqa: B023
            lambda: client.get_function_url_config(**where),  # noqa: B023
            lambda: client.update_function_url_config(**where),  # noqa: B023
            lambda: client.delete_function_url_config(**where),  # noqa: B023
        ]:
            assert refused(call) == refusal


@pytest.mark.statement(151)
def test_functions_aliases_and_urls_that_are_missing(server, function):
    one = function()
    client = server.client()
    for where in [{"FunctionName": "nx"}, {"FunctionName": one.name, "Qualifier": "missing"}]:
        create_it = refused(lambda: client.create_function_url_config(**where, AuthType="NONE"))  # noqa: B023
        assert create_it == NO_FUNCTION
        assert refused(lambda: client.update_function_url_config(**where)) == NO_FUNCTION  # noqa: B023
        assert refused(lambda: client.get_function_url_config(**where)) == NOTHING  # noqa: B023
        assert refused(lambda: client.delete_function_url_config(**where)) == NOTHING  # noqa: B023
    assert refused(lambda: client.list_function_url_configs(FunctionName="nx")) == NO_FUNCTION
    for call in [client.get_function_url_config, client.update_function_url_config, client.delete_function_url_config]:
        assert refused(lambda: call(FunctionName=one.name)) == NOTHING  # noqa: B023


@pytest.mark.statement(154)
def test_a_tag_chooses_the_host(function):
    one = publish(function(Tags={"_custom_id_": "my-id"}))
    assert "://my-id.lambda-url.us-east-1." in create(one)["FunctionUrl"]
    assert "://my-id-live.lambda-url.us-east-1." in create(one, Qualifier="live")["FunctionUrl"]
    two = function(Tags={"_custom_id_": "my-id"})
    taken = refused(lambda: create(two))
    assert taken.code == "ResourceConflictException"
    assert f"{SCOPE}:{one.name}" in taken.message
    one.client.delete_function(FunctionName=one.name)
    assert "://my-id.lambda-url." in create(two)["FunctionUrl"]


@pytest.mark.statement(154)
def test_a_tag_that_is_no_host_is_told_and_left_out(server, function):
    one = function(Tags={"_custom_id_": "_bad"})
    assert re.search(r"://[a-z0-9]{32}\.lambda-url\.", create(one)["FunctionUrl"])
    server.wait_for_log("Invalid custom ID tag value")


@pytest.mark.statement(201)
def test_urls_survive_a_restart(own_server):
    server = own_server(PERSISTENCE=1)
    one = deploy(server)
    created = create(one)
    server.restart()
    assert get(one)["FunctionUrl"] == created["FunctionUrl"]
