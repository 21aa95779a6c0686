"""`docker compose up`, with every compose file of the repository."""

import json
import subprocess

import boto3
import pytest

from harness import compose, control_plane, needs
from harness.archives import REPOSITORY, python
from harness.clients import Shell
from harness.deployment import ROLE, create
from harness.waiting import wait_until

SENDING = python(
    """
import json, os, urllib.request

def handler(event, context):
    scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/{os.environ['AWS_REGION']}/sqs/aws4_request"
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        json.dumps({"QueueUrl": event["queue"], "MessageBody": event["message"]}).encode(),
        {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS.SendMessage",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        },
    )
    return json.load(urllib.request.urlopen(request, timeout=20))["MessageId"]
"""
)
"""Sends a message to a queue."""


GREET = "def handler(event, context):\n    return {greeting!r}\n"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Both images, as variables of the compose files name them."""
    needs.wanted(compose.command() is not None, "`docker compose` or `docker-compose`")
    folder = tmp_path_factory.mktemp("images")
    (folder / "lambdock").mkdir()
    with control_plane.image(folder / "lambdock") as lambdock, compose.moto_image(folder / "moto") as moto:
        yield {"LAMBDOCK_IMAGE": lambdock, "MOTO_IMAGE": moto}


@pytest.fixture(scope="module", params=compose.FILES, ids=str)
def project(request, images, tmp_path_factory):
    with compose.Project(request.param, tmp_path_factory.mktemp("project"), images) as one:
        yield one


with_moto = pytest.mark.parametrize("project", [compose.WITH_MOTO], indirect=True, ids=str)


def client(project, service: str):
    return boto3.client(
        service,
        endpoint_url=project.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def test_every_compose_file_is_tested():
    listed = subprocess.run(
        ["git", "ls-files", "*compose*.y*ml"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert set(listed.stdout.split()) == {str(file) for file in compose.FILES}


@pytest.mark.timeout(600)
def test_what_is_saved_in_the_folder_of_the_caller_runs_at_once(project):
    """Hot reload as LocalStack's guide has it: the compose file says where the folder is, the key begins there."""
    code = project.folder / "src"
    code.mkdir()
    (code / "index.py").write_text(GREET.format(greeting="hello"))
    variables = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    shell = Shell(project.folder, variables)

    def lambda_(*arguments: str) -> None:
        shell.run("aws", "--endpoint-url", project.url, "lambda", *arguments, "--function-name", "f")

    def greeting() -> str:
        lambda_("invoke", "output.txt")
        return json.loads((project.folder / "output.txt").read_text())

    code_of = ["--code", "S3Bucket=hot-reload,S3Key=$HOST_LAMBDA_DIR/src"]
    lambda_("create-function", "--runtime", "python3.12", "--handler", "index.handler", "--role", ROLE, *code_of)
    lambda_("wait", "function-active-v2")
    assert greeting() == "hello"
    (container,) = project.containers("f")
    (code / "index.py").write_text(GREET.format(greeting="changed"))
    wait_until(lambda: greeting() == "changed", 30, "the new code runs")
    assert [other.id for other in project.containers("f")] == [container.id]


@with_moto
@pytest.mark.timeout(600)
def test_code_comes_from_s3_and_functions_send_to_sqs(project):
    s3, sqs = client(project, "s3"), client(project, "sqs")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="f.zip", Body=SENDING)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    one = create(project, Code={"S3Bucket": "code", "S3Key": "f.zip"}, Timeout=30).wait_active()
    sent = one.invoke({"queue": queue, "message": "hello"}).value()
    received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert [(message["MessageId"], message["Body"]) for message in received] == [(sent, "hello")]


@with_moto
@pytest.mark.timeout(600)
def test_both_are_of_one_account(project):
    identity = client(project, "sts").get_caller_identity()
    assert identity["Account"] == "000000000000"


def test_moto_is_the_one_that_is_tested():
    def pinned(path: str) -> str:
        lines = (REPOSITORY / path).read_text().splitlines()
        return next(line for line in lines if line.startswith("moto[server]=="))

    assert pinned("images/moto/requirements.txt") == pinned("tests/requirements.txt")
