"""Accounts and regions: stores of their own, chosen by the credentials."""

import pytest

from harness import model
from harness.archives import python
from harness.clients import refused
from harness.deployment import create
from harness.wire import FUNCTIONS, Refusal, refusal, send

WHO = python(
    """
import os

def handler(event, context):
    return [event, os.environ["AWS_REGION"], os.environ["AWS_ACCESS_KEY_ID"], context.invoked_function_arn]
"""
)


@pytest.fixture
def elsewhere(server):
    """A function `traveller` in another account and region."""
    one = create(server, WHO, client=server.client("000000000002", "eu-west-1"), name="traveller").wait_active()
    yield one
    one.client.delete_function(FunctionName=one.name)


def test_functions_live_in_one_account_and_region(server, elsewhere):
    arn = "arn:aws:lambda:eu-west-1:000000000002:function:traveller"
    assert elsewhere.configuration()["FunctionArn"] == arn
    for account, region in [("000000000002", "us-east-1"), ("test", "eu-west-1"), ("test", "us-east-1")]:
        client = server.client(account, region)
        missing = refused(lambda: client.get_function(FunctionName="traveller"))  # noqa: B023
        number = "000000000000" if account == "test" else account
        message = f"Function not found: arn:aws:lambda:{region}:{number}:function:traveller"
        assert missing == Refusal(404, "ResourceNotFoundException", message)
        assert "traveller" not in [each["FunctionName"] for each in client.list_functions()["Functions"]]


def test_the_function_knows_where_it_is(elsewhere):
    arn = "arn:aws:lambda:eu-west-1:000000000002:function:traveller"
    assert elsewhere.invoke(1).value() == [1, "eu-west-1", "000000000002", arn]


def test_the_same_name_may_exist_twice(server, elsewhere):
    double = create(server, python("def handler(event, context): return 'home'"), name="traveller").wait_active()
    assert double.invoke().value() == "home"
    assert elsewhere.invoke(2).value()[0] == 2
    double.client.delete_function(FunctionName="traveller")
    assert elsewhere.configuration()["State"] == "Active"


@pytest.mark.statement(181)
def test_an_arn_names_another_accounts_function(server, elsewhere):
    arn = "arn:aws:lambda:eu-west-1:000000000002:function:traveller"
    client = server.client("test", "eu-west-1")
    assert client.get_function(FunctionName=arn)["Configuration"]["FunctionArn"] == arn
    assert client.invoke(FunctionName=arn)["StatusCode"] == 200


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc"), ("af-south-1", "aws")],
)
def test_arns_are_of_the_regions_partition(server, region, partition):
    one = create(server, WHO, client=server.client(region=region)).wait_active()
    shown = one.configuration()
    arn = f"arn:{partition}:lambda:{region}:000000000000:function:{one.name}"
    assert shown["FunctionArn"] == arn
    version = shown["RuntimeVersionConfig"]["RuntimeVersionArn"]
    assert version.startswith(f"arn:{partition}:lambda:{region}::runtime:")
    assert one.client.get_function_configuration(FunctionName=arn)["FunctionName"] == one.name
    assert one.invoke(1).value() == [1, region, "000000000000", arn]
    one.client.delete_function(FunctionName=arn)


@pytest.mark.statement(181)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_arn_of_another_region_is_out_of_reach(server, method):
    arn = "arn:aws:lambda:eu-west-1:000000000000:function:f"
    message = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    expected = Refusal(404, "ResourceNotFoundException", message)
    assert refusal(send(server, method, f"{FUNCTIONS}/{arn}")) == expected
    assert refusal(send(server, "POST", f"{FUNCTIONS}/{arn}/invocations")) == expected


# AWS's list of operations that policies of functions can grant to others; and those that are Invoke in another form.
FOR_OTHERS = {
    "CreateAlias",
    "DeleteAlias",
    "DeleteFunction",
    "DeleteFunctionConcurrency",
    "DeleteFunctionEventInvokeConfig",
    "DeleteProvisionedConcurrencyConfig",
    "GetAlias",
    "GetFunction",
    "GetFunctionConcurrency",
    "GetFunctionConfiguration",
    "GetFunctionEventInvokeConfig",
    "GetPolicy",
    "GetProvisionedConcurrencyConfig",
    "Invoke",
    "InvokeAsync",
    "InvokeWithResponseStream",
    "ListAliases",
    "ListFunctionEventInvokeConfigs",
    "ListProvisionedConcurrencyConfigs",
    "ListTags",
    "ListVersionsByFunction",
    "PublishVersion",
    "PutFunctionConcurrency",
    "PutFunctionEventInvokeConfig",
    "PutProvisionedConcurrencyConfig",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateFunctionCode",
    "UpdateFunctionEventInvokeConfig",
}
WITH_A_FUNCTION = [name for name in model.OPERATIONS if {"FunctionName", "Resource"} & set(model.labels(name))]


@pytest.mark.parametrize("operation", [*WITH_A_FUNCTION, "CreateFunction", "CreateEventSourceMapping"])
def test_functions_of_other_accounts_are_for_some_operations(server, operation):
    arn = "arn:aws:lambda:us-east-1:111111111111:function:f"
    path = model.path(operation, FunctionName=arn, Resource=arn)
    answer = refusal(send(server, model.method(operation), path, {"FunctionName": arn}))
    denied = Refusal(403, "AccessDeniedException", None)
    assert (answer != denied) == (operation in FOR_OTHERS), answer
    if operation in FOR_OTHERS:
        assert answer.code in {"ResourceNotFoundException", "ValidationException", "InvalidParameterValueException"}


def test_operations_for_others_are_all_asked():
    assert not FOR_OTHERS - set(WITH_A_FUNCTION)


def test_without_credentials_it_is_localstacks_default_account(server):
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/nx", headers={"Authorization": ""}))
    assert answer.message == "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nx"


def test_account_ids_are_decoded_from_keys_when_asked_for(own_server):
    server = own_server(PARITY_AWS_ACCESS_KEY_ID=1)
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/nx", account="AKIARZPUZDIKGB2VALC4"))
    assert answer.message.endswith(":123456789012:function:nx")
