"""Layers at run time: under /opt, one over the other, for as long as a function uses them."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness import archives
from harness.deployment import PYTHON, ROLE, Function, deploy, fresh_name


def layer(client, content: dict[str, str], name: str | None = None) -> str:
    archive = archives.zip_of(content)
    return client.publish_layer_version(LayerName=name or fresh_name("layer"), Content={"ZipFile": archive})[
        "LayerVersionArn"
    ]


def reads(*paths: str) -> str:
    return f"return [open(path).read() for path in {paths!r}]"


def test_a_library_of_a_layer_is_found(server):
    arn = layer(server.client(), {"python/greeting.py": "WORD = 'hello from a layer'\n"})
    one = deploy(server, Layers=[arn])
    assert one.run("import greeting; return [greeting.WORD, greeting.__file__]").value() == [
        "hello from a layer",
        "/opt/python/greeting.py",
    ]


@pytest.mark.statement(123)
def test_later_layers_lie_over_earlier_ones(server):
    client = server.client()
    below = layer(client, {"both": "below", "deep/down/below": "b"})
    above = layer(client, {"both": "above", "deep/down/above": "a"})
    one = deploy(server, Layers=[below, above])
    paths = reads("/opt/both", "/opt/deep/down/below", "/opt/deep/down/above")
    assert one.run(paths).value() == ["above", "b", "a"]
    one.configure(Layers=[above, below])
    assert one.run(paths).value() == ["below", "b", "a"]
    one.configure(Layers=[])
    assert one.run("import os; return os.path.exists('/opt/both')").value() is False


@pytest.mark.statement(115)
def test_a_deleted_version_serves_functions_that_use_it(server):
    client = server.client()
    name = fresh_name("layer")
    arn = layer(client, {"mark": "kept"}, name)
    one, other = deploy(server, Layers=[arn]), deploy(server, Layers=[arn])
    client.delete_layer_version(LayerName=name, VersionNumber=1)
    client.delete_function(FunctionName=other.name)
    assert one.run(reads("/opt/mark")).value() == ["kept"]
    (shown,) = one.configuration()["Layers"]
    assert (shown["Arn"], shown["CodeSize"]) == (arn, len(archives.zip_of({"mark": "kept"})))
    version = client.publish_version(FunctionName=one.name)["Version"]
    client.get_waiter("published_version_active").wait(FunctionName=one.name, Qualifier=version)
    one.configure(Layers=[])
    answer = one.invoke({"run": reads("/opt/mark")}, Qualifier=version)
    assert answer.value() == ["kept"]


class HesitantS3(BaseHTTPRequestHandler):
    """Has one object under every name, and gives it when it is told to."""

    asked = threading.Event()
    may_answer = threading.Event()

    def do_GET(self) -> None:
        self.asked.set()
        assert self.may_answer.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", str(len(archives.PROBE)))
        self.end_headers()
        self.wfile.write(archives.PROBE)

    def log_message(self, *_) -> None:
        """Nothing."""


@contextlib.contextmanager
def hesitant_s3() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), HesitantS3) as s3:
        threading.Thread(target=s3.serve_forever).start()
        yield f"http://127.0.0.1:{s3.server_port}"
        s3.shutdown()


def test_a_version_that_is_deleted_while_a_function_is_made_serves_it(own_server):
    with hesitant_s3() as url, ThreadPoolExecutor() as others:
        server = own_server(AWS_ENDPOINT_URL_S3=url)
        client = server.client()
        name = fresh_name("layer")
        arn = layer(client, {"mark": "kept"}, name)
        one = Function(server, client, fresh_name())
        options = {"Runtime": PYTHON, "Role": ROLE, "Handler": "index.handler", "Layers": [arn]}
        code = {"S3Bucket": "bucket", "S3Key": "key"}
        creating = others.submit(client.create_function, FunctionName=one.name, Code=code, **options)
        try:
            assert HesitantS3.asked.wait(60)
            client.delete_layer_version(LayerName=name, VersionNumber=1)
        finally:
            HesitantS3.may_answer.set()
        creating.result()
        assert one.wait_active().run(reads("/opt/mark")).value() == ["kept"]


EXTENSION = """#!/usr/bin/env python3
import os
import urllib.request
from pathlib import Path

api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
name = {"Lambda-Extension-Name": "mark"}
answer = urllib.request.urlopen(urllib.request.Request(api + "register", b'{"events": ["INVOKE"]}', name))
Path("/tmp/registered").write_text("yes")
identifier = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
while True:
    urllib.request.urlopen(urllib.request.Request(api + "event/next", headers=identifier)).read()
"""


def test_an_extension_in_a_layer_runs(server):
    arn = layer(server.client(), {"extensions/mark": EXTENSION})
    one = deploy(server, Layers=[arn], Timeout=15)
    assert one.run(reads("/tmp/registered")).value() == ["yes"]
