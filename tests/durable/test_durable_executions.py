"""Durable executions, driven by AWS's own SDK inside the function and by boto3 outside."""

import json
from pathlib import Path

import pytest
import requests

from harness.archives import fixture, python, zip_of
from harness.clients import refused
from harness.deployment import deploy
from harness.queues import Queue
from harness.server import Lambdock
from harness.waiting import wait_until
from harness.wire import Refusal

OPTIONS = {"Handler": "app.handler", "Timeout": 30, "MemorySize": 512}


class Durable:
    """A durable function."""

    def __init__(
        self,
        server,
        folder: Path,
        execution_timeout: int = 60,
        archive: bytes | None = None,
        name: str | None = None,
        **options,
    ):
        config = {"ExecutionTimeout": execution_timeout}
        archive = archive or fixture("durable-python")
        self.function = deploy(server, archive, name=name, DurableConfig=config, **OPTIONS, **options)
        self.client = self.function.client
        self.name = self.function.name
        self._notes = folder / self.name

    def notes(self) -> list[str]:
        """What it has really done."""
        return self._notes.read_text().splitlines() if self._notes.exists() else []

    def call(self, way: str, qualifier: str = "$LATEST", name: str | None = None, **event):
        """A synchronous invocation."""
        named = {} if name is None else {"DurableExecutionName": name}
        return self.function.invoke({"way": way, **event}, Qualifier=qualifier, **named)

    def start(self, way: str, name: str | None = None, **event) -> str:
        """An asynchronous invocation: the ARN of its execution."""
        named = {} if name is None else {"DurableExecutionName": name}
        answer = self.client.invoke(
            FunctionName=self.name,
            Qualifier="$LATEST",
            InvocationType="Event",
            Payload=json.dumps({"way": way, **event}),
            **named,
        )
        assert answer["StatusCode"] == 202
        return answer["DurableExecutionArn"]

    def get(self, arn: str) -> dict:
        """GetDurableExecution."""
        return self.client.get_durable_execution(DurableExecutionArn=arn)

    def end(self, arn: str, timeout: float = 30) -> dict:
        """The execution, once it has ended."""
        ended = lambda: (found := self.get(arn))["Status"] != "RUNNING" and found  # noqa: E731
        return wait_until(ended, timeout, "the execution ends")

    def history(self, arn: str, **options) -> list[dict]:
        """All events, page by page."""
        pages = self.client.get_paginator("get_durable_execution_history")
        return [event for page in pages.paginate(DurableExecutionArn=arn, **options) for event in page["Events"]]

    def callback_id(self) -> str:
        """The callback that it has asked for."""
        found = wait_until(lambda: [note for note in self.notes() if note.startswith("callback ")], 30)
        return found[-1].removeprefix("callback ")


@pytest.fixture(scope="module")
def witnessed(tmp_path_factory) -> Path:
    """A folder that functions write into."""
    folder = tmp_path_factory.mktemp("witness")
    folder.chmod(0o777)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory, witnessed):
    flags = f"-v {witnessed}:/witness"
    with Lambdock(tmp_path_factory.mktemp("server"), LAMBDA_DOCKER_FLAGS=flags) as one:
        yield one


@pytest.fixture(scope="module")
def durable(server, witnessed) -> Durable:
    """A durable function for all tests that do not mind the company."""
    return Durable(server, witnessed)


@pytest.fixture
def own(server, witnessed) -> Durable:
    """A durable function of one's own."""
    return Durable(server, witnessed)


def names(events: list[dict]) -> list[str]:
    return [event["EventType"] for event in events]


