"""InvokeWithResponseStream: answers that leave piece by piece."""

import base64
import http.client
import json
import re

import pytest

from harness import streaming
from harness.archives import fixture, zip_of
from harness.clients import refused
from harness.deployment import deployed
from harness.waiting import wait_until
from harness.wire import UUID, Refusal, authorization, refusal, send

PATH = "/2021-11-15/functions/{}/response-streaming-invocations"


@pytest.fixture(scope="module")
def streamer(server):
    with deployed(server, streaming.ARCHIVE, **streaming.OPTIONS) as one:
        yield one


def stream(function, *steps, **options):
    """The answer's head and the events, which come as they are asked for."""
    event = json.dumps({"steps": steps})
    answer = function.client.invoke_with_response_stream(FunctionName=function.name, Payload=event, **options)
    return answer, iter(answer["EventStream"])


def whole(events) -> tuple[list[bytes], dict]:
    """All chunks and what the last event says."""
    *chunks, last = events
    return [chunk["PayloadChunk"]["Payload"] for chunk in chunks], last["InvokeComplete"]


def test_chunks_leave_before_the_function_ends(streamer):
    answer, events = stream(streamer, ("write", "first"), ("wait", "go-1"), ("write", "second"))
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    streaming.release(streamer, "go-1")
    assert whole(events) == ([b"second"], {})


def test_a_function_that_does_not_stream_answers_with_one_chunk(probe):
    event = json.dumps({"run": "return 'x' * 1_000_000"})
    answer = probe.client.invoke_with_response_stream(FunctionName=probe.name, Payload=event)
    chunks, complete = whole(answer["EventStream"])
    assert [len(chunk) for chunk in chunks] == [1_000_002]
    assert complete == {}


def test_nodes_streams_are_streams(function):
    source = """
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            stream.write("Hello,");
            stream.write(" world!");
            stream.end();
        });
    """
    one = function(zip_of({"index.js": source}), Runtime="nodejs22.x")
    answer = one.client.invoke_with_response_stream(FunctionName=one.name)
    chunks, complete = whole(answer["EventStream"])
    assert (b"".join(chunks), complete) == (b"Hello, world!", {})


def test_the_head_is_awss(server, streamer):
    reply = send(server, "POST", PATH.format(streamer.name), {"steps": [["write", "a"]]})
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/vnd.amazon.eventstream"
    assert reply.headers["X-Amz-Executed-Version"] == "$LATEST"
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert UUID.fullmatch(reply.headers["x-amzn-RequestId"])
    assert b"PayloadChunk" in reply.body
    assert b"InvokeComplete" in reply.body


def test_a_failure_before_the_first_chunk_is_told_at_the_end(probe):
    answer = probe.client.invoke_with_response_stream(
        FunctionName=probe.name, Payload=json.dumps({"run": "raise ValueError('no')"})
    )
    chunks, complete = whole(answer["EventStream"])
    assert (answer["StatusCode"], chunks, complete["ErrorCode"]) == (200, [], "Unhandled")
    details = json.loads(complete["ErrorDetails"])
    assert (details["errorType"], details["errorMessage"]) == ("ValueError", "no")


def test_a_runtime_that_dies_midway_is_told_of(streamer):
    answer, events = stream(streamer, ("write", "half"), ("exit", 3))
    chunks, complete = whole(events)
    assert (chunks, complete["ErrorCode"]) == ([b"half"], "Unhandled")
    request_id = answer["ResponseMetadata"]["RequestId"]
    details = json.loads(complete["ErrorDetails"])
    # Whichever is noticed first: that the response ends early, or that the process has.
    assert details["errorType"] in {"Runtime.ExitError", "Runtime.TruncatedResponse"}
    assert details["errorMessage"].startswith(f"RequestId: {request_id} Error: ")
    assert whole(stream(streamer, ("write", "again"))[1]) == ([b"again"], {})


def test_a_failure_that_the_runtime_tells_in_trailers_is_passed_on(streamer):
    chunks, complete = whole(stream(streamer, ("write", "half"), ("fail", "Function.Broken"))[1])
    assert (chunks, complete["ErrorCode"]) == ([b"half"], "Unhandled")
    assert json.loads(complete["ErrorDetails"]) == {"errorType": "Function.Broken", "errorMessage": "no more"}


def test_time_is_up_midway(function):
    one = function(streaming.ARCHIVE, **{**streaming.OPTIONS, "Timeout": 1})
    chunks, complete = whole(stream(one, ("write", "half"), ("wait", "never"))[1])
    assert chunks == [b"half"]
    details = json.loads(complete["ErrorDetails"])
    assert details["errorType"] == "Sandbox.Timedout"
    assert details["errorMessage"].endswith("Task timed out after 1.00 seconds")


