"""Who is told how an asynchronous invocation ended: destinations and dead-letter queues, played by moto."""

import json
import re
import socket

import pytest
import requests

from harness.deployment import deploy
from harness.moto import Moto
from harness.queues import ACCOUNT, REGION, Queue, aws
from harness.server import Lambdock
from harness.waiting import wait_until
from harness.wire import UUID
from harness.witness import WITNESSED, Witness

TIMESTAMP = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def witness(tmp_path_factory) -> Witness:
    return Witness(tmp_path_factory.mktemp("witness"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, moto, witness):
    """A server with moto beside it, that does not wait before it tries again."""
    settings = {
        "AWS_ENDPOINT_URL": moto.url,
        "LAMBDA_DOCKER_FLAGS": witness.flags,
        "LAMBDA_RETRY_BASE_DELAY_SECONDS": 0,
    }
    with Lambdock(tmp_path_factory.mktemp("server"), **settings) as one:
        yield one


@pytest.fixture
def one(server, function):
    return function(WITNESSED)


@pytest.fixture
def queue(moto, one) -> Queue:
    return Queue(moto, one.name)


def tell(one, success: str | None = None, failure: str | None = None, **settings) -> None:
    outcomes = {"OnSuccess": success, "OnFailure": failure}
    config = {outcome: {"Destination": arn} for outcome, arn in outcomes.items() if arn}
    one.client.put_function_event_invoke_config(FunctionName=one.name, DestinationConfig=config, **settings)


def later(one, event=None, **options) -> str:
    """The request id of an event."""
    return one.invoke(event or {}, InvocationType="Event", **options).request_id


def arn(one, qualifier: str = "$LATEST") -> str:
    return f"arn:aws:lambda:{REGION}:000000000000:function:{one.name}:{qualifier}"


def context(one, request_id: str, condition: str, count: int) -> dict:
    return {
        "requestId": request_id,
        "functionArn": arn(one),
        "condition": condition,
        "approximateInvokeCount": count,
    }


@pytest.fixture(scope="module")
def patient(tmp_path_factory, moto):
    """A function with an event that has failed, and is tried again before it is a minute old, but only once.

    Until then there is time for other tests.
    """
    settings = {
        "AWS_ENDPOINT_URL": moto.url,
        "ENABLE_CONFIG_UPDATES": 1,
        "DEBUG": 1,
        "LAMBDA_RETRY_BASE_DELAY_SECONDS": 21,
    }
    with Lambdock(tmp_path_factory.mktemp("patient"), **settings) as server:
        one = deploy(server)
        queue = Queue(moto, one.name)
        tell(one, failure=queue.arn, MaximumEventAgeInSeconds=60)
        first = later(one, {"run": "raise ValueError"})
        server.wait_for_log("an event has failed")
        yield one, queue, first


@pytest.mark.statement(184)
def test_a_retry_that_would_come_too_late_is_not_waited_for(patient):
    one, queue, _ = patient
    setting = {"variable": "LAMBDA_RETRY_BASE_DELAY_SECONDS", "value": 61}
    assert requests.post(f"{one.server.url}/_localstack/config", json=setting, timeout=10).ok
    request_id = later(one, {"run": "raise ValueError"})
    record = json.loads(queue.receive()["Body"])
    assert record["requestContext"] == context(one, request_id, "EventAgeExceeded", 1)


@pytest.mark.statement(182)
def test_a_queue_hears_of_a_success(one, queue):
    tell(one, success=queue.arn, failure="arn:aws:sqs:us-east-1:123456789012:other")
    request_id = later(one, {"number": 1})
    message = queue.receive()
    record = json.loads(message["Body"])
    assert list(record) == [
        "version",
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    ]
    assert TIMESTAMP.fullmatch(record.pop("timestamp"))
    assert record == {
        "version": "1.0",
        "requestContext": context(one, request_id, "Success", 1),
        "requestPayload": {"number": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"did": 1},
    }
    assert message["Attributes"]["AWSTraceHeader"].startswith("Root=1-")
    assert "MessageAttributes" not in message


@pytest.mark.statement(183)
@pytest.mark.parametrize("attempts", [0, None])
def test_a_queue_hears_of_a_failure_after_all_attempts(one, queue, witness, attempts):
    tell(one, failure=queue.arn, **({} if attempts is None else {"MaximumRetryAttempts": attempts}))
    later(one, {"number": 0})
    request_id = later(one, {"number": 1, "fail": True})
    count = 3 if attempts is None else 1
    record = json.loads(queue.receive()["Body"])
    assert record["requestContext"] == context(one, request_id, "RetriesExhausted", count)
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "no luck"
    assert record["responsePayload"]["requestId"] == request_id
    assert queue.is_empty(), "nobody asked for successes"


@pytest.mark.statement(185)
def test_a_function_that_nobody_may_run_fails_at_once(one, queue, witness):
    tell(one, failure=queue.arn)
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=0)
    request_id = later(one, {"number": 1})
    record = json.loads(queue.receive()["Body"])
    assert TIMESTAMP.fullmatch(record.pop("timestamp"))
    assert record == {
        "version": "1.0",
        "requestContext": context(one, request_id, "ZeroReservedConcurrency", 0),
        "requestPayload": {"number": 1},
    }
    assert witness.runs(one.name) == []