def test_steps_are_done_once_and_their_results_are_remembered(own):
    answer = own.call("steps", number=3)
    assert answer.value() == {"first": 4, "second": 8}
    assert own.notes() == ["first", "second"], "the replay after the wait has done nothing again"
    arn = answer.headers["x-amz-durable-execution-arn"]
    execution = own.get(arn)
    assert (execution["Status"], json.loads(execution["Result"])) == ("SUCCEEDED", answer.value())
    assert json.loads(execution["InputPayload"]) == {"way": "steps", "number": 3}
    assert execution["FunctionArn"] == f"{own.function.configuration()['FunctionArn']}:$LATEST"
    assert execution["Version"] == "$LATEST"
    assert execution["EndTimestamp"] >= execution["StartTimestamp"]
    assert names(own.history(arn)) == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


@pytest.mark.statement(204)
def test_history_comes_with_data_in_pages_and_backwards(durable):
    arn = durable.call("steps", number=1).headers["x-amz-durable-execution-arn"]
    plain, full = durable.history(arn), durable.history(arn, IncludeExecutionData=True)
    assert [event["EventId"] for event in plain] == list(range(1, len(plain) + 1))
    assert plain[0]["ExecutionStartedDetails"] == {"Input": {"Truncated": True}, "ExecutionTimeout": 60}
    assert json.loads(full[0]["ExecutionStartedDetails"]["Input"]["Payload"])["number"] == 1
    assert full[2]["StepSucceededDetails"]["Result"] == {"Payload": "2", "Truncated": False}
    assert full[2]["StepSucceededDetails"]["RetryDetails"]["CurrentAttempt"] == 1
    assert full[3]["WaitStartedDetails"]["Duration"] == 1
    paged = durable.history(arn, PaginationConfig={"PageSize": 3})
    assert paged == plain
    assert durable.history(arn, ReverseOrder=True, PaginationConfig={"PageSize": 4}) == plain[::-1]


def test_a_step_that_fails_is_tried_again_and_then_fails_the_execution(own):
    answer = own.call("failing_step")
    assert answer.error == "Unhandled"
    assert "no luck" in answer.json()["errorMessage"]
    assert own.notes() == ["attempt", "attempt"]
    arn = answer.headers["x-amz-durable-execution-arn"]
    execution = own.get(arn)
    assert execution["Status"] == "FAILED"
    assert "no luck" in execution["Error"]["ErrorMessage"]
    failures = [event for event in own.history(arn) if event["EventType"] == "StepFailed"]
    retries = [event["StepFailedDetails"]["RetryDetails"] for event in failures]
    assert [retry["CurrentAttempt"] for retry in retries] == [1, 2]
    assert retries[0]["NextAttemptDelaySeconds"] >= 1


def test_a_callback_is_answered_from_outside(own):
    arn = own.start("callback")
    own.client.send_durable_execution_callback_success(CallbackId=own.callback_id(), Result=b'"approved"')
    assert json.loads(own.end(arn)["Result"]) == '"approved"'
    late = refused(
        lambda: own.client.send_durable_execution_callback_success(CallbackId=own.callback_id(), Result=b"1")
    )
    assert (late.status, late.code) == (400, "CallbackTimeoutException")


def test_a_callback_that_is_refused_fails_what_waits_for_it(own):
    arn = own.start("callback")
    error = {"ErrorType": "Rejected", "ErrorMessage": "not today"}
    own.client.send_durable_execution_callback_failure(CallbackId=own.callback_id(), Error=error)
    execution = own.end(arn)
    assert execution["Status"] == "FAILED"
    assert "not today" in execution["Error"]["ErrorMessage"]
    failed = [event for event in own.history(arn, IncludeExecutionData=True) if event["EventType"] == "CallbackFailed"]
    assert failed[0]["CallbackFailedDetails"]["Error"]["Payload"] == error


def test_a_callback_times_out_unless_somebody_shows_signs_of_life(own):
    arn = own.start("callback", heartbeat=2)
    callback_id = own.callback_id()
    own.client.send_durable_execution_callback_heartbeat(CallbackId=callback_id)
    execution = own.end(arn)
    assert execution["Status"] == "FAILED"
    assert "CallbackTimedOut" in names(own.history(arn))
    refusal = refused(lambda: own.client.send_durable_execution_callback_heartbeat(CallbackId=callback_id))
    assert refusal.code == "CallbackTimeoutException"


