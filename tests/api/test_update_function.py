"""UpdateFunctionCode and UpdateFunctionConfiguration."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness.archives import PROBE, fixture, python
from harness.clients import refused
from harness.deployment import create, deploy
from harness.waiting import wait_until
from harness.wire import UUID, Refusal

OLD = python("def handler(event, context): return 'old'")
NEW = python("def handler(event, context): return 'new'")
CREATING = ("InProgress", "Creating", "The function is being created.")
MISMATCH = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
    "the latest Revision Id"
)


def update_status(answer) -> tuple:
    return tuple(
        answer.get(member) for member in ["LastUpdateStatus", "LastUpdateStatusReasonCode", "LastUpdateStatusReason"]
    )


@pytest.mark.statement(68)
def test_new_code_answers_once_the_function_is_updated(function):
    one = function(OLD)
    assert one.invoke().value() == "old"
    answer = one.client.update_function_code(FunctionName=one.name, ZipFile=NEW)
    assert (answer["State"], update_status(answer)) == ("Active", CREATING)
    one.client.get_waiter("function_updated_v2").wait(FunctionName=one.name)
    assert one.invoke().value() == "new"
    code = one.client.get_function(FunctionName=one.name)["Code"]
    assert requests.get(code["Location"], timeout=10).content == NEW


def test_hash_and_size_change_with_the_code_at_once(function):
    one = function(OLD)
    before = one.configuration()
    answer = one.client.update_function_code(FunctionName=one.name, ZipFile=PROBE)
    assert answer["CodeSize"] == len(PROBE)
    assert answer["CodeSha256"] != before["CodeSha256"]
    assert answer["LastModified"] >= before["LastModified"]


def test_containers_of_the_old_code_end(function):
    one = function(OLD)
    one.invoke()
    (before,) = one.containers()
    one.replace_code(NEW)
    one.invoke()
    wait_until(lambda: len(one.containers()) == 1, what="one container is left")
    assert one.containers() != [before]


def test_what_runs_when_an_update_comes_finishes_on_the_old_code(own_server, tmp_path):
    gate = tmp_path / "gate"
    gate.mkdir()
    gate.chmod(0o777)
    old = python(
        """
import pathlib, time

def handler(event, context):
    if event:
        pathlib.Path("/gate/begun").touch()
        while not pathlib.Path("/gate/open").exists():
            time.sleep(0.02)
    return "old"
