"""PublishVersion, ListVersionsByFunction, and versions wherever a qualifier is taken."""

import json

import pytest
import requests

from harness.archives import PROBE, python
from harness.clients import refused
from harness.deployment import PYTHON, ROLE, create, deploy, deployed, fresh_name
from harness.server import image
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, Refusal, refusal, send

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
ONE = python("def handler(event, context): return 'one'")
TWO = python("def handler(event, context): return 'two'")


def publish(function, **options) -> dict:
    return function.client.publish_version(FunctionName=function.name, **options)


def versions(function) -> list[str]:
    listed = function.client.list_versions_by_function(FunctionName=function.name)["Versions"]
    return [version["Version"] for version in listed]


def missing(arn: str) -> Refusal:
    return Refusal(404, "ResourceNotFoundException", f"Function not found: {arn}")


@pytest.mark.statement(77)
def test_a_published_version_is_active_at_once(function):
    one = function()
    latest = one.configuration()
    published = publish(one)
    assert published["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert published["FunctionArn"] == f"{SCOPE}:{one.name}:1"
    assert (published["Version"], published["State"], published["LastUpdateStatus"]) == ("1", "Active", "Successful")
    assert not [member for member in published if "Reason" in member]
    assert published["LastModified"] == latest["LastModified"]

    shown = one.client.get_function_configuration(FunctionName=one.name, Qualifier="1")
    assert {**shown, "ResponseMetadata": None} == {**published, "ResponseMetadata": None}
    revisions = {latest["RevisionId"], published["RevisionId"], one.configuration()["RevisionId"]}
    assert len(revisions) == 3, "the version has a revision of its own, and $LATEST a new one"


def test_a_version_is_looked_at_in_every_way(function):
    one = function(Tags={"team": "blue"})
    publish(one)
    for name in (f"{one.name}:1", f"{SCOPE}:{one.name}:1", f"000000000000:function:{one.name}:1"):
        shown = one.client.get_function(FunctionName=name)
        assert shown["Configuration"]["FunctionArn"] == f"{SCOPE}:{one.name}:1"
        assert shown["Configuration"]["Version"] == "1"
        assert shown["Tags"] == {"team": "blue"}
    both = one.client.get_function(FunctionName=f"{one.name}:1", Qualifier="1")
    assert requests.get(both["Code"]["Location"], timeout=10).content == PROBE


@pytest.mark.statement(78)
def test_without_an_update_the_same_version_is_shown_again(function):
    one = function()
    first = publish(one, Description="first")
    again = publish(one, Description="again")
    assert {**again, "ResponseMetadata": None} == {**first, "ResponseMetadata": None}
    assert again["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert versions(one) == ["$LATEST", "1"]


@pytest.mark.statement(79)
def test_every_update_gives_something_to_publish(function):
    one = function(Description="of latest")
    publish(one)
    one.configure(Timeout=30)
    second = publish(one)
    assert (second["Version"], second["Description"]) == ("2", "of latest")
    one.configure(Timeout=30)
    assert publish(one)["Version"] == "3", "even one that changes nothing"
    one.replace_code(PROBE)
    assert publish(one)["Version"] == "4"


@pytest.mark.statement(79)
def test_a_version_does_not_change_with_its_function(function):
    one = function(ONE, Environment={"Variables": {"stage": "old"}}, Tags={"a": "b"})
    first = publish(one, Description="first")
    one.configure(Environment={"Variables": {"stage": "new"}}, MemorySize=256, Description="changed")
    one.replace_code(TWO)
    shown = one.client.get_function_configuration(FunctionName=one.name, Qualifier="1")
    assert {**shown, "ResponseMetadata": None} == {**first, "ResponseMetadata": None}
    one.client.delete_function(FunctionName=one.name, Qualifier="1")
    assert publish(one)["Version"] == "2"


@pytest.mark.statement(80)
def test_the_hash_of_the_code_can_be_a_condition(function):
    one = function()
    digest = one.configuration()["CodeSha256"]
    message = (
        f"CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST ({digest}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    wrong = refused(lambda: publish(one, CodeSha256="somenonexistentsha256"))
    assert wrong == Refusal(400, "InvalidParameterValueException", message)
    assert publish(one, CodeSha256=digest)["Version"] == "1"


@pytest.mark.statement(81)
def test_the_revision_can_be_a_condition(function):
    one = function()
    stale = Refusal(
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
    )
    assert refused(lambda: publish(one, RevisionId="wrong")) == stale
    revision = one.configuration()["RevisionId"]
    assert publish(one, RevisionId=revision)["Version"] == "1"
    assert refused(lambda: publish(one, RevisionId=revision)) == stale, "publishing gave $LATEST a new one"


def test_only_functions_with_a_capacity_provider_publish_elsewhere(function):
    one = function()
    elsewhere = refused(lambda: publish(one, PublishTo="LATEST_PUBLISHED"))
    message = "PublishTo LATEST_PUBLISHED is only supported for functions with a capacity provider."
    assert elsewhere == Refusal(400, "InvalidParameterValueException", message)
    invalid = refused(
        lambda: one.server.client(checks=False).publish_version(FunctionName=one.name, PublishTo="elsewhere")
    )
    message = (
        "1 validation error detected: Value 'elsewhere' at 'publishTo' failed to satisfy constraint: "
        "Member must satisfy enum value set: [LATEST_PUBLISHED]"
    )
    assert invalid == Refusal(400, "ValidationException", message)
    assert versions(one) == ["$LATEST"]


@pytest.mark.statement(83)
def test_a_missing_function_has_no_versions(server):
    client = server.client()
    assert refused(lambda: client.publish_version(FunctionName="nx")) == missing(f"{SCOPE}:nx")
    assert refused(lambda: client.list_versions_by_function(FunctionName="nx")) == missing(f"{SCOPE}:nx")


@pytest.mark.statement(82)
def test_a_listed_version_has_no_state(function):
    one = function()
    publish(one)
    latest, first = one.client.list_versions_by_function(FunctionName=one.name)["Versions"]
    assert (latest["FunctionArn"], first["FunctionArn"]) == (f"{SCOPE}:{one.name}:$LATEST", f"{SCOPE}:{one.name}:1")
    assert latest["RevisionId"] != first["RevisionId"]
    for version in (latest, first):
        assert not {"State", "LastUpdateStatus", "RuntimeVersionConfig"} & version.keys()


@pytest.mark.statement(204)
def test_versions_are_listed_in_pages_by_number(function):
    one = function()
    for timeout in range(10, 21):
        one.configure(Timeout=timeout)
        publish(one)
    expected = ["$LATEST", *(str(number) for number in range(1, 12))]
    assert versions(one) == expected
    pages = list(
        one.client.get_paginator("list_versions_by_function").paginate(
            FunctionName=one.name, PaginationConfig={"PageSize": 5}
        )
    )
    assert [len(page["Versions"]) for page in pages] == [5, 5, 2]
    assert [version["Version"] for page in pages for version in page["Versions"]] == expected
    bad = refused(lambda: one.client.list_versions_by_function(FunctionName=one.name, Marker="none of ours"))
    assert (bad.status, bad.code) == (400, "InvalidParameterValueException")


@pytest.mark.statement(52)
def test_all_versions_of_all_functions_are_listed_in_pages(own_server):
    server = own_server()
    client = server.client()
    for name in ("a", "b"):
        one = deploy(server, name=name)
        publish(one)
    create(server, name="a-b")
    expected = [f"{SCOPE}:{name}" for name in ("a:$LATEST", "a:1", "a-b:$LATEST", "b:$LATEST", "b:1")]
    for size in (1, 2, 50):
        pages = client.get_paginator("list_functions").paginate(
            FunctionVersion="ALL", PaginationConfig={"PageSize": size}
        )
        listed = pages.build_full_result()["Functions"]
        assert [each["FunctionArn"] for each in listed] == expected
    plain = client.list_functions()["Functions"]
    assert [each["FunctionArn"] for each in plain] == [f"{SCOPE}:{name}" for name in ("a", "a-b", "b")]
    marker = client.list_functions(MaxItems=1)["NextMarker"]
    bad = refused(lambda: client.list_functions(FunctionVersion="ALL", Marker=marker))
    assert bad.code == "InvalidParameterValueException", "markers of the short list are none of the long one"


def test_there_are_no_replicas_of_functions_elsewhere(function):
    one = function()
    listed = one.client.list_functions(FunctionVersion="ALL", MasterRegion="us-east-1")
    assert listed["Functions"] == []
    listed = one.client.list_functions(FunctionVersion="ALL", MasterRegion="ALL")["Functions"]
    assert one.name in {each["FunctionName"] for each in listed}
    alone = refused(lambda: one.client.list_functions(MasterRegion="us-east-1"))
    assert (alone.status, alone.code) == (400, "InvalidParameterValueException")


@pytest.mark.statement(6)
def test_creation_can_publish_the_first_version(server):
    client, name = server.client(), fresh_name()
    created = client.create_function(
        FunctionName=name, Runtime=PYTHON, Role=ROLE, Handler="index.handler", Code={"ZipFile": PROBE}, Publish=True
    )
    assert (created["Version"], created["FunctionArn"]) == ("1", f"{SCOPE}:{name}")
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in created
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    latest = client.get_function_configuration(FunctionName=name)
    first = client.get_function_configuration(FunctionName=name, Qualifier="1")
    assert latest["Version"] == "$LATEST"
    assert (first["State"], first["LastUpdateStatus"]) == ("Active", "Successful")
    assert len({created["RevisionId"], latest["RevisionId"], first["RevisionId"]}) == 3
    again = client.publish_version(FunctionName=name, Description="nothing new")
    assert (again["Version"], again["RevisionId"], again["Description"]) == ("1", first["RevisionId"], "")
    client.delete_function(FunctionName=name)


@pytest.mark.statement(67, 203)
def test_an_update_of_the_code_can_publish_it(own_server, engine_proxy):
    server = own_server(DOCKER_HOST=engine_proxy.host)
    one = deploy(server, ONE)
    engine_proxy.hold_requests("/images/")
    try:
        updated = one.client.update_function_code(FunctionName=one.name, ZipFile=TWO, Publish=True)
        assert (updated["Version"], updated["FunctionArn"]) == ("1", f"{SCOPE}:{one.name}:1")
        assert (updated["State"], updated["StateReasonCode"]) == ("Pending", "Creating")
        assert "LastUpdateStatus" not in updated
        first = one.client.get_function_configuration(FunctionName=one.name, Qualifier="1")
        assert {**first, "ResponseMetadata": None} == {**updated, "ResponseMetadata": None}
        latest = one.configuration()
        assert (latest["State"], latest["LastUpdateStatus"]) == ("Active", "InProgress")
        assert latest["RevisionId"] != first["RevisionId"]
        pending = (
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )
        assert refused(lambda: one.invoke(Qualifier="1")) == Refusal(409, "ResourceConflictException", pending)
        busy = (
            f"The operation cannot be performed at this time. An update is in progress for resource: {SCOPE}:{one.name}"
        )
        assert refused(lambda: publish(one)) == Refusal(409, "ResourceConflictException", busy)
        assert one.invoke().value() == "one"
    finally:
        engine_proxy.release()
    one.client.get_waiter("published_version_active").wait(FunctionName=one.name, Qualifier="1")
    assert one.invoke(Qualifier="1").value() == "two"
    one.wait_updated()
    assert one.invoke().value() == "two"


def test_a_pending_function_cannot_be_published(own_server, engine_proxy):
    server = own_server(DOCKER_HOST=engine_proxy.host)
    engine_proxy.hold_requests("/images/")
    one = create(server)
    try:
        pending = (
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )
        assert refused(lambda: publish(one)) == Refusal(409, "ResourceConflictException", pending)
    finally:
        engine_proxy.release()
    one.wait_active()
    assert publish(one)["Version"] == "1"


def test_a_version_of_an_update_that_failed_fails_too(own_server, registry):
    registry.misses = True
    images = json.dumps({"python3.12": image("python3.12"), "python3.13": f"{registry.address}/team/missing"})
    server = own_server(LAMBDA_RUNTIME_IMAGE_MAPPING=images)
    one = deploy(server, ONE)
    one.client.update_function_configuration(FunctionName=one.name, Runtime="python3.13")
    wait_until(lambda: one.configuration()["LastUpdateStatus"] == "Failed", 60, "the update has failed")
    assert publish(one)["State"] == "Pending"

    def first() -> dict:
        return one.client.get_function_configuration(FunctionName=one.name, Qualifier="1")

    wait_until(lambda: first()["State"] == "Failed", 60, "the version has failed")
    assert first()["StateReasonCode"] == "InvalidImage"
    failed = "The operation cannot be performed at this time. The function is currently in the following state: Failed"
    assert refused(lambda: one.invoke(Qualifier="1")) == Refusal(409, "ResourceConflictException", failed)
    assert one.invoke().value() == "one"


def test_a_dry_run_publishes_nothing(function):
    one = function(ONE)
    shown = one.client.update_function_code(FunctionName=one.name, ZipFile=TWO, Publish=True, DryRun=True)
    assert shown["CodeSha256"] != one.configuration()["CodeSha256"]
    assert versions(one) == ["$LATEST"]
    assert one.configuration()["LastUpdateStatus"] == "Successful"


@pytest.mark.statement(169)
def test_each_version_runs_its_own_code_and_knows_its_name(function):
    source = """
import os
def handler(event, context):
    return [
        os.environ["stage"], os.environ["AWS_LAMBDA_FUNCTION_VERSION"], context.function_version,
        context.invoked_function_arn, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
    ]
"""
    one = function(python(source), Environment={"Variables": {"stage": "first"}})
    publish(one)
    one.configure(Environment={"Variables": {"stage": "second"}})
    arn = f"{SCOPE}:{one.name}"
    answer = one.invoke(Qualifier="1", LogType="Tail")
    assert answer.value() == ["first", "1", "1", f"{arn}:1", "on-demand"]
    assert (answer.version, "Version: 1\n" in answer.log) == ("1", True)
    answer = one.invoke()
    assert (answer.value(), answer.version) == (["second", "$LATEST", "$LATEST", arn, "on-demand"], "$LATEST")
    assert one.invoke(Qualifier="$LATEST").value()[3] == f"{arn}:$LATEST"
    publish(one)
    assert one.invoke(Qualifier="2").value()[:2] == ["second", "2"], "not the environment of $LATEST"
    assert one.invoke(Qualifier="1").value()[:2] == ["first", "1"]


def test_an_update_leaves_the_environments_of_versions_alone(function):
    one = function()
    publish(one)
    assert one.run("return invocations", Qualifier="1").value() == 1
    one.configure(Timeout=20)
    assert one.run("return invocations", Qualifier="1").value() == 2


@pytest.mark.statement(46)
@pytest.mark.parametrize("qualifier", ["2", "01", "0", "$LATEST.PUBLISHED", "99999999999999999999999"])
def test_versions_that_are_none_are_not_found(function, qualifier):
    one = function()
    publish(one)
    expected = missing(f"{SCOPE}:{one.name}:{qualifier}")
    assert refused(lambda: one.client.get_function(FunctionName=one.name, Qualifier=qualifier)) == expected
    assert refused(lambda: one.invoke(Qualifier=qualifier)) == expected


@pytest.mark.statement(82)
def test_a_version_can_be_deleted_alone(function):
    one = function(ONE)
    publish(one)
    one.replace_code(TWO)
    publish(one)
    assert one.invoke(Qualifier="1").value() == "one"
    reply = send(one.server, "DELETE", f"{FUNCTIONS}/{one.name}?Qualifier=1")
    assert (reply.status, reply.body) == (204, b"")
    assert versions(one) == ["$LATEST", "2"]
    assert refused(lambda: one.invoke(Qualifier="1")) == missing(f"{SCOPE}:{one.name}:1")
    assert one.invoke(Qualifier="2").value() == "two"
    wait_until(lambda: len(one.containers()) == 1, 30, "the environments of the version have ended")


def test_a_number_is_not_given_twice(function):
    one = function()
    publish(one)
    one.client.delete_function(FunctionName=f"{one.name}:1")
    assert publish(one)["Version"] == "2"


@pytest.mark.statement(71)
def test_a_new_function_of_the_same_name_starts_with_version_1(server):
    name = fresh_name()
    for _ in range(2):
        with deployed(server, name=name) as one:
            assert publish(one)["Version"] == "1"
            one.client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")


def test_a_version_keeps_its_archive(own_server):
    server = own_server()
    one = deploy(server, ONE)

    def archives() -> int:
        return len(list((server.folder / "state").rglob("*.zip")))

    publish(one)
    one.replace_code(TWO)
    assert archives() == 2
    assert one.invoke(Qualifier="1").value() == "one"
    one.client.delete_function(FunctionName=one.name, Qualifier="1")
    wait_until(lambda: archives() == 1, 10, "nobody needs the archive any more")
    publish(one)
    one.client.delete_function(FunctionName=one.name)
    wait_until(lambda: archives() == 0, 10, "nobody needs any archive any more")


def test_snap_start_is_for_published_versions(function):
    one = function(SnapStart={"ApplyOn": "PublishedVersions"})
    off, on = ({"ApplyOn": "PublishedVersions", "OptimizationStatus": status} for status in ("Off", "On"))
    assert one.configuration()["SnapStart"] == off
    published = publish(one)
    assert (published["State"], published["SnapStart"]) == ("Pending", off)
    one.client.get_waiter("published_version_active").wait(FunctionName=one.name, Qualifier="1")
    assert one.client.get_function(FunctionName=f"{one.name}:1")["Configuration"]["SnapStart"] == on
    kind = "import os; return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']"
    assert one.run(kind, Qualifier="1").value() == "snap-start"
    assert one.run(kind).value() == "on-demand"


@pytest.mark.statement(36)
def test_snap_start_is_for_some_runtimes(server):
    refusal = refused(lambda: create(server, Runtime="nodejs22.x", SnapStart={"ApplyOn": "PublishedVersions"}))
    message = "nodejs22.x is not supported for SnapStart enabled functions."
    assert refusal == Refusal(400, "InvalidParameterValueException", message)


def test_versions_of_another_account_are_reached_by_arn(server):
    other = server.client(account="111111111111")
    with deployed(server, client=other) as one:
        arn = f"arn:aws:lambda:us-east-1:111111111111:function:{one.name}"
        mine = server.client()
        assert mine.publish_version(FunctionName=arn)["FunctionArn"] == f"{arn}:1"
        listed = mine.list_versions_by_function(FunctionName=arn)["Versions"]
        assert [version["FunctionArn"] for version in listed] == [f"{arn}:$LATEST", f"{arn}:1"]
        assert mine.invoke(FunctionName=f"{arn}:1", Payload=b'{"run": "return 1"}')["ExecutedVersion"] == "1"
        assert refused(lambda: mine.publish_version(FunctionName=one.name)) == missing(f"{SCOPE}:{one.name}")


def test_versions_of_another_region_are_not_reached(server):
    name = "arn:aws:lambda:eu-west-1:000000000000:function:f"
    message = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    expected = Refusal(404, "ResourceNotFoundException", message)
    assert refused(lambda: server.client().publish_version(FunctionName=name)) == expected
    assert refusal(send(server, "GET", f"{FUNCTIONS}/{name}/aliases")) == expected
