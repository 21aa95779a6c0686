"""Layers: versions, policies, and what functions say of them."""

import json
import zipfile

import pytest

from harness import archives
from harness.clients import refused
from harness.deployment import ROLE, create, deploy, fresh_name
from harness.waiting import wait_until
from harness.wire import UUID, Refusal

LIBRARY = archives.zip_of({"python/greeting.py": "WORD = 'hello'\n"})
OTHER = "111111111111"
ARCHITECTURES = "[x86_64, arm64]"
RUNTIMES = (
    "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2]"
)
RUNTIMES_EVER = (
    "[ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, dotnetcore2.0, "
    "python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, provided, dotnetcore3.1, dotnet8, "
    "java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, "
    "provided.al2023, nodejs22.x, python3.10, java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, "
    "nodejs14.x, nodejs8.9, nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, "
    "nodejs4.3-edge, nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7]"
)
VERSION_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:"
    r"[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
)


@pytest.fixture
def client(server):
    return server.client()


def publish(client, name: str, archive: bytes = LIBRARY, **options) -> dict:
    return client.publish_layer_version(LayerName=name, Content={"ZipFile": archive}, **options)


def invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidParameterValueException", message)


def missing(message: str = "The resource you requested does not exist.") -> Refusal:
    return Refusal(404, "ResourceNotFoundException", message)


def denied(arn: str) -> Refusal:
    return Refusal(
        403,
        "AccessDeniedException",
        f"User: arn:aws:iam::{OTHER}:root is not authorized to perform: lambda:GetLayerVersion on resource: {arn} "
        "because no resource-based policy allows the lambda:GetLayerVersion action",
    )


def violations(*each: tuple[str, str, str]) -> Refusal:
    """What is answered to values that break constraints: each with its member."""
    head = "1 validation error" if len(each) == 1 else f"{len(each)} validation errors"
    parts = "; ".join(
        f"Value '{value}' at '{member}' failed to satisfy constraint: {text}" for value, member, text in each
    )
    return Refusal(400, "ValidationException", f"{head} detected: {parts}")


@pytest.mark.statement(113)
def test_versions_count_up_and_are_never_given_twice(client):
    name = fresh_name("layer")
    first, second = publish(client, name), publish(client, name, Description="d", LicenseInfo="MIT")
    assert (first["Version"], second["Version"]) == (1, 2)
    assert second["LayerVersionArn"] == f"{first['LayerArn']}:2"
    assert first["Content"]["CodeSize"] == len(LIBRARY)
    always = {"Content", "LayerArn", "LayerVersionArn", "Description", "CreatedDate", "Version"}
    assert first.keys() - {"ResponseMetadata"} == always
    assert second.keys() - first.keys() == {"LicenseInfo"}
    assert (first["Description"], second["Description"]) == ("", "d")
    for number in (1, 2):
        client.delete_layer_version(LayerName=name, VersionNumber=number)
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []
    assert publish(client, name)["Version"] == 3


@pytest.mark.statement(114)
def test_a_version_is_shown_in_the_same_way_by_name_and_by_arn(client):
    published = publish(client, fresh_name("layer"), CompatibleRuntimes=["python3.12"], CompatibleArchitectures=[])
    by_name = client.get_layer_version(LayerName=published["LayerArn"], VersionNumber=1)
    by_arn = client.get_layer_version_by_arn(Arn=published["LayerVersionArn"])
    for one in (published, by_name, by_arn):
        del one["ResponseMetadata"]
    assert by_name == by_arn == published


@pytest.mark.statement(114, 204)
def test_lists_are_of_the_newest_first_and_filtered(client):
    name = fresh_name("layer")
    publish(client, name, CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["arm64"])
    publish(client, name, CompatibleRuntimes=["nodejs22.x"])
    listed = client.list_layer_versions(LayerName=name)["LayerVersions"]
    assert [version["Version"] for version in listed] == [2, 1]
    assert not {"Content", "LayerArn"} & listed[0].keys()
    pages = client.get_paginator("list_layer_versions").paginate(LayerName=name, PaginationConfig={"PageSize": 1})
    assert [[version["Version"] for version in page["LayerVersions"]] for page in pages] == [[2], [1]]
    assert client.list_layer_versions(LayerName="nobody")["LayerVersions"] == []
    publish(client, fresh_name("layer"))

    def latest(**which) -> int | None:
        pages = client.get_paginator("list_layers").paginate(**which, PaginationConfig={"PageSize": 1})
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


@pytest.mark.statement(118)
def test_runtimes_and_architectures_that_nobody_has_are_told_together(server):
    client = server.client(checks=False)
    runtimes, architectures = ["invalidruntime", "invalidruntime2", "nodejs20.x"], ["invalidarch", "x86_64"]
    either = f"[Member must satisfy enum value set: {ARCHITECTURES}, Member must not be null]"
    assert refused(
        publish,
        client=client,
        name=fresh_name("layer"),
        CompatibleRuntimes=runtimes,
        CompatibleArchitectures=architectures,
    ) == violations(
        (
            "[invalidruntime, invalidruntime2, nodejs20.x]",
            "compatibleRuntimes",
            f"Member must satisfy enum value set: {RUNTIMES}",
        ),
        ("[invalidarch, x86_64]", "compatibleArchitectures", f"Member must satisfy constraint: {either}"),
    )


