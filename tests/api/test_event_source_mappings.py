"""Event source mappings as resources: their settings, states and conflicts."""

import time
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from harness.archives import PROBE
from harness.clients import refused
from harness.deployment import deploy, fresh_name
from harness.waiting import wait_until
from harness.wire import Refusal, refusal, send

SCOPE = "arn:aws:lambda:us-east-1:000000000000"
MISSING = "6f2c1b3e-1111-4222-8333-444455556666"
ACCESS = [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"}]
NOT_FOUND = Refusal(404, "ResourceNotFoundException", "The resource you requested does not exist.")
FIRST = {"StartingPosition": "TRIM_HORIZON"}


def invalid(message: str) -> Refusal:
    """An InvalidParameterValueException."""
    return Refusal(400, "InvalidParameterValueException", message)


def unsupported(name: str) -> Refusal:
    """What is said of a setting that the source does not have."""
    return invalid(f"Unsupported {name} parameter for given event source mapping type.")


NO_FUNCTION = invalid("Function does not exist")
LARGE_BATCH = invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")


def source(service: str, resource: str) -> str:
    """The ARN of an event source that no test uses yet."""
    return f"arn:aws:{service}:us-east-1:000000000000:{resource.format(fresh_name('r'))}"


def queue() -> str:
    """A queue."""
    return source("sqs", "{}")


def stream() -> str:
    """A stream of Kinesis."""
    return source("kinesis", "stream/{}")


def table() -> str:
    """The stream of a table."""
    return source("dynamodb", "table/{}/stream/2025-02-22T03:03:25.490")


def servers(*names: str) -> dict:
    """Self-managed Kafka."""
    return {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": list(names)}}


def plain(answer: dict) -> dict:
    """An answer without what is about the request."""
    return {member: value for member, value in answer.items() if member != "ResponseMetadata"}


@dataclass(frozen=True)
class Mappings:
    """The mappings of a client."""

    client: Any

    def create(self, function: str, arn: str | None = None, **options) -> dict:
        """CreateEventSourceMapping, waiting for nothing."""
        given = {"EventSourceArn": arn, **options} if arn else options
        return plain(self.client.create_event_source_mapping(FunctionName=function, **given))

    def made(self, function: str, arn: str | None = None, **options) -> dict:
        """The mapping, once it is created."""
        return self.settled(self.create(function, arn, **options)["UUID"])

    def refusal(self, function: str, arn: str | None = None, **options) -> Refusal:
        """Why it is not created."""
        return refused(lambda: self.create(function, arn, **options))

    def get(self, uuid: str) -> dict:
        """GetEventSourceMapping."""
        return plain(self.client.get_event_source_mapping(UUID=uuid))

    def settled(self, uuid: str) -> dict:
        """The mapping, once its transition is over."""

        def found():
            mapping = self.get(uuid)
            return mapping if mapping["State"] in ("Enabled", "Disabled") else None

        return wait_until(found, 15, f"{uuid} is settled")

    def update(self, uuid: str, **changes) -> tuple[dict, dict]:
        """What UpdateEventSourceMapping answers, and the mapping afterwards."""
        answer = plain(self.client.update_event_source_mapping(UUID=uuid, **changes))
        return answer, self.settled(uuid)

    def delete(self, uuid: str) -> dict:
        """What DeleteEventSourceMapping answers; the mapping is gone then."""
        deleted = plain(self.client.delete_event_source_mapping(UUID=uuid))
        wait_until(lambda: self.is_gone(uuid), 15, f"{uuid} is gone")
        return deleted

    def is_gone(self, uuid: str) -> bool:
        """Whether there is no such mapping."""
        try:
            self.get(uuid)
        except self.client.exceptions.ResourceNotFoundException:
            return True
        return False

    def listed(self, **filters) -> list[str]:
        """UUIDs of ListEventSourceMappings."""
        pages = self.client.get_paginator("list_event_source_mappings").paginate(**filters)
        return [mapping["UUID"] for page in pages for mapping in page["EventSourceMappings"]]


@pytest.fixture
def mappings(server) -> Mappings:
    """Mappings on the shared server."""
    return Mappings(server.client())


@pytest.fixture(scope="module")
def target(server) -> str:
    """The name of a function with a version and an alias, which all tests leave as it is."""
    one = deploy(server, PROBE)
    version = one.client.publish_version(FunctionName=one.name)["Version"]
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion=version)
    return one.name


def test_a_queue_has_its_defaults(mappings, target):
    arn = queue()
    before = time.time()
    made = mappings.create(target, arn)
    uuid = made["UUID"]
    assert before - 1 < made.pop("LastModified").timestamp() < time.time() + 1
    assert made == {
        "UUID": uuid,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": arn,
        "EventSourceMappingArn": f"{SCOPE}:event-source-mapping:{uuid}",
        "FunctionArn": f"{SCOPE}:function:{target}",
        "FunctionResponseTypes": [],
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
    }
    settled = mappings.settled(uuid)
    del settled["LastModified"]
    assert settled == {**made, "State": "Enabled"}


@pytest.mark.parametrize("make", [stream, table])
def test_streams_have_their_defaults(mappings, target, make):
    arn = make()
    made = mappings.create(target, arn, StartingPosition="LATEST")
    del made["LastModified"]
    assert made == {
        "UUID": made["UUID"],
        "StartingPosition": "LATEST",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "EventSourceArn": arn,
        "EventSourceMappingArn": f"{SCOPE}:event-source-mapping:{made['UUID']}",
        "FunctionArn": f"{SCOPE}:function:{target}",
        "LastProcessingResult": "No records processed",
        "State": "Creating",
        "StateTransitionReason": "User action",
        "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": -1,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
    }


def test_kafka_of_ones_own_has_its_defaults(mappings, target):
    kafka = {"SelfManagedEventSource": servers("kafka:1000"), "Topics": [fresh_name("t")]}
    missing = invalid("Required 'sourceAccessConfigurations' parameter is missing.")
    assert mappings.refusal(target, **kafka) == missing
    made = mappings.create(target, **kafka, SourceAccessConfigurations=ACCESS)
    del made["LastModified"]
    assert made == {
        **kafka,
        "UUID": made["UUID"],
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "EventSourceMappingArn": f"{SCOPE}:event-source-mapping:{made['UUID']}",
        "FunctionArn": f"{SCOPE}:function:{target}",
        "LastProcessingResult": "No records processed",
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "SourceAccessConfigurations": ACCESS,
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": made["UUID"]},
    }


def test_other_sources_are_taken_with_what_they_need(mappings, target):
    kafka = mappings.create(target, source("kafka", f"cluster/{{}}/{MISSING}-2"), Topics=["topic"])
    assert kafka["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": kafka["UUID"]}
    broker = mappings.create(
        target, source("mq", f"broker:{{}}:b-{MISSING}"), Queues=["q"], SourceAccessConfigurations=ACCESS
    )
    assert (broker["Queues"], broker["BatchSize"]) == (["q"], 100)
    documents = mappings.create(
        target,
        source("rds", "cluster:{}"),
        StartingPosition="LATEST",
        SourceAccessConfigurations=ACCESS,
        DocumentDBEventSourceConfig={"DatabaseName": "d"},
    )
    assert documents["DocumentDBEventSourceConfig"] == {"DatabaseName": "d", "FullDocument": "Default"}


def test_settings_are_shown_as_they_were_given(mappings, target):
    given = {
        "StartingPosition": "AT_TIMESTAMP",
        "BatchSize": 7,
        "MaximumBatchingWindowInSeconds": 300,
        "ParallelizationFactor": 10,
        "FilterCriteria": {"Filters": [{"Pattern": '{"data": {"a": [1]}}'}]},
        "DestinationConfig": {"OnFailure": {"Destination": queue()}},
        "MaximumRecordAgeInSeconds": 60,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 0,
        "TumblingWindowInSeconds": 900,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
        "MetricsConfig": {"Metrics": ["EventCount"]},
    }
    made = mappings.made(target, stream(), **given, StartingPositionTimestamp=1_700_000_000.25)
    assert {member: made[member] for member in given} == given
    assert made["StartingPositionTimestamp"].timestamp() == 1_700_000_000.25
    listed = mappings.client.list_event_source_mappings(EventSourceArn=made["EventSourceArn"])
    assert listed["EventSourceMappings"] == [
        {member: value for member, value in made.items() if member != "FilterCriteria"}
    ]
    filtered = mappings.made(target, queue(), FilterCriteria=given["FilterCriteria"])
    listed = mappings.client.list_event_source_mappings(EventSourceArn=filtered["EventSourceArn"])
    assert listed["EventSourceMappings"] == [filtered]


def test_provisioned_pollers_have_their_defaults(mappings, target):
    made = mappings.create(target, queue(), ProvisionedPollerConfig={"MinimumPollers": 5})
    assert made["ProvisionedPollerConfig"] == {"MinimumPollers": 5, "MaximumPollers": 200}
    with_limit = mappings.refusal(
        target,
        queue(),
        ProvisionedPollerConfig={"MinimumPollers": 5},
        ScalingConfig={"MaximumConcurrency": 2},
    )
    assert with_limit.message.startswith("Provisioned mode for SQS ESM does not support maximum concurrency")
    few = mappings.refusal(target, queue(), ProvisionedPollerConfig={"MinimumPollers": 1})
    limits = "MinimumPollers should be between [2, 200] and MaximumPollers should be between [MinimumPollers, 10000]"
    assert few == invalid(limits)


def test_sources_that_nobody_reads_from(mappings):
    unrecognized = invalid("Unrecognized event source.")
    assert mappings.refusal("nx") == unrecognized
    assert mappings.refusal("nx", "arn:aws:s3:::bucket") == unrecognized
    assert mappings.refusal("nx", source("dynamodb", "table/{}")) == unrecognized


def test_successes_are_told_to_nobody(mappings, target):
    on_success = {"DestinationConfig": {"OnSuccess": {"Destination": queue()}}}
    for arn in (queue(), stream()):
        assert mappings.refusal("nx", arn, **on_success) == unsupported("DestinationConfig")
    uuid = mappings.made(target, stream(), **FIRST)["UUID"]
    assert refused(lambda: mappings.update(uuid, **on_success)) == unsupported("DestinationConfig")


def test_the_function_has_to_exist(mappings, target):
    for name in ("nx", f"{target}:nx", f"{target}:99", f"{target}:99abc"):
        assert mappings.refusal(name, queue()) == NO_FUNCTION
    uuid = mappings.made(target, queue())["UUID"]
    assert refused(lambda: mappings.update(uuid, FunctionName="nx")) == NO_FUNCTION
    elsewhere = mappings.refusal("arn:aws:lambda:us-east-1:111111111111:function:f", queue())
    assert elsewhere.code == "AccessDeniedException"


def test_settings_are_judged_before_the_function(mappings):
    assert mappings.refusal("nx", queue(), BatchSize=11) == LARGE_BATCH


def test_streams_begin_somewhere(mappings, server):
    null = invalid(
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
        "Member must not be null."
    )
    for arn in (stream(), table()):
        assert mappings.refusal("nx", arn) == null
        unknown = mappings.refusal("nx", arn, StartingPosition="invalid")
        assert unknown == Refusal(
            400,
            "ValidationException",
            "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy constraint: "
            "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        )
    arn = table()
    at_timestamp = mappings.refusal("nx", arn, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=1)
    assert at_timestamp == invalid(f"Unsupported starting position for arn type: {arn}")
    body = {"FunctionName": "nx", "EventSourceArn": arn}
    for path in ("event-source-mappings", "event-source-mappings/"):
        assert refusal(send(server, "POST", f"/2015-03-31/{path}", body)) == null


def test_large_batches_of_queues_need_a_window(mappings, target):
    arn = queue()
    assert mappings.refusal(target, arn, BatchSize=11) == LARGE_BATCH
    made = mappings.made(target, arn, BatchSize=10)
    assert refused(lambda: mappings.update(made["UUID"], BatchSize=11)) == LARGE_BATCH
    assert mappings.get(made["UUID"]) == made
    changed, _ = mappings.update(made["UUID"], BatchSize=10_000, MaximumBatchingWindowInSeconds=1)
    assert changed["BatchSize"] == 10_000
    only_window = {"MaximumBatchingWindowInSeconds": 0}
    assert refused(lambda: mappings.update(made["UUID"], **only_window)) == LARGE_BATCH
    assert mappings.create(target, stream(), **FIRST, BatchSize=100)["MaximumBatchingWindowInSeconds"] == 0


def test_fifo_queues_have_small_batches_and_no_window(mappings, target):
    arn = source("sqs", "{}.fifo")
    window = mappings.refusal(target, arn, MaximumBatchingWindowInSeconds=1)
    assert window == invalid("Batching window is not supported for FIFO queues")
    assert mappings.refusal(target, arn, BatchSize=11).code == "InvalidParameterValueException"
    assert mappings.create(target, arn, BatchSize=10)["BatchSize"] == 10


@pytest.mark.parametrize(
    ("make", "options", "name"),
    [
        (queue, {"MaximumRetryAttempts": 1}, "MaximumRetryAttempts"),
        (queue, {"DestinationConfig": {"OnFailure": {"Destination": queue()}}}, "DestinationConfig"),
        (queue, {"ParallelizationFactor": 1}, "ParallelizationFactor"),
        (queue, {"Topics": ["topic"]}, "Topics"),
        (stream, {**FIRST, "ScalingConfig": {"MaximumConcurrency": 2}}, "ScalingConfig"),
        (stream, {**FIRST, "Queues": ["q"]}, "Queues"),
    ],
)
def test_what_is_not_for_a_source_is_refused(mappings, target, make, options, name):
    assert mappings.refusal(target, make(), **options) == unsupported(name)


@pytest.mark.parametrize("limit", [1, 1001])
def test_the_concurrency_of_a_queue_has_limits(server, target, limit):
    client = server.client(checks=False)
    outside = refused(
        lambda: client.create_event_source_mapping(
            FunctionName=target, EventSourceArn=queue(), ScalingConfig={"MaximumConcurrency": limit}
        )
    )
    assert (outside.status, outside.code) == (400, "ValidationException")
    assert "scalingConfig.maximumConcurrency" in outside.message


@pytest.mark.parametrize("age", [0, 59])
def test_records_live_for_a_minute_at_least(mappings, target, age):
    refusal_ = mappings.refusal(target, stream(), **FIRST, MaximumRecordAgeInSeconds=age)
    assert refusal_.code == "InvalidParameterValueException"


@pytest.mark.parametrize(
    "pattern",
    [
        "null",
        "simple string",
        '[{"eventName": ["INSERT"=123}]',
        '{"eventSource":"aws:sqs"}',
        '{"eventSource":[]}',
        '{"body":[{"EXISTS":true}]}',
    ],
)
def test_patterns_have_to_be_patterns(mappings, target, pattern):
    faulty = {"FilterCriteria": {"Filters": [{"Pattern": pattern}]}}
    expected = invalid("Invalid filter pattern definition.")
    assert mappings.refusal(target, queue(), **faulty) == expected
    uuid = mappings.made(target, queue())["UUID"]
    assert refused(lambda: mappings.update(uuid, **faulty)) == expected


def test_there_are_so_many_filters(mappings, target):
    filters = [{"Pattern": '{"body":["x"]}'}] * 10
    made = mappings.create(target, queue(), FilterCriteria={"Filters": filters})
    assert made["FilterCriteria"] == {"Filters": filters}
    more = mappings.refusal(target, queue(), FilterCriteria={"Filters": [*filters, filters[0]]})
    assert more.code == "InvalidParameterValueException"


def test_empty_filters_are_none(mappings, target):
    for empty in ({"Filters": []}, {}):
        made = mappings.create(target, queue(), FilterCriteria=empty)
        assert "FilterCriteria" not in made


def test_a_mapping_that_does_not_exist(mappings):
    client = mappings.client
    assert refused(lambda: client.get_event_source_mapping(UUID=MISSING)) == NOT_FOUND
    assert refused(lambda: client.delete_event_source_mapping(UUID=MISSING)) == NOT_FOUND
    assert refused(lambda: client.update_event_source_mapping(UUID=MISSING, Enabled=False)) == NOT_FOUND


def test_errors_have_awss_form(server):
    path = "/2015-03-31/event-source-mappings"
    assert refusal(send(server, "GET", f"{path}/{MISSING}")) == NOT_FOUND
    body = {"FunctionName": "nx", "EventSourceArn": queue()}
    assert refusal(send(server, "POST", path, body)) == NO_FUNCTION


def test_the_status_says_that_it_is_begun(server, target):
    path = "/2015-03-31/event-source-mappings"
    made = send(server, "POST", path, {"FunctionName": target, "EventSourceArn": queue(), "Enabled": False})
    uuid = made.json()["UUID"]
    assert isinstance(made.json()["LastModified"], float)
    assert made.status == 202
    assert send(server, "GET", f"{path}/{uuid}").status == 200
    assert send(server, "GET", f"{path}/{uuid.upper()}").status == 200
    assert send(server, "PUT", f"{path}/{uuid}", {"BatchSize": 1}).status == 202
    mappings = Mappings(server.client())
    mappings.settled(uuid)
    deleted = send(server, "DELETE", f"{path}/{uuid}")
    assert (deleted.status, deleted.json()["State"], deleted.json()["BatchSize"]) == (202, "Deleting", 1)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("{}", "{}"),
        ("{}:$LATEST", "{}:$LATEST"),
        ("{}:1", "{}:1"),
        ("{}:live", "{}:live"),
        (f"{SCOPE}:function:{{}}", "{}"),
        (f"{SCOPE}:function:{{}}:1", "{}:1"),
        (f"{SCOPE}:function:{{}}:live", "{}:live"),
    ],
)
def test_the_function_is_shown_as_it_was_named(mappings, target, named, expected):
    made = mappings.made(named.format(target), queue())
    assert made["FunctionArn"] == f"{SCOPE}:function:{expected.format(target)}"