"""
    )
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS=f"-v {gate}:/gate"), old, Timeout=60)
    with ThreadPoolExecutor(1) as callers:
        call = callers.submit(one.invoke, {"wait": True})
        wait_until((gate / "begun").exists, 60, "it runs")
        (before,) = one.containers()
        one.replace_code(NEW)
        assert one.invoke().value() == "new"
        assert before.id in [each.id for each in one.containers()], "it is not ended while it is at work"
        assert not call.done()
        (gate / "open").touch()
        assert call.result().value() == "old"
    wait_until(lambda: before.id not in [each.id for each in one.containers(running=False)], 30, "it is removed then")
    assert one.invoke().value() == "new"


@pytest.mark.statement(55, 56)
def test_an_update_goes_through_two_revisions(function):
    one = function()
    seen = [one.configuration()["RevisionId"]]
    for _ in range(2):
        answer = one.client.update_function_configuration(FunctionName=one.name, Description="the same")
        assert (answer["State"], update_status(answer)) == ("Active", CREATING)
        seen.append(answer["RevisionId"])
        one.wait_updated()
        seen.append(one.configuration()["RevisionId"])
    assert len(set(seen)) == len(seen), "a redundant update goes through the same steps"
    assert all(UUID.fullmatch(revision) for revision in seen)


@pytest.mark.statement(64)
def test_changes_are_visible_in_the_answer_and_in_the_function(function):
    one = function()
    changes = {
        "Timeout": 9,
        "MemorySize": 192,
        "Description": "changed",
        "Environment": {"Variables": {"COLOUR": "blue"}},
    }
    answer = one.client.update_function_configuration(FunctionName=one.name, **changes)
    assert {member: answer[member] for member in changes} == changes
    one.wait_updated()
    seen = one.run(
        """
        import os
        names = ["COLOUR", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        return [os.environ[name] for name in names] + [context.get_remaining_time_in_millis()]
        """
    ).value()
    assert seen[:2] == ["blue", "192"]
    assert 5000 < seen[2] <= 9000
    one.configure(Environment={"Variables": {}})
    assert one.run("import os; return os.environ.get('COLOUR')").value() is None


def test_what_an_update_does_not_name_stays(function):
    one = function(Description="kept", Timeout=11, Environment={"Variables": {"KEPT": "1"}})
    one.configure(MemorySize=256)
    shown = one.configuration()
    assert (shown["Description"], shown["Timeout"]) == ("kept", 11)
    assert shown["Environment"] == {"Variables": {"KEPT": "1"}}


@pytest.mark.statement(64)
def test_handler_and_runtime_can_change(function):
    one = function(python("def handler(event, context): return 1\ndef other(event, context): return 2"))
    runtime_version = one.configuration()["RuntimeVersionConfig"]
    one.configure(Handler="index.other")
    assert one.invoke().value() == 2
    answer = one.client.update_function_configuration(
        FunctionName=one.name, Runtime="nodejs22.x", Handler="index.handler"
    )
    assert answer["Runtime"] == "nodejs22.x"
    assert answer["RuntimeVersionConfig"] != runtime_version
    one.wait_updated().replace_code(fixture("echo-node"))
    assert one.invoke({"a": 1}).value() == {"a": 1}


@pytest.mark.statement(62)
def test_the_log_format_is_merged(function):
    one = function()
    group = {"LogGroup": "/custom/group"}
    answer = one.client.update_function_configuration(FunctionName=one.name, LoggingConfig=group)
    assert answer["LoggingConfig"] == {"LogFormat": "Text", **group}
    one.wait_updated()
    answer = one.client.update_function_configuration(FunctionName=one.name, LoggingConfig={"LogFormat": "JSON"})
    levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    assert answer["LoggingConfig"] == {"LogFormat": "JSON", **levels, **group}
    one.wait_updated()
    answer = one.client.update_function_configuration(FunctionName=one.name, LoggingConfig={"LogFormat": "Text"})
    assert answer["LoggingConfig"] == {"LogFormat": "Text", **group}
    one.wait_updated()


def updates(one):
    """Both update operations, each as a call that takes more arguments."""
    return {
        "code": lambda **options: one.client.update_function_code(FunctionName=one.name, ZipFile=NEW, **options),
        "configuration": lambda **options: one.client.update_function_configuration(
            FunctionName=one.name, Description="x", **options
        ),
    }


@pytest.mark.statement(58)
@pytest.mark.parametrize("which", ["code", "configuration"])
def test_the_revision_must_be_the_latest(function, which):
    one = function()
    update = updates(one)[which]
    answer = refused(lambda: update(RevisionId="11111111-1111-4111-8111-111111111111"))
    assert answer == Refusal(412, "PreconditionFailedException", MISMATCH)
    update(RevisionId=one.configuration()["RevisionId"])
    one.wait_updated()


@pytest.mark.statement(69)
def test_a_dry_run_changes_nothing(function):
    one = function(OLD)
    before = one.configuration()
    answer = one.client.update_function_code(FunctionName=one.name, ZipFile=NEW, DryRun=True)
    assert answer["CodeSize"] == len(NEW)
    after = one.configuration()
    assert (after["CodeSha256"], after["RevisionId"]) == (before["CodeSha256"], before["RevisionId"])
    assert one.invoke().value() == "old"


@pytest.mark.statement(66)
def test_an_image_is_no_code_for_a_zip_function(function):
    one = function()
    message = "Please don't provide ImageUri when updating a function with packageType Zip."
    answer = refused(lambda: one.client.update_function_code(FunctionName=one.name, ImageUri="image:1"))
    assert answer == Refusal(400, "InvalidParameterValueException", message)


def test_updates_without_or_with_broken_code_leave_the_function_as_it_was(function):
    one = function(OLD)
    before = one.configuration()
    no_zip = "Could not unzip uploaded file. Please check your file, then try to upload again."
    answer = refused(lambda: one.client.update_function_code(FunctionName=one.name, ZipFile=b"not a zip"))
    assert answer == Refusal(400, "InvalidParameterValueException", no_zip)
    answer = refused(lambda: one.client.update_function_code(FunctionName=one.name))
    assert (answer.status, answer.code) == (400, "InvalidParameterValueException")
    after = one.configuration()
    assert (after["RevisionId"], after["CodeSha256"]) == (before["RevisionId"], before["CodeSha256"])
    assert one.invoke().value() == "old"


def breaks(value: str, member: str, constraint: str) -> Refusal:
    violation = f"Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    return Refusal(400, "ValidationException", f"1 validation error detected: {violation}")


def invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidParameterValueException", message)


RUNTIMES = (
    "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2]"
)


@pytest.mark.statement(59)
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (
            {"Role": "r1"},
            breaks(
                "r1",
                "role",
                "Member must satisfy regular expression pattern: "
                r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
            ),
        ),
        *(
            (
                {"Runtime": runtime},
                invalid(
                    f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
                    f"{RUNTIMES} or be a valid ARN"
                ),
            )
            for runtime in ("non-existent-runtime", "PYTHON3.9")
        ),
        ({"Timeout": 901}, breaks("901", "timeout", "Member must have value less than or equal to 900")),
        ({"MemorySize": 1}, breaks("1", "memorySize", "Member must have value greater than or equal to 128")),
        (
            {"Environment": {"Variables": {"LARGE": "x" * 4096}}},
            invalid(
                "Lambda was unable to configure your environment variables because the environment variables you have "
                f'provided exceeded the 4KB limit. String measured: {{"LARGE":"{"x" * 4096}"}}'
            ),
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_wrong_configurations_are_refused(server, probe, change, refusal):
    client = server.client(checks=False)
    assert refused(client.update_function_configuration, FunctionName=probe.name, **change) == refusal
    assert probe.configuration()["Timeout"] == 30


def test_what_is_missing_cannot_be_updated(server):
    client = server.client()
    expected = Refusal(
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nx",
    )
    assert refused(lambda: client.update_function_code(FunctionName="nx", ZipFile=NEW)) == expected
    assert refused(lambda: client.update_function_configuration(FunctionName="nx", Timeout=5)) == expected


def test_a_function_that_was_just_created_can_be_deleted(server):
    one = create(server)
    one.client.delete_function(FunctionName=one.name)
    assert refused(one.configuration).code == "ResourceNotFoundException"
