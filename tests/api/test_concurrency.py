"""Reserved and provisioned concurrency, and GetAccountSettings."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from harness.archives import PROBE, python
from harness.clients import refused
from harness.deployment import create, deploy
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, Refusal, send

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
FULL = Refusal(400, "CodeStorageExceededException", "Code storage limit exceeded.")
NO_CONFIG = Refusal(
    404,
    "ProvisionedConcurrencyConfigNotFoundException",
    "No Provisioned Concurrency Config found for this function",
)
TYPE = python('import os\ndef handler(event, context): return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]')
CRASHING = python(
    """
import os

if os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency":
    raise RuntimeError("no")

def handler(event, context):
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""
)


@pytest.fixture
def published(function):
    """A function with a version 1 and an alias `live` of it."""
    return publish(function())


def publish(one):
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    return one


def reserve(one, number, name=None):
    return one.client.put_function_concurrency(FunctionName=name or one.name, ReservedConcurrentExecutions=number)


def provision(one, qualifier, number=1):
    return one.client.put_provisioned_concurrency_config(
        FunctionName=one.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=number
    )


def provisioned(one, qualifier):
    return one.client.get_provisioned_concurrency_config(FunctionName=one.name, Qualifier=qualifier)


def wait_provisioned(one, qualifier, status="READY"):
    wait_until(lambda: provisioned(one, qualifier)["Status"] == status, 60, f"{qualifier} is {status}")


THROTTLED = Refusal(429, "TooManyRequestsException", "Rate Exceeded.")


def invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidParameterValueException", message)


