"""Asynchronous invocations: accepted at once, run later, again if they fail."""

import json

import pytest

from harness.clients import refused
from harness.deployment import create, deploy
from harness.server import Lambdock
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, Refusal, send
from harness.witness import WITNESSED, Witness, witnessed

BASE_SECONDS = 1
SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
LIMIT = 1_048_576
ANY_LIMIT = 6_291_456
ASYNC_LIMIT = 256 * 1024


@pytest.fixture(scope="module")
def witness(tmp_path_factory) -> Witness:
    return Witness(tmp_path_factory.mktemp("witness"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, witness):
    """A server that waits for a second where AWS waits for a minute."""
    settings = {"LAMBDA_DOCKER_FLAGS": witness.flags, "LAMBDA_RETRY_BASE_DELAY_SECONDS": BASE_SECONDS}
    with Lambdock(tmp_path_factory.mktemp("server"), **settings) as one:
        yield one


@pytest.fixture
def one(server, function):
    return function(WITNESSED, Timeout=20)


def later(one, event=None, **options):
    return one.invoke(event or {}, InvocationType="Event", **options)


@pytest.mark.statement(166)
def test_an_event_is_accepted_and_run(one, witness):
    answer = later(one, {"number": 1}, ClientContext="e30=")
    assert (answer.status, answer.payload, answer.version, answer.error) == (202, b"", None, None)
    (run,) = witness.wait_for(one.name, 1)
    assert run["event"] == {"number": 1}
    assert run["request_id"] == answer.request_id
    assert (run["arn"], run["version"], run["client"]) == (f"{SCOPE}:{one.name}", "$LATEST", False)
    witness.stays_at(one.name, 1)


def test_invoke_async_does_the_same(one, witness):
    answer = one.client.invoke_async(FunctionName=one.name, InvokeArgs=b'{"number": 2}')
    assert answer["Status"] == 202
    assert [run["event"] for run in witness.wait_for(one.name, 1)] == [{"number": 2}]


def test_nothing_is_an_empty_object(one, witness):
    later(one, payload=b"")
    assert [run["event"] for run in witness.wait_for(one.name, 1)] == [{}]


def test_what_cannot_be_run_is_refused_at_once(server, one):
    client = one.client
    missing = refused(lambda: client.invoke(FunctionName="nx", InvocationType="Event"))
    assert missing == Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx:$LATEST")
    missing = refused(lambda: client.invoke_async(FunctionName="nx", InvokeArgs=b"{}"))
    assert missing.code == "ResourceNotFoundException"
    garbage = refused(lambda: later(one, payload=b"{"))
    assert (garbage.status, garbage.code) == (400, "InvalidRequestContentException")
    assert refused(lambda: client.invoke_async(FunctionName=one.name, InvokeArgs=b"{")).code == garbage.code


def test_a_function_in_preparation_takes_no_events(own_server, engine_proxy):
    server = own_server(DOCKER_HOST=engine_proxy.host)
    engine_proxy.hold_requests("/images/")
    pending = create(server)
    refusal = refused(lambda: later(pending))
    engine_proxy.release()
    assert (refusal.status, refusal.code) == (409, "ResourceConflictException")
    assert "Pending" in refusal.message


@pytest.mark.statement(174, 175)
@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, ANY_LIMIT + 1])
def test_events_have_a_limit_of_their_own(one, witness, size):
    payload = b'{"x": "' + b"x" * (size - 9) + b'"}'
    assert len(payload) == size
    if size <= LIMIT:
        assert later(one, payload=payload).status == 202
        (run,) = witness.wait_for(one.name, 1)
        assert len(run["event"]["x"]) == size - 9
        return
    message = f"{size} byte payload is too large for the Event invocation type (limit {LIMIT} bytes)"
    if size > ANY_LIMIT:
        message = f"Request must be smaller than {ANY_LIMIT} bytes for the InvokeFunction operation"
    assert refused(lambda: later(one, payload=payload)) == Refusal(413, "RequestEntityTooLargeException", message)


