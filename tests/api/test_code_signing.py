"""Code signing configurations."""

import pytest

from harness.clients import refused
from harness.deployment import create as create_function
from harness.deployment import deploy
from harness.wire import Refusal

PROFILE = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/test"
SCOPE = "arn:aws:lambda:us-east-1:000000000000"
MISSING = f"{SCOPE}:code-signing-config:csc-0123456789abcdef0"
NOT_FOUND = Refusal(
    404, "ResourceNotFoundException", f"The Lambda code signing configuration {MISSING} can not be found."
)
CANNOT_ATTACH = Refusal(
    404,
    "CodeSigningConfigNotFoundException",
    f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {MISSING}.",
)
NO_FUNCTION = Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:function:nx")


def create(client, **options) -> dict:
    options.setdefault("AllowedPublishers", {"SigningProfileVersionArns": [PROFILE]})
    return client.create_code_signing_config(**options)["CodeSigningConfig"]


@pytest.fixture
def config(server):
    """A configuration that is gone after the test."""
    client = server.client()
    made = create(client, Description="first")
    yield made
    client.delete_code_signing_config(CodeSigningConfigArn=made["CodeSigningConfigArn"])


@pytest.mark.statement(192)
def test_a_configuration_is_created_and_changed(server, config):
    client = server.client()
    arn = config["CodeSigningConfigArn"]
    assert arn == f"{SCOPE}:code-signing-config:{config['CodeSigningConfigId']}"
    assert len(config["CodeSigningConfigId"]) == 21
    assert config["AllowedPublishers"] == {"SigningProfileVersionArns": [PROFILE]}
    assert config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}

    def update(**changes):
        changed = client.update_code_signing_config(CodeSigningConfigArn=arn, **changes)["CodeSigningConfig"]
        shown = client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]
        assert shown == changed
        return {member: value for member, value in changed.items() if member != "LastModified"}

    same = {member: value for member, value in config.items() if member != "LastModified"}
    assert update() == same
    enforcing = {"UntrustedArtifactOnDeployment": "Enforce"}
    assert update(CodeSigningPolicies=enforcing) == {**same, "CodeSigningPolicies": enforcing}
    assert update(Description="second")["Description"] == "second"
    others = {"SigningProfileVersionArns": [f"{PROFILE}2"]}
    assert update(AllowedPublishers=others)["AllowedPublishers"] == others


@pytest.mark.statement(204)
def test_lists_are_in_the_order_of_creation(own_server):
    client = own_server().client()
    made = [create(client, Description=str(number))["CodeSigningConfigArn"] for number in range(5)]
    pages = client.get_paginator("list_code_signing_configs").paginate(PaginationConfig={"PageSize": 2})
    listed = [[config["CodeSigningConfigArn"] for config in page["CodeSigningConfigs"]] for page in pages]
    assert listed == [made[:2], made[2:4], made[4:]]


@pytest.mark.statement(204)
def test_functions_have_one_or_none(server, function, config):
    one, other = function(), function()
    arn = config["CodeSigningConfigArn"]
    client = one.client

    def attached():
        answer = client.get_function_code_signing_config(FunctionName=one.name)
        del answer["ResponseMetadata"]
        return answer

    assert attached() == {}
    client.delete_function_code_signing_config(FunctionName=one.name)
    client.put_function_code_signing_config(FunctionName=one.name, CodeSigningConfigArn=arn)
    client.put_function_code_signing_config(FunctionName=other.name, CodeSigningConfigArn=arn)
    assert attached() == {"CodeSigningConfigArn": arn, "FunctionName": one.name}
    functions = client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]
    assert set(functions) == {f"{SCOPE}:function:{each.name}" for each in (one, other)}
    pages = client.get_paginator("list_functions_by_code_signing_config").paginate(
        CodeSigningConfigArn=arn, PaginationConfig={"PageSize": 1}
    )
    assert [len(page["FunctionArns"]) for page in pages] == [1, 1]
    in_use = refused(lambda: client.delete_code_signing_config(CodeSigningConfigArn=arn))
    assert (in_use.status, in_use.code) == (409, "ResourceConflictException")
    client.delete_function_code_signing_config(FunctionName=one.name)
    assert attached() == {}
    client.delete_function(FunctionName=other.name)
    assert client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"] == []


def test_a_function_can_be_created_with_one(server, config):
    arn = config["CodeSigningConfigArn"]
    one = deploy(server, CodeSigningConfigArn=arn)
    attached = one.client.get_function_code_signing_config(FunctionName=one.name)
    assert attached["CodeSigningConfigArn"] == arn
    one.client.delete_function(FunctionName=one.name)
    assert refused(lambda: create_function(server, CodeSigningConfigArn=MISSING)) == CANNOT_ATTACH


@pytest.mark.statement(192)
def test_configurations_and_functions_that_are_missing(server, function, config):
    client = server.client()
    arn = config["CodeSigningConfigArn"]
    for call in [
        client.get_code_signing_config,
        client.update_code_signing_config,
        client.delete_code_signing_config,
        client.list_functions_by_code_signing_config,
    ]:
        assert refused(call, untyped=True, CodeSigningConfigArn=MISSING) == NOT_FOUND

    def attach(name, arn):
        return refused(lambda: client.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=arn))

    assert attach(function().name, MISSING) == CANNOT_ATTACH
    assert attach("nx", MISSING) == CANNOT_ATTACH
    assert attach("nx", arn) == NO_FUNCTION
    for call in [client.get_function_code_signing_config, client.delete_function_code_signing_config]:
        assert refused(lambda: call(FunctionName="nx")) == NO_FUNCTION  # noqa: B023


def test_configurations_belong_to_one_account_and_region(server, config):
    arn = config["CodeSigningConfigArn"]
    for client in [server.client("000000000002"), server.client(region="eu-west-1")]:
        missing = refused(client.get_code_signing_config, untyped=True, CodeSigningConfigArn=arn)
        assert missing.code == "ResourceNotFoundException"
        assert client.list_code_signing_configs()["CodeSigningConfigs"] == []
