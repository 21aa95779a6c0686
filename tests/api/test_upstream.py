"""Calls of other services, which go to the upstream that the user names."""

import http.client
import os

import boto3
import botocore.config
import botocore.exceptions
import pytest

from harness.deployment import deploy
from harness.recording_upstream import RecordingUpstream
from harness.server import Lambdock, free_port
from harness.waiting import wait_until


def client(server: Lambdock, service: str):
    """A client of another service that talks to Lambdock."""
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


@pytest.fixture
def server(own_server, moto) -> Lambdock:
    """A server with an upstream."""
    return own_server(AWS_ENDPOINT_URL=moto.url)


def test_services_of_every_protocol_are_reached(server):
    queue = client(server, "sqs").create_queue(QueueName="q")
    assert queue["QueueUrl"].endswith("/q")
    topic = client(server, "sns").create_topic(Name="t")
    assert topic["TopicArn"] == "arn:aws:sns:eu-west-1:123456789012:t"
    table = client(server, "dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert table["TableDescription"]["TableName"] == "t"


def test_large_bodies_pass_both_ways(server):
    s3 = client(server, "s3")
    s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    content = os.urandom(30_000_000)
    s3.put_object(Bucket="a-bucket", Key="a b/ü", Body=content)
    assert s3.get_object(Bucket="a-bucket", Key="a b/ü")["Body"].read() == content
    assert s3.head_object(Bucket="a-bucket", Key="a b/ü")["ContentLength"] == len(content)


def test_a_call_is_passed_on_as_it_comes_and_costs_no_memory(own_server):
    megabytes = 64
    with RecordingUpstream(b"first", megabytes << 20) as upstream:
        server = own_server(AWS_ENDPOINT_URL_SQS=f"http://{upstream.address}")
        sent = {
            "Host": "queue.localhost.localstack.cloud:4566",
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/sqs/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400",
            "Content-Type": "application/x-amz-json-1.0",
            "User-Agent": "Boto3/1.0 md/Botocore#1.0",
            "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD",
            "X-Amz-Date": "20260101T000000Z",
            "X-Amz-Security-Token": "a+b/c==",
            "X-Amz-Target": "AmazonSQS.SendMessage",
            "Content-Length": str(megabytes << 20),
        }
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.putrequest("POST", "/a%2Fb?x=%20", skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders()
        before = server.resident_kib()
        piece = bytes(1 << 20)
        connection.send(piece)
        wait_until(lambda: upstream.received > 0, what="the first bytes are there before the last ones are sent")
        for _ in range(megabytes - 1):
            connection.send(piece)
        answer = connection.getresponse()
        assert answer.headers["x-amz-of-its-own"] == "yes"
        assert answer.read(5) == b"first", "it is here before the upstream writes more"
        held = server.resident_kib()
        upstream.release()
        assert len(answer.read()) == megabytes << 20
        connection.close()
        got = {name.lower(): value for name, value in upstream.headers}
        assert {name: got.get(name.lower()) for name in sent} == sent
        assert got.keys() - {name.lower() for name in sent} == {"x-lambdock-forwarded"}
        assert max(held, server.resident_kib()) - before < 16 * 1024


def test_errors_of_the_upstream_stay_as_they_are(server):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client(server, "s3").get_object(Bucket="nowhere", Key="k")
    assert refused.value.response["Error"]["Code"] == "NoSuchBucket"


def test_functions_reach_other_services_too(server):
    client(server, "sqs").create_queue(QueueName="from-a-function")
    one = deploy(server)
    source = """
    import json, os, urllib.request
    scope = "Credential=test/20260101/eu-west-1/sqs/aws4_request"
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        json.dumps({"QueueName": "from-a-function"}).encode(),
        {"X-Amz-Target": "AmazonSQS.GetQueueUrl", "Content-Type": "application/x-amz-json-1.0",
         "Authorization": "AWS4-HMAC-SHA256 " + scope + ", SignedHeaders=host, Signature=0"},
    )
    return json.load(urllib.request.urlopen(request, timeout=10))
    """
    assert one.run(source).value()["QueueUrl"].endswith("/from-a-function")


def test_one_service_can_have_an_upstream_of_its_own(own_server, moto):
    server = own_server(AWS_ENDPOINT_URL_SQS=moto.url)
    assert client(server, "sqs").list_queues()
    with pytest.raises(botocore.exceptions.ClientError, match="AWS_ENDPOINT_URL_SNS"):
        client(server, "sns").list_topics()


@pytest.mark.parametrize(
    ("service", "operation", "variable"),
    [
        ("sqs", "list_queues", "AWS_ENDPOINT_URL_SQS"),
        ("iam", "list_users", "AWS_ENDPOINT_URL_IAM"),
        ("s3", "list_buckets", "AWS_ENDPOINT_URL_S3"),
        ("stepfunctions", "list_state_machines", "AWS_ENDPOINT_URL_SFN"),
    ],
)
def test_without_an_upstream_the_answer_says_how_to_name_one(request, service, operation, variable):
    server = request.getfixturevalue("own_server")()
    with pytest.raises(botocore.exceptions.ClientError, match=variable):
        getattr(client(server, service), operation)()


def test_an_upstream_that_is_away_is_told(own_server):
    server = own_server(AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(botocore.exceptions.ClientError, match="does not answer") as away:
        client(server, "sqs").list_queues()
    assert away.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502


def test_lambdock_is_not_its_own_upstream(tmp_path):
    server = Lambdock(tmp_path)
    server.settings["AWS_ENDPOINT_URL"] = server.url
    with server, pytest.raises(botocore.exceptions.ClientError, match="no upstream is named"):
        client(server, "sqs").list_queues()