def test_updates_pass_through_the_states_that_say_what_they_do(mappings, target):
    made = mappings.create(target, queue(), Enabled=False)
    assert made["State"] == "Disabled"
    uuid = made["UUID"]

    def states(**changes):
        return tuple(mapping["State"] for mapping in mappings.update(uuid, **changes))

    assert states(Enabled=True) == ("Enabling", "Enabled")
    assert states(Enabled=True) == ("Updating", "Enabled")
    assert states(BatchSize=5) == ("Updating", "Enabled")
    assert states(Enabled=False) == ("Disabling", "Disabled")
    assert states(BatchSize=6) == ("Updating", "Disabled")


def test_updates_change_what_is_given(mappings, target):
    made = mappings.made(
        target,
        queue(),
        FilterCriteria={"Filters": [{"Pattern": '{"body":["x"]}'}]},
        ScalingConfig={"MaximumConcurrency": 2},
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    answer, changed = mappings.update(made["UUID"], BatchSize=5)
    assert answer["BatchSize"] == 5
    assert answer["LastModified"] > made["LastModified"]
    assert changed["LastModified"] >= answer["LastModified"]
    same = {"LastModified": made["LastModified"], "BatchSize": 10}
    assert {**changed, **same} == made
    _, emptied = mappings.update(made["UUID"], FilterCriteria={}, ScalingConfig={}, FunctionResponseTypes=[])
    assert "FilterCriteria" not in emptied
    assert "ScalingConfig" not in emptied
    assert emptied["FunctionResponseTypes"] == []
    _, elsewhere = mappings.update(made["UUID"], FunctionName=f"{target}:1")
    assert elsewhere["FunctionArn"] == f"{SCOPE}:function:{target}:1"


def test_a_destination_can_be_taken_away(mappings, target):
    destination = {"OnFailure": {"Destination": queue()}}
    made = mappings.made(target, stream(), **FIRST, DestinationConfig=destination)
    assert made["DestinationConfig"] == destination
    _, changed = mappings.update(made["UUID"], DestinationConfig={"OnFailure": {"Destination": ""}})
    assert changed["DestinationConfig"] == {"OnFailure": {}}
    fifo = {"OnFailure": {"Destination": source("sqs", "{}.fifo")}}
    assert refused(lambda: mappings.update(made["UUID"], DestinationConfig=fifo)).status == 400


def test_the_same_twice_is_a_conflict(mappings, function):
    one, other = function().name, function().name

    def conflict(message: str, uuid: str) -> Refusal:
        remedy = f"already exists. Please update or delete the existing mapping with UUID {uuid}"
        return Refusal(409, "ResourceConflictException", f"{message} {remedy}")

    arn = queue()
    uuid = mappings.made(one, arn)["UUID"]
    expected = conflict(f'An event source mapping with SQS arn (" {arn} ") and function (" {one} ")', uuid)
    assert mappings.refusal(one, arn) == expected
    second = mappings.made(other, arn)["UUID"]
    assert refused(lambda: mappings.update(second, FunctionName=one)) == expected
    for make in (stream, table):
        arn = make()
        uuid = mappings.made(one, arn, **FIRST)["UUID"]
        message = f'The event source arn (" {arn} ") and function (" {one} ") provided mapping'
        assert mappings.refusal(one, arn, **FIRST) == conflict(message, uuid)
        mappings.create(other, arn, **FIRST)
        mappings.delete(uuid)
        mappings.create(one, arn, **FIRST)


def test_one_function_reads_a_topic_once(mappings, function):
    name = function().name
    options = {"SourceAccessConfigurations": ACCESS}
    uuid = mappings.made(name, SelfManagedEventSource=servers("k:1"), Topics=["topic"], **options)["UUID"]
    again = mappings.refusal(
        name,
        SelfManagedEventSource=servers("k:1", "k:2"),
        Topics=["topic"],
        SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": "other"},
        **options,
    )
    assert again == Refusal(
        409,
        "ResourceConflictException",
        f'An event source mapping with event source ("k:1,k:2"), function ("{SCOPE}:function:{name}"), topics '
        f'("topic") already exists. Please update or delete the existing mapping with UUID {uuid}',
    )
    mappings.create(name, SelfManagedEventSource=servers("k:1"), Topics=["other"], **options)


def test_a_mapping_outlives_its_function(mappings, server):
    one = deploy(server)
    uuid = mappings.made(one.name, queue())["UUID"]
    before = mappings.get(uuid)
    one.client.delete_function(FunctionName=one.name)
    assert mappings.get(uuid) == before
    assert before["State"] == "Enabled"
    deleted = mappings.delete(uuid)
    assert {**deleted, "State": "Enabled", "LastModified": before["LastModified"]} == before


def test_a_mapping_outlives_its_alias(mappings, function):
    one = function()
    version = one.client.publish_version(FunctionName=one.name)["Version"]
    one.client.create_alias(FunctionName=one.name, Name="a", FunctionVersion=version)
    uuid = mappings.made(f"{one.name}:a", queue())["UUID"]
    one.client.delete_alias(FunctionName=one.name, Name="a")
    assert mappings.get(uuid)["State"] == "Enabled"
    _, changed = mappings.update(uuid, FunctionName=f"{one.name}:{version}")
    assert changed["FunctionArn"] == f"{SCOPE}:function:{one.name}:{version}"


@pytest.mark.statement(204)
def test_lists_are_of_functions_and_sources(own_server):
    server = own_server()
    mappings = Mappings(server.client())
    one, other = deploy(server).name, deploy(server).name
    version = mappings.client.publish_version(FunctionName=one)["Version"]
    first, second = queue(), stream()
    made = [
        mappings.made(name, arn, **(FIRST if arn is second else {}))["UUID"]
        for name, arn in [(one, first), (one, second), (other, first), (f"{one}:{version}", first)]
    ]
    assert mappings.listed() == made
    assert mappings.listed(PaginationConfig={"PageSize": 1}) == made
    assert mappings.listed(FunctionName=one) == made[:2]
    assert mappings.listed(FunctionName=f"{SCOPE}:function:{one}:{version}") == made[3:]
    assert mappings.listed(EventSourceArn=first) == [made[0], made[2], made[3]]
    assert mappings.listed(FunctionName=one, EventSourceArn=second) == [made[1]]
    assert mappings.listed(FunctionName="nx") == []
    assert mappings.listed(EventSourceArn=queue()) == []
    assert Mappings(server.client(region="eu-west-1")).listed() == []
    page = mappings.client.list_event_source_mappings(MaxItems=3)
    assert [mapping["UUID"] for mapping in page["EventSourceMappings"]] == made[:3]
    assert page["NextMarker"]
    wrong = refused(lambda: mappings.client.list_event_source_mappings(Marker="%%"))
    assert wrong.code == "InvalidParameterValueException"


def test_mappings_have_tags(mappings, target):
    client = mappings.client
    arn = mappings.made(target, queue(), Tags={"a": "1"})["EventSourceMappingArn"]

    def tags():
        return client.list_tags(Resource=arn)["Tags"]

    assert tags() == {"a": "1"}
    client.tag_resource(Resource=arn, Tags={"a": "2", "b": "3"})
    assert tags() == {"a": "2", "b": "3"}
    client.untag_resource(Resource=arn, TagKeys=["a", "nx"])
    assert tags() == {"b": "3"}
    mappings.delete(arn.rsplit(":", 1)[1])
    missing = Refusal(404, "ResourceNotFoundException", f"Event source mapping not found: {arn}")
    assert refused(tags) == missing
    assert refused(lambda: client.tag_resource(Resource=arn, Tags={"a": "1"})) == missing
    assert refused(lambda: client.untag_resource(Resource=arn, TagKeys=["a"])) == missing
    assert refused(lambda: client.list_tags(Resource=f"{arn}:alias")).code == "ValidationException"
    many = {str(number): "" for number in range(51)}
    assert mappings.refusal(target, queue(), Tags=many).code == "InvalidParameterValueException"


def test_a_transition_admits_no_other_and_goes_on_after_a_restart(own_server):
    server = own_server(LAMBDOCK_UPDATE_MS=600_000, PERSISTENCE=1)
    mappings = Mappings(server.client())
    name = deploy(server).name
    made = mappings.create(name, queue(), BatchSize=3, Tags={"a": "1"})
    uuid = made["UUID"]
    assert mappings.get(uuid) == made
    in_use = "Cannot {} the event source mapping because it is in use."
    updating = refused(lambda: mappings.client.update_event_source_mapping(UUID=uuid, Enabled=False))
    assert updating == Refusal(400, "ResourceInUseException", in_use.format("update"))
    deleting = refused(lambda: mappings.client.delete_event_source_mapping(UUID=uuid))
    assert deleting == Refusal(400, "ResourceInUseException", in_use.format("delete"))
    server.settings["LAMBDOCK_UPDATE_MS"] = "0"
    server.restart()
    enabled = mappings.settled(uuid)
    assert enabled["LastModified"] > made["LastModified"]
    assert {**enabled, "State": "Creating", "LastModified": made["LastModified"]} == made
    assert mappings.client.list_tags(Resource=made["EventSourceMappingArn"])["Tags"] == {"a": "1"}
    server.settings["LAMBDOCK_UPDATE_MS"] = "600000"
    server.restart()
    mappings.client.delete_event_source_mapping(UUID=uuid)
    assert mappings.get(uuid)["State"] == "Deleting"
    server.settings["LAMBDOCK_UPDATE_MS"] = "0"
    server.kill()
    server.start()
    wait_until(lambda: mappings.is_gone(uuid), 15, "the mapping is gone")


@pytest.fixture
def upstreamed(own_server, moto):
    """A server that has others to ask, and a function on it."""
    server = own_server(AWS_ENDPOINT_URL=moto.url)

    def client(service: str):
        return boto3.client(
            service,
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    return Mappings(server.client()), deploy(server, Timeout=60), client


def test_a_queue_has_to_exist_where_somebody_can_tell(upstreamed):
    mappings, one, client = upstreamed
    missing = invalid(
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
        "SQS Error Message: The specified queue does not exist."
    )
    assert mappings.refusal(one.name, queue()) == missing
    sqs = client("sqs")

    def made(**attributes) -> str:
        url = sqs.create_queue(QueueName=fresh_name("q"), Attributes=attributes)["QueueUrl"]
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    visibility = "Queue visibility timeout: {} seconds is less than Function timeout: {} seconds"
    hasty = made(VisibilityTimeout="30")
    assert mappings.refusal(one.name, hasty) == invalid(visibility.format(30, 60))
    patient = made(VisibilityTimeout="60")
    uuid = mappings.made(one.name, patient)["UUID"]
    one.configure(Timeout=61)
    one.client.publish_version(FunctionName=one.name)
    longer = refused(lambda: mappings.update(uuid, FunctionName=f"{one.name}:1"))
    assert longer == invalid(visibility.format(60, 61))


def test_a_stream_has_to_exist_where_somebody_can_tell(upstreamed):
    mappings, one, client = upstreamed
    for arn in (stream(), f"{stream()}/consumer/c:1", table()):
        assert mappings.refusal(one.name, arn, **FIRST) == invalid(f"Stream not found: {arn}")
    kinesis, name = client("kinesis"), fresh_name("s")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    arn = kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    assert mappings.create(one.name, arn, **FIRST)["EventSourceArn"] == arn
    made = client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    arn = made["TableDescription"]["LatestStreamArn"]
    assert mappings.create(one.name, arn, **FIRST)["EventSourceArn"] == arn
    assert mappings.refusal("nx", stream(), **FIRST) == NO_FUNCTION
