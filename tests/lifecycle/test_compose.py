"""`docker compose up`: Lambdock and moto, ready to be used together."""

import boto3
import pytest

from harness import compose, control_plane
from harness.archives import REPOSITORY, python
from harness.deployment import create

SENDING = python(
    """
import json, os, urllib.request

def handler(event, context):
    scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/{os.environ['AWS_REGION']}/sqs/aws4_request"
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        json.dumps({"QueueUrl": event["queue"], "MessageBody": event["message"]}).encode(),
        {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS.SendMessage",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        },
    )
    return json.load(urllib.request.urlopen(request, timeout=20))["MessageId"]
"""
)
"""Sends a message to a queue."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    if compose.command() is None:
        pytest.skip("neither `docker compose` nor `docker-compose` is here")
    folder = tmp_path_factory.mktemp("compose")
    (folder / "lambdock").mkdir()
    with (
        control_plane.image(folder / "lambdock") as lambdock,
        compose.moto_image(folder / "moto") as moto,
        compose.Pair(folder / "pair", lambdock, moto) as pair,
    ):
        yield pair


def client(pair, service: str):
    return boto3.client(
        service,
        endpoint_url=pair.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.mark.timeout(600)
def test_code_comes_from_s3_and_functions_send_to_sqs(pair):
    s3, sqs = client(pair, "s3"), client(pair, "sqs")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="f.zip", Body=SENDING)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    one = create(pair, Code={"S3Bucket": "code", "S3Key": "f.zip"}, Timeout=30).wait_active()
    sent = one.invoke({"queue": queue, "message": "hello"}).value()
    received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert [(message["MessageId"], message["Body"]) for message in received] == [(sent, "hello")]


def test_both_are_of_one_account(pair):
    identity = client(pair, "sts").get_caller_identity()
    assert identity["Account"] == "000000000000"


def test_moto_is_the_one_that_is_tested():
    def pinned(path: str) -> str:
        lines = (REPOSITORY / path).read_text().splitlines()
        return next(line for line in lines if line.startswith("moto[server]=="))

    assert pinned("images/moto/requirements.txt") == pinned("tests/requirements.txt")
