"""Upstreams that take connections and say nothing: nobody waits for them who does not have to."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

from harness.clients import refused
from harness.deployment import create, deploy
from harness.server import seconds_since
from harness.witness import WITNESSED, Witness


def test_invocations_do_not_wait_for_what_is_sent_along(own_server, silent):
    server = own_server(AWS_ENDPOINT_URL=silent)
    one = deploy(server)
    one.run("return 1")
    asked = time.monotonic()
    # Each writes to its log, is counted, and tells a trace.
    for number in range(50):
        assert one.run(f"print('line {number}'); return {number}").value() == number
    assert seconds_since(asked) < 10
    with ThreadPoolExecutor(max_workers=8) as callers:
        answers = list(callers.map(lambda number: one.run(f"return {number}").value(), range(64)))
    assert answers == list(range(64))
    asked = time.monotonic()
    server.terminate()
    assert server.wait(60) == 0
    assert seconds_since(asked) < 30


def test_a_destination_that_hangs_holds_up_nobody_else(own_server, silent, tmp_path):
    witness = Witness(tmp_path / "witness")
    server = own_server(AWS_ENDPOINT_URL_SQS=silent, LAMBDA_DOCKER_FLAGS=witness.flags)
    hung, other, told = (deploy(server, WITNESSED) for _ in range(3))
    queue = "arn:aws:sqs:us-east-1:000000000000:queue"
    for one, target in [(hung, queue), (other, told.configuration()["FunctionArn"])]:
        destination = {"OnSuccess": {"Destination": target}}
        one.client.put_function_event_invoke_config(FunctionName=one.name, DestinationConfig=destination)
    for number in range(20):
        hung.invoke({"number": number}, InvocationType="Event")
    # More than are told at the same time.
    witness.wait_for(hung.name, 20)
    asked = time.monotonic()
    other.invoke({"number": 1}, InvocationType="Event")
    (record,) = witness.wait_for(told.name, 1)
    assert record["event"]["responsePayload"] == {"did": 1}
    assert seconds_since(asked) < 8, "less than a service may take to answer"
    assert hung.invoke({"number": 20}).value() == {"did": 20}
    server.wait_for_log("a destination was not told; it is tried again")
    asked = time.monotonic()
    server.terminate()
    assert server.wait(60) == 0
    assert seconds_since(asked) < 10


def test_code_that_never_comes_is_told_of_in_time(own_server, silent):
    server = own_server(AWS_ENDPOINT_URL_S3=silent)
    asked = time.monotonic()
    refusal = refused(lambda: create(server, Code={"S3Bucket": "bucket", "S3Key": "key"}))
    assert seconds_since(asked) < 60
    assert "S3" in refusal.message, refusal
    assert server.client().list_functions()["Functions"] == []
    assert deploy(server).run("return 1").value() == 1


def test_calls_that_are_passed_on_hold_nothing_up(own_server, silent):
    server = own_server(AWS_ENDPOINT_URL=silent)
    one = deploy(server)
    with ThreadPoolExecutor(max_workers=20) as callers:
        for _ in range(20):
            callers.submit(list_queues, server)
        assert [one.run("return 1").value() for _ in range(5)] == [1] * 5


def list_queues(server) -> None:
    """Asks another service, without patience."""
    config = Config(read_timeout=5, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    sqs = boto3.client("sqs", endpoint_url=server.url, region_name="us-east-1", config=config, **keys)
    with contextlib.suppress(Exception):
        sqs.list_queues()
