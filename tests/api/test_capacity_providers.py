"""Capacity providers, and the functions that are to run on them: here they run as all others do."""

import contextlib
import json
from collections.abc import Callable, Iterator

import pytest

from harness.archives import PROBE, python
from harness.clients import refused
from harness.deployment import PYTHON, ROLE, Function, fresh_name, settled
from harness.server import Lambdock, image
from harness.waiting import wait_until
from harness.wire import Refusal

ACCOUNT = "arn:aws:lambda:us-east-1:000000000000"
MANAGED = "python3.13"
OPERATOR = {"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/operator"}
NETWORK = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
PUBLISHED = "$LATEST.PUBLISHED"
CPU = "LambdaCapacityProviderAverageCPUUtilization"
IMAGES = {"LAMBDA_RUNTIME_IMAGE_MAPPING": json.dumps({name: image(PYTHON) for name in (PYTHON, MANAGED)})}
INSTANCES = "capacityProviderConfig.lambdaManagedInstancesCapacityProviderConfig"


def provide(client, name: str | None = None, **options) -> dict:
    """A capacity provider that need not be Active yet."""
    name = name or fresh_name("p")
    made = client.create_capacity_provider(
        CapacityProviderName=name, VpcConfig=NETWORK, PermissionsConfig=OPERATOR, **options
    )
    return made["CapacityProvider"]


def wait_for(client, arn: str) -> None:
    wait_until(lambda: shown(client, arn)["State"] == "Active", 15, f"{arn} is Active")


def shown(client, name: str) -> dict:
    return client.get_capacity_provider(CapacityProviderName=name)["CapacityProvider"]


def is_gone(client, name: str) -> bool:
    try:
        client.get_capacity_provider(CapacityProviderName=name)
    except client.exceptions.ResourceNotFoundException:
        return True
    return False


def instances(arn: str, **options) -> dict:
    return {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": arn, **options}}


def creation(arn: str, name: str, archive: bytes = PROBE, **options) -> dict:
    """What CreateFunction is given for a function on a provider; what is None is left out."""
    given = {
        "FunctionName": name,
        "Runtime": MANAGED,
        "Role": ROLE,
        "Handler": "index.handler",
        "Code": {"ZipFile": archive},
        "CapacityProviderConfig": instances(arn),
        **options,
    }
    return {member: value for member, value in given.items() if value is not None}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Lambdock]:
    """As for all other tests, with an image for a runtime that capacity providers take."""
    with Lambdock(tmp_path_factory.mktemp("server"), **IMAGES) as one:
        yield one


@pytest.fixture
def provider(server: Lambdock) -> Iterator[str]:
    """The ARN of an Active provider, without functions when the test is over."""
    client = server.client()
    arn = provide(client)["CapacityProviderArn"]
    wait_for(client, arn)
    yield arn
    client.delete_capacity_provider(CapacityProviderName=arn)


@pytest.fixture
def managed(server: Lambdock, provider: str) -> Iterator[Callable[..., Function]]:
    """Makes functions on the provider, which end with the test."""
    client, made = server.client(), []

    def make(archive: bytes = PROBE, **options) -> Function:
        one = Function(server, client, fresh_name())
        client.create_function(**creation(provider, one.name, archive, **options))
        made.append(one)
        return one

    yield make
    for one in made:
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            client.delete_function(FunctionName=one.name)


def configuration(one: Function, qualifier: str) -> dict:
    return one.client.get_function_configuration(FunctionName=one.name, Qualifier=qualifier)


def publish(one: Function, **options) -> str:
    """Publishes, and waits until it can be invoked."""
    version = one.client.publish_version(FunctionName=one.name, **options)["Version"]
    wait_ready(one, version)
    return version


def wait_ready(one: Function, version: str) -> None:
    def ready() -> bool:
        now = configuration(one, version)
        return settled(now, "State", "Active") and settled(now, "LastUpdateStatus", "Successful")

    wait_until(ready, 60, f"{one.name}:{version} is ready")


def invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidParameterValueException", message)


def violation(value: str, path: str, constraint: str) -> Refusal:
    message = f"1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: {constraint}"
    return Refusal(400, "ValidationException", message)


