"""Function URLs: HTTP requests become events, answers become HTTP responses."""

import base64
import http.client
import json
import re
import socket
import threading

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness import engine, streaming
from harness.archives import fixture, python, zip_of
from harness.deployment import deploy, deployed
from harness.function_urls import Url, url_of
from harness.server import Lambdock
from harness.waiting import wait_until
from harness.wire import UUID

FORBIDDEN = {
    "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
}

# Answers with what the request's body asks for.
OBEDIENT = python(
    """
import base64, json

def handler(event, context):
    body = event["body"]
    order = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    if "raise" in order:
        raise ValueError(order["raise"])
    if "print" in order:
        print(order["print"], context.aws_request_id)
    if "large" in order:
        return "x" * order["large"]
    while order.get("hang"):
        pass
    return order["return"]
"""
)

# Tells the event as it came.
ECHO = {"Handler": "app.handler", "Timeout": 30, "MemorySize": 512}


@pytest.fixture(scope="module")
def echo(server):
    with deployed(server, fixture("echo-python"), **ECHO) as one:
        yield url_of(one)


@pytest.fixture(scope="module")
def obedient(server):
    with deployed(server, OBEDIENT, Timeout=30, MemorySize=512) as one:
        yield url_of(one)


@pytest.fixture(scope="module")
def streamer(server):
    with deployed(server, streaming.ARCHIVE, **streaming.OPTIONS) as one:
        yield one


def ordered(url: Url, answer, **options):
    return url.call("POST", "/", json.dumps({"return": answer}), **options)


@pytest.mark.statement(160)
def test_a_request_is_an_event_in_format_2_0(server, echo):
    headers = [
        ("Content-Type", "application/json"),
        ("ExTrA-HeadErs", "With WeiRd CapS"),
        ("User-Agent", "test/echo"),
        ("Cookie", "a=1; b=2"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("Connection", "keep-alive"),
    ]
    reply = echo.call("POST", "/pa2%25Fth/1?q=query&m=foo&m=%2Fbar", '{"foo": "bar"}', headers)
    event = reply.json()
    assert (event["version"], event["routeKey"]) == ("2.0", "$default")
    assert (event["rawPath"], event["rawQueryString"]) == ("/pa2%25Fth/1", "q=query&m=foo&m=%2Fbar")
    assert event["queryStringParameters"] == {"q": "query", "m": "foo,/bar"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"foo": "bar"}', False)
    seen = event["headers"]
    assert (seen["extra-headers"], seen["x-twice"], seen["host"]) == ("With WeiRd CapS", "1,2", echo.host)
    assert "connection" not in seen
    assert (seen["x-forwarded-proto"], seen["x-forwarded-for"]) == ("http", "127.0.0.1")
    assert seen["x-forwarded-port"] == str(server.port)
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", seen["x-amzn-trace-id"])
    context = event["requestContext"]
    assert (context["accountId"], context["apiId"], context["domainPrefix"]) == ("anonymous", echo.id, echo.id)
    assert (context["domainName"], context["stage"]) == (echo.host, "$default")
    assert context["requestId"] == reply.headers["x-amzn-RequestId"]
    assert context["http"] == {
        "method": "POST",
        "path": "/pa2%Fth/1",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "test/echo",
    }
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])
    assert isinstance(context["timeEpoch"], int)
    assert "authorizer" not in context


def test_what_is_not_sent_is_not_in_the_event(echo):
    event = echo.call().json()
    assert not {"body", "cookies", "queryStringParameters"} & set(event)
    assert (event["isBase64Encoded"], event["rawQueryString"]) == (False, "")