@pytest.mark.parametrize("callback_id", ["AAAA", "bm9ib2R5"])
def test_callbacks_that_nobody_asked_for_are_refused(durable, callback_id):
    refusal = refused(lambda: durable.client.send_durable_execution_callback_heartbeat(CallbackId=callback_id))
    assert (refusal.status, refusal.code) == (400, "CallbackTimeoutException")


def test_other_functions_are_invoked(server, durable):
    plain = deploy(server, python("def handler(event, context): return {'seen': event}"))
    assert durable.call("chain", function=plain.name, payload=[1]).value() == {"answer": {"seen": [1]}}
    failing = deploy(server, python("def handler(event, context): raise ValueError('theirs')"))
    failed = durable.call("chain", function=failing.name, payload=1)
    assert failed.error == "Unhandled"
    assert "theirs" in failed.json()["errorMessage"]
    missing = durable.call("chain", function="no-such-function", payload=1)
    assert "Function not found" in missing.json()["errorMessage"]


def test_durable_functions_invoke_each_other(durable):
    target = f"{durable.name}:$LATEST"
    answer = durable.call("chain", function=target, payload={"way": "steps", "number": 1})
    assert answer.value() == {"answer": {"first": 2, "second": 4}}
    arn = answer.headers["x-amz-durable-execution-arn"]
    started = [event for event in durable.history(arn) if event["EventType"] == "ChainedInvokeStarted"]
    child = durable.get(started[0]["ChainedInvokeStartedDetails"]["DurableExecutionArn"])
    assert child["Status"] == "SUCCEEDED"
    unqualified = durable.call("chain", function=durable.name, payload={})
    assert "unqualified ARN" in unqualified.json()["errorMessage"]


def test_contexts_within_contexts(durable):
    answer = durable.call("children", numbers=[1, 2, 3])
    assert answer.value() == {"inside": 7, "squares": [1, 4, 9]}
    history = durable.history(answer.headers["x-amz-durable-execution-arn"])
    child = next(event for event in history if event.get("Name") == "child")
    inside = next(event for event in history if event.get("Name") == "in child")
    assert (child["EventType"], inside["ParentId"]) == ("ContextStarted", child["Id"])


def test_a_state_that_is_larger_than_an_event_comes_in_pages(durable):
    answer = durable.call("many", count=14, bytes=500_000)
    assert answer.value() == 3


def test_a_function_that_dies_is_invoked_again_and_goes_on_where_it_was(own, witnessed):
    answer = own.call("crash")
    assert answer.value() == "survived"
    assert own.notes() == ["before"]
    history = own.history(answer.headers["x-amz-durable-execution-arn"], IncludeExecutionData=True)
    ends = [event["InvocationCompletedDetails"] for event in history if event["EventType"] == "InvocationCompleted"]
    assert [end.get("Error", {}).get("Payload", {}).get("ErrorType") for end in ends] == ["Runtime.ExitError", None]


def test_stopping(own):
    arn = own.start("sleep", seconds=3600)
    wait_until(lambda: "WaitStarted" in names(own.history(arn)), 30)
    error = {"ErrorType": "Enough", "ErrorMessage": "it takes too long"}
    stopped = own.client.stop_durable_execution(DurableExecutionArn=arn, Error=error)["StopTimestamp"]
    execution = own.get(arn)
    assert (execution["Status"], execution["Error"]) == ("STOPPED", error)
    assert execution["EndTimestamp"] == stopped
    assert own.client.stop_durable_execution(DurableExecutionArn=arn)["StopTimestamp"] == stopped
    assert names(own.history(arn))[-1] == "ExecutionStopped"


def test_an_execution_that_takes_too_long_times_out(server, witnessed):
    one = Durable(server, witnessed, execution_timeout=3)
    answer = one.call("sleep", seconds=600)
    assert answer.error == "Unhandled"
    assert answer.json()["errorMessage"] == "Execution timed out after 3 seconds."
    assert one.get(answer.headers["x-amz-durable-execution-arn"])["Status"] == "TIMED_OUT"


