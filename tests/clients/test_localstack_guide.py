"""LocalStack's Lambda guide, letter by letter, with its own command line client and with AWS's."""

import base64
import json
import re
import zipfile

import pytest
import requests

from harness.clients import Shell

INDEX_JS = """\
exports.handler = async (event) => {
    let body = JSON.parse(event.body)
    const product = body.num1 * body.num2;
    console.log("product", product);
    const response = {
        statusCode: 200,
        body: "The product of " + body.num1 + " and " + body.num2 + " is " + product,
    };
    return response;
};
"""
NAME = "localstack-lambda-url-example"
PAYLOAD = r'{"body": "{\"num1\": \"10\", \"num2\": \"10\"}" }'


class Guide:
    """A user's shell, in which `lambda_("invoke", …)` is typed with one client or the other."""

    def __init__(self, server, folder, client: str):
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        if client == "awslocal":
            self._command = ["awslocal"]
            # The one thing that differs from the guide: this server does not have port 4566 to itself.
            variables = {"AWS_ENDPOINT_URL": server.url, "DISABLE_DEPRECATION_NOTICE": "1"}
        else:
            self._command = ["aws", "--endpoint-url", server.url]
            variables = {"AWS_DEFAULT_REGION": "us-east-1", **credentials}
        self.shell = Shell(folder, variables)
        self.folder = folder
        self.port = server.port

    def lambda_(self, operation: str, *arguments: str) -> str:
        return self.shell.run(*self._command, "lambda", operation, *arguments)

    def json(self, operation: str, *arguments: str) -> dict:
        return json.loads(self.lambda_(operation, *arguments))

    def attempt(self, operation: str, *arguments: str):
        return self.shell.attempt(*self._command, "lambda", operation, *arguments)

    def zip(self, content: str) -> None:
        (self.folder / "index.js").write_text(content)
        with zipfile.ZipFile(self.folder / "function.zip", "w") as archive:
            archive.write(self.folder / "index.js", "index.js")


@pytest.fixture(params=["awslocal", "aws"])
def guide(server, tmp_path, request):
    one = Guide(server, tmp_path, request.param)
    yield one
    one.attempt("delete-function", "--function-name", NAME)


def test_the_guide_works_to_the_letter(guide):
    guide.zip(INDEX_JS)
    created = guide.json(
        *["create-function", "--function-name", NAME, "--runtime", "nodejs18.x"],
        *["--zip-file", "fileb://function.zip", "--handler", "index.handler"],
        *["--role", "arn:aws:iam::000000000000:role/lambda-role"],
    )
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
    assert (created["FunctionArn"], created["State"], created["Runtime"]) == (arn, "Pending", "nodejs18.x")

    guide.lambda_("wait", "function-active-v2", "--function-name", NAME)
    invoked = guide.json("invoke", "--function-name", NAME, "--payload", PAYLOAD, "output.txt")
    assert invoked == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    output = json.loads((guide.folder / "output.txt").read_text())
    assert output == {"statusCode": 200, "body": "The product of 10 and 10 is 100"}

    tail = guide.json("invoke", "--function-name", NAME, "--payload", PAYLOAD, "--log-type", "Tail", "output.txt")
    check_log(base64.b64decode(tail["LogResult"]).decode())

    shown = guide.json("get-function", "--function-name", NAME)
    assert shown["Configuration"]["State"] == "Active"
    assert requests.get(shown["Code"]["Location"], timeout=10).content == (guide.folder / "function.zip").read_bytes()
    assert NAME in [each["FunctionName"] for each in guide.json("list-functions")["Functions"]]

    guide.zip(INDEX_JS.replace("The product", "Now the product"))
    updated = guide.json("update-function-code", "--function-name", NAME, "--zip-file", "fileb://function.zip")
    assert updated["CodeSha256"] != created["CodeSha256"]
    guide.lambda_("wait", "function-updated-v2", "--function-name", NAME)
    configured = guide.json("update-function-configuration", "--function-name", NAME, "--timeout", "7")
    assert configured["Timeout"] == 7
    guide.lambda_("wait", "function-updated", "--function-name", NAME)
    guide.lambda_("invoke", "--function-name", NAME, "--payload", PAYLOAD, "output.txt")
    assert "Now the product of 10 and 10 is 100" in (guide.folder / "output.txt").read_text()

    created = guide.json("create-function-url-config", "--function-name", NAME, "--auth-type", "NONE")
    url = created["FunctionUrl"]
    # The host needs no name server here; a user's has one that knows localhost.localstack.cloud.
    here = ["--connect-to", f"::127.0.0.1:{guide.port}"]
    body = ["-H", "Content-Type: application/json", "-d", '{"num1": "10", "num2": "10"}']
    assert guide.shell.run("curl", "-s", *here, "-X", "POST", url, *body) == "Now the product of 10 and 10 is 100"

    guide.lambda_("delete-function", "--function-name", NAME)
    gone = guide.attempt("get-function", "--function-name", NAME)
    assert gone.returncode != 0
    assert (
        f"(ResourceNotFoundException) when calling the GetFunction operation: Function not found: {arn}" in gone.stderr
    )


def check_log(log: str) -> None:
    """START, the function's own line, END, REPORT with figures that can be true."""
    lines = log.splitlines()
    started = re.fullmatch(r"START RequestId: ([0-9a-f-]{36}) Version: \$LATEST", lines[0])
    assert started, log
    assert "product 100" in lines[1], log
    assert lines[2] == f"END RequestId: {started[1]}", log
    report = re.fullmatch(
        rf"REPORT RequestId: {started[1]}\tDuration: (\d+\.\d\d) ms\tBilled Duration: (\d+) ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: (\d+) MB\t",
        lines[3],
    )
    assert report, log
    duration, billed, memory = float(report[1]), int(report[2]), int(report[3])
    assert 0 < duration <= billed < duration + 2, log
    # Node.js alone needs some thirty megabytes.
    assert 20 < memory < 128, log


def test_the_function_runs_in_the_account_and_region_of_the_credentials(server, tmp_path):
    shell = Shell(
        tmp_path,
        {
            "AWS_ACCESS_KEY_ID": "123456789012",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": server.url,
        },
    )
    missing = shell.attempt("aws", "lambda", "get-function", "--function-name", "nobody")
    assert "arn:aws:lambda:eu-central-1:123456789012:function:nobody" in missing.stderr
