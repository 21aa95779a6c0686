"""TagResource, UntagResource and ListTags."""

import pytest

from harness.clients import refused
from harness.deployment import create
from harness.wire import Refusal

ACCOUNT = "arn:aws:lambda:us-east-1:000000000000"
TOO_MANY = Refusal(400, "InvalidParameterValueException", "Number of tags exceeds resource tag limit.")
QUALIFIED = Refusal(
    400,
    "InvalidParameterValueException",
    "Tags on function aliases and versions are not supported. Please specify a function ARN.",
)
PATTERN = (
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:"
    r"[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|"
    r"event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|"
    r"capacity-provider:[a-zA-Z0-9-_]+)"
)


@pytest.fixture(params=["function", "code-signing-config"])
def resource(request, server, function):
    """A client and the ARN of something that has no tags."""
    client = server.client()
    if request.param == "function":
        yield client, function().configuration()["FunctionArn"]
        return
    made = client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p"]}
    )
    arn = made["CodeSigningConfig"]["CodeSigningConfigArn"]
    yield client, arn
    client.delete_code_signing_config(CodeSigningConfigArn=arn)


@pytest.mark.statement(193)
def test_tags_come_change_and_go(resource):
    client, arn = resource

    def tags():
        return client.list_tags(Resource=arn)["Tags"]

    assert tags() == {}
    client.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    client.tag_resource(Resource=arn, Tags={"b": "3", "c": ""})
    assert tags() == {"a": "1", "b": "3", "c": ""}
    client.untag_resource(Resource=arn, TagKeys=["a", "missing"])
    assert tags() == {"b": "3", "c": ""}
    client.untag_resource(Resource=arn, TagKeys=["missing"])
    client.untag_resource(Resource=arn, TagKeys=["b", "c"])
    assert tags() == {}


@pytest.mark.statement(193)
def test_a_resource_has_50_tags_at_most(resource):
    client, arn = resource
    assert refused(lambda: client.tag_resource(Resource=arn, Tags={f"k{n}": "v" for n in range(51)})) == TOO_MANY
    assert client.list_tags(Resource=arn)["Tags"] == {}
    client.tag_resource(Resource=arn, Tags={f"k{n}": "v" for n in range(50)})
    client.tag_resource(Resource=arn, Tags={"k1": "w"})
    assert refused(lambda: client.tag_resource(Resource=arn, Tags={"more": "v"})) == TOO_MANY
    assert len(client.list_tags(Resource=arn)["Tags"]) == 50


@pytest.mark.statement(193)
def test_requests_without_tags_or_keys(resource):
    client, arn = resource
    assert refused(lambda: client.tag_resource(Resource=arn, Tags={})) == Refusal(
        400, "InvalidParameterValueException", "An error occurred and the request cannot be processed."
    )
    assert refused(lambda: client.untag_resource(Resource=arn, TagKeys=[])) == Refusal(
        400,
        "ValidationException",
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
    )


def test_keys_of_aws_are_reserved(resource):
    client, arn = resource
    reserved = refused(client.tag_resource, Resource=arn, Tags={"aws:stack": "v"})
    message = "Tag keys that begin with aws: are reserved: aws:stack"
    assert reserved == Refusal(400, "InvalidParameterValueException", message)
    assert client.list_tags(Resource=arn)["Tags"] == {}


def test_tags_given_at_creation_are_listed_and_shown(server, function):
    one = function(Tags={"k": "v"})
    shown = one.client.get_function(FunctionName=one.name)
    assert shown["Tags"] == {"k": "v"}
    assert one.client.list_tags(Resource=shown["Configuration"]["FunctionArn"])["Tags"] == {"k": "v"}
    assert refused(lambda: create(server, Tags={f"k{n}": "v" for n in range(51)})) == TOO_MANY
    one.client.untag_resource(Resource=shown["Configuration"]["FunctionArn"], TagKeys=["k"])
    assert "Tags" not in one.client.get_function(FunctionName=one.name)