def test_a_name_is_one_execution(own):
    first = own.call("steps", name="one", number=1)
    again = own.call("steps", name="one", number=1)
    assert first.headers["x-amz-durable-execution-arn"] == again.headers["x-amz-durable-execution-arn"]
    assert again.value() == first.value()
    assert own.notes() == ["first", "second"]
    assert own.start("steps", name="one", number=1) == first.headers["x-amz-durable-execution-arn"]
    refusal = refused(lambda: own.call("steps", name="one", number=2))
    assert (refusal.status, refusal.code) == (409, "DurableExecutionAlreadyStartedException")


@pytest.mark.statement(204)
def test_executions_are_listed_and_filtered(own):
    version = own.client.publish_version(FunctionName=own.name)["Version"]
    ended = [own.call("large", bytes=number).headers["x-amz-durable-execution-arn"] for number in range(3)]
    of_version = own.call("large", qualifier=version, name="of-version", bytes=1).headers["x-amz-durable-execution-arn"]
    running = own.start("sleep", seconds=3600)

    def listed(**options):
        pages = own.client.get_paginator("list_durable_executions_by_function")
        found = pages.paginate(FunctionName=own.name, **options)
        return [execution["DurableExecutionArn"] for page in found for execution in page["DurableExecutions"]]

    assert listed(Qualifier="$LATEST") == [*ended, running]
    assert listed(Qualifier=version) == [of_version]
    everything = listed()
    assert everything == [*ended, of_version, running]
    assert listed(ReverseOrder=True, PaginationConfig={"PageSize": 2}) == everything[::-1]
    assert listed(Statuses=["RUNNING"]) == [running]

    page = own.client.list_durable_executions_by_function(FunctionName=own.name, ReverseOrder=True, MaxItems=2)
    late = own.call("large", bytes=9).headers["x-amz-durable-execution-arn"]
    rest = own.client.list_durable_executions_by_function(
        FunctionName=own.name, ReverseOrder=True, Marker=page["NextMarker"]
    )
    both = [each["DurableExecutionArn"] for part in (page, rest) for each in part["DurableExecutions"]]
    assert both == everything[::-1], "what begins between two pages shifts nothing"
    ended.append(late)
    assert listed(Statuses=["SUCCEEDED", "FAILED"], PaginationConfig={"PageSize": 2}) == [*ended[:-1], of_version, late]
    assert listed(DurableExecutionName="of-version") == [of_version]
    began = own.get(running)["StartTimestamp"]
    assert running not in listed(StartedBefore=began)
    assert listed(StartedAfter=began) == [late]
    own.client.stop_durable_execution(DurableExecutionArn=running)


def test_what_aws_refuses_is_refused(server, durable, witnessed):
    unqualified = refused(lambda: durable.function.invoke({}))
    assert (unqualified.status, unqualified.code) == (400, "InvalidParameterValueException")
    assert unqualified.message == "You cannot invoke a durable function using an unqualified ARN."
    missing = f"{durable.function.configuration()['FunctionArn']}:1/durable-execution/n/i"
    refusal = refused(lambda: durable.get(missing))
    assert (refusal.status, refusal.code) == (404, "ResourceNotFoundException")
    plain = deploy(server)
    named = refused(lambda: plain.invoke({"run": "return 1"}, DurableExecutionName="n"))
    assert named.code == "InvalidParameterValueException"
    slow = Durable(server, witnessed, execution_timeout=901)
    too_long = refused(lambda: slow.call("steps", number=1))
    assert too_long.code == "InvalidParameterValueException"
    assert slow.start("large", bytes=1)
    token = refused(
        lambda: durable.client.checkpoint_durable_execution(DurableExecutionArn=missing, CheckpointToken="AAAA")
    )
    assert (token.status, token.code, token.message) == (
        400,
        "InvalidParameterValueException",
        "Invalid checkpoint token",
    )


