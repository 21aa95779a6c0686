"""Images that have to be pulled, and images for other processors."""

import re

import pytest

from harness.deployment import create, deploy
from harness.waiting import wait_until

NOTHING_STANDS_BY = {"LAMBDOCK_STANDBY_CONTAINERS": 0, "LAMBDOCK_STANDBY_NETWORKS": 0}
"""What stands by holds on to the image that a test removes."""


@pytest.fixture
def server(own_server, registry):
    return own_server(LAMBDA_RUNTIME_IMAGE_MAPPING=f"{registry.address}/team/<runtime>", **NOTHING_STANDS_BY)


def failed(one) -> dict:
    return wait_until(lambda: (shown := one.configuration())["State"] == "Failed" and shown, 60, "State Failed")


@pytest.mark.statement(199)
def test_a_missing_image_is_pulled_once_and_its_progress_told(server, registry):
    registry.flowing.clear()
    functions = [create(server) for _ in range(3)]
    image = f"{registry.address}/team/python3.12"
    told = re.compile(rf"Pulling image {re.escape(image)}: \d+ of 1 layers, \d+ MB")

    def all_tell() -> bool:
        return all(told.fullmatch(one.configuration()["StateReason"]) for one in functions)

    wait_until(all_tell, 30, "all functions tell how far the pull is")
    assert {one.configuration()["State"] for one in functions} == {"Pending"}
    assert {one.configuration()["StateReasonCode"] for one in functions} == {"Creating"}
    registry.flowing.set()
    for one in functions:
        one.wait_active()
    assert registry.requests[registry.layer_digest] == 1
    create(server).wait_active()
    assert registry.requests[registry.layer_digest] == 1


def test_an_image_that_the_registry_lacks(server, registry):
    registry.misses = True
    shown = failed(create(server))
    assert shown["StateReasonCode"] == "InvalidImage"
    assert f"{registry.address}/team/python3.12" in shown["StateReason"]


def test_an_image_that_needs_a_login(server, registry):
    registry.denies = True
    shown = failed(create(server))
    assert shown["StateReasonCode"] == "ImageAccessDenied"
    assert f"{registry.address}/team/python3.12" in shown["StateReason"]


def test_an_image_for_another_processor(own_server):
    shown = failed(create(own_server(), Architectures=["arm64"]))
    assert shown["StateReasonCode"] == "InvalidImage"
    assert "amd64" in shown["StateReason"]
    assert "LAMBDA_IGNORE_ARCHITECTURE" in shown["StateReason"]


def test_the_architecture_can_be_ignored(own_server):
    one = deploy(own_server(LAMBDA_IGNORE_ARCHITECTURE=1), Architectures=["arm64"])
    assert one.run("return 1").value() == 1


def test_the_prefix_is_put_before_every_image(own_server, registry):
    server = own_server(
        LAMBDA_RUNTIME_IMAGE_MAPPING="team/<runtime>",
        DOCKER_GLOBAL_IMAGE_PREFIX=f"{registry.address}/",
        **NOTHING_STANDS_BY,
    )
    create(server).wait_active()
    assert registry.requests[registry.layer_digest] == 1
