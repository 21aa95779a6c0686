"""Durable functions on AWS's SDK; the event says which way to go."""

import os
from pathlib import Path

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration, InvokeConfig, StepConfig
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy

SECOND = Duration.from_seconds(1)
TWICE = StepConfig(retry_strategy=create_retry_strategy(RetryStrategyConfig(max_attempts=2, initial_delay=SECOND)))


def note(text):
    """Writes down that something was really done, where the test sees it."""
    with Path("/witness", os.environ["AWS_LAMBDA_FUNCTION_NAME"]).open("a") as file:
        file.write(f"{text}\n")


def done(name, value):
    def step(_context):
        note(name)
        return value

    return step


def steps(event, context):
    first = context.step(done("first", event["number"] + 1), name="first")
    context.wait(SECOND, name="nap")
    second = context.step(done("second", first * 2), name="second")
    return {"first": first, "second": second}


def failing_step(event, context):
    def fail(_context):
        note("attempt")
        raise ValueError("no luck")

    return context.step(fail, name="fails", config=TWICE)


def callback(event, context):
    timeout = Duration.from_seconds(event.get("timeout", 60))
    heartbeat = Duration.from_seconds(event.get("heartbeat", 0))
    waiting = context.create_callback(
        name="approval", config=CallbackConfig(timeout=timeout, heartbeat_timeout=heartbeat)
    )
    context.step(done(f"callback {waiting.callback_id}", None), name="tell")
    return waiting.result()


def chain(event, context):
    config = InvokeConfig(tenant_id=event.get("tenant"))
    return {"answer": context.invoke(event["function"], event["payload"], name="other", config=config)}


def whose(event, context):
    return {"mine": context.lambda_context.tenant_id, "named": event["name"]}


def children(event, context):
    def child(child_context):
        return child_context.step(done("in child", 7), name="in child")

    inside = context.run_in_child_context(child, name="child")
    squares = context.map(
        event["numbers"], lambda one, number, index, all_: one.step(lambda _: number * number), name="squares"
    )
    return {"inside": inside, "squares": squares.get_results()}


def sleep(event, context):
    context.wait(Duration.from_seconds(event["seconds"]), name="long nap")
    return "awake"


def many(event, context):
    for number in range(event["count"]):
        context.step(lambda _: "x" * event["bytes"], name=f"step-{number}")
    context.wait(SECOND)
    return sum(len(context.step(lambda _: "y", name=f"after-{number}")) for number in range(3))


def large(event, context):
    return "x" * event["bytes"]


def crash(event, context):
    context.step(done("before", 1), name="before")
    if not Path("/witness/crashed").exists():
        Path("/witness/crashed").touch()
        os._exit(3)
    return "survived"


WAYS = [steps, failing_step, callback, chain, whose, children, sleep, many, large, crash]


@durable_execution
def handler(event, context):
    return {way.__name__: way for way in WAYS}[event["way"]](event, context)