@pytest.mark.statement(160)
@pytest.mark.parametrize(
    ("media_type", "body", "encoded"),
    [
        ("text/plain; charset=utf-8", "grüße".encode(), False),
        ("application/json", b'{"a":1}', False),
        ("application/json", b"\x1f\x8b\xff", True),
        ("application/octet-stream", b"abc", True),
        ("application/x-www-form-urlencoded", b"a=b", True),
        ("multipart/form-data; boundary=4e", b"\r\n--4e\r\nx\r\n--4e--\r\n", True),
        (None, b"{'key':'value'}", True),
    ],
)
def test_bodies_are_text_or_base64(echo, media_type, body, encoded):
    event = echo.call("POST", "/", body, {"Content-Type": media_type} if media_type else None).json()
    assert event["isBase64Encoded"] is encoded
    assert event["body"] == (base64.b64encode(body).decode() if encoded else body.decode())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
def test_any_method_reaches_the_function(echo, method):
    assert echo.call(method).json()["requestContext"]["http"]["method"] == method


def test_an_answer_to_head_has_no_body(echo):
    reply = echo.call("HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 100


@pytest.mark.parametrize(
    "target",
    ["/%00/%zz/%F0%9F%A6%80", "/a//b/../c", '/"{}|~', "/?a=%ff&=x&&b", "/?%F0%9F%A6%80=%00&a+b=c+d", "//x", "/?"],
)
def test_strange_targets_arrive_as_they_were_sent(echo, target):
    event = echo.call("GET", target).json()
    path, _, query = target.partition("?")
    assert (event["rawPath"], event["rawQueryString"]) == (path, query)


@pytest.mark.statement(155)
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ({"hello": "world"}, b'{"hello":"world"}'),
        (["hello", 3, True], b'["hello",3,true]'),
        ("hello", b"hello"),
        (3, b"3"),
        (3.1, b"3.1"),
        (True, b"true"),
        (None, b"null"),
        ({"body": "no status"}, b'{"body":"no status"}'),
    ],
)
def test_responses_are_inferred(obedient, answer, body):
    reply = ordered(obedient, answer)
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers["Content-Type"] == "application/json"
    assert UUID.fullmatch(reply.headers["x-amzn-RequestId"])
    assert reply.headers["x-amzn-trace-id"].startswith("Root=1-")


@pytest.mark.statement(156)
def test_responses_are_what_the_function_says(obedient):
    reply = ordered(
        obedient,
        {
            "statusCode": 201,
            "headers": {"Content-Type": "text/html", "My-Custom-Header": "Custom Value", "X-Number": 1},
            "cookies": ["a=1; Secure", "b=2"],
            "body": "<p>",
        },
    )
    assert (reply.status, reply.body) == (201, b"<p>")
    assert (reply.headers["content-type"], reply.headers["my-custom-header"]) == ("text/html", "Custom Value")
    assert reply.headers.get_all("set-cookie") == ["a=1; Secure", "b=2"]
    teapot = ordered(obedient, {"statusCode": "418", "body": "i'm a teapot"})
    assert (teapot.status, teapot.body) == (418, b"i'm a teapot")
    nested = ordered(obedient, {"statusCode": 200, "body": {"a": [1]}})
    assert nested.body == b'{"a":[1]}'
    binary = {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(b"\x00\xff").decode()}
    assert ordered(obedient, binary).body == b"\x00\xff"
    nothing = ordered(obedient, {"statusCode": 204, "body": "ignored"})
    assert (nothing.status, nothing.body) == (204, b"")


@pytest.mark.statement(157)
@pytest.mark.parametrize("order", [{"raise": "no"}, {"return": {"statusCode": "x"}}, {"large": 6_291_557}])
def test_a_function_that_fails_is_a_bad_gateway(obedient, order):
    reply = obedient.call("POST", "/", json.dumps(order))
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    assert UUID.fullmatch(reply.headers["x-amzn-RequestId"])


def test_time_that_is_up_is_a_bad_gateway(function):
    url = url_of(function(OBEDIENT, Timeout=1))
    reply = url.call("POST", "/", json.dumps({"hang": True}))
    assert (reply.status, reply.body) == (502, b"Internal Server Error")


@pytest.mark.statement(161)
def test_the_request_id_is_the_functions(server, function):
    one = function(OBEDIENT)
    reply = url_of(one).call("POST", "/", json.dumps({"print": "id", "return": 1}))
    [container] = one.containers()
    wait_until(lambda: f"id {reply.headers['x-amzn-RequestId']}" in engine.docker("logs", container.id))