def test_changed_tags_give_a_function_a_new_revision(function):
    one = function()
    seen = [one.configuration()["RevisionId"]]
    arn = one.configuration()["FunctionArn"]
    one.client.tag_resource(Resource=arn, Tags={"k": "v"})
    seen.append(one.configuration()["RevisionId"])
    one.client.untag_resource(Resource=arn, TagKeys=["k"])
    seen.append(one.configuration()["RevisionId"])
    assert len(set(seen)) == 3


@pytest.mark.statement(193)
def test_versions_and_aliases_have_no_tags(function):
    one = function()
    arn = one.configuration()["FunctionArn"]
    version = one.client.publish_version(FunctionName=one.name)["FunctionArn"]
    for qualified in [version, f"{arn}:$LATEST", f"{arn}:missing"]:
        assert refused(lambda: one.client.tag_resource(Resource=qualified, Tags={"k": "v"})) == QUALIFIED  # noqa: B023
        assert refused(lambda: one.client.list_tags(Resource=qualified)) == QUALIFIED  # noqa: B023


@pytest.mark.statement(193)
@pytest.mark.parametrize(
    ("arn", "message"),
    [
        (f"{ACCOUNT}:function:nx", "Function not found: {arn}"),
        (
            f"{ACCOUNT}:event-source-mapping:11111111-2222-3333-4444-555555555555",
            "Event source mapping not found: {arn}",
        ),
        (f"{ACCOUNT}:capacity-provider:nx", "Capacity provider not found: {arn}"),
        (
            f"{ACCOUNT}:code-signing-config:csc-0123456789abcdef0",
            "The Lambda code signing configuration {arn} can not be found.",
        ),
    ],
)
def test_resources_that_are_missing(server, arn, message):
    client = server.client()
    missing = Refusal(404, "ResourceNotFoundException", message.format(arn=arn))
    # As those of code signing itself.
    options = {"untyped": "code-signing-config" in arn, "Resource": arn}
    assert refused(client.tag_resource, **options, Tags={"k": "v"}) == missing
    assert refused(client.untag_resource, **options, TagKeys=["k"]) == missing
    assert refused(client.list_tags, **options) == missing


@pytest.mark.statement(193)
@pytest.mark.parametrize(
    "arn", ["arn:aws:something", f"{ACCOUNT}:foobar:x", f"{ACCOUNT}:capacity-provider:x:alias", "name"]
)
def test_what_is_no_taggable_resource(server, arn):
    refusal = refused(lambda: server.client().list_tags(Resource=arn))
    assert refusal == Refusal(
        400,
        "ValidationException",
        f"1 validation error detected: Value '{arn}' at 'resource' failed to satisfy constraint: Member must satisfy "
        f"regular expression pattern: {PATTERN}",
    )


@pytest.mark.statement(76)
def test_a_deleted_function_has_no_tags(server, function):
    one = function(Tags={"k": "v"})
    arn = one.configuration()["FunctionArn"]
    one.client.delete_function(FunctionName=one.name)
    missing = Refusal(404, "ResourceNotFoundException", f"Function not found: {arn}")
    assert refused(lambda: server.client().list_tags(Resource=arn)) == missing
    function(name=one.name)
    assert server.client().list_tags(Resource=arn)["Tags"] == {}


def test_tags_wait_for_updates(own_server, engine_proxy):
    server = own_server(DOCKER_HOST=engine_proxy.host)
    one = create(server).wait_active()
    engine_proxy.hold_requests("/images/")
    one.client.update_function_configuration(FunctionName=one.name, Runtime="python3.13")
    arn = one.configuration()["FunctionArn"]
    try:
        assert refused(lambda: one.client.tag_resource(Resource=arn, Tags={"k": "v"})) == Refusal(
            409,
            "ResourceConflictException",
            f"The operation cannot be performed at this time. An update is in progress for resource: {arn}",
        )
    finally:
        engine_proxy.release()