@pytest.mark.statement(50, 124)
def test_a_reservation_comes_and_goes(function):
    one = function()
    assert reserve(one, 1)["ReservedConcurrentExecutions"] == 1
    get = one.client.get_function_concurrency
    assert get(FunctionName=one.name)["ReservedConcurrentExecutions"] == 1
    assert one.client.get_function(FunctionName=one.name)["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    assert reserve(one, 0)["ReservedConcurrentExecutions"] == 0
    assert one.client.get_function(FunctionName=one.name)["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    deleted = one.client.delete_function_concurrency(FunctionName=one.name)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "ReservedConcurrentExecutions" not in get(FunctionName=one.name)
    assert "Concurrency" not in one.client.get_function(FunctionName=one.name)


@pytest.mark.statement(129)
def test_a_function_without_any_concurrency_cannot_be_invoked(server, function):
    one = function()
    reserve(one, 0)
    reply = send(server, "POST", f"{FUNCTIONS}/{one.name}/invocations")
    assert reply.status == 429
    assert reply.json() == {
        "Type": "User",
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "message": "Rate Exceeded.",
    }
    one.client.delete_function_concurrency(FunctionName=one.name)
    assert one.run("return 1").value() == 1


def test_throttles_say_when_to_come_again(function):
    one = function()
    reserve(one, 0)
    with pytest.raises(one.client.exceptions.TooManyRequestsException) as invoked:
        one.run("return 1")
    with pytest.raises(one.client.exceptions.TooManyRequestsException) as streamed:
        one.client.invoke_with_response_stream(FunctionName=one.name)
    for refusal in (invoked.value.response, streamed.value.response):
        assert refusal["retryAfterSeconds"] == "1"
        assert refusal["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
        assert refusal["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_reservation_limits_executions_at_the_same_time(function):
    one = function()
    reserve(one, 1)
    # Longer than it takes to send three requests.
    source = "import time; time.sleep(2); return 1"
    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(lambda: one.run(source).value()) for _ in range(3)]
    assert sorted(str(call.exception() or call.result())[:1] for call in calls) == ["1", "A", "A"]
    for call in calls:
        if call.exception():
            assert "Rate Exceeded." in str(call.exception())
    assert one.run("return 2").value() == 2


@pytest.mark.statement(125, 126)
def test_reservations_are_for_whole_functions_that_exist(server, function):
    one = function()
    missing = Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx:$LATEST")
    assert refused(lambda: reserve(one, 1, "nx")) == missing
    assert refused(lambda: reserve(one, 100_000, "nx")) == missing
    whole = Refusal(
        400,
        "InvalidParameterValueException",
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
        "Please specify either a function name or an unqualified function ARN.",
    )
    assert refused(lambda: reserve(one, 0, f"{SCOPE}:{one.name}:$LATEST")) == whole
    assert refused(lambda: one.client.get_function_concurrency(FunctionName="nx")) == Refusal(
        404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx"
    )


@pytest.mark.statement(127, 128, 138)
def test_accounts_keep_a_minimum_for_everybody(own_server):
    server = own_server(LAMBDA_LIMITS_CONCURRENT_EXECUTIONS=20, LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY=10)
    one, other = publish(deploy(server)), deploy(server)

    def unreserved():
        return one.client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]

    below = (
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [10]."
    )
    assert unreserved() == 20
    assert refused(lambda: reserve(one, 11), untyped=True) == invalid(below)
    reserve(other, 4)
    assert unreserved() == 16
    assert refused(lambda: provision(one, "1", 17), untyped=True) == invalid(
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [16]."
    )
    assert refused(lambda: provision(one, "1", 7), untyped=True) == invalid(
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [10]."
    )
    provision(one, "1", 2)
    assert unreserved() == 14
    assert refused(lambda: reserve(one, 1), untyped=True) == invalid(
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
    )
    reserve(one, 2)
    assert unreserved() == 14
    assert refused(lambda: provision(one, "1", 3)) == invalid(
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    )
    one.client.delete_function(FunctionName=one.name)
    assert unreserved() == 16


@pytest.mark.statement(132, 140)
def test_provisioned_environments_are_ready_before_they_are_needed(function):
    one = publish(function(TYPE))
    put = provision(one, "live", 1)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 202
    del put["ResponseMetadata"], put["LastModified"]
    assert put == {
        "RequestedProvisionedConcurrentExecutions": 1,
        "AvailableProvisionedConcurrentExecutions": 0,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
    }
    wait_provisioned(one, "live")
    ready = provisioned(one, "live")
    assert ready["AvailableProvisionedConcurrentExecutions"] == 1
    assert ready["AllocatedProvisionedConcurrentExecutions"] == 1
    assert len(one.containers()) == 1
    listed = one.client.list_provisioned_concurrency_configs(FunctionName=one.name)["ProvisionedConcurrencyConfigs"]
    assert [each["FunctionArn"] for each in listed] == [f"{SCOPE}:{one.name}:live"]
    assert one.invoke(Qualifier="live").value() == "provisioned-concurrency"
    assert one.invoke(Qualifier="1").value() == "provisioned-concurrency"
    assert one.invoke().value() == "on-demand"
    one.client.delete_provisioned_concurrency_config(FunctionName=one.name, Qualifier="live")
    assert refused(lambda: provisioned(one, "live")) == NO_CONFIG
    wait_until(lambda: len(one.containers()) == 1, 30, "only the environment of $LATEST is left")


def test_what_is_provisioned_moves_with_its_alias(function):
    one = publish(function(TYPE))
    provision(one, "live")
    wait_provisioned(one, "live")
    one.configure(Description="second")
    before = one.client.publish_version(FunctionName=one.name)["RevisionId"]
    one.client.update_alias(FunctionName=one.name, Name="live", FunctionVersion="2")
    moving = provisioned(one, "live")
    assert moving["Status"] == "IN_PROGRESS"
    assert moving["AllocatedProvisionedConcurrentExecutions"] == 1
    assert moving["AvailableProvisionedConcurrentExecutions"] == 1
    wait_provisioned(one, "live")
    revision = one.client.get_function_configuration(FunctionName=one.name, Qualifier="2")["RevisionId"]
    assert revision != before
    assert one.invoke(Qualifier="2").value() == "provisioned-concurrency"
    assert one.invoke(Qualifier="live").version == "2"
    wait_until(lambda: one.invoke(Qualifier="1").value() == "on-demand", 30, "version 1 has none any more")


def test_a_version_with_snap_start_cannot_be_provisioned(function):
    one = publish(function(SnapStart={"ApplyOn": "PublishedVersions"}))
    message = "Provisioned Concurrency is not supported for SnapStart enabled functions."
    assert refused(lambda: provision(one, "live")) == Refusal(400, "InvalidParameterValueException", message)
    assert refused(lambda: provisioned(one, "live")) == NO_CONFIG


@pytest.mark.statement(131)
def test_what_is_provisioned_is_all_that_is_left_of_a_reservation(function):
    one = publish(function(TYPE))
    reserve(one, 1)
    provision(one, "1")
    wait_provisioned(one, "1")
    assert refused(one.invoke) == THROTTLED
    assert one.invoke(Qualifier="1").value() == "provisioned-concurrency"


@pytest.mark.statement(140)
def test_what_exceeds_the_provisioned_spills_over_to_new_environments(function):
    source = """
        import os, time
        time.sleep(event.get("sleep", 0))
        return [os.environ[name] for name in ("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_STREAM_NAME")]
    """
    one = publish(function(Timeout=60))
    provision(one, "live", 1)
    wait_provisioned(one, "live")
    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(one.invoke, {"run": source, "sleep": 4}, Qualifier="live") for _ in range(3)]
        answers = [call.result().value() for call in calls]
    assert sorted(kind for kind, _ in answers) == ["on-demand", "on-demand", "provisioned-concurrency"]
    assert len({stream for _, stream in answers}) == 3
    first = next(stream for kind, stream in answers if kind == "provisioned-concurrency")
    again = one.invoke({"run": source}, Qualifier="live").value()
    assert again == ["provisioned-concurrency", first], "what is provisioned goes before what is free by chance"


def test_an_account_has_a_limit_of_executions_at_the_same_time(own_server, tmp_path):
    gate = tmp_path / "gate"
    gate.mkdir()
    gate.chmod(0o777)
    server = own_server(
        LAMBDA_LIMITS_CONCURRENT_EXECUTIONS=2,
        LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY=0,
        LAMBDA_DOCKER_FLAGS=f"-v {gate}:/gate",
    )
    one, other = deploy(server, Timeout=60), deploy(server)
    source = """
        import pathlib, time
        pathlib.Path("/gate", str(event["number"])).touch()
        while not pathlib.Path("/gate/open").exists():
            time.sleep(0.02)
        return event["number"]
    """
    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(one.invoke, {"run": source, "number": number}) for number in (1, 2)]
        wait_until(lambda: len(list(gate.iterdir())) == 2, 60, "both run")
        reply = send(server, "POST", f"{FUNCTIONS}/{other.name}/invocations")
        (gate / "open").touch()
        assert [call.result().value() for call in calls] == [1, 2]
    assert reply.status == 429
    assert reply.json() == {
        "Type": "User",
        "Reason": "ConcurrentInvocationLimitExceeded",
        "message": "Rate Exceeded.",
    }
    assert other.run("return 3").value() == 3