def test_throttles_are_told_as_invoke_tells_them(function):
    one = function(OBEDIENT)
    one.client.put_function_concurrency(FunctionName=one.name, ReservedConcurrentExecutions=0)
    reply = url_of(one).call()
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (429, "TooManyRequestsException")
    assert reply.headers["Retry-After"] == "1"
    reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert reply.json() == {"Reason": reason, "Type": "User", "message": "Rate Exceeded."}


@pytest.mark.parametrize(("size", "status"), [(6_291_457, 413), (6_291_000, 413), (4_000_000, 200)])
def test_requests_have_the_limit_of_events(echo, size, status):
    # What is not text grows by a third.
    reply = echo.call("POST", "/", b"x" * size, {"Content-Type": "application/octet-stream"})
    assert reply.status == status
    if status == 413:
        assert reply.headers["x-amzn-ErrorType"] == "RequestEntityTooLargeException"


@pytest.mark.statement(158)
def test_nobodys_url_is_denied(server):
    url = Url(server, f"http://0123456789abcdefghijklmnopqrstuv.lambda-url.us-east-1.127.0.0.1:{server.port}/")
    reply = url.call()
    assert (reply.status, reply.body) == (403, b'{"Message":null}')
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["x-amzn-ErrorType"] == "AccessDeniedException"


@pytest.mark.statement(159)
def test_a_url_goes_with_its_alias_and_its_function(function):
    one = function(OBEDIENT)
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    of_alias, own = url_of(one, Qualifier="live"), url_of(one)
    for url in [of_alias, own]:
        assert ordered(url, "hi").body == b"hi"
    one.client.delete_alias(FunctionName=one.name, Name="live")
    gone = of_alias.call()
    assert (gone.status, gone.json()) == (403, FORBIDDEN)
    assert gone.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert ordered(own, "still").body == b"still"
    one.client.delete_function(FunctionName=one.name)
    assert own.call().status == 403


def test_a_url_that_is_gone_is_forbidden_after_a_restart_too(own_server):
    server = own_server(PERSISTENCE=1)
    one = deploy(server, OBEDIENT)
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    # One that was never called is as gone as any other.
    url = url_of(one, Qualifier="live")
    one.client.delete_alias(FunctionName=one.name, Name="live")
    server.restart()
    gone = url.call()
    assert (gone.status, gone.json()) == (403, FORBIDDEN)
    assert gone.headers["x-amzn-ErrorType"] == "AccessDeniedException"


def test_an_update_is_seen_at_once(function):
    one = function(OBEDIENT)
    url = url_of(one)
    assert ordered(url, 1).status == 200
    one.client.update_function_url_config(FunctionName=one.name, AuthType="AWS_IAM")
    assert ordered(url, 1).status == 403
    one.client.update_function_url_config(FunctionName=one.name, AuthType="NONE")
    assert ordered(url, 1).status == 200


@pytest.mark.parametrize(
    "suffix", ["localhost.localstack.cloud:4566", "localhost", "on.aws", "LOCALHOST:80", "my.company.test"]
)
def test_what_follows_the_region_does_not_matter(echo, suffix):
    host = f"{echo.id.upper()}.Lambda-URL.us-east-1.{suffix}"
    event = echo.call(host=host).json()
    assert (event["requestContext"]["domainName"], event["requestContext"]["apiId"]) == (host, echo.id)
    assert echo.call(host=f"{echo.id}.lambda-url.eu-west-1.{suffix}").status == 403


@pytest.mark.statement(164)
def test_any_region_has_urls(server):
    client = server.client(region="af-south-1")
    with deployed(server, OBEDIENT, client=client) as one:
        url = url_of(one)
        assert ".lambda-url.af-south-1." in url.host
        assert ordered(url, "hi").body == b"hi"