def test_executions_are_their_tenants(server, witnessed):
    tenancy = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}
    one = Durable(server, witnessed, **tenancy)

    def ask(tenant: str, **options):
        return one.function.invoke({"way": "whose", "name": tenant}, Qualifier="$LATEST", TenantId=tenant, **options)

    assert ask("blue").value() == {"mine": "blue", "named": "blue"}
    accepted = ask("green", InvocationType="Event")
    ended = one.end(accepted.headers["x-amz-durable-execution-arn"])
    assert json.loads(ended["Result"]) == {"mine": "green", "named": "green"}
    starter = Durable(server, witnessed)
    event = {"function": f"{one.name}:$LATEST", "payload": {"way": "whose", "name": "red"}}
    chained = starter.call("chain", tenant="red", **event)
    assert chained.value() == {"answer": {"mine": "red", "named": "red"}}
    (started,) = [
        each["ChainedInvokeStartedDetails"]
        for each in starter.history(chained.headers["x-amz-durable-execution-arn"])
        if each["EventType"] == "ChainedInvokeStarted"
    ]
    assert started["TenantId"] == "red"
    nobody = starter.call("chain", **event)
    assert "Add a valid tenant ID" in nobody.json()["errorMessage"]


# Without an SDK: writes down what it is invoked with, and ends when it is told to.
BARE = zip_of(
    {
        "app.py": """
import json, os, time
from pathlib import Path

def handler(event, context):
    notes = Path("/witness", os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    with notes.open("a") as file:
        file.write(json.dumps(event) + "\\n")
    while not notes.with_suffix(".end").exists():
        time.sleep(0.02)
    return {"Status": "SUCCEEDED", "Result": "null"}
"""
    }
)


@pytest.mark.statement(204)
def test_state_is_read_and_checkpoints_are_made_with_the_token_of_the_invocation(server, witnessed):
    one = Durable(server, witnessed, archive=BARE)
    arn = one.start("bare")
    (note,) = wait_until(one.notes, 30, "it is invoked")
    event = json.loads(note)
    assert event["DurableExecutionArn"] == arn
    execution = {"DurableExecutionArn": arn}

    def state(token: str, **options) -> list[tuple[str, str]]:
        pages = one.client.get_paginator("get_durable_execution_state")
        found = pages.paginate(**execution, CheckpointToken=token, **options)
        return [(each["Type"], each["Status"]) for page in found for each in page["Operations"]]

    def checkpoint(token: str, action: str, client_token: str, **update) -> dict:
        step = {"Id": "step", "Name": "first", "Type": "STEP", "Action": action, **update}
        answer = one.client.checkpoint_durable_execution(
            **execution, CheckpointToken=token, ClientToken=client_token, Updates=[step]
        )
        return {member: answer[member] for member in ("CheckpointToken", "NewExecutionState")}

    first = event["CheckpointToken"]
    assert state(first) == [("EXECUTION", "STARTED")]
    started = checkpoint(first, "START", "a")
    assert [each["Status"] for each in started["NewExecutionState"]["Operations"]] == ["STARTED"]
    assert checkpoint(first, "START", "a") == started, "the same request once more has the same answer"
    used = Refusal(400, "InvalidParameterValueException", "Invalid checkpoint token")
    assert refused(lambda: checkpoint(first, "START", "b")) == used
    assert refused(lambda: state(first)) == used
    second = started["CheckpointToken"]
    done = checkpoint(second, "SUCCEED", "c", Payload='"done"')
    (step,) = done["NewExecutionState"]["Operations"]
    assert (step["Status"], step["StepDetails"]["Result"]) == ("SUCCEEDED", '"done"')
    both = [("EXECUTION", "STARTED"), ("STEP", "SUCCEEDED")]
    assert state(done["CheckpointToken"], PaginationConfig={"PageSize": 1}) == both
    (witnessed / f"{one.name}.end").touch()
    assert one.end(arn)["Status"] == "SUCCEEDED"
    assert refused(lambda: state(done["CheckpointToken"])) == used, "the invocation is over"


