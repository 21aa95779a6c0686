"""Layers: versions, policies, and what functions say of them."""

import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from harness import archives
from harness.deployment import ROLE, create, deploy, fresh_name

LIBRARY = archives.zip_of({"python/greeting.py": "WORD = 'hello'\n"})
OTHER = "111111111111"


@pytest.fixture
def client(server):
    return server.client()


def publish(client, name: str, archive: bytes = LIBRARY, **options) -> dict:
    return client.publish_layer_version(LayerName=name, Content={"ZipFile": archive}, **options)


def refused(call, **parameters) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_versions_count_up_and_are_never_given_twice(client):
    name = fresh_name("layer")
    first, second = publish(client, name), publish(client, name, Description="d", LicenseInfo="MIT")
    assert (first["Version"], second["Version"]) == (1, 2)
    assert second["LayerVersionArn"] == f"{first['LayerArn']}:2"
    assert first["Content"]["CodeSize"] == len(LIBRARY)
    assert "LicenseInfo" not in first
    assert "CompatibleRuntimes" not in first
    for number in (1, 2):
        client.delete_layer_version(LayerName=name, VersionNumber=number)
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []
    assert publish(client, name)["Version"] == 3


def test_a_version_is_shown_in_the_same_way_by_name_and_by_arn(client):
    published = publish(client, fresh_name("layer"), CompatibleRuntimes=["python3.12"], CompatibleArchitectures=[])
    by_name = client.get_layer_version(LayerName=published["LayerArn"], VersionNumber=1)
    by_arn = client.get_layer_version_by_arn(Arn=published["LayerVersionArn"])
    for one in (published, by_name, by_arn):
        del one["ResponseMetadata"]
    assert by_name == by_arn == published


def test_lists_are_of_the_newest_first_and_filtered(client):
    name = fresh_name("layer")
    publish(client, name, CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["arm64"])
    publish(client, name, CompatibleRuntimes=["nodejs22.x"])
    listed = client.list_layer_versions(LayerName=name)["LayerVersions"]
    assert [version["Version"] for version in listed] == [2, 1]
    assert "Content" not in listed[0]
    first = client.list_layer_versions(LayerName=name, MaxItems=1)
    assert [version["Version"] for version in first["LayerVersions"]] == [2]
    rest = client.list_layer_versions(LayerName=name, MaxItems=1, Marker=first["NextMarker"])
    assert [version["Version"] for version in rest["LayerVersions"]] == [1]
    assert "NextMarker" not in rest

    def latest(**which) -> int | None:
        pages = client.get_paginator("list_layers").paginate(**which)
        all_layers = [layer for page in pages for layer in page["Layers"]]
        found = [each["LatestMatchingVersion"]["Version"] for each in all_layers if each["LayerName"] == name]
        return found[0] if found else None

    assert latest() == 2
    assert latest(CompatibleRuntime="python3.12") == 1
    assert latest(CompatibleArchitecture="arm64") == 1
    assert latest(CompatibleRuntime="ruby3.3") is None


def test_layers_may_be_for_runtimes_that_functions_can_have_no_more(client):
    old = ["nodejs14.x", "java8", "python3.7", "go1.x", "provided"]
    assert publish(client, fresh_name("layer"), CompatibleRuntimes=old)["CompatibleRuntimes"] == old
    code, message = refused(publish, client=client, name="x", CompatibleRuntimes=["nobody1.x"])
    assert code == "ValidationException"
    assert "Value '[nobody1.x]' at 'compatibleRuntimes' failed to satisfy constraint" in message


def test_numbers_that_no_version_has(client):
    name = fresh_name("layer")
    publish(client, name)
    for call in (client.get_layer_version, client.delete_layer_version):
        for number in (0, -1):
            assert refused(call, LayerName=name, VersionNumber=number) == (
                "InvalidParameterValueException",
                "Layer Version Cannot be less than 1",
            )
    missing = ("ResourceNotFoundException", "The resource you requested does not exist.")
    assert refused(client.get_layer_version, LayerName=name, VersionNumber=2) == missing
    assert refused(client.get_layer_version, LayerName="nobody", VersionNumber=1) == missing
    client.delete_layer_version(LayerName=name, VersionNumber=2)
    client.delete_layer_version(LayerName="nobody", VersionNumber=1)