@pytest.mark.statement(132)
def test_provisioning_fails_with_the_init(function):
    one = publish(function(CRASHING))
    provision(one, "1")
    wait_provisioned(one, "1", "FAILED")
    failed = provisioned(one, "1")
    assert failed["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert failed["AvailableProvisionedConcurrentExecutions"] == 0
    assert one.invoke(Qualifier="1").value() == "on-demand"


@pytest.mark.statement(137, 139)
def test_a_version_is_provisioned_under_one_name(published):
    provision(published, "1")
    assert refused(lambda: provision(published, "live")) == Refusal(
        409,
        "ResourceConflictException",
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    )
    published.client.delete_provisioned_concurrency_config(FunctionName=published.name, Qualifier="1")
    provision(published, "live")
    assert refused(lambda: provision(published, "1")) == Refusal(
        409, "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias"
    )
    published.client.delete_alias(FunctionName=published.name, Name="live")
    assert refused(lambda: provisioned(published, "live")) == Refusal(
        404, "ResourceNotFoundException", f"Cannot find alias arn: {SCOPE}:{published.name}:live"
    )
    listed = published.client.list_provisioned_concurrency_configs(FunctionName=published.name)
    assert listed["ProvisionedConcurrencyConfigs"] == []


@pytest.mark.statement(204)
def test_provisioned_configurations_are_listed_in_pages(function):
    one = publish(function())
    one.configure(Description="second")
    one.client.publish_version(FunctionName=one.name)
    provision(one, "live")
    provision(one, "2")
    pages = one.client.get_paginator("list_provisioned_concurrency_configs").paginate(
        FunctionName=one.name, PaginationConfig={"PageSize": 1}
    )
    listed = [[config["FunctionArn"] for config in page["ProvisionedConcurrencyConfigs"]] for page in pages]
    assert sorted(listed) == [[f"{SCOPE}:{one.name}:2"], [f"{SCOPE}:{one.name}:live"]]


@pytest.mark.statement(133, 134, 135, 136)
def test_what_cannot_be_provisioned(server, published):
    client = server.client(checks=False)
    named = {"FunctionName": published.name}
    latest = {**named, "Qualifier": "$LATEST"}
    unpublished = invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
    assert refused(lambda: provision(published, "$LATEST")) == unpublished
    neither = invalid("The function resource provided must be an alias or a published version.")
    assert refused(client.get_provisioned_concurrency_config, **latest) == neither
    assert refused(client.delete_provisioned_concurrency_config, **latest) == neither
    nothing = refused(
        lambda: client.put_provisioned_concurrency_config(**named, Qualifier="1", ProvisionedConcurrentExecutions=0)
    )
    assert nothing == Refusal(
        400,
        "ValidationException",
        "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1",
    )
    for name in ["nx", published.name]:
        arn = f"{SCOPE}:{name}"
        for qualifier, message in [
            ("noalias", f"Cannot find alias arn: {arn}:noalias"),
            ("10", f"Function not found: {arn}:10"),
        ]:
            missing = Refusal(404, "ResourceNotFoundException", message)
            where = {"FunctionName": name, "Qualifier": qualifier}
            for call in [client.get_provisioned_concurrency_config, client.delete_provisioned_concurrency_config]:
                assert refused(lambda: call(**where)) == missing  # noqa: B023
            put = refused(
                lambda: client.put_provisioned_concurrency_config(**where, ProvisionedConcurrentExecutions=1)  # noqa: B023
            )
            assert put == missing
    assert refused(lambda: provisioned(published, "1")) == NO_CONFIG
    gone = client.delete_provisioned_concurrency_config(**named, Qualifier="1")
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.list_provisioned_concurrency_configs, FunctionName="nx") == Refusal(
        404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx"
    )


