"""Queues at moto, for what functions tell others."""

import boto3

from harness.moto import Moto
from harness.waiting import wait_until

ACCOUNT = "123456789012"
REGION = "us-east-1"


def aws(moto: Moto, service: str):
    """A client of a service that moto plays."""
    return boto3.client(
        service,
        endpoint_url=moto.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


class Queue:
    """A queue at moto."""

    def __init__(self, moto: Moto, name: str):
        self._sqs = aws(moto, "sqs")
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def take(self, most: int = 10) -> list[dict]:
        """Messages that are there now, which are not there any more."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url, AttributeNames=["All"], MessageAttributeNames=["All"], MaxNumberOfMessages=most
        )
        messages = answer.get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def receive(self, timeout: float = 30) -> dict:
        """The next message, once there is one."""
        (message,) = wait_until(lambda: self.take(1), timeout, f"a message in {self.arn}")
        return message

    def is_empty(self) -> bool:
        """Whether nothing is there now."""
        return "Messages" not in self._sqs.receive_message(QueueUrl=self.url)