@pytest.mark.statement(186)
def test_a_dead_letter_queue_gets_the_event_and_why(one, queue):
    one.configure(DeadLetterConfig={"TargetArn": queue.arn})
    request_id = later(one, {"fail": True, "message": "x" * 2000})
    message = queue.receive()
    assert json.loads(message["Body"]) == {"fail": True, "message": "x" * 2000}
    values = {name: (each["DataType"], each["StringValue"]) for name, each in message["MessageAttributes"].items()}
    assert values == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "x" * 1024),
    }


def test_a_dead_letter_queue_belongs_to_the_version(one, moto):
    first, second = Queue(moto, f"{one.name}-1"), Queue(moto, f"{one.name}-2")
    one.configure(DeadLetterConfig={"TargetArn": first.arn})
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    one.configure(DeadLetterConfig={"TargetArn": second.arn})
    for qualifier in ["1", "live"]:
        later(one, {"fail": True, "by": qualifier}, Qualifier=qualifier)
        assert json.loads(first.receive()["Body"])["by"] == qualifier
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=0)
    later(one, {"fail": True, "by": "no one"}, Qualifier="live")
    letter = first.receive()
    assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert second.is_empty()


def test_destination_and_dead_letter_queue_both_hear(one, queue, moto):
    letters = Queue(moto, f"{one.name}-letters")
    one.configure(DeadLetterConfig={"TargetArn": letters.arn})
    tell(one, failure=queue.arn, MaximumRetryAttempts=0)
    later(one, {"fail": True})
    assert json.loads(queue.receive()["Body"])["requestPayload"] == {"fail": True}
    assert json.loads(letters.receive()["Body"]) == {"fail": True}