def test_what_is_provisioned_and_reserved_survives_a_restart(own_server):
    server = own_server(PERSISTENCE=1)
    one = publish(deploy(server, TYPE))
    provision(one, "1")
    wait_provisioned(one, "1")
    other = deploy(server, TYPE)
    reserve(other, 0)
    server.restart()
    wait_provisioned(one, "1")
    assert one.invoke(Qualifier="1").value() == "provisioned-concurrency"
    assert refused(other.invoke) == THROTTLED


@pytest.mark.statement(141)
def test_account_settings_tell_limits_and_usage(own_server):
    server = own_server()
    client = server.client()

    def usage():
        return client.get_account_settings()["AccountUsage"]

    assert client.get_account_settings()["AccountLimit"] == {
        "TotalCodeSize": 80530636800,
        "CodeSizeUnzipped": 262144000,
        "CodeSizeZipped": 52428800,
        "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 1000,
    }
    assert usage() == {"TotalCodeSize": 0, "FunctionCount": 0}
    size = len(PROBE)
    one = deploy(server)
    assert usage() == {"TotalCodeSize": size, "FunctionCount": 1}
    one.configure(Description="other")
    assert usage() == {"TotalCodeSize": size, "FunctionCount": 1}
    client.publish_version(FunctionName=one.name)
    assert usage() == {"TotalCodeSize": 2 * size, "FunctionCount": 1}
    one.replace_code(TYPE)
    assert usage() == {"TotalCodeSize": size + len(TYPE), "FunctionCount": 1}, "the version keeps its own"
    client.delete_function(FunctionName=one.name)
    assert usage() == {"TotalCodeSize": 0, "FunctionCount": 0}
    assert server.client("000000000002").get_account_settings()["AccountUsage"]["FunctionCount"] == 0


def test_code_of_an_account_has_a_quota(own_server):
    size = len(PROBE)
    server = own_server(LAMBDA_LIMITS_TOTAL_CODE_SIZE=3 * size)
    client = server.client()
    one, other = deploy(server), deploy(server)
    client.publish_version(FunctionName=one.name)
    assert refused(lambda: deploy(server)) == FULL
    assert refused(lambda: client.publish_version(FunctionName=other.name)) == FULL
    other.replace_code(PROBE)
    larger = python("def handler(event, context): return 'larger'" + "#" + Random(1).randbytes(2 * size).hex())
    assert refused(lambda: client.update_function_code(FunctionName=other.name, ZipFile=larger)) == FULL
    assert client.publish_version(FunctionName=one.name)["Version"] == "1", "nothing new takes no room"
    assert client.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 3 * size, "FunctionCount": 2}
    client.delete_function(FunctionName=one.name)
    client.publish_version(FunctionName=other.name)
    deploy(server)


def test_requests_at_the_same_time_share_the_quota_of_code(own_server):
    size = len(PROBE)
    server = own_server(LAMBDA_LIMITS_TOTAL_CODE_SIZE=3 * size)
    client = server.client()

    def attempt(_) -> bool:
        try:
            create(server)
        except client.exceptions.CodeStorageExceededException:
            return True
        return False

    with ThreadPoolExecutor(8) as threads:
        refusals = list(threads.map(attempt, range(8)))
    assert refusals.count(False) == 3
    assert client.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 3 * size, "FunctionCount": 3}
