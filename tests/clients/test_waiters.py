"""All waiters of AWS's SDKs that the operations allow for."""

import pytest

from harness.deployment import create

FAST = {"Delay": 1, "MaxAttempts": 30}


@pytest.mark.statement(203)
@pytest.mark.parametrize(
    "waiter", ["function_exists", "function_active", "function_active_v2", "published_version_active"]
)
def test_waiters_for_a_new_function(server, waiter):
    one = create(server)
    qualifier = {"Qualifier": "$LATEST"} if waiter == "published_version_active" else {}
    one.client.get_waiter(waiter).wait(FunctionName=one.name, WaiterConfig=FAST, **qualifier)
    if waiter != "function_exists":
        assert one.configuration()["State"] == "Active"
    one.client.delete_function(FunctionName=one.name)


@pytest.mark.statement(203)
@pytest.mark.parametrize("waiter", ["function_updated", "function_updated_v2"])
def test_waiters_for_an_update(function, waiter):
    one = function()
    one.client.update_function_configuration(FunctionName=one.name, Description="new")
    one.client.get_waiter(waiter).wait(FunctionName=one.name, WaiterConfig=FAST)
    assert one.configuration()["LastUpdateStatus"] == "Successful"