def test_an_archive_is_needed_and_has_to_be_one(client):
    name = fresh_name("layer")
    assert refused(client.publish_layer_version, LayerName=name, Content={})[0] == "InvalidParameterValueException"
    code, message = refused(client.publish_layer_version, LayerName=name, Content={"ZipFile": b"no archive"})
    assert code == "InvalidParameterValueException"
    assert message.startswith("Could not unzip uploaded file.")
    damaged = bytearray(archives.zip_of({"a": "x" * 3000}, zipfile.ZIP_STORED))
    damaged[1000] ^= 0xFF
    assert refused(publish, client=client, name=name, archive=bytes(damaged)) == (code, message)
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []


def test_policies_grow_and_shrink(client):
    name = fresh_name("layer")
    arn = publish(client, name)["LayerVersionArn"]
    which = {"LayerName": name, "VersionNumber": 1}
    nothing = ("ResourceNotFoundException", "No policy is associated with the given resource.")
    assert refused(client.get_layer_version_policy, **which) == nothing
    grant = {**which, "Action": "lambda:GetLayerVersion"}
    added = client.add_layer_version_permission(**grant, StatementId="s1", Principal=OTHER)
    statement = {
        "Sid": "s1",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "lambda:GetLayerVersion",
        "Resource": arn,
    }
    assert added["Statement"] == json.dumps(statement, separators=(",", ":"))
    shown = client.get_layer_version_policy(**which)
    assert shown["RevisionId"] == added["RevisionId"]
    assert json.loads(shown["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    again = refused(client.add_layer_version_permission, **grant, StatementId="s1", Principal="*")
    assert again[0] == "ResourceConflictException"
    stale = refused(client.add_layer_version_permission, **grant, StatementId="s2", Principal="*", RevisionId="x")
    assert stale[0] == "PreconditionFailedException"
    assert stale[1].endswith("Call the GetLayerPolicy API to retrieve the latest Revision Id")
    of_organisation = client.add_layer_version_permission(
        **grant, StatementId="s2", Principal="*", OrganizationId="o-1234567890"
    )
    condition = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert json.loads(of_organisation["Statement"])["Condition"] == condition
    for sid in ("s1", "s2"):
        client.remove_layer_version_permission(**which, StatementId=sid)
    assert refused(client.get_layer_version_policy, **which) == nothing
    other = refused(client.get_layer_version_policy, LayerName=name, VersionNumber=9)
    assert other == ("ResourceNotFoundException", f"Layer version {arn[:-1]}9 does not exist.")


def test_another_account_needs_permission(server, client):
    name = fresh_name("layer")
    arn = publish(client, name)["LayerVersionArn"]
    stranger = server.client(account=OTHER)
    code, message = refused(stranger.get_layer_version_by_arn, Arn=arn)
    assert code == "AccessDeniedException"
    assert message == (
        f"User: arn:aws:iam::{OTHER}:root is not authorized to perform: lambda:GetLayerVersion on resource: {arn} "
        "because no resource-based policy allows the lambda:GetLayerVersion action"
    )
    with pytest.raises(ClientError, match="not authorized"):
        create(server, client=stranger, Layers=[arn])
    client.add_layer_version_permission(
        LayerName=name, VersionNumber=1, StatementId="s", Action="lambda:GetLayerVersion", Principal=OTHER
    )
    assert stranger.get_layer_version_by_arn(Arn=arn)["Version"] == 1
    one = create(server, client=stranger, Layers=[arn]).wait_active()
    assert one.configuration()["Layers"] == [{"Arn": arn, "CodeSize": len(LIBRARY)}]


def test_another_account_cannot_tell_what_is_there(server, client):
    arn = publish(client, fresh_name("layer"))["LayerVersionArn"]
    stranger = server.client(account=OTHER)
    for one in (arn, f"{arn[:-1]}9", f"{arn[:-2]}-nobody:1"):
        denied = (
            "AccessDeniedException",
            f"User: arn:aws:iam::{OTHER}:root is not authorized to perform: lambda:GetLayerVersion on resource: {one} "
            "because no resource-based policy allows the lambda:GetLayerVersion action",
        )
        assert refused(stranger.get_layer_version_by_arn, Arn=one) == denied
        assert refused(lambda one=one: create(server, client=stranger, Layers=[one])) == denied


def test_another_account_cannot_change_who_may_use_a_layer(server, client):
    name = fresh_name("layer")
    published = publish(client, name)
    stranger = server.client(account=OTHER)
    which = {"LayerName": published["LayerArn"], "VersionNumber": 1}
    grant = {**which, "StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": OTHER}
    assert refused(stranger.add_layer_version_permission, **grant)[0] == "AccessDeniedException"
    client.add_layer_version_permission(**grant)
    assert refused(stranger.get_layer_version_policy, **which)[0] == "AccessDeniedException"
    assert refused(stranger.remove_layer_version_permission, **which, StatementId="s")[0] == "AccessDeniedException"
    assert stranger.get_layer_version_by_arn(Arn=published["LayerVersionArn"])["Version"] == 1


def test_functions_name_their_layers(server, client):
    arns = [publish(client, fresh_name("layer"))["LayerVersionArn"] for _ in range(2)]
    one = deploy(server, Layers=arns)
    expected = [{"Arn": arn, "CodeSize": len(LIBRARY)} for arn in arns]
    assert one.configuration()["Layers"] == expected
    version = client.publish_version(FunctionName=one.name)
    assert version["Layers"] == expected
    one.configure(Description="something else")
    assert one.configuration()["Layers"] == expected
    one.configure(Layers=arns[::-1])
    assert one.configuration()["Layers"] == expected[::-1]
    one.configure(Layers=[])
    assert "Layers" not in one.configuration()
    shown = client.get_function_configuration(FunctionName=one.name, Qualifier="1")
    assert shown["Layers"] == expected


def test_lists_of_layers_that_cannot_be(server, client):
    name = fresh_name("layer")
    first, second = (publish(client, name)["LayerVersionArn"] for _ in range(2))
    one = deploy(server)

    def error(layers: list[str]) -> str:
        code, message = refused(client.update_function_configuration, FunctionName=one.name, Layers=layers)
        assert code == "InvalidParameterValueException"
        return message

    words = "Two different versions of the same layer are not allowed to be referenced in the same function. "
    assert error([first, second]) == f"{words}{first} and {second} are versions of the same layer."
    assert error([first, first]) == f"{words}{first} and {first} are versions of the same layer."
    assert error([f"{first[:-1]}9"]) == f"Layer version {first[:-1]}9 does not exist."
    assert error([f"{first[:-2]}{n}:1" for n in range(6)]) == "Cannot reference more than 5 layers."
    elsewhere = first.replace("us-east-1", "eu-west-1")
    assert error([elsewhere]) == (
        "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."
    )
    missing = refused(client.update_function_configuration, FunctionName="nobody", Layers=[f"{first[:-1]}9"])
    assert missing[0] == "ResourceNotFoundException"
    code, message = refused(client.update_function_configuration, FunctionName=one.name, Layers=[first[:-2]])
    assert code == "ValidationException"
    assert f"Value '[{first[:-2]}]' at 'layers' failed to satisfy constraint" in message


def test_code_and_layers_share_the_limit_of_their_size(own_server):
    server = own_server(LAMBDA_LIMITS_CODE_SIZE_UNZIPPED=10_000)
    client = server.client()
    large = archives.zip_of({"a": "x" * 6000})
    arns = [publish(client, fresh_name("layer"), large)["LayerVersionArn"] for _ in range(2)]
    one = deploy(server, Layers=arns[:1])
    words = "Layers consume more than the available size of 10000 bytes"
    assert refused(client.update_function_configuration, FunctionName=one.name, Layers=arns)[1] == words
    words = (
        "Function code combined with layers exceeds the maximum allowed size of 10000 bytes. "
        "The actual size is 12000 bytes."
    )
    assert refused(client.update_function_code, FunctionName=one.name, ZipFile=large)[1] == words


def test_layers_count_in_the_account_s_code_storage(own_server):
    client = own_server().client()
    used = lambda: client.get_account_settings()["AccountUsage"]["TotalCodeSize"]  # noqa: E731
    publish(client, "l")
    publish(client, "l")
    assert used() == 2 * len(LIBRARY)
    client.delete_layer_version(LayerName="l", VersionNumber=1)
    assert used() == len(LIBRARY)


def test_images_have_no_layers(server, client):
    arn = publish(client, fresh_name("layer"))["LayerVersionArn"]
    image = {"PackageType": "Image", "Code": {"ImageUri": "image"}, "Role": ROLE, "Layers": [arn]}
    assert refused(client.create_function, FunctionName=fresh_name(), **image) == (
        "InvalidParameterValueException",
        "Lambda layers are not supported for functions created with container images.",
    )
