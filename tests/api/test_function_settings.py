"""Runtime management, recursion and scaling configurations, and the list of runtimes."""

import pytest
import requests

from harness.clients import refused
from harness.wire import Refusal

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
# The 25 of LocalStack and one that is newer.
SUPPORTED = {
    *("nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"),
    *("python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"),
    *("java8.al2", "java11", "java17", "java21", "java25"),
    *("dotnet6", "dotnet8", "dotnet10"),
    *("ruby3.2", "ruby3.3", "ruby3.4", "ruby4.0"),
    *("provided.al2", "provided.al2023"),
}
DEPRECATED = {"java8", "go1.x", "provided", "ruby2.7", "nodejs12.x", "nodejs14.x", "python3.7", "dotnetcore3.1"}
RUNTIME = f"arn:aws:lambda:us-east-1::runtime:{'0' * 64}"


def shown(answer: dict) -> dict:
    del answer["ResponseMetadata"]
    return answer


@pytest.mark.statement(195)
def test_runtimes_are_managed_for_each_version(function):
    one = function()
    version = one.client.publish_version(FunctionName=one.name)["Version"]
    put, get = one.client.put_runtime_management_config, one.client.get_runtime_management_config
    latest = {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{SCOPE}:{one.name}:$LATEST"}
    assert shown(get(FunctionName=one.name)) == latest
    manual = {
        "UpdateRuntimeOn": "Manual",
        "RuntimeVersionArn": RUNTIME,
        "FunctionArn": f"{SCOPE}:{one.name}:{version}",
    }
    where = {"FunctionName": one.name, "Qualifier": version}
    assert shown(put(**where, UpdateRuntimeOn="Manual", RuntimeVersionArn=RUNTIME)) == manual
    assert shown(get(**where)) == manual
    assert shown(get(FunctionName=one.name)) == latest
    assert shown(put(**where, UpdateRuntimeOn="FunctionUpdate"))["UpdateRuntimeOn"] == "FunctionUpdate"
    assert "RuntimeVersionArn" not in get(**where)


def test_what_cannot_be_managed(server, function):
    one = function()
    client = server.client(checks=False)
    put, get = client.put_runtime_management_config, client.get_runtime_management_config
    without = refused(lambda: put(FunctionName=one.name, UpdateRuntimeOn="Manual"))
    needed = "RuntimeVersionArn is required when UpdateRuntimeOn is Manual."
    assert without == Refusal(400, "InvalidParameterValueException", needed)
    missing = Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx")
    assert refused(lambda: get(FunctionName="nx")) == missing
    assert refused(lambda: put(FunctionName="nx", UpdateRuntimeOn="Auto")) == missing
    no_version = Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:{one.name}:7")
    assert refused(lambda: get(FunctionName=one.name, Qualifier="7")) == no_version


@pytest.mark.statement(194)
def test_recursion_is_terminated_unless_it_is_allowed(server, function):
    one = function()
    get, put = one.client.get_function_recursion_config, one.client.put_function_recursion_config
    assert get(FunctionName=one.name)["RecursiveLoop"] == "Terminate"
    assert put(FunctionName=one.name, RecursiveLoop="Allow")["RecursiveLoop"] == "Allow"
    assert get(FunctionName=one.name)["RecursiveLoop"] == "Allow"
    assert put(FunctionName=one.name, RecursiveLoop="Terminate")["RecursiveLoop"] == "Terminate"
    client = server.client(checks=False)
    wrong = refused(lambda: client.put_function_recursion_config(FunctionName=one.name, RecursiveLoop="InvalidValue"))
    assert wrong == Refusal(
        400,
        "ValidationException",
        "1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member "
        "must satisfy enum value set: [Terminate, Allow]",
    )
    missing = Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx")
    assert refused(lambda: get(FunctionName="nx")) == missing


def test_functions_without_a_capacity_provider_are_not_scaled(function):
    one = function()
    one.client.publish_version(FunctionName=one.name)
    where = {"FunctionName": one.name, "Qualifier": "1"}
    refusal = Refusal(
        400,
        "InvalidParameterValueException",
        "FunctionScalingConfig isn't supported for Lambda Default functions.",
    )
    assert refused(lambda: one.client.get_function_scaling_config(**where)) == refusal
    put = one.client.put_function_scaling_config
    assert refused(lambda: put(**where, FunctionScalingConfig={"MinExecutionEnvironments": 1})) == refusal


@pytest.mark.statement(196)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", SUPPORTED),
        ("?filter=supported", SUPPORTED),
        ("?filter=deprecated", DEPRECATED),
        ("?filter=all", SUPPORTED | DEPRECATED),
        ("?filter=supported&filter=deprecated", SUPPORTED | DEPRECATED),
    ],
)
def test_runtimes_are_listed_by_their_support(server, query, expected):
    answer = requests.get(f"{server.url}/_aws/lambda/runtimes{query}", timeout=10)
    assert answer.status_code == 200
    assert sorted(answer.json()["Runtimes"]) == sorted(expected)
