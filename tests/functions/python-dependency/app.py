"""Answers with the help of a dependency that travels in the archive."""

import json

from humanize import intcomma


def handler(event, context):
    numbers = json.loads(event["body"])
    first, second = int(numbers["num1"]), int(numbers["num2"])
    print(f"multiplying for {context.aws_request_id}")
    return {"statusCode": 200, "body": f"The product of {first} and {second} is {intcomma(first * second)}"}