def test_a_topic_hears_and_takes_dead_letters(one, queue, moto):
    sns = aws(moto, "sns")
    topic = sns.create_topic(Name=one.name)["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=raw)
    tell(one, success=topic)
    request_id = later(one, {"text": "grüße & more=1 🦀"})
    record = json.loads(queue.receive()["Body"])
    assert record["requestContext"] == context(one, request_id, "Success", 1)
    assert record["requestPayload"] == {"text": "grüße & more=1 🦀"}
    tell(one, MaximumRetryAttempts=0)
    one.configure(DeadLetterConfig={"TargetArn": topic})
    later(one, {"fail": True})
    letter = queue.receive()
    assert json.loads(letter["Body"]) == {"fail": True}
    assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "200"


def test_a_record_that_is_too_large_for_a_topic_comes_without_payloads(one, queue, moto):
    sns = aws(moto, "sns")
    topic = sns.create_topic(Name=one.name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    tell(one, success=topic)
    request_id = later(one, {"x": "x" * 300_000})
    record = json.loads(queue.receive()["Body"])
    assert record["requestContext"] == context(one, request_id, "Success", 1)
    assert "requestPayload" not in record and "responsePayload" not in record


def test_a_function_hears_as_an_event_of_its_own(one, function, witness):
    other = function(WITNESSED)
    other.client.publish_version(FunctionName=other.name)
    tell(one, success=arn(other, "1"))
    request_id = later(one, {"number": 1})
    (run,) = witness.wait_for(other.name, 1)
    assert run["event"]["requestContext"] == context(one, request_id, "Success", 1)
    assert (run["version"], run["arn"]) == ("1", arn(other, "1"))
    assert UUID.fullmatch(run["request_id"]) and run["request_id"] != request_id
    (before,) = witness.runs(one.name)
    assert before["trace"].split(";")[0] == run["trace"].split(";")[0], "one trace"


def test_functions_that_hear_of_each_other_are_ended(one, function, queue, witness):
    other = function(WITNESSED)
    tell(one, success=arn(other), failure=queue.arn)
    tell(other, success=arn(one))
    later(one)
    record = json.loads(queue.receive(60)["Body"])
    assert record["requestContext"]["condition"] == "RecursiveInvocation"
    assert "responseContext" not in record
    assert (len(witness.runs(one.name)), len(witness.runs(other.name))) == (16, 16)


@pytest.mark.statement(187)
def test_a_bus_hears_what_it_is_about(one, queue, moto):
    events = aws(moto, "events")
    bus = events.create_event_bus(Name=one.name)["EventBusArn"]
    events.put_rule(Name="all", EventBusName=one.name, EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule="all", EventBusName=one.name, Targets=[{"Id": "q", "Arn": queue.arn}])
    tell(one, success=bus, failure=bus, MaximumRetryAttempts=0)
    for event, kind, condition in [({}, "Success", "Success"), ({"fail": True}, "Failure", "RetriesExhausted")]:
        request_id = later(one, event)
        heard = json.loads(queue.receive()["Body"])
        assert (heard["source"], heard["detail-type"]) == ("lambda", f"Lambda Function Invocation Result - {kind}")
        assert heard["resources"] == [bus, arn(one)]
        assert heard["detail"]["requestContext"] == context(one, request_id, condition, 1)


@pytest.mark.statement(190)
def test_a_bucket_keeps_failures(one, moto):
    s3 = aws(moto, "s3")
    s3.create_bucket(Bucket=one.name)
    tell(one, failure=f"arn:aws:s3:::{one.name}", MaximumRetryAttempts=0)
    request_id = later(one, {"fail": True})
    (found,) = wait_until(lambda: s3.list_objects_v2(Bucket=one.name).get("Contents"), 30)
    prefix = f"aws/lambda/async/{one.name}/"
    assert re.fullmatch(prefix + r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3T\d\d\.\d\d\.\d\d-[0-9a-f-]{36}", found["Key"]), found[
        "Key"
    ]
    record = json.loads(s3.get_object(Bucket=one.name, Key=found["Key"])["Body"].read())
    assert record["requestContext"] == context(one, request_id, "RetriesExhausted", 1)


def test_a_destination_that_is_not_there_is_given_up_with_a_warning(one, server, moto):
    missing = f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing-{one.name}"
    tell(one, success=missing)
    later(one)
    wait_until(lambda: any(missing in line and "is not told" in line for line in server.log.splitlines()), 30)
    (line,) = [line for line in server.log.splitlines() if missing in line]
    assert "WARN" in line and "lost=" in line and "QueueDoesNotExist" in line


def test_without_an_upstream_a_warning_says_what_is_missing(own_server):
    server = own_server()
    one = deploy(server)
    one.client.put_function_event_invoke_config(
        FunctionName=one.name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}},
    )
    later(one, {"fail": True})
    server.wait_for_log("no upstream plays this service; AWS_ENDPOINT_URL names one")


def test_an_upstream_that_hangs_keeps_no_other_waiting(own_server, moto, witness):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        server = own_server(
            AWS_ENDPOINT_URL=moto.url,
            AWS_ENDPOINT_URL_SNS=f"http://127.0.0.1:{silent.getsockname()[1]}",
            LAMBDA_DOCKER_FLAGS=witness.flags,
        )
        hanging, other = deploy(server, WITNESSED), deploy(server, WITNESSED)
        tell(hanging, success=f"arn:aws:sns:{REGION}:{ACCOUNT}:t")
        queue = Queue(moto, other.name)
        tell(other, success=queue.arn)
        other.invoke({})
        for number in range(30):
            later(hanging, {"number": number})
        witness.wait_for(hanging.name, 30)
        later(other)
        assert queue.receive(8), "sooner than the time that an upstream has to answer"
        assert hanging.invoke({"number": 31}).value() == {"did": 31}


def test_an_upstream_that_comes_back_hears_after_all(own_server, witness):
    moto = Moto()
    settings = {"AWS_ENDPOINT_URL": moto.url, "LAMBDA_DOCKER_FLAGS": witness.flags, "PERSISTENCE": 1}
    server = own_server(**settings)
    one = deploy(server, WITNESSED)
    tell(one, success=f"arn:aws:sns:{REGION}:{ACCOUNT}:{one.name}")
    sent = [later(one, {"number": number}) for number in range(3)]
    server.wait_for_log("a destination was not told; it is tried again")
    server.kill()
    with moto:
        queue = Queue(moto, one.name)
        sns = aws(moto, "sns")
        topic = sns.create_topic(Name=one.name)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
        server.start()
        heard = {json.loads(queue.receive()["Body"])["requestContext"]["requestId"] for _ in sent}
        assert heard == set(sent)


@pytest.mark.statement(184)
def test_a_retry_that_comes_in_time_is_made(patient):
    one, queue, request_id = patient
    record = json.loads(queue.receive(60)["Body"])
    assert record["requestContext"] == context(one, request_id, "EventAgeExceeded", 2)