def test_the_log_comes_with_the_last_event(streamer):
    chunks, complete = whole(stream(streamer, ("print", "a line"), ("write", "x"), LogType="Tail")[1])
    log = base64.b64decode(complete["LogResult"]).decode()
    assert (chunks, set(complete)) == ([b"x"], {"LogResult"})
    assert re.search(r"START RequestId: .*\na line\nEND RequestId: .*\nREPORT RequestId: ", log)


def test_a_dry_run_starts_nothing(function):
    one = function(fixture("echo-python"), Handler="app.handler")
    answer = one.client.invoke_with_response_stream(FunctionName=one.name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert one.containers(running=False) == []


def test_qualifiers_choose_the_version(function):
    one = function(fixture("echo-python"), Handler="app.handler")
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    answer = one.client.invoke_with_response_stream(FunctionName=one.name, Qualifier="live", Payload=b'{"a":1}')
    assert answer["ExecutedVersion"] == "1"
    assert whole(answer["EventStream"]) == ([b'{"a": 1}'], {})


def test_refusals_are_those_of_invoke(server, streamer):
    client = server.client(checks=False)

    def ask(**options):
        return refused(lambda: client.invoke_with_response_stream(**{"FunctionName": streamer.name, **options}))

    arn = "arn:aws:lambda:us-east-1:000000000000:function"
    missing = "ResourceNotFoundException"
    assert ask(FunctionName="nx") == Refusal(404, missing, f"Function not found: {arn}:nx:$LATEST")
    expected = Refusal(404, missing, f"Function not found: {arn}:{streamer.name}:7")
    assert ask(Qualifier="7") == expected
    assert ask(Payload=b"{").code == "InvalidRequestContentException"
    event = ask(InvocationType="Event")
    assert (event.status, event.code) == (400, "ValidationException")
    large = refusal(send(server, "POST", PATH.format(streamer.name), b'"' + b"x" * 6_291_456 + b'"'))
    assert (large.status, large.code) == (413, "RequestEntityTooLargeException")


def test_a_stream_may_be_larger_than_an_answer(streamer):
    chunks, complete = whole(stream(streamer, ("fill", 7))[1])
    assert (sum(map(len, chunks)), complete) == (7 << 20, {})
    answer = streamer.invoke({"steps": [["fill", 7]]})
    assert answer.error == "Unhandled"
    assert answer.json() == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert streamer.invoke({"steps": [["write", "small"], ["write", " again"]]}).payload == b"small again"


def test_a_slow_reader_slows_the_function_and_costs_no_memory(own_server):
    server = own_server()
    # Far more than the kernel's buffers on the way hold.
    megabytes = 180
    with deployed(server, streaming.ARCHIVE, **streaming.OPTIONS) as one:
        assert one.invoke({"steps": []}).payload == b""
        before = server.resident_kib()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        body = json.dumps({"steps": [["fill", megabytes]]})
        connection.request("POST", PATH.format(one.name), body, {"Authorization": authorization()})
        answer = connection.getresponse()
        seen = -1

        def stands_still() -> bool:
            nonlocal seen
            last, seen = seen, streaming.megabytes_written(one)
            return last == seen > 0

        wait_until(stands_still, what="the function waits for its reader")
        assert seen < megabytes
        assert server.resident_kib() - before < 16 << 10
        received = 0
        while piece := answer.read(1 << 20):
            received += len(piece)
        assert received > megabytes << 20
        connection.close()


def test_a_stream_is_an_execution_until_its_end(function):
    one = function(streaming.ARCHIVE, **streaming.OPTIONS)
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=1)
    _, events = stream(one, ("write", "a"), ("wait", "go"))
    assert next(events) == {"PayloadChunk": {"Payload": b"a"}}
    throttled = refused(lambda: stream(one, ("write", "b")))
    assert (throttled.status, throttled.code) == (429, "TooManyRequestsException")
    streaming.release(one, "go")
    assert whole(events) == ([], {})
    assert whole(stream(one, ("write", "c"))[1]) == ([b"c"], {})


def test_a_function_whose_reader_is_gone_goes_on_to_its_end(function):
    one = function(streaming.ARCHIVE, **streaming.OPTIONS)
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=1)
    answer, events = stream(one, ("write", "a"), ("fill", 8), ("wait", "go"))
    assert next(events) == {"PayloadChunk": {"Payload": b"a"}}
    answer["EventStream"].close()
    wait_until(lambda: streaming.megabytes_written(one) == 8, what="the function is not held up")
    assert refused(lambda: stream(one, ("write", "b"))).code == "TooManyRequestsException"
    streaming.release(one, "go")

    def runs_again() -> bool:
        try:
            return whole(stream(one, ("write", "c"))[1]) == ([b"c"], {})
        except one.client.exceptions.TooManyRequestsException:
            return False

    wait_until(runs_again, what="the execution is over")
    assert len(one.containers(running=False)) == 1