@pytest.mark.parametrize("size", [ASYNC_LIMIT, ASYNC_LIMIT + 1])
def test_invoke_async_takes_less(one, witness, size):
    payload = b'{"x": "' + b"x" * (size - 9) + b'"}'
    call = lambda: one.client.invoke_async(FunctionName=one.name, InvokeArgs=payload)  # noqa: E731
    if size <= ASYNC_LIMIT:
        assert call()["Status"] == 202
        (run,) = witness.wait_for(one.name, 1)
        assert len(run["event"]["x"]) == size - 9
        return
    message = f"{size} byte payload is too large for the Event invocation type (limit {ASYNC_LIMIT} bytes)"
    assert refused(call) == Refusal(413, "RequestEntityTooLargeException", message)


@pytest.mark.statement(188)
def test_an_event_that_fails_is_run_twice_more_under_its_id(one, witness):
    answer = later(one, {"fail": True})
    runs = witness.wait_for(one.name, 3)
    assert {run["request_id"] for run in runs} == {answer.request_id}
    assert len({run["trace"] for run in runs}) == 1
    ends = witness.ends(one.name)
    waited = [after["time"] - before["ended"] for before, after in zip(ends, runs[1:], strict=False)]
    assert BASE_SECONDS <= waited[0] < 2 * BASE_SECONDS <= waited[1] < 3 * BASE_SECONDS, waited
    witness.stays_at(one.name, 3, 3.5 * BASE_SECONDS)


@pytest.mark.parametrize("attempts", [0, 1])
def test_retries_can_be_fewer(one, witness, attempts):
    one.client.put_function_event_invoke_config(FunctionName=one.name, MaximumRetryAttempts=attempts)
    later(one, {"fail": True})
    witness.wait_for(one.name, 1 + attempts)
    witness.stays_at(one.name, 1 + attempts, 2.5 * BASE_SECONDS)


def test_a_function_that_ends_or_is_too_slow_has_failed_too(function, witness):
    slow = function(WITNESSED, Timeout=1)
    slow.client.put_function_event_invoke_config(FunctionName=slow.name, MaximumRetryAttempts=1)
    later(slow, {"sleep": 5})
    wait_until(lambda: len(witness.runs(slow.name)) == 2)
    witness.stays_at(slow.name, 2, 3 * BASE_SECONDS)


def test_an_event_is_run_by_what_its_qualifier_means_then(one, witness):
    client, name = one.client, one.name
    one.configure(Environment={"Variables": {"FAIL": "1"}})
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    one.configure(Environment={"Variables": {}})
    client.publish_version(FunctionName=name)
    later(one, Qualifier="live")
    wait_until(lambda: witness.ends(name))
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    runs = witness.wait_for(name, 2)
    assert [run["version"] for run in runs] == ["1", "2"]
    assert {run["arn"] for run in runs} == {f"{SCOPE}:{name}:live"}
    witness.stays_at(name, 2, 3 * BASE_SECONDS)


def test_settings_belong_to_the_qualifier_that_was_invoked(one, witness):
    client, name = one.client, one.name
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(FunctionName=name, Qualifier="live", MaximumRetryAttempts=0)
    later(one, {"fail": True}, Qualifier="live")
    witness.wait_for(name, 1)
    witness.stays_at(name, 1, 2 * BASE_SECONDS)
    later(one, {"fail": True}, Qualifier="1")
    witness.wait_for(name, 4)


def test_reserved_concurrency_bounds_events_and_loses_none(one, witness):
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=1)
    for number in range(6):
        later(one, {"number": number, "sleep": 0.1})
    runs = witness.wait_for(one.name, 6)
    assert [run["event"]["number"] for run in runs] == list(range(6)), "in the order in which they came"
    ends = [end["ended"] for end in witness.ends(one.name)]
    assert all(end <= run["time"] for end, run in zip(ends, runs[1:], strict=False)), "one after the other"


@pytest.mark.statement(130)
def test_an_event_that_finds_no_room_is_tried_again(one, witness):
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=1)
    one.client.put_function_event_invoke_config(FunctionName=one.name, MaximumRetryAttempts=0)
    later(one, {"number": 1, "sleep": 3})
    wait_until(lambda: witness.runs(one.name))
    assert refused(one.invoke).code == "TooManyRequestsException"
    later(one, {"number": 2})
    assert [run["event"]["number"] for run in witness.wait_for(one.name, 2)] == [1, 2]


