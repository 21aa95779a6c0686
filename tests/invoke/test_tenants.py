"""Functions with tenant isolation: an environment is for one tenant, and everybody has to say whose call it is."""

import pytest

from harness.archives import PROBE, python
from harness.clients import refused
from harness.deployment import deployed
from harness.server import Lambdock
from harness.waiting import wait_until
from harness.wire import Refusal
from harness.witness import INSIDE, Witness

PER_TENANT = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}
WHERE = "import os; return [os.environ['AWS_LAMBDA_LOG_STREAM_NAME'], invocations, context.tenant_id]"
MISSING = Refusal(
    400,
    "InvalidParameterValueException",
    "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.",
)
NOT_WANTED = Refusal(
    400,
    "InvalidParameterValueException",
    "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try "
    "again.",
)
NOTING = python(
    f"""
import json
import os

def handler(event, context):
    with open("{INSIDE}/" + os.environ["AWS_LAMBDA_FUNCTION_NAME"], "a") as file:
        stream = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        file.write(json.dumps({{"tenant": context.tenant_id, "stream": stream}}) + "\\n")
    if event.get("fail"):
        raise RuntimeError("no luck")
"""
)


@pytest.fixture(scope="module")
def witness(tmp_path_factory) -> Witness:
    return Witness(tmp_path_factory.mktemp("witness"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, witness):
    settings = {"LAMBDA_DOCKER_FLAGS": witness.flags, "LAMBDA_RETRY_BASE_DELAY_SECONDS": 1}
    with Lambdock(tmp_path_factory.mktemp("server"), **settings) as one:
        yield one


@pytest.fixture(scope="module")
def isolated(server):
    with deployed(server, PROBE, Timeout=30, **PER_TENANT) as one:
        yield one


def test_the_configuration_is_shown_wherever_functions_are(isolated, function):
    client = isolated.client
    published = client.publish_version(FunctionName=isolated.name)
    listed = [one for one in client.list_functions()["Functions"] if one["FunctionName"] == isolated.name]
    whole = client.get_function(FunctionName=isolated.name)["Configuration"]
    for shown in [isolated.configuration(), whole, published, *listed]:
        assert shown["TenancyConfig"] == PER_TENANT["TenancyConfig"]
    isolated.configure(Description="changed")
    assert isolated.configuration()["TenancyConfig"] == PER_TENANT["TenancyConfig"]
    assert "TenancyConfig" not in function().configuration()


def test_tenants_have_environments_of_their_own(isolated):
    blue, count, tenant = isolated.run(WHERE, TenantId="blue").value()
    assert (count, tenant) == (1, "blue")
    green, count, tenant = isolated.run(WHERE, TenantId="green").value()
    assert (count, tenant) == (1, "green")
    assert green != blue
    assert isolated.run(WHERE, TenantId="blue").value() == [blue, 2, "blue"]
    assert isolated.run(WHERE, TenantId="green").value() == [green, 2, "green"]


def test_environments_of_tenants_end_with_the_function(function):
    one = function(PROBE, **PER_TENANT)
    for tenant in ("a", "b"):
        one.run(WHERE, TenantId=tenant)
    assert len(one.containers()) == 2
    one.client.delete_function(FunctionName=one.name)
    wait_until(lambda: not one.containers(running=False), 30, "its containers are removed")


@pytest.mark.parametrize("how", ["RequestResponse", "Event", "DryRun"])
def test_who_is_not_named_or_not_wanted_is_refused(isolated, function, how):
    assert refused(lambda: isolated.invoke(InvocationType=how)) == MISSING
    assert refused(lambda: function().invoke(InvocationType=how, TenantId="blue")) == NOT_WANTED


def test_invoke_async_can_name_no_tenant(isolated):
    assert refused(lambda: isolated.client.invoke_async(FunctionName=isolated.name, InvokeArgs=b"{}")) == MISSING


def test_streams_belong_to_tenants_too(isolated, function):
    def stream(one, **options):
        answer = one.client.invoke_with_response_stream(
            FunctionName=one.name, Payload=b'{"run": "return context.tenant_id"}', **options
        )
        return [event["PayloadChunk"]["Payload"] for event in answer["EventStream"] if "PayloadChunk" in event]

    assert stream(isolated, TenantId="blue") == [b'"blue"']
    assert refused(lambda: stream(isolated)) == MISSING
    assert refused(lambda: stream(function(), TenantId="blue")) == NOT_WANTED


def notes(witness, one):
    """Whose invocations have run, and in which environments."""
    return [(note["tenant"], note["stream"]) for note in witness.runs(one.name)]


def test_events_run_in_the_environments_of_their_tenants(function, witness):
    one = function(NOTING, **PER_TENANT)
    for tenant in ("blue", "green", "blue"):
        one.invoke(InvocationType="Event", TenantId=tenant)
    seen = wait_until(lambda: len(found := notes(witness, one)) == 3 and found, 60, "all have run")
    assert sorted(tenant for tenant, _ in seen) == ["blue", "blue", "green"]
    environments = {tenant: {stream for whose, stream in seen if whose == tenant} for tenant in ("blue", "green")}
    assert not environments["blue"] & environments["green"]


def test_an_event_keeps_its_tenant_over_retries(function, witness):
    one = function(NOTING, **PER_TENANT)
    one.invoke({"fail": True}, InvocationType="Event", TenantId="red")
    seen = wait_until(lambda: len(found := notes(witness, one)) == 3 and found, 60, "it was tried three times")
    assert {tenant for tenant, _ in seen} == {"red"}


@pytest.mark.parametrize(
    ("feature", "use"),
    [
        ("SnapStart", lambda one: one.configure(SnapStart={"ApplyOn": "PublishedVersions"})),
        (
            "Provisioned Concurrency",
            lambda one: one.client.put_provisioned_concurrency_config(
                FunctionName=one.name,
                Qualifier=one.client.publish_version(FunctionName=one.name)["Version"],
                ProvisionedConcurrentExecutions=1,
            ),
        ),
        (
            "A function URL",
            lambda one: one.client.create_function_url_config(FunctionName=one.name, AuthType="NONE"),
        ),
        (
            "An event source",
            lambda one: one.client.create_event_source_mapping(
                FunctionName=one.name, EventSourceArn="arn:aws:sqs:us-east-1:000000000000:queue"
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_knows_no_tenants_is_refused(isolated, feature, use):
    message = f"{feature} is not supported for functions with tenancy configuration."
    assert refused(lambda: use(isolated)) == Refusal(400, "InvalidParameterValueException", message)
