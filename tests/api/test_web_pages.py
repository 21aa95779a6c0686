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
    lenient = own_server(EXTRA_CORS_ALLOWED_ORIGINS="https://my.page, https://other.page")
    assert send(lenient, "GET", Origin="https://other.page").status_code == 200
    assert send(lenient, "GET", Origin="https://third.page").status_code == 403
    open_to_all = own_server(DISABLE_CORS_CHECKS=1, DISABLE_CORS_HEADERS=1)
    answer = send(open_to_all, "GET", Origin="https://evil.test")
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