def test_a_long_queue_of_one_function_keeps_no_other_waiting(server, function, witness):
    busy, other = function(WITNESSED, Timeout=20), function(WITNESSED)
    other.invoke({})
    for number in range(40):
        later(busy, {"number": number, "sleep": 1})
    later(other)
    witness.wait_for(other.name, 2)
    assert len(witness.ends(busy.name)) < 40
    assert witness.crowd(busy.name) <= 10


def test_events_of_a_deleted_function_are_gone(function, witness):
    one = function(WITNESSED, Timeout=20)
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=1)
    for number in range(5):
        later(one, {"number": number, "sleep": 1})
    wait_until(lambda: witness.runs(one.name))
    one.client.delete_function(FunctionName=one.name)
    again = function(WITNESSED, name=one.name)
    later(again, {"number": 9})
    wait_until(lambda: any(run["event"]["number"] == 9 for run in witness.runs(one.name)))
    witness.stays_at(one.name, 2)


@pytest.mark.statement(189)
def test_events_go_on_after_an_update_with_the_new_code(one, witness):
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=1)
    gate = f"gate-of-{one.name}"
    later(one, {"number": 0, "gate": gate, "fail": True})
    wait_until(lambda: witness.runs(one.name))
    later(one, {"number": 1})
    one.replace_code(witnessed("new"))
    one.client.put_function_event_invoke_config(FunctionName=one.name, MaximumRetryAttempts=1)
    witness.open(gate)
    runs = [(run["event"]["number"], run["code"]) for run in witness.wait_for(one.name, 3)]
    assert runs[0] == (0, "witness")
    assert sorted(runs[1:]) == [(0, "new"), (1, "new")]


def test_the_trace_of_the_request_goes_on(server, one, witness):
    root = "Root=1-5759e988-bd862e3fe1be46a994272793"
    for number, trace in enumerate([root, f"{root};Parent=53995c3f42cd8ad8;Sampled=1", None]):
        headers = {"X-Amz-Invocation-Type": "Event"} | ({"X-Amzn-Trace-Id": trace} if trace else {})
        reply = send(server, "POST", f"{FUNCTIONS}/{one.name}/invocations", {"number": number}, headers)
        assert reply.status == 202
    runs = sorted(witness.wait_for(one.name, 3), key=lambda run: run["event"]["number"])
    seen = [dict(field.split("=") for field in run["trace"].split(";")) for run in runs]
    assert [each["Root"] == root.removeprefix("Root=") for each in seen] == [True, True, False]
    assert (seen[1]["Parent"], seen[1]["Sampled"]) == ("53995c3f42cd8ad8", "1")
    assert all(each["Lineage"].endswith(":0") for each in seen)


def test_a_chain_of_requests_that_goes_round_and_round_is_ended(server, one, witness):
    def turn(trace) -> tuple[int, str]:
        path = f"{FUNCTIONS}/{one.name}/invocations"
        reply = send(server, "POST", path, {}, {"X-Amzn-Trace-Id": trace} if trace else {})
        return reply, witness.runs(one.name)[-1]["trace"]

    trace = None
    for _ in range(16):
        reply, trace = turn(trace)
        assert reply.status == 200, reply.body
    reply, _ = turn(trace)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (400, "RecursiveInvocationException")
    assert "recursive loop" in json.loads(reply.body)["Message"]
    one.client.put_function_recursion_config(FunctionName=one.name, RecursiveLoop="Allow")
    assert turn(trace)[0].status == 200


def test_events_outlive_a_restart(own_server, witness):
    server = own_server(PERSISTENCE=1, LAMBDA_DOCKER_FLAGS=witness.flags, LAMBDA_RETRY_BASE_DELAY_SECONDS=3)
    one = deploy(server, WITNESSED, Timeout=20)
    answer = later(one, {"fail": True, "number": 1})
    witness.wait_for(one.name, 1)
    server.restart()
    runs = witness.wait_for(one.name, 3)
    assert {run["request_id"] for run in runs} == {answer.request_id}
    witness.stays_at(one.name, 3)
