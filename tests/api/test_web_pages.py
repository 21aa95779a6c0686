"""Web pages: those of this machine may use the API, others may not."""

import pytest
import requests

FUNCTIONS = "/2015-03-31/functions/"


def send(server, method: str, **headers: str) -> requests.Response:
    """A request as a browser would send it."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, server.url + FUNCTIONS, headers=names, timeout=10)


@pytest.mark.parametrize("origin", ["http://evil.test", "https://localhost.evil.test", "null"])
def test_pages_from_elsewhere_are_kept_out(server, origin):
    for method in ["GET", "POST", "OPTIONS"]:
        answer = send(server, method, Origin=origin)
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert send(server, "GET", Referer="http://evil.test/page").status_code == 403


def test_pages_of_this_machine_may_ask_and_read(server):
    origin = "http://localhost:3000"
    asked = send(
        server,
        "OPTIONS",
        Origin=origin,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="x-amz-invocation-type",
    )
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Allow-Headers"] == "x-amz-invocation-type"
    answer = send(server, "GET", Origin=origin)
    assert answer.status_code == 200
    assert "x-amz-log-result" in answer.headers["Access-Control-Expose-Headers"]


def test_clients_that_are_no_pages_see_nothing_of_it(server):
    assert not [name for name in send(server, "GET").headers if name.lower().startswith("access-control-")]


def test_settings_let_pages_in(own_server):
    lenient = own_server(
        EXTRA_CORS_ALLOWED_ORIGINS="https://my.page, https://other.page",
        EXTRA_CORS_ALLOWED_HEADERS="x-sent",
        EXTRA_CORS_EXPOSE_HEADERS="x-read,x-also",
    )
    assert send(lenient, "GET", Origin="https://other.page").status_code == 200
    assert send(lenient, "GET", Origin="https://third.page").status_code == 403
    asked = send(lenient, "OPTIONS", Origin="https://my.page", Access_Control_Request_Method="GET").headers
    assert {"x-sent", "x-amz-target"} <= set(asked["Access-Control-Allow-Headers"].split(","))
    assert {"x-read", "x-also", "etag"} <= set(asked["Access-Control-Expose-Headers"].split(","))
    open_to_all = own_server(DISABLE_CORS_CHECKS=1, DISABLE_CORS_HEADERS=1)
    answer = send(open_to_all, "GET", Origin="https://evil.test")
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def ask(server, host: str) -> requests.Response:
    return requests.get(server.url + FUNCTIONS, headers={"Host": host, **BROWSER}, timeout=10)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "any.localhost:4566",
        "s3.localhost.localstack.cloud",
        "10.0.0.1",
        "[::1]:4566",
        "host.docker.internal",
        "lambdock:4566",
    ],
)
def test_names_of_this_machine_and_of_containers_are_answered(server, host):
    assert ask(server, host).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4566", "localhost.evil.example"])
def test_names_that_a_web_page_can_lead_here_are_not(server, host):
    answer = ask(server, host)
    assert answer.status_code == 403
    assert answer.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert f"LAMBDOCK_ALLOWED_HOSTS={host.partition(':')[0]}" in answer.json()["Message"]
    for path in ["/_localstack/health", "/", "/2015-03-31/functions/f/invocations"]:
        assert requests.post(server.url + path, headers={"Host": host, **BROWSER}, timeout=10).status_code == 403
    assert requests.get(server.url + FUNCTIONS, headers={"Host": host}, timeout=10).status_code == 200


def test_settings_add_names(own_server):
    named = own_server(LAMBDOCK_ALLOWED_HOSTS="lambda.example, other.example", LOCALSTACK_HOST="own.example:4566")
    for host in ["lambda.example", "a.other.example:1", "own.example", "a.own.example"]:
        assert ask(named, host).status_code == 200
    assert ask(named, "third.example").status_code == 403
    assert ask(own_server(DISABLE_CORS_CHECKS=1), "third.example").status_code == 200


def test_a_page_is_told_what_lets_it_in(server):
    assert "EXTRA_CORS_ALLOWED_ORIGINS" in send(server, "GET", Origin="http://evil.test").json()["Message"]