def test_a_provider_is_made_shown_changed_and_deleted(own_server):
    server = own_server(LAMBDOCK_UPDATE_MS=300)
    client = server.client()
    made = client.create_capacity_provider(
        CapacityProviderName="one",
        VpcConfig=NETWORK,
        PermissionsConfig=OPERATOR,
        InstanceRequirements={"Architectures": ["arm64"], "AllowedInstanceTypes": ["m7g.large"]},
        CapacityProviderScalingConfig={"MaxVCpuCount": 8},
        KmsKeyArn="arn:aws:kms:us-east-1:000000000000:key/k",
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    pending = made["CapacityProvider"]
    arn = f"{ACCOUNT}:capacity-provider:one"
    assert {**pending, "LastModified": None} == {
        "CapacityProviderArn": arn,
        "State": "Pending",
        "VpcConfig": NETWORK,
        "PermissionsConfig": OPERATOR,
        "InstanceRequirements": {"Architectures": ["arm64"], "AllowedInstanceTypes": ["m7g.large"]},
        "CapacityProviderScalingConfig": {"MaxVCpuCount": 8, "ScalingMode": "Auto"},
        "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
        "LastModified": None,
    }
    busy = refused(lambda: client.delete_capacity_provider(CapacityProviderName="one"))
    assert (busy.status, busy.code) == (409, "ResourceConflictException")
    wait_for(client, "one")
    assert shown(client, arn) == shown(client, "one"), "a name and an ARN are the same"

    policies = [{"PredefinedMetricType": CPU, "TargetValue": 50.5}]
    scaling = {"ScalingMode": "Manual", "ScalingPolicies": policies}
    updated = client.update_capacity_provider(CapacityProviderName="one", CapacityProviderScalingConfig=scaling)
    assert updated["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert shown(client, "one")["CapacityProviderScalingConfig"] == {"MaxVCpuCount": 8, **scaling}

    deleted = client.delete_capacity_provider(CapacityProviderName="one")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert deleted["CapacityProvider"]["State"] == "Deleting"
    assert refused(lambda: client.update_capacity_provider(CapacityProviderName="one")).status == 409
    used = refused(lambda: client.create_function(**creation(arn, "f")))
    assert (used.status, used.code) == (409, "ResourceConflictException"), "nothing is put on what goes"
    wait_until(lambda: is_gone(client, "one"), 15, "the provider is gone")
    missing = Refusal(404, "ResourceNotFoundException", f"Capacity provider not found: {arn}")
    assert refused(lambda: shown(client, "one")) == missing
    assert refused(lambda: client.delete_capacity_provider(CapacityProviderName=arn)) == missing


def test_a_name_is_given_once(server, provider):
    client = server.client()
    again = refused(lambda: provide(client, provider.split(":")[-1]))
    assert again == Refusal(409, "ResourceConflictException", f"Capacity provider already exists: {provider}")
    assert is_gone(server.client(region="eu-west-1"), provider.split(":")[-1]), "each region has its own"


@pytest.mark.parametrize(
    "options",
    [
        {"InstanceRequirements": {"AllowedInstanceTypes": ["m7i.large"], "ExcludedInstanceTypes": ["m7i.xlarge"]}},
        {"CapacityProviderScalingConfig": {"ScalingMode": "Manual"}},
        {"CapacityProviderScalingConfig": {"ScalingPolicies": [{"PredefinedMetricType": CPU, "TargetValue": 5.0}]}},
    ],
    ids=["types both allowed and excluded", "manual without policies", "automatic with policies"],
)
def test_what_cannot_be_is_refused(server, options):
    client = server.client()
    refusal = refused(lambda: provide(client, "impossible", **options))
    assert (refusal.status, refusal.code) == (400, "InvalidParameterValueException")
    assert is_gone(client, "impossible")


@pytest.mark.statement(204)
def test_providers_are_listed_by_name_in_pages_and_by_state(own_server):
    server = own_server(LAMBDOCK_UPDATE_MS=100)
    client = server.client()
    names = sorted(fresh_name("p") for _ in range(5))
    for name in names:
        provide(client, name)
    for name in names:
        wait_for(client, name)
    pages = client.get_paginator("list_capacity_providers").paginate(PaginationConfig={"PageSize": 2})
    listed = [[each["CapacityProviderArn"].split(":")[-1] for each in page["CapacityProviders"]] for page in pages]
    assert listed == [names[:2], names[2:4], names[4:]]
    active = client.list_capacity_providers(State="Active")["CapacityProviders"]
    assert [each["State"] for each in active] == ["Active"] * 5
    assert client.list_capacity_providers(State="Failed")["CapacityProviders"] == []


def test_a_provider_has_tags(server, provider):
    client = server.client()
    tagged = provide(client, Tags={"a": "1"})["CapacityProviderArn"]
    assert client.list_tags(Resource=tagged)["Tags"] == {"a": "1"}
    assert client.list_tags(Resource=provider)["Tags"] == {}
    client.tag_resource(Resource=provider, Tags={"b": "2", "c": "3"})
    client.untag_resource(Resource=provider, TagKeys=["c"])
    assert client.list_tags(Resource=provider)["Tags"] == {"b": "2"}
    wait_for(client, tagged)
    client.delete_capacity_provider(CapacityProviderName=tagged)


def test_latest_is_active_but_cannot_be_invoked(managed, provider):
    one = managed()
    latest = one.configuration()
    assert (latest["State"], latest["LastUpdateStatus"]) == ("ActiveNonInvocable", "Successful")
    assert latest["MemorySize"] == 2048
    assert latest["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": f"/aws/lambda/{one.name}",
    }
    assert "SnapStart" not in latest
    assert len(latest["ConfigSha256"]) == 64
    assert latest["CapacityProviderConfig"] == instances(
        provider, PerExecutionEnvironmentMaxConcurrency=16, ExecutionEnvironmentMemoryGiBPerVCpu=2.0
    )
    nothing = Refusal(
        400,
        "NoPublishedVersionException",
        "The function can't be invoked because no published version exists. For functions with capacity provider "
        "configuration, either publish a version to $LATEST.PUBLISHED, or specify a published version qualifier.",
    )
    assert refused(one.invoke) == nothing
    assert refused(lambda: one.invoke(Qualifier="$LATEST")) == nothing
    assert refused(lambda: one.invoke(InvocationType="Event")) == nothing
    missing = Refusal(
        404, "ResourceNotFoundException", f"Function not found: {ACCOUNT}:function:{one.name}:{PUBLISHED}"
    )
    assert refused(lambda: one.invoke(Qualifier=PUBLISHED)) == missing
    assert refused(lambda: configuration(one, PUBLISHED)) == missing


def test_creation_answers_with_a_pending_function(server, provider):
    client = server.client()
    name = fresh_name()
    made = client.create_function(**creation(provider, name))
    assert (made["ResponseMetadata"]["HTTPStatusCode"], made["State"], made["Version"]) == (201, "Pending", "$LATEST")
    assert (
        made["CapacityProviderConfig"]["LambdaManagedInstancesCapacityProviderConfig"]["CapacityProviderArn"]
        == provider
    )
    assert client.delete_function(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert refused(lambda: client.get_function(FunctionName=name)).status == 404


def test_what_is_published_runs(managed):
    one = managed()
    first = one.client.publish_version(FunctionName=one.name, PublishTo="LATEST_PUBLISHED")
    assert first["FunctionArn"] == f"{ACCOUNT}:function:{one.name}:{PUBLISHED}"
    assert (first["Version"], first["State"], first["StateReasonCode"]) == (PUBLISHED, "Pending", "Creating")
    wait_ready(one, PUBLISHED)
    look = "import os; return dict(os.environ), context.invoked_function_arn, context.function_version"
    for options in ({}, {"Qualifier": PUBLISHED}):
        answer = one.run(look, **options)
        environment, arn, version = answer.value()
        assert (arn, version) == (first["FunctionArn"], PUBLISHED)
        assert answer.version == PUBLISHED
        assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "lambda-managed-instances"
        assert environment["AWS_LAMBDA_MAX_CONCURRENCY"] == "16"
        assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "2048"
        assert environment["TZ"] == ":/etc/localtime"
    assert refused(lambda: one.invoke(Qualifier="$LATEST")) == invalid(
        "Functions configured with capacity provider configuration can't be invoked with $LATEST qualifier. To invoke "
        "this function, specify a published version qualifier or $LATEST.PUBLISHED."
    )
    assert publish(one) == "1", "numbers go their own way"
    assert one.run("return context.function_version", Qualifier="1").value() == "1"


def test_latest_published_changes_when_it_is_published_again(managed):
    one = managed(python("def handler(event, context): return 'old'"))
    publish(one, PublishTo="LATEST_PUBLISHED")
    one.replace_code(python("def handler(event, context): return 'new'"))
    assert one.configuration()["State"] == "ActiveNonInvocable"
    assert one.invoke().value() == "old"
    again = one.client.publish_version(FunctionName=one.name, PublishTo="LATEST_PUBLISHED", Description="second")
    assert (again["State"], again["LastUpdateStatus"]) == ("Active", "InProgress")
    assert (again["LastUpdateStatusReasonCode"], again["LastUpdateStatusReason"]) == (
        "Updating",
        "The function is being updated.",
    )
    wait_ready(one, PUBLISHED)
    assert one.invoke().value() == "new"
    same = one.client.publish_version(FunctionName=one.name, PublishTo="LATEST_PUBLISHED", Description="third")
    assert same["Description"] == "second", "without an update nothing is published"


def test_a_function_can_be_published_as_it_is_made_and_with_its_code(managed):
    one = managed(python("def handler(event, context): return 'old'"), Publish=True, PublishTo="LATEST_PUBLISHED")
    wait_ready(one, PUBLISHED)
    assert one.invoke().value() == "old"
    updated = one.client.update_function_code(
        FunctionName=one.name,
        ZipFile=python("def handler(event, context): return 'new'"),
        Publish=True,
        PublishTo="LATEST_PUBLISHED",
    )
    assert (updated["Version"], updated["LastUpdateStatus"]) == (PUBLISHED, "InProgress")
    wait_ready(one, PUBLISHED)
    assert one.invoke().value() == "new"


def test_versions_are_listed_and_deleted_by_their_names(managed):
    one = managed()
    publish(one, PublishTo="LATEST_PUBLISHED")
    publish(one)
    pages = one.client.get_paginator("list_versions_by_function").paginate(
        FunctionName=one.name, PaginationConfig={"PageSize": 1}
    )
    assert [version["Version"] for page in pages for version in page["Versions"]] == ["$LATEST", PUBLISHED, "1"]
    functions = one.client.get_paginator("list_functions").paginate(
        FunctionVersion="ALL", PaginationConfig={"PageSize": 1}
    )
    listed = [each["FunctionArn"] for page in functions for each in page["Functions"]]
    arn = f"{ACCOUNT}:function:{one.name}"
    assert [each for each in listed if each.startswith(f"{arn}:")] == [
        f"{arn}:$LATEST",
        f"{arn}:{PUBLISHED}",
        f"{arn}:1",
    ]
    for version in (PUBLISHED, "1"):
        deleted = one.client.delete_function(FunctionName=one.name, Qualifier=version)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert refused(lambda version=version: configuration(one, version)).status == 404
    assert refused(one.invoke).code == "NoPublishedVersionException"


@pytest.mark.statement(204)
def test_versions_of_a_provider_are_listed_in_pages(server, provider, managed):
    functions = sorted((managed() for _ in range(2)), key=lambda one: one.name)
    for one in functions:
        publish(one, PublishTo="LATEST_PUBLISHED")
    publish(functions[0])
    pages = server.client().get_paginator("list_function_versions_by_capacity_provider")
    arns, states = [], set()
    for page in pages.paginate(CapacityProviderName=provider, PaginationConfig={"PageSize": 2}):
        assert page["CapacityProviderArn"] == provider
        assert len(page["FunctionVersions"]) <= 2
        arns += [version["FunctionArn"] for version in page["FunctionVersions"]]
        states |= {version["State"] for version in page["FunctionVersions"]}
    first, second = (f"{ACCOUNT}:function:{one.name}" for one in functions)
    assert arns == [
        f"{first}:$LATEST",
        f"{first}:{PUBLISHED}",
        f"{first}:1",
        f"{second}:$LATEST",
        f"{second}:{PUBLISHED}",
    ]
    assert states == {"ActiveNonInvocable", "Active"}
    used = refused(lambda: server.client().delete_capacity_provider(CapacityProviderName=provider))
    message = f"The capacity provider {provider} cannot be deleted while functions use it."
    assert used == Refusal(409, "ResourceConflictException", message)
    unknown = refused(
        lambda: server.client().list_function_versions_by_capacity_provider(CapacityProviderName="unknown")
    )
    assert unknown.code == "ResourceNotFoundException"


def test_scaling_is_kept_for_each_version(managed):
    one = managed()
    publish(one, PublishTo="LATEST_PUBLISHED")
    where = {"FunctionName": one.name, "Qualifier": PUBLISHED}
    get, put = one.client.get_function_scaling_config, one.client.put_function_scaling_config

    def scaling() -> dict:
        answer = get(**where)
        assert answer["FunctionArn"] == f"{ACCOUNT}:function:{one.name}:{PUBLISHED}"
        assert answer.get("AppliedFunctionScalingConfig") == answer.get("RequestedFunctionScalingConfig")
        return answer.get("RequestedFunctionScalingConfig")

    assert scaling() is None
    wanted = {"MinExecutionEnvironments": 2, "MaxExecutionEnvironments": 4}
    answer = put(**where, FunctionScalingConfig=wanted)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["FunctionState"]) == (202, "Active")
    assert scaling() == wanted
    impossible = {"MinExecutionEnvironments": 5, "MaxExecutionEnvironments": 4}
    assert refused(lambda: put(**where, FunctionScalingConfig=impossible)) == invalid(
        "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments."
    )
    assert scaling() == wanted
    put(**where)
    assert scaling() is None
    missing = refused(lambda: get(FunctionName=one.name, Qualifier="7"))
    message = f"Function not found: {ACCOUNT}:function:{one.name}:7"
    assert missing == Refusal(404, "ResourceNotFoundException", message)


def test_a_provider_is_chosen_at_creation_and_changed_by_updates(server, provider, managed, function):
    client = server.client()
    one = managed(MemorySize=4096, CapacityProviderConfig=instances(provider, PerExecutionEnvironmentMaxConcurrency=3))
    before = one.configuration()
    assert before["MemorySize"] == 4096
    other = provide(client)["CapacityProviderArn"]
    one.configure(CapacityProviderConfig=instances(other, ExecutionEnvironmentMemoryGiBPerVCpu=4.5))
    after = one.configuration()
    assert after["CapacityProviderConfig"] == instances(
        other, PerExecutionEnvironmentMaxConcurrency=16, ExecutionEnvironmentMemoryGiBPerVCpu=4.5
    )
    assert after["ConfigSha256"] != before["ConfigSha256"]
    one.configure(Timeout=5400, MemorySize=32768)
    on_other = client.list_function_versions_by_capacity_provider(CapacityProviderName=other)["FunctionVersions"]
    assert [version["FunctionArn"] for version in on_other] == [f"{ACCOUNT}:function:{one.name}:$LATEST"]

    ordinary = function()
    assert refused(
        lambda: client.update_function_configuration(
            FunctionName=ordinary.name, CapacityProviderConfig=instances(provider)
        )
    ) == invalid("CapacityProviderConfig isn't supported for Lambda Default functions.")
    client.delete_function(FunctionName=one.name)
    wait_for(client, other)
    client.delete_capacity_provider(CapacityProviderName=other)


NULL = "Member must not be null"
ARN_PATTERN = (
    r"Member must satisfy regular expression pattern: arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?"
    r"-[a-z]+-\d{1}:\d{12}:capacity-provider:[a-zA-Z0-9-_]+"
)
LOG_LEVELS = (
    'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the '
    'LogFormat to "JSON" and try again.'
)


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"CapacityProviderConfig": {}}, violation("null", INSTANCES, NULL)),
        (
            {"CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {}}},
            violation("null", f"{INSTANCES}.capacityProviderArn", NULL),
        ),
        (
            {"CapacityProviderConfig": instances("one")},
            violation("'one'", f"{INSTANCES}.capacityProviderArn", ARN_PATTERN),
        ),
        (
            {"CapacityProviderConfig": instances(f"{ACCOUNT}:capacity-provider:unknown")},
            Refusal(
                404,
                "ResourceNotFoundException",
                f"Capacity provider not found: {ACCOUNT}:capacity-provider:unknown",
            ),
        ),
        (
            {"Runtime": PYTHON},
            invalid(f"Runtime Enum {PYTHON} does not support specified feature: Lambda Managed Instances"),
        ),
        ({"LoggingConfig": {"LogFormat": "Text"}}, invalid(LOG_LEVELS)),
        (
            {"SnapStart": {"ApplyOn": "PublishedVersions"}},
            invalid("SnapStart isn't supported for Lambda Managed Instances functions."),
        ),
        ({"Timeout": 5401}, violation("'5401'", "timeout", "Member must have value less than or equal to 5400")),
        (
            {"MemorySize": 32769},
            violation("'32769'", "memorySize", "Member must have value less than or equal to 32768"),
        ),
        (
            {"Timeout": 901, "CapacityProviderConfig": None},
            violation("'901'", "timeout", "Member must have value less than or equal to 900"),
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_functions_that_cannot_be_on_a_provider_are_refused(server, provider, options, refusal):
    client = server.client(checks=False)
    name = fresh_name()
    assert refused(lambda: client.create_function(**creation(provider, name, **options))) == refusal
    assert refused(lambda: client.get_function(FunctionName=name)).status == 404


def test_limits_of_updates_are_those_of_the_function(managed, function):
    update = {"Timeout": 1000}
    one = managed()
    assert one.client.update_function_configuration(FunctionName=one.name, **update)["Timeout"] == 1000
    ordinary = function()
    assert refused(
        lambda: ordinary.client.update_function_configuration(FunctionName=ordinary.name, **update)
    ) == violation("'1000'", "timeout", "Member must have value less than or equal to 900")


def test_providers_and_their_functions_are_found_again(own_server):
    server = own_server(PERSISTENCE=1, **IMAGES)
    client = server.client()
    arn = provide(client, "kept", Tags={"a": "1"})["CapacityProviderArn"]
    wait_for(client, arn)
    one = Function(server, client, "on-it")
    client.create_function(**creation(arn, one.name, Publish=True, PublishTo="LATEST_PUBLISHED"))
    wait_ready(one, PUBLISHED)
    scaling = {"MinExecutionEnvironments": 1, "MaxExecutionEnvironments": 2}
    where = {"FunctionName": one.name, "Qualifier": PUBLISHED}
    client.put_function_scaling_config(**where, FunctionScalingConfig=scaling)

    def everything() -> list:
        answers = [
            client.get_capacity_provider(CapacityProviderName=arn),
            client.list_tags(Resource=arn),
            client.get_function_configuration(FunctionName=one.name),
            client.get_function_configuration(**where),
            client.get_function_scaling_config(**where),
            client.list_function_versions_by_capacity_provider(CapacityProviderName=arn),
        ]
        return [{**answer, "ResponseMetadata": None} for answer in answers]

    before = everything()
    server.restart()
    assert everything() == before
    assert one.run("return context.function_version").value() == PUBLISHED
    client.delete_function(FunctionName=one.name)
    client.delete_capacity_provider(CapacityProviderName=arn)
    wait_until(lambda: is_gone(client, arn), 15, "the provider is gone")
    server.restart()
    assert is_gone(client, arn)


def test_a_transition_goes_on_after_a_restart(own_server):
    server = own_server(PERSISTENCE=1, LAMBDOCK_UPDATE_MS=1500)
    client = server.client()
    arn = provide(client)["CapacityProviderArn"]
    server.kill()
    server.start()
    wait_for(client, arn)