@pytest.mark.statement(119)
def test_layers_are_asked_for_by_what_there_is_or_was(server):
    client = server.client(checks=False)
    for call in (client.list_layers, lambda **which: client.list_layer_versions(LayerName="l", **which)):
        assert refused(call, CompatibleRuntime="runtimedoesnotexist") == violations(
            ("runtimedoesnotexist", "compatibleRuntime", f"Member must satisfy enum value set: {RUNTIMES_EVER}")
        )
        assert refused(call, CompatibleArchitecture="archdoesnotexist") == violations(
            ("archdoesnotexist", "compatibleArchitecture", f"Member must satisfy enum value set: {ARCHITECTURES}")
        )


@pytest.mark.statement(117)
def test_an_arn_without_a_version_is_no_version(client):
    arn = "arn:aws:lambda:us-east-1:000000000000:layer:l"
    pattern = f"Member must satisfy regular expression pattern: {VERSION_PATTERN}"
    assert refused(client.get_layer_version_by_arn, Arn=arn) == violations((arn, "arn", pattern))


@pytest.mark.statement(116)
def test_numbers_that_no_version_has(client):
    name = fresh_name("layer")
    publish(client, name)
    for call in (client.get_layer_version, client.delete_layer_version):
        for number in (0, -1):
            below = refused(call, LayerName=name, VersionNumber=number)
            assert below == invalid("Layer Version Cannot be less than 1")
    assert refused(client.get_layer_version, LayerName=name, VersionNumber=2) == missing()
    assert refused(client.get_layer_version, LayerName="nobody", VersionNumber=1) == missing()
    client.delete_layer_version(LayerName=name, VersionNumber=2)
    client.delete_layer_version(LayerName="nobody", VersionNumber=1)


def test_an_archive_is_needed_and_has_to_be_one(client):
    name = fresh_name("layer")
    nothing = refused(client.publish_layer_version, LayerName=name, Content={})
    assert (nothing.status, nothing.code) == (400, "InvalidParameterValueException")
    broken = invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
    assert refused(client.publish_layer_version, LayerName=name, Content={"ZipFile": b"no archive"}) == broken
    damaged = bytearray(archives.zip_of({"a": "x" * 3000}, zipfile.ZIP_STORED))
    damaged[1000] ^= 0xFF
    assert refused(publish, client=client, name=name, archive=bytes(damaged)) == broken
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []


@pytest.mark.statement(122)
def test_policies_grow_and_shrink(client):
    name = fresh_name("layer")
    arn = publish(client, name)["LayerVersionArn"]
    which = {"LayerName": name, "VersionNumber": 1}
    nothing = missing("No policy is associated with the given resource.")
    assert refused(client.get_layer_version_policy, **which) == nothing
    assert refused(client.remove_layer_version_permission, **which, StatementId="s1") == nothing
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
    assert again == Refusal(
        409,
        "ResourceConflictException",
        "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing "
        "statement.",
    )
    everything = refused(
        client.add_layer_version_permission, **{**grant, "Action": "*"}, StatementId="s2", Principal="*"
    )
    assert everything == violations(
        ("*", "action", "Member must satisfy regular expression pattern: lambda:GetLayerVersion")
    )
    stale = Refusal(
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the "
        "latest Revision Id",
    )
    other = {"StatementId": "s2", "Principal": "*", "RevisionId": "wrong"}
    assert refused(client.add_layer_version_permission, **grant, **other) == stale
    assert refused(client.remove_layer_version_permission, **which, StatementId="s1", RevisionId="wrong") == stale
    unknown = refused(client.remove_layer_version_permission, **which, StatementId="doesnotexist")
    assert unknown == missing("Statement doesnotexist is not found in resource policy.")
    assert client.get_layer_version_policy(**which)["RevisionId"] == added["RevisionId"], "nothing has changed"
    of_organisation = client.add_layer_version_permission(
        **grant, StatementId="s2", Principal="*", OrganizationId="o-1234567890", RevisionId=added["RevisionId"]
    )
    condition = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert json.loads(of_organisation["Statement"])["Condition"] == condition
    revisions = [added["RevisionId"], of_organisation["RevisionId"]]
    client.remove_layer_version_permission(**which, StatementId="s1", RevisionId=revisions[-1])
    revisions.append(client.get_layer_version_policy(**which)["RevisionId"])
    assert len(set(revisions)) == 3
    assert all(UUID.fullmatch(revision) for revision in revisions)
    client.remove_layer_version_permission(**which, StatementId="s2", RevisionId=revisions[-1])
    assert refused(client.get_layer_version_policy, **which) == nothing


@pytest.mark.statement(122)
def test_layers_that_are_missing_have_no_policy(client):
    arn = "arn:aws:lambda:us-east-1:000000000000:layer:nobody:1"
    which = {"LayerName": "nobody", "VersionNumber": 1}
    grant = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    nobody = missing(f"Layer version {arn} does not exist.")
    assert refused(client.get_layer_version_policy, **which) == nobody
    assert refused(client.add_layer_version_permission, **which, **grant) == nobody
    assert refused(client.remove_layer_version_permission, **which, StatementId="s") == nobody


