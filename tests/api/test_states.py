"""The state model where preparation takes time or fails: engines that hang, are missing, or lack the image."""

import json
import threading

import pytest
from botocore.exceptions import WaiterError

from harness import wire
from harness.archives import PROBE, python
from harness.clients import refused
from harness.deployment import create, deploy, request
from harness.server import image
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, Refusal, refusal, send

PENDING = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
FAILED = PENDING.replace("Pending", "Failed")
NEW = python("def handler(event, context): return 'new'")


@pytest.fixture
def slow(own_server, engine_proxy):
    """A server whose engine does not answer questions about images, until it is released."""
    server = own_server(DOCKER_HOST=engine_proxy.host)
    engine_proxy.hold_requests("/images/")
    yield server
    engine_proxy.release()


@pytest.mark.statement(70, 176)
def test_a_pending_function_refuses_work_until_it_is_active(slow, engine_proxy):
    one = create(slow)
    expected = Refusal(409, "ResourceConflictException", PENDING)
    assert refusal(send(slow, "POST", f"{FUNCTIONS}/{one.name}/invocations")) == expected
    assert refused(one.invoke) == expected
    assert refused(lambda: one.client.update_function_code(FunctionName=one.name, ZipFile=NEW)) == expected
    assert refused(lambda: one.client.update_function_configuration(FunctionName=one.name, Timeout=4)) == expected
    shown = one.configuration()
    assert (shown["State"], shown["StateReasonCode"]) == ("Pending", "Creating")
    assert shown["StateReason"]
    assert "LastUpdateStatus" not in shown

    engine_proxy.release()
    assert one.wait_active().run("return 'awake'").value() == "awake"


def test_a_pending_function_can_be_deleted(slow, engine_proxy):
    one = create(slow)
    one.client.delete_function(FunctionName=one.name)
    engine_proxy.release()
    assert refused(one.configuration).code == "ResourceNotFoundException"
    assert deploy(slow, name=one.name).run("return 1").value() == 1


@pytest.mark.statement(57, 68)
def test_the_old_code_serves_until_the_update_is_ready(own_server, engine_proxy):
    server = own_server(DOCKER_HOST=engine_proxy.host)
    one = deploy(server, python("def handler(event, context): return 'old'"))
    assert one.invoke().value() == "old"
    engine_proxy.hold_requests("/images/")
    # Another runtime, so that there is something to prepare.
    one.client.update_function_configuration(FunctionName=one.name, Runtime="python3.13", Description="next")
    try:
        status = one.configuration()["LastUpdateStatus"]
        assert status == "InProgress"
        assert one.invoke().value() == "old"
        busy = Refusal(
            409,
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource: "
            f"arn:aws:lambda:us-east-1:000000000000:function:{one.name}",
        )
        assert refused(lambda: one.client.update_function_code(FunctionName=one.name, ZipFile=NEW)) == busy
        assert refused(lambda: one.client.update_function_configuration(FunctionName=one.name, Timeout=4)) == busy
    finally:
        engine_proxy.release()
    wait_until(lambda: one.configuration()["LastUpdateStatus"] != "InProgress", 60)


def test_a_failed_update_leaves_the_old_code_serving(own_server, registry):
    registry.misses = True
    missing = f"{registry.address}/team/missing"
    images = json.dumps({"python3.12": image("python3.12"), "python3.13": missing})
    server = own_server(LAMBDA_RUNTIME_IMAGE_MAPPING=images)
    one = deploy(server, python("def handler(event, context): return 'old'"))
    one.client.update_function_configuration(FunctionName=one.name, Runtime="python3.13")
    shown = wait_until(
        lambda: (shown := one.configuration())["LastUpdateStatus"] == "Failed" and shown,
        60,
        "the update has failed",
    )
    assert shown["State"] == "Active"
    assert shown["LastUpdateStatusReasonCode"] == "InvalidImage"
    assert missing in shown["LastUpdateStatusReason"]
    assert one.invoke().value() == "old"
    one.configure(Runtime="python3.12", Description="mended")
    assert one.invoke().value() == "old"


@pytest.mark.statement(176)
def test_a_failed_function_refuses_work(own_server, registry):
    registry.misses = True
    server = own_server(LAMBDA_RUNTIME_IMAGE_MAPPING=f"{registry.address}/team/<runtime>")
    one = create(server)
    shown = wait_until(lambda: (shown := one.configuration())["State"] == "Failed" and shown, 60, "State Failed")
    assert shown["StateReasonCode"] == "InvalidImage"
    assert shown["LastUpdateStatus"] == "Failed"
    assert refused(one.invoke) == Refusal(409, "ResourceConflictException", FAILED)


def test_without_an_engine_functions_fail_and_say_how_to_mount_the_socket(own_server, tmp_path):
    server = own_server(DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock")
    one = create(server)
    shown = wait_until(lambda: (shown := one.configuration())["State"] == "Failed" and shown, 30, "State Failed")
    assert shown["StateReasonCode"] == "InternalError"
    assert "Docker not available" in shown["StateReason"]
    assert f"{tmp_path}/no-engine.sock" in shown["StateReason"]
    assert "-v /var/run/docker.sock:/var/run/docker.sock" in shown["StateReason"]

    assert refused(one.invoke) == Refusal(409, "ResourceConflictException", FAILED)
    assert server.health()["services"]["lambda"] == "running"
    assert [each["FunctionName"] for each in one.client.list_functions()["Functions"]] == [one.name]
    one.client.delete_function(FunctionName=one.name)
    assert refused(one.configuration).code == "ResourceNotFoundException"


def test_sdk_waiters_see_that_creation_has_failed(own_server, tmp_path):
    server = own_server(DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock")
    one = create(server)
    with pytest.raises(WaiterError, match="terminal failure state"):
        one.client.get_waiter("function_active_v2").wait(
            FunctionName=one.name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )


def test_only_one_of_many_simultaneous_creations_wins(server):
    name = "contested"
    replies = []
    body = request(name, PROBE)
    threads = [threading.Thread(target=lambda: replies.append(send(server, "POST", FUNCTIONS, body))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for reply in replies) == [201] + [409] * 7
    losers = {wire.refusal(reply) for reply in replies if reply.status == 409}
    assert losers == {Refusal(409, "ResourceConflictException", f"Function already exist: {name}")}
    server.client().delete_function(FunctionName=name)
