"""Requests that are well-formed HTTP and wrong otherwise."""

import json
from urllib.parse import quote

import pytest

from harness.archives import PROBE
from harness.deployment import fresh_name, request
from harness.wire import FUNCTIONS, UUID, Refusal, authorization, refusal, send


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b'{"FunctionName": "f",}',
        b"\xff\xfe\x00",
        b'{"FunctionName": "\xc3\x28"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"[]",
        b'"text"',
        b"17",
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_json_that_is_none_is_refused(server, body):
    answer = refusal(send(server, "POST", FUNCTIONS, body))
    assert (answer.status, answer.code) == (400, "SerializationException")


def test_an_empty_body_lacks_everything(server):
    answer = refusal(send(server, "POST", FUNCTIONS, b""))
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert answer.message.startswith("3 validation errors detected: Value null at 'functionName'")


@pytest.mark.parametrize(
    "changes",
    [
        {"Timeout": "three"},
        {"Timeout": [3]},
        {"MemorySize": {}},
        {"MemorySize": 1e40},
        {"Handler": 5},
        {"Environment": []},
        {"Environment": {"Variables": {"A": 1}}},
        {"Environment": {"Variables": ["A"]}},
        {"Architectures": "x86_64"},
        {"Tags": "blue"},
        {"Publish": "maybe"},
        {"Code": "zip"},
        {"Code": {"ZipFile": 12}},
        {"Code": {"ZipFile": "!!! not base64 !!!"}},
        {"FunctionName": {"a": 1}},
    ],
    ids=json.dumps,
)
def test_members_of_the_wrong_type_are_refused(server, changes):
    answer = refusal(send(server, "POST", FUNCTIONS, request(fresh_name(), PROBE, **changes)))
    assert (answer.status, answer.code) == (400, "SerializationException")


def test_unknown_members_are_ignored(server):
    name = fresh_name()
    reply = send(server, "POST", FUNCTIONS, {**request(name, PROBE), "NotInTheModel": {"a": [1]}})
    assert reply.status == 201
    assert send(server, "DELETE", f"{FUNCTIONS}/{name}").status == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing/here"),
        ("POST", "/2015-03-31/nothing"),
        ("GET", "/"),
        ("PATCH", FUNCTIONS),
        ("PUT", FUNCTIONS),
        ("POST", f"{FUNCTIONS}/f/code/more"),
        ("GET", "/2015-03-31/functions/../../etc/passwd"),
        ("GET", "/_lambdock/code/../../etc/passwd"),
        ("GET", "/_lambdock/code/short"),
        ("GET", "/" + "x" * 4000),
        ("BREW", FUNCTIONS),
    ],
    ids=lambda value: value[:40],
)
def test_unknown_paths_and_methods_are_told_so(server, method, path):
    answer = refusal(send(server, method, path))
    assert (answer.status, answer.code) == (501, "InternalFailure")
    assert f"{method} {path}" in answer.message


def test_requests_for_other_services_are_told_so(server):
    credentials = {"Authorization": authorization(service="dynamodb")}
    answer = refusal(send(server, "POST", "/", b"{}", credentials))
    assert (answer.status, answer.code) == (501, "InternalFailure")
    assert "dynamodb" in answer.message


@pytest.mark.parametrize("name", ["%00", "%ff%fe", "%zz", "%"])
def test_names_that_decode_to_nothing_sensible_are_refused(server, name):
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/{name}"))
    assert (answer.status, answer.code) == (400, "ValidationException")


def test_code_that_is_not_there_is_not_found(server):
    answer = refusal(send(server, "GET", f"/_lambdock/code/{'0' * 64}"))
    assert (answer.status, answer.code) == (404, "ResourceNotFoundException")


def test_every_answer_has_a_request_id_of_its_own(server):
    seen = set()
    for path in [FUNCTIONS + "/", f"{FUNCTIONS}/nx", "/nothing", "/2015-03-31/account-settings/"]:
        reply = send(server, "GET", path)
        assert UUID.fullmatch(reply.headers["x-amzn-RequestId"]), path
        seen.add(reply.headers["x-amzn-RequestId"])
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("name", "told"),
    [
        # Longer than a name may be, but not than an ARN may be, which could stand in its place.
        ("n" * 65, (404, "ResourceNotFoundException")),
        ("n" * 200, (404, "ResourceNotFoundException")),
        ("n" * 5000, (400, "ValidationException")),
    ],
    ids=["65", "200", "5000"],
)
def test_long_names_are_missing_or_refused(server, name, told):
    for method, path in [("GET", name), ("DELETE", name), ("POST", f"{name}/invocations")]:
        answer = refusal(send(server, method, f"{FUNCTIONS}/{path}"))
        assert (answer.status, answer.code) == told
    answer = refusal(send(server, "POST", FUNCTIONS, request(name, PROBE)))
    assert answer.status == 400
    assert "Member must have length less than or equal to" in answer.message