def test_custom_ids_lead_to_functions_and_aliases(function):
    one = function(OBEDIENT, Tags={"_custom_id_": "My-Own"})
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    own, of_alias = url_of(one), url_of(one, Qualifier="live")
    assert (own.id, of_alias.id) == ("My-Own", "My-Own-live")
    for url in [own, of_alias]:
        assert ordered(url, "hi", host=url.host.lower()).body == b"hi"


def test_host_names_of_localstack_host_lead_here(own_server):
    server = own_server(LOCALSTACK_HOST="functions.test:8080")
    with deployed(server, OBEDIENT) as one:
        url = url_of(one)
        assert url.host.endswith(".lambda-url.us-east-1.functions.test:8080")
        assert ordered(url, "hi").body == b"hi"


def test_urls_work_after_a_restart(own_server):
    server = own_server(PERSISTENCE=1)
    url = url_of(deploy(server, OBEDIENT))
    server.restart()
    assert ordered(url, "hi").body == b"hi"


PAGE = {"Origin": "https://page.test", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a"}


def cors_of(reply) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.headers.items() if name.lower().startswith("access-control")}


@pytest.mark.statement(163)
def test_cors_is_lambdas_where_it_is_configured(function):
    one = function(OBEDIENT)
    cors = {
        "AllowCredentials": True,
        "AllowHeaders": ["x-a", "x-b"],
        "AllowMethods": ["PUT"],
        "AllowOrigins": ["https://page.test"],
        "ExposeHeaders": ["date"],
        "MaxAge": 60,
    }
    url = url_of(one, Cors=cors, AuthType="AWS_IAM")
    preflight = url.call("OPTIONS", "/", headers=PAGE)
    of_page = {
        "access-control-allow-origin": "https://page.test",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "date",
    }
    assert (preflight.status, preflight.body) == (200, b"")
    assert cors_of(preflight) == {
        **of_page,
        "access-control-allow-headers": "x-a,x-b",
        "access-control-allow-methods": "PUT",
        "access-control-max-age": "60",
    }
    other = url.call("OPTIONS", "/", headers={**PAGE, "Origin": "https://other.test"})
    assert (other.status, cors_of(other)) == (200, {})
    assert one.containers(running=False) == []
    one.client.update_function_url_config(FunctionName=one.name, AuthType="NONE")
    own_word = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": "b"}
    assert cors_of(ordered(url, own_word, headers={"Origin": "https://page.test"})) == of_page
    assert cors_of(ordered(url, own_word, headers={"Origin": "https://other.test"})) == {}


def test_cors_is_the_functions_where_it_is_not(echo, obedient):
    event = echo.call("OPTIONS", "/", headers=PAGE).json()
    assert event["requestContext"]["http"]["method"] == "OPTIONS"
    own_word = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}
    reply = ordered(obedient, own_word, headers={"Origin": "http://evil.test"})
    assert cors_of(reply) == {"access-control-allow-origin": "*"}


