"""What goes in comes out: events, answers and what stands beside them."""

import base64
import json
import string
import uuid

import pytest

from harness.archives import fixture, zip_of
from harness.clients import refused
from harness.deployment import deployed
from harness.wire import FUNCTIONS, UUID, Refusal, refusal, send


@pytest.fixture(scope="module")
def function_echo(server):
    with deployed(server, fixture("echo-python"), Handler="app.handler", Timeout=30, MemorySize=512) as one:
        yield one


@pytest.mark.parametrize("runtime", ["python3.12", "nodejs22.x", "rust"])
def test_unicode_comes_back_as_it_was(function, runtime):
    event = {"text": 'grüße 🦀 \u0000 \u2028 "quoted" \\ /', "n": [0, -1, 1.5, 1e300, True, None], "": {}}
    if runtime == "python3.12":
        one = function(fixture("echo-python"), Handler="app.handler")
    elif runtime == "rust":
        one = function(fixture("rust-provided"), Runtime="provided.al2023", Handler="echo")
    else:
        one = function(fixture("echo-node"), Runtime=runtime)
    assert one.invoke(event).value() == event


@pytest.mark.statement(165)
def test_an_answer_is_not_touched(function):
    # A client of the Runtime API that answers with bytes that no JSON library would write.
    odd = b'{ "b" :1,"a":\t"\\u00e4\xc3\xa4" , "n": 1.0e+2 }\n'
    bootstrap = (
        "#!/bin/bash\n"
        "api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\n"
        "while true; do\n"
        '  curl -sS -o /tmp/event -D /tmp/headers "$api/next"\n'
        "  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '\\r' | cut -d' ' -f2)\n"
        '  curl -sS -X POST "$api/$id/response" --data-binary @/var/task/answer > /dev/null\n'
        "done\n"
    )
    one = function(zip_of({"bootstrap": bootstrap, "answer": odd}), Runtime="provided.al2023", Handler="x")
    assert one.invoke().payload == odd


@pytest.mark.statement(165)
def test_no_return_value_is_null(probe):
    answer = probe.run("return None")
    assert (answer.status, answer.error, answer.payload) == (200, None, b"null")


def test_a_string_is_json_too(probe):
    answer = probe.run("return 'text'")
    assert answer.payload == b'"text"'
    assert answer.headers["content-type"] == "application/json"


def test_an_empty_event_is_an_empty_object(function):
    one = function(fixture("echo-python"), Handler="app.handler")
    assert one.invoke(payload=b"").payload == b"{}"


@pytest.mark.parametrize("event", [b"null", b"0", b'""', b"[]", b" \n[1,\t2] "])
def test_any_json_is_an_event(function_echo, event):
    assert function_echo.invoke(payload=event).json() == json.loads(event)


@pytest.mark.statement(165)
def test_the_version_that_ran_is_told(probe):
    assert probe.run("return 1").version == "$LATEST"
    assert probe.run("return 1", Qualifier="$LATEST").version == "$LATEST"


@pytest.mark.statement(172)
def test_the_request_id_is_one_everywhere(probe):
    answer = probe.run("return context.aws_request_id", LogType="Tail")
    assert UUID.fullmatch(answer.request_id)
    assert answer.value() == answer.request_id
    for line in ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "]:
        assert line + answer.request_id in answer.log


def test_every_invocation_has_an_id_of_its_own(probe):
    assert len({probe.run("return context.aws_request_id").value() for _ in range(3)}) == 3


def test_the_context_tells_about_the_function(probe):
    told = probe.run(
        """
        return {
            "name": context.function_name,
            "version": context.function_version,
            "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb,
            "group": context.log_group_name,
            "left": context.get_remaining_time_in_millis(),
        }
        """
    ).value()
    left = told.pop("left")
    assert told == {
        "name": probe.name,
        "version": "$LATEST",
        "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{probe.name}",
        "memory": "512",
        "group": f"/aws/lambda/{probe.name}",
    }
    assert 25_000 < left <= 30_000