@pytest.mark.parametrize("name", ["'; DROP TABLE functions; --", "../up", "a/b", "näme", "a b", "\n", "%"])
def test_names_with_strange_characters_are_refused(server, name):
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/{quote(name, safe='')}"))
    assert (answer.status, answer.code) == (400, "ValidationException")
    answer = refusal(send(server, "POST", FUNCTIONS, request(name, PROBE)))
    assert (answer.status, answer.code) == (400, "ValidationException")


@pytest.mark.parametrize(
    "authorization",
    ["", "garbage", "AWS4-HMAC-SHA256 Credential=", "Basic dXNlcjpwYXNz", "\xff"],
)
def test_odd_credentials_are_as_good_as_any(server, authorization):
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/nx", headers={"Authorization": authorization}))
    assert (answer.status, answer.code) == (404, "ResourceNotFoundException")


def test_credentials_for_no_service_are_for_another_than_lambda(server):
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=////"}
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/nx", headers=headers))
    assert (answer.status, answer.code) == (501, "InternalFailure")


@pytest.mark.statement(168)
@pytest.mark.parametrize(
    ("payload", "what", "column"),
    [
        (b"n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt", "Invalid UTF-8 start byte 0x87", 3),
        (
            b"\x99\xeb,j\x07\xa1zYh",
            "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object "
            "or token 'null', 'true' or 'false')",
            1,
        ),
    ],
    ids=["after a letter", "at the start"],
)
def test_events_that_are_no_utf8_are_refused(server, probe, payload, what, column):
    answer = refusal(send(server, "POST", f"{FUNCTIONS}/{probe.name}/invocations", payload))
    message = (
        f"Could not parse request body into json: Could not parse payload into json: {what}\n at [Source: REDACTED "
        f"(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: {column}]"
    )
    assert answer == Refusal(400, "InvalidRequestContentException", message)


@pytest.mark.parametrize(
    "payload", [b"{", b"{]", b"hello", b"{'a': 1}", b"[1,]", b'"open', b"1 2", b"\x00", b"[" * 5000]
)
def test_events_that_are_no_json_are_refused(server, probe, payload):
    answer = refusal(send(server, "POST", f"{FUNCTIONS}/{probe.name}/invocations", payload))
    assert (answer.status, answer.code) == (400, "InvalidRequestContentException")


def test_a_client_context_that_is_none_is_refused(server, probe):
    for context in ["not base64!", "e30" * 3000, "bm90IGpzb24=", "WzFd"]:
        reply = send(
            server,
            "POST",
            f"{FUNCTIONS}/{probe.name}/invocations",
            b"{}",
            {"X-Amz-Client-Context": context},
        )
        assert (refusal(reply).status, refusal(reply).code) == (400, "InvalidRequestContentException")


def test_a_role_that_is_no_arn_is_refused(server):
    answer = refusal(send(server, "POST", FUNCTIONS, request(fresh_name(), PROBE, Role="lambda-role")))
    assert (answer.status, answer.code) == (400, "ValidationException")
    assert "Value 'lambda-role' at 'role'" in answer.message


def test_an_unknown_runtime_is_refused(server):
    answer = refusal(send(server, "POST", FUNCTIONS, request(fresh_name(), PROBE, Runtime="cobol77")))
    assert (answer.status, answer.code) == (400, "InvalidParameterValueException")
    assert "Value cobol77 at 'runtime'" in answer.message


@pytest.mark.parametrize("megabytes", [7, 20, 100])
def test_events_over_six_megabytes_are_refused(server, probe, megabytes):
    size = megabytes * 1024 * 1024
    payload = b'"' + b"x" * (size - 2) + b'"'
    reply = send(server, "POST", f"{FUNCTIONS}/{probe.name}/invocations", payload)
    answer = refusal(reply)
    message = "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    assert answer == Refusal(413, "RequestEntityTooLargeException", message)


def test_markers_that_are_none_are_refused(server):
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/?Marker=%21%21"))
    assert answer == Refusal(400, "InvalidParameterValueException", "Invalid marker: !!")
