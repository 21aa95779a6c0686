"""DeleteFunction."""

import pytest

from harness.archives import python
from harness.clients import refused
from harness.deployment import create, deploy
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, Refusal, refusal, send

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"


@pytest.mark.statement(71)
def test_a_deleted_function_is_gone_with_its_containers(server):
    one = deploy(server)
    one.run("return 1")
    assert len(one.containers()) == 1
    reply = send(server, "DELETE", f"{FUNCTIONS}/{one.name}")
    assert (reply.status, reply.body) == (204, b"")
    missing = f"Function not found: {SCOPE}:{one.name}"
    assert refused(one.configuration) == Refusal(404, "ResourceNotFoundException", missing)
    assert refused(one.invoke) == Refusal(404, "ResourceNotFoundException", f"{missing}:$LATEST")
    assert one.name not in [each["FunctionName"] for each in one.client.list_functions()["Functions"]]
    wait_until(lambda: not one.containers(running=False), what="its containers are removed")


def test_a_name_can_be_used_again_for_other_code(server):
    for answer in ["first", "second"]:
        one = create(server, python(f"def handler(event, context): return {answer!r}"), name="reborn").wait_active()
        assert one.invoke().value() == answer
        one.client.delete_function(FunctionName=one.name)


@pytest.mark.statement(72)
@pytest.mark.parametrize("query", ["", "?Qualifier=1", "?Qualifier=live"])
def test_what_is_missing_is_named_without_qualifier(server, query):
    answer = refusal(send(server, "DELETE", f"{FUNCTIONS}/nx{query}"))
    if query.endswith("live"):
        assert answer.message == "Deletion of aliases is not currently supported."
    else:
        assert answer == Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx")


@pytest.mark.statement(73)
def test_versions_that_do_not_exist_are_deleted_without_complaint(probe):
    assert (
        probe.client.delete_function(FunctionName=probe.name, Qualifier="7")["ResponseMetadata"]["HTTPStatusCode"]
        == 204
    )
    assert probe.configuration()["State"] == "Active"


@pytest.mark.statement(74, 75)
@pytest.mark.parametrize(
    ("qualifier", "message"),
    [
        ("$LATEST", "$LATEST version cannot be deleted without deleting the function."),
        ("live", "Deletion of aliases is not currently supported."),
    ],
)
def test_latest_and_aliases_are_not_deleted_alone(probe, qualifier, message):
    answer = refused(lambda: probe.client.delete_function(FunctionName=probe.name, Qualifier=qualifier))
    assert answer == Refusal(400, "InvalidParameterValueException", message)
    assert probe.configuration()["State"] == "Active"