def test_the_configuration_is_shown_and_may_change_but_not_come_later(server, own):
    assert own.function.configuration()["DurableConfig"] == {"ExecutionTimeout": 60, "RetentionPeriodInDays": 14}
    own.function.configure(DurableConfig={"ExecutionTimeout": 30, "RetentionPeriodInDays": 2})
    assert own.function.configuration()["DurableConfig"] == {"ExecutionTimeout": 30, "RetentionPeriodInDays": 2}
    plain = deploy(server)
    assert "DurableConfig" not in plain.configuration()
    later = refused(lambda: plain.configure(DurableConfig={"ExecutionTimeout": 30}))
    assert (later.status, later.code) == (400, "InvalidParameterValueException")


@pytest.mark.parametrize("how", ["deleted", "reset"])
def test_executions_end_with_their_function(own_server, tmp_path, how):
    folder = tmp_path / "witness"
    folder.mkdir()
    folder.chmod(0o777)
    server = own_server(PERSISTENCE=1, LAMBDA_DOCKER_FLAGS=f"-v {folder}:/witness")
    one = Durable(server, folder)
    waiting = one.start("callback", name="waiting")
    callback_id = one.callback_id()
    done = one.call("steps", name="done", number=1).headers["x-amz-durable-execution-arn"]
    gone = one.notes()
    if how == "deleted":
        one.client.delete_function(FunctionName=one.name)
    else:
        assert requests.post(f"{server.url}/_localstack/state/reset", timeout=10).ok

    def nothing_is_left() -> None:
        for arn in (waiting, done):
            assert refused(lambda arn=arn: one.get(arn)).code == "ResourceNotFoundException"
        answer = refused(
            lambda: one.client.send_durable_execution_callback_success(CallbackId=callback_id, Result=b"1")
        )
        assert answer.code == "CallbackTimeoutException"

    nothing_is_left()
    server.restart()
    nothing_is_left()
    again = Durable(server, folder, name=one.name)
    assert again.client.list_durable_executions_by_function(FunctionName=one.name)["DurableExecutions"] == []
    anew = again.call("steps", name="done", number=1)
    assert anew.value() == {"first": 2, "second": 4}
    assert anew.headers["x-amz-durable-execution-arn"] != done
    assert again.notes() == [*gone, "first", "second"]


def test_executions_go_on_after_a_kill(own_server, tmp_path):
    folder = tmp_path / "witness"
    folder.mkdir()
    folder.chmod(0o777)
    server = own_server(PERSISTENCE=1, LAMBDA_DOCKER_FLAGS=f"-v {folder}:/witness")
    one = Durable(server, folder)
    waiting = one.start("callback")
    callback_id = one.callback_id()
    done = one.call("large", name="done", bytes=3)
    napping = one.start("steps", number=1)
    wait_until(lambda: "WaitStarted" in names(one.history(napping)), 30)
    server.kill()
    server.start()
    one.function.wait_active()
    assert json.loads(one.end(napping)["Result"]) == {"first": 2, "second": 4}
    assert [note for note in one.notes() if not note.startswith("callback")] == ["first", "second"]
    one.client.send_durable_execution_callback_success(CallbackId=callback_id, Result=b"yes")
    assert json.loads(one.end(waiting)["Result"]) == "yes"
    again = one.call("large", name="done", bytes=3)
    assert again.headers["x-amz-durable-execution-arn"] == done.headers["x-amz-durable-execution-arn"]