def test_the_arn_is_the_one_that_was_invoked(probe):
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{probe.name}"
    source = {"Payload": json.dumps({"run": "return context.invoked_function_arn"})}
    for name, options, expected in [
        (probe.name, {}, arn),
        (arn, {}, arn),
        (probe.name, {"Qualifier": "$LATEST"}, f"{arn}:$LATEST"),
        (f"{probe.name}:$LATEST", {}, f"{arn}:$LATEST"),
    ]:
        answer = probe.client.invoke(FunctionName=name, **source, **options)
        assert json.loads(answer["Payload"].read()) == expected, name


@pytest.mark.statement(170)
def test_the_client_context_reaches_the_function(probe):
    sent = {"custom": {"foo": "bär"}, "client": {"app_title": "t"}, "env": {"locale": "de"}}
    answer = probe.run(
        "return [context.client_context.custom, context.client_context.env, context.client_context.client.app_title]",
        ClientContext=base64.b64encode(json.dumps(sent).encode()).decode(),
    )
    assert answer.value() == [{"foo": "bär"}, {"locale": "de"}, "t"]


def test_a_trace_header_reaches_the_function(server, probe):
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    reply = send(
        server,
        "POST",
        f"{FUNCTIONS}/{probe.name}/invocations",
        {"run": "import os; return os.environ['_X_AMZN_TRACE_ID']"},
        {"X-Amzn-Trace-Id": trace},
    )
    assert reply.json().startswith("Root=1-5759e988-bd862e3fe1be46a994272793")


@pytest.mark.statement(166)
def test_a_dry_run_starts_nothing(function):
    one = function()
    reply = send(one.server, "POST", f"{FUNCTIONS}/{one.name}/invocations", b"{}", {"X-Amz-Invocation-Type": "DryRun"})
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["X-Amz-Executed-Version"] is None
    assert one.containers(running=False) == []


def test_unknown_invocation_types_are_refused(server, probe):
    reply = send(server, "POST", f"{FUNCTIONS}/{probe.name}/invocations", b"{}", {"X-Amz-Invocation-Type": "Sometimes"})
    violation = (
        "Value 'Sometimes' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: "
        "[DryRun, RequestResponse, Event]"
    )
    assert refusal(reply) == Refusal(400, "ValidationException", f"1 validation error detected: {violation}")


@pytest.mark.statement(167)
def test_what_is_missing_is_named_with_its_version(server):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:nx"
    client = server.client()
    for options, suffix in [({}, "$LATEST"), ({"Qualifier": "3"}, "3"), ({"Qualifier": "live"}, "live")]:
        missing = refused(lambda: client.invoke(FunctionName="nx", **options))  # noqa: B023
        assert missing == Refusal(404, "ResourceNotFoundException", f"Function not found: {arn}:{suffix}")


@pytest.mark.parametrize("size", [1, 1000, 100_000, 1_000_000])
def test_large_payloads_come_back_unchanged(function_echo, size):
    letters = (string.ascii_letters + 'äöü🦀\n\t"\\') * (size // 50 + 1)
    event = {"id": str(uuid.uuid4()), "data": letters[:size]}
    assert function_echo.invoke(event).value() == event


@pytest.mark.statement(174)
def test_six_megabytes_go_both_ways(function_echo):
    limit = 6 * 1024 * 1024
    event = json.dumps("x" * (limit - 2)).encode()
    assert len(event) == limit
    answer = function_echo.invoke(payload=event)
    assert answer.error is None, answer.payload[:300]
    assert answer.payload == event


@pytest.mark.statement(174)
def test_one_byte_more_is_refused(function_echo):
    limit = 6 * 1024 * 1024
    reply = send(
        function_echo.server,
        "POST",
        f"{FUNCTIONS}/{function_echo.name}/invocations",
        b'"' + b"x" * (limit - 1) + b'"',
    )
    message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    assert refusal(reply) == Refusal(413, "RequestEntityTooLargeException", message)
    assert function_echo.invoke(1).value() == 1


@pytest.mark.statement(173)
def test_the_largest_answer_passes_and_a_larger_one_is_an_error(probe):
    limit = 6_291_556
    answer = probe.run(f"return 'x' * ({limit} - 2)")
    assert (answer.error, len(answer.payload)) == (None, limit)
    answer = probe.run(f"return 'x' * ({limit} - 1)")
    assert answer.error == "Unhandled"
    assert answer.json() == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert probe.run("return 'next'").value() == "next"