def test_another_account_needs_permission(server, client):
    name = fresh_name("layer")
    arn = publish(client, name)["LayerVersionArn"]
    stranger = server.client(account=OTHER)
    assert refused(stranger.get_layer_version_by_arn, Arn=arn) == denied(arn)
    assert refused(lambda: create(server, client=stranger, Layers=[arn])) == denied(arn)
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
        assert refused(stranger.get_layer_version_by_arn, Arn=one) == denied(one)
        assert refused(lambda one=one: create(server, client=stranger, Layers=[one])) == denied(one)


def test_another_account_cannot_change_who_may_use_a_layer(server, client):
    name = fresh_name("layer")
    published = publish(client, name)
    stranger = server.client(account=OTHER)
    which = {"LayerName": published["LayerArn"], "VersionNumber": 1}
    grant = {**which, "StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": OTHER}
    assert refused(stranger.add_layer_version_permission, **grant).code == "AccessDeniedException"
    client.add_layer_version_permission(**grant)
    assert refused(stranger.get_layer_version_policy, **which).code == "AccessDeniedException"
    assert refused(stranger.remove_layer_version_permission, **which, StatementId="s").code == "AccessDeniedException"
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


@pytest.mark.statement(31, 120, 121)
def test_lists_of_layers_that_cannot_be(server, client):
    name = fresh_name("layer")
    first, second = (publish(client, name)["LayerVersionArn"] for _ in range(2))
    one = deploy(server)

    def error(*layers: str) -> Refusal:
        new = refused(lambda: create(server, Layers=list(layers)))
        assert new == refused(client.update_function_configuration, FunctionName=one.name, Layers=list(layers))
        return new

    words = "Two different versions of the same layer are not allowed to be referenced in the same function. "
    assert error(first, second) == invalid(f"{words}{first} and {second} are versions of the same layer.")
    assert error(first, first) == invalid(f"{words}{first} and {first} are versions of the same layer.")
    assert error(f"{first[:-1]}9") == invalid(f"Layer version {first[:-1]}9 does not exist.")
    assert error(*(f"{first[:-2]}{n}:1" for n in range(6))) == invalid("Cannot reference more than 5 layers.")
    elsewhere = first.replace("us-east-1", "eu-west-1")
    assert error(elsewhere) == invalid(
        "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."
    )
    nobody = refused(client.update_function_configuration, FunctionName="nobody", Layers=[f"{first[:-1]}9"])
    assert nobody == missing("Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody")
    constraint = (
        "Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length "
        f"greater than or equal to 1, Member must satisfy regular expression pattern: {VERSION_PATTERN}, Member must "
        "not be null]"
    )
    assert error(first[:-2]) == violations((f"[{first[:-2]}]", "layers", constraint))


def test_code_and_layers_share_the_limit_of_their_size(own_server):
    server = own_server(LAMBDA_LIMITS_CODE_SIZE_UNZIPPED=10_000)
    client = server.client()
    large = archives.zip_of({"a": "x" * 6000})
    arns = [publish(client, fresh_name("layer"), large)["LayerVersionArn"] for _ in range(2)]
    one = deploy(server, Layers=arns[:1])
    words = "Layers consume more than the available size of 10000 bytes"
    assert refused(client.update_function_configuration, FunctionName=one.name, Layers=arns) == invalid(words)
    words = (
        "Function code combined with layers exceeds the maximum allowed size of 10000 bytes. "
        "The actual size is 12000 bytes."
    )
    assert refused(client.update_function_code, FunctionName=one.name, ZipFile=large) == invalid(words)


@pytest.mark.statement(141)
def test_layers_count_in_the_account_s_code_storage_and_are_kept_once(own_server):
    server = own_server()
    client = server.client()

    def used() -> int:
        return client.get_account_settings()["AccountUsage"]["TotalCodeSize"]

    def archives_kept() -> int:
        return len(list((server.folder / "state").rglob("*.zip")))

    publish(client, "l")
    publish(client, "l")
    publish(client, "other")
    one = deploy(server, LIBRARY)
    assert used() == 4 * len(LIBRARY)
    assert archives_kept() == 1
    for name, version in [("l", 1), ("l", 2), ("other", 1)]:
        client.delete_layer_version(LayerName=name, VersionNumber=version)
    assert used() == len(LIBRARY)
    client.get_function(FunctionName=one.name)
    assert archives_kept() == 1, "the function needs it"
    client.delete_function(FunctionName=one.name)
    wait_until(lambda: archives_kept() == 0, what="nobody needs it any more")


def test_images_have_no_layers(server, client):
    arn = publish(client, fresh_name("layer"))["LayerVersionArn"]
    image = {"PackageType": "Image", "Code": {"ImageUri": "image"}, "Role": ROLE, "Layers": [arn]}
    assert refused(client.create_function, FunctionName=fresh_name(), **image) == invalid(
        "Lambda layers are not supported for functions created with container images."
    )