def test_what_ends_within_the_grace_of_a_stop_is_not_done_again(own_server, tmp_path):
    tmp_path.chmod(0o777)
    slow = zip_of(
        {
            "app.py": """
import os, time

def note(text):
    with open("/witness/" + os.environ["AWS_LAMBDA_FUNCTION_NAME"], "a") as file:
        file.write(text + "\\n")

def handler(event, context):
    note("begun")
    time.sleep(2)
    note("ended")
    return {"Status": "SUCCEEDED", "Result": '"done"'}
"""
        }
    )
    server = own_server(PERSISTENCE=1, LAMBDA_DOCKER_FLAGS=f"-v {tmp_path}:/witness")
    one = Durable(server, tmp_path, archive=slow)
    arn = one.start("slow")
    wait_until(lambda: one.notes() == ["begun"], 30)
    server.restart()
    execution = one.end(arn)
    assert (execution["Status"], execution["Result"]) == ("SUCCEEDED", '"done"')
    assert one.notes() == ["begun", "ended"]


@pytest.fixture
def heard(request, own_server, moto, tmp_path):
    """A durable function whose ends queues hear of, and the queues of its dead letters, successes and failures.

    Its parameter is the time that an execution has; if there is none, long enough.
    """
    folder = tmp_path / "witness"
    folder.mkdir()
    folder.chmod(0o777)
    server = own_server(PERSISTENCE=1, AWS_ENDPOINT_URL=moto.url, LAMBDA_DOCKER_FLAGS=f"-v {folder}:/witness")
    one = Durable(server, folder, execution_timeout=getattr(request, "param", 120))
    queues = {kind: Queue(moto, f"{one.name}-{kind}") for kind in ("dead", "success", "failure")}
    one.function.configure(DeadLetterConfig={"TargetArn": queues["dead"].arn})
    outcomes = {"OnSuccess": queues["success"], "OnFailure": queues["failure"]}
    one.client.put_function_event_invoke_config(
        FunctionName=one.name,
        Qualifier="$LATEST",
        DestinationConfig={outcome: {"Destination": queue.arn} for outcome, queue in outcomes.items()},
    )
    return one, queues


def test_a_destination_hears_of_a_success(heard):
    one, queues = heard
    one.start("steps", name="once", number=1)
    record = json.loads(queues["success"].receive()["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestPayload"] == {"way": "steps", "number": 1}
    assert record["responsePayload"] == {"first": 2, "second": 4}
    # The same execution once more, which has ended and is told of.
    one.start("steps", name="once", number=1)
    assert one.call("steps", number=2).value() == {"first": 3, "second": 6}
    assert all(queue.is_empty() for queue in queues.values()), "nobody hears of what somebody waited for"


@pytest.mark.parametrize(
    ("heard", "way", "event", "message"),
    [
        (120, "failing_step", {}, "no luck"),
        (5, "sleep", {"seconds": 3600}, "Execution timed out after 5 seconds."),
        (120, "stopped", {}, "it takes too long"),
    ],
    indirect=["heard"],
)
def test_a_dead_letter_queue_hears_of_what_fails_times_out_or_is_stopped(heard, way, event, message):
    one, queues = heard
    given = {"way": "sleep" if way == "stopped" else way, **({"seconds": 3600} if way == "stopped" else event)}
    arn = one.start(**given)
    if way == "stopped":
        error = {"ErrorType": "Enough", "ErrorMessage": message}
        one.client.stop_durable_execution(DurableExecutionArn=arn, Error=error)
    letter = queues["dead"].receive(60)
    assert json.loads(letter["Body"]) == given
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == message
    record = json.loads(queues["failure"].receive()["Body"])
    assert (record["requestContext"]["condition"], record["requestPayload"]) == ("RetriesExhausted", given)
    assert record["responsePayload"]["errorMessage"] == message
    assert queues["success"].is_empty()


def test_a_dead_letter_queue_hears_of_it_after_a_kill(heard):
    one, queues = heard
    arn = one.start("sleep", seconds=3600)
    wait_until(lambda: "WaitStarted" in names(one.history(arn)), 30)
    one.function.server.kill()
    one.function.server.start()
    one.client.stop_durable_execution(DurableExecutionArn=arn)
    assert json.loads(queues["dead"].receive()["Body"]) == {"way": "sleep", "seconds": 3600}