def signed(url: Url, secret: str = "test", access_key: str = "test", body: bytes = b"", target: str = "/x?b=2&a=%20"):
    """Headers of a POST, signed by AWS's own client."""
    request = AWSRequest("POST", f"http://{url.host}{target}", data=body, headers={"Content-Type": "text/plain"})
    SigV4Auth(Credentials(access_key, secret, "session"), "lambda", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def test_a_url_for_those_who_sign_wants_a_signature(function):
    url = url_of(function(fixture("echo-python"), **ECHO), AuthType="AWS_IAM")
    unsigned = url.call("POST", "/x", "a")
    assert (unsigned.status, unsigned.json()) == (403, FORBIDDEN)
    assert unsigned.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert url.call("POST", "/x", "a", {"Authorization": "Bearer token"}).status == 403
    reply = url.call("POST", "/x?b=2&a=%20", b"a", signed(url, access_key="000000000042", body=b"a"))
    context = reply.json()["requestContext"]
    assert context["accountId"] == "000000000042"
    assert context["authorizer"]["iam"] == {
        "accessKey": "000000000042",
        "accountId": "000000000042",
        "callerId": "000000000042",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:iam::000000000042:root",
        "userId": "000000000042",
    }


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    with Lambdock(tmp_path_factory.mktemp("strict"), ENFORCE_IAM=1, AWS_SECRET_ACCESS_KEY="my-own") as server:
        yield server


def test_signatures_are_verified_where_iam_is_enforced(strict):
    with deployed(strict, OBEDIENT) as one:
        url = url_of(one, AuthType="AWS_IAM")
        body = b'{"return": "hi"}'
        target = "/x?b=2&a=%20"

        def status(headers, sent=body, to=target):
            return url.call("POST", to, sent, headers).status

        for secret in ["test", "my-own"]:
            assert status(signed(url, secret, body=body)) == 200
        assert status(signed(url, "other", body=body)) == 403
        assert status(signed(url, body=body), sent=b'{"return": "ho"}') == 403
        assert status(signed(url, body=body), to="/y?b=2&a=%20") == 403
        assert status(signed(url, body=body), to="/x?b=2&a=%21") == 403
        assert status(signed(url, body=body) | {"X-Amz-Date": "20200101T000000Z"}) == 403
        # Another account needs a statement of the policy.
        foreign = signed(url, access_key="000000000042", body=body)
        assert status(foreign) == 403
        one.client.add_permission(
            FunctionName=one.name,
            StatementId="s",
            Action="lambda:InvokeFunctionUrl",
            Principal="000000000042",
            FunctionUrlAuthType="AWS_IAM",
        )
        assert status(foreign) == 200


def test_a_presigned_url_is_good_where_iam_is_enforced(strict):
    with deployed(strict, fixture("echo-python"), **ECHO) as one:
        url = url_of(one, AuthType="AWS_IAM")
        request = AWSRequest("GET", f"http://{url.host}/a%20b", data=b"")
        SigV4QueryAuth(Credentials("test", "test"), "lambda", "us-east-1", expires=60).add_auth(request)
        target = request.url.removeprefix(f"http://{url.host}")
        assert url.call("GET", target).status == 200
        assert url.call("GET", target.replace("a%20b", "a%20c")).status == 403


def test_policies_count_where_iam_is_enforced(strict):
    with deployed(strict, OBEDIENT) as one:
        url = url_of(one)
        denied = ordered(url, "hi")
        assert (denied.status, denied.json()) == (403, FORBIDDEN)
        for statement, auth_type, status in [("iam", "AWS_IAM", 403), ("none", "NONE", 200)]:
            one.client.add_permission(
                FunctionName=one.name,
                StatementId=statement,
                Action="lambda:InvokeFunctionUrl",
                Principal="*",
                FunctionUrlAuthType=auth_type,
            )
            assert ordered(url, "hi").status == status
        one.client.remove_permission(FunctionName=one.name, StatementId="none")
        assert ordered(url, "hi").status == 403


def test_web_sockets_are_refused(function):
    one = function(OBEDIENT)
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    reply = url_of(one).call("GET", "/", headers=headers)
    assert reply.status == 400
    assert "WebSocket" in reply.json()["Message"]
    assert one.containers(running=False) == []


def test_connections_are_kept_for_the_next_request(server, echo):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for method in ["GET", "HEAD", "GET"]:
            connection.sendall(f"{method} / HTTP/1.1\r\nHost: {echo.host}\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            head, _, body = head.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            left = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1]) - len(body)
            while method != "HEAD" and left > 0:
                left -= len(connection.recv(65536))


def test_many_callers_at_once_get_their_own_answers(obedient):
    answers = {}

    def ask(number: int) -> None:
        answers[number] = ordered(obedient, f"answer {number}").body

    threads = [threading.Thread(target=ask, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: f"answer {number}".encode() for number in range(6)}


INTEGRATION = "application/vnd.awslambda.http-integration-response"


@pytest.fixture(scope="module")
def streaming_url(streamer):
    return url_of(streamer, InvokeMode="RESPONSE_STREAM")


def streamed(*steps, content_type="text/plain"):
    return json.dumps({"contentType": content_type, "steps": steps})


@pytest.mark.statement(162)
def test_the_first_byte_leaves_before_the_function_ends(streaming_url, streamer):
    steps = streamed(("write", "first"), ("wait", "url-1"), ("write", " second"))
    connection, answer = streaming_url.open("POST", "/", steps)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain")
    assert UUID.fullmatch(answer.headers["x-amzn-RequestId"])
    assert answer.read1(5) == b"first"
    streaming.release(streamer, "url-1")
    assert answer.read() == b" second"
    connection.close()


def test_a_prelude_is_the_head(streaming_url, streamer):
    head = {"statusCode": 201, "headers": {"X-A": "b", "Content-Type": "text/html"}, "cookies": ["c=d", "e=f"]}
    text = json.dumps(head)
    steps = [("write", text[:9]), ("write", text[9:] + "\0" * 3), ("write", "\0" * 5 + "body"), ("wait", "url-2")]
    connection, answer = streaming_url.open(
        "POST", "/", streamed(*steps, ("write", " rest\0"), content_type=INTEGRATION)
    )
    assert (answer.status, answer.headers["x-a"], answer.headers["Content-Type"]) == (201, "b", "text/html")
    assert answer.headers.get_all("Set-Cookie") == ["c=d", "e=f"]
    assert answer.read1(4) == b"body"
    streaming.release(streamer, "url-2")
    assert answer.read() == b" rest\0"
    connection.close()


def test_what_fails_before_its_head_is_a_bad_gateway(streaming_url):
    for steps in [[("write", "{}"), ("exit", 1)], [("write", "no json" + "\0" * 8)], [("write", "{}")]]:
        reply = streaming_url.call("POST", "/", streamed(*steps, content_type=INTEGRATION))
        assert (reply.status, reply.body) == (502, b"Internal Server Error")


def test_what_fails_midway_is_cut_off(streaming_url):
    for last in [("exit", 1), ("fail", "Function.Broken")]:
        connection, answer = streaming_url.open("POST", "/", streamed(("write", "half"), last))
        assert answer.read1(4) == b"half"
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()
    assert streaming_url.call("POST", "/", streamed(("write", "whole"))).body == b"whole"


def test_a_function_that_does_not_stream_is_told_as_it_is(function):
    url = url_of(function(OBEDIENT), InvokeMode="RESPONSE_STREAM")
    reply = ordered(url, {"statusCode": 201, "body": "b"})
    assert (reply.status, reply.json()) == (200, {"statusCode": 201, "body": "b"})
    assert reply.headers["Content-Type"] == "application/json"
    failed = url.call("POST", "/", json.dumps({"raise": "no"}))
    assert (failed.status, failed.body) == (502, b"Internal Server Error")


def test_more_than_a_buffered_answer_may_be(streaming_url):
    assert len(streaming_url.call("POST", "/", streamed(("fill", 7))).body) == 7 << 20


def test_head_gets_no_body_and_holds_nothing_up(streaming_url):
    assert streaming_url.call("HEAD", "/", streamed(("fill", 8))).body == b""
    assert streaming_url.call("POST", "/", streamed(("write", "next"))).body == b"next"


def test_node_streams(function):
    source = """
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            const metadata = { statusCode: 202, headers: { "Content-Type": "text/html", "X-Path": event.rawPath } };
            stream = awslambda.HttpResponseStream.from(stream, metadata);
            stream.write("Hello,");
            stream.write(" world!");
            stream.end();
        });
    """
    one = function(zip_of({"index.js": source}), Runtime="nodejs22.x")
    reply = url_of(one, InvokeMode="RESPONSE_STREAM").call("GET", "/a/b")
    assert (reply.status, reply.body) == (202, b"Hello, world!")
    assert (reply.headers["Content-Type"], reply.headers["X-Path"]) == ("text/html", "/a/b")
    one.client.update_function_url_config(FunctionName=one.name, InvokeMode="BUFFERED")
    url = Url(one.server, one.client.get_function_url_config(FunctionName=one.name)["FunctionUrl"])
    reply = url.call("GET", "/a/b")
    assert (reply.status, reply.body, reply.headers["X-Path"]) == (202, b"Hello, world!", "/a/b")
