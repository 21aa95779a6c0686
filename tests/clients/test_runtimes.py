"""The guide's product in every language that has a stand-in image.

Node.js, Python and Rust run AWS's own runtime interface clients, from npm, PyPI and crates.io. Those of Ruby and Java
are stand-ins (`images/runtimes`), which speak the same Runtime API; the shell script speaks it by itself.
"""

import json

import pytest

from harness.archives import fixture

EVENT = {"body": json.dumps({"num1": "10", "num2": "10"})}
PRODUCT = "The product of 10 and 10 is 100"


@pytest.mark.parametrize(
    ("archive", "runtime", "handler"),
    [
        ("product-node", "nodejs18.x", "index.handler"),
        ("product-node", "nodejs22.x", "index.handler"),
        ("product-node", "nodejs24.x", "index.handler"),
        ("python-dependency", "python3.12", "app.handler"),
        ("product-ruby", "ruby3.3", "function.handler"),
        ("product-java", "java17", "example.Handler::handleRequest"),
        ("shell-provided", "provided.al2023", "function.handler"),
        ("rust-provided", "provided.al2023", "product"),
    ],
)
def test_a_function_answers_a_hundred_times(function, archive, runtime, handler):
    one = function(fixture(archive), Runtime=runtime, Handler=handler, Timeout=15, MemorySize=256)
    for attempt in range(100):
        answer = one.invoke(EVENT, LogType="Tail")
        assert answer.error is None, (attempt, answer.payload, answer.log)
        assert answer.json() == {"statusCode": 200, "body": PRODUCT}, attempt
        assert answer.log.count("START RequestId:") == 1
        assert f"REPORT RequestId: {answer.request_id}" in answer.log
    assert len(one.containers()) == 1
