"""`S3Bucket=hot-reload`: the code is a folder of the machine, and what is saved there runs."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness import archives
from harness.clients import Shell
from harness.deployment import Function, create, deploy
from harness.waiting import wait_until

MISSING = (
    "[{request_id}] Internal error while executing lambda {name}:$LATEST. Caused by the container engine refused to "
    'create a container: invalid mount config for type "bind": bind source path does not exist: {path}'
)
"""What is said of a folder that is not there, with the engine's own words."""

GREET = "import os\n\ndef handler(event, context):\n    return [{greeting!r}, os.getpid()]\n"


def save(folder: Path, greeting: str) -> None:
    """As editors do it: another file takes the place of the old one."""
    folder.mkdir(exist_ok=True)
    new = folder / ".index.py.swp"
    new.write_text(GREET.format(greeting=greeting))
    new.rename(folder / "index.py")


@pytest.fixture
def code(tmp_path) -> Path:
    """A folder with a function in it."""
    folder = tmp_path / "code"
    save(folder, "hello")
    return folder


def from_folder(server, key: str) -> Function:
    """A function whose code is in a folder."""
    return create(server, b"", Code={"S3Bucket": "hot-reload", "S3Key": key}).wait_active()


@pytest.mark.statement(197)
def test_what_is_saved_runs_in_the_same_container(server, code):
    one = from_folder(server, str(code))
    greeting, before = one.invoke({}).value()
    assert greeting == "hello"
    (container,) = one.containers()
    save(code, "changed")
    greeting, after = wait_until(lambda: (v := one.invoke({}).value())[0] == "changed" and v, what="the new code runs")
    assert after != before
    assert [each.id for each in one.containers()] == [container.id]


def test_new_folders_and_files_are_seen(server, code):
    one = from_folder(server, str(code))
    before = one.invoke({}).value()[1]
    (code / "package").mkdir()
    (code / "package" / "__init__.py").write_text("NAME = 'packaged'\n")
    save(code, "still the same")
    (code / "index.py").write_text("import package\n\ndef handler(event, context): return [package.NAME, 0]\n")
    wait_until(lambda: one.invoke({}).value()[0] == "packaged", what="the new module is used")
    assert before


def test_the_function_cannot_write_into_the_folder(server, code):
    (code / "index.py").write_text("def handler(event, context): open('/var/task/mark', 'w')\n")
    one = from_folder(server, str(code))
    answer = one.invoke({})
    assert "Read-only file system" in answer.json()["errorMessage"]
    assert not (code / "mark").exists()


@pytest.mark.statement(197)
def test_how_it_is_shown(server, code):
    one = from_folder(server, str(code))
    shown = one.client.get_function(FunctionName=one.name)
    assert shown["Configuration"]["CodeSha256"] == "hot-reloading-hash-not-available"
    assert shown["Configuration"]["CodeSize"] == 0
    assert shown["Code"]["Location"] == f"file://{code}"
    version = one.client.publish_version(FunctionName=one.name, CodeSha256="whatever")
    assert version["Version"] == "1"


@pytest.mark.statement(197)
@pytest.mark.parametrize("key", ["not/an/absolute/path", "./code", "$NOBODY_HAS_SET_THIS/code"])
def test_a_path_has_to_be_absolute(server, key):
    with pytest.raises(ClientError) as caught:
        create(server, b"", Code={"S3Bucket": "hot-reload", "S3Key": key})
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    assert error["Message"] == (
        f"When using hot reloading, the archive key has to be an absolute path! Your archive key: {key}"
    )


@pytest.mark.parametrize("client", ["aws", "awslocal"])
def test_with_the_command_line_clients(server, tmp_path, client):
    """As LocalStack's documentation has it, word by word."""
    code = tmp_path / "my project"
    save(code, "hello")
    prefix = ["awslocal"] if client == "awslocal" else ["aws", "--endpoint-url", server.url]
    shell = Shell(
        tmp_path,
        {
            "AWS_ENDPOINT_URL": server.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "DISABLE_DEPRECATION_NOTICE": "1",
        },
    )
    name = f"hot-{client}"
    created = json.loads(
        shell.run(
            *[*prefix, "lambda", "create-function", "--function-name", name],
            *["--code", f'S3Bucket="hot-reload",S3Key="{code}"', "--handler", "index.handler"],
            *["--runtime", "python3.12", "--role", "arn:aws:iam::000000000000:role/cool-stacklifter"],
        )
    )
    assert (created["CodeSize"], created["CodeSha256"]) == (0, "hot-reloading-hash-not-available")
    shell.run(*prefix, "lambda", "wait", "function-active-v2", "--function-name", name)

    def answer() -> str:
        shell.run(*prefix, "lambda", "invoke", "--function-name", name, "out.json")
        return json.loads((tmp_path / "out.json").read_text())[0]

    assert answer() == "hello"
    save(code, "changed")
    wait_until(lambda: answer() == "changed", 30, "the new code runs")
    other = tmp_path / "other"
    save(other, "from elsewhere")
    shell.run(
        *[*prefix, "lambda", "update-function-code", "--function-name", name],
        *["--s3-bucket", "hot-reload", "--s3-key", str(other)],
    )
    shell.run(*prefix, "lambda", "wait", "function-updated-v2", "--function-name", name)
    assert answer() == "from elsewhere"
    refused = shell.attempt(
        *[*prefix, "lambda", "update-function-code", "--function-name", name],
        *["--s3-bucket", "hot-reload", "--s3-key", "other"],
    )
    assert refused.returncode != 0
    assert (
        "(InvalidParameterValueException) when calling the UpdateFunctionCode operation: When using hot reloading, the "
        "archive key has to be an absolute path! Your archive key: other" in refused.stderr
    )
    shell.run(*prefix, "lambda", "delete-function", "--function-name", name)


def test_a_folder_that_is_not_there_is_named(server, tmp_path):
    missing = tmp_path / "nobody"
    one = from_folder(server, str(missing))
    with pytest.raises(ClientError) as caught:
        one.invoke({})
    response = caught.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (500, "ServiceException")
    request_id = response["ResponseMetadata"]["RequestId"]
    assert response["Error"]["Message"] == MISSING.format(request_id=request_id, name=one.name, path=missing)
    # As soon as it is there it runs; nothing has to be created again.
    save(missing, "here now")
    assert one.invoke({}).value()[0] == "here now"


@pytest.mark.statement(197)
def test_variables_of_the_environment_are_filled_in(own_server, code):
    server = own_server(CODE_HOME=str(code.parent))
    one = from_folder(server, "$CODE_HOME/code")
    assert one.invoke({}).value()[0] == "hello"
    assert one.client.get_function(FunctionName=one.name)["Code"]["Location"] == "file://$CODE_HOME/code"


def test_a_variable_in_braces_is_filled_in_and_a_relative_one_refused(own_server, code):
    server = own_server(CODE_HOME=str(code.parent), RELATIVE="somewhere")
    one = from_folder(server, "${CODE_HOME}/code")
    assert one.invoke({}).value()[0] == "hello"
    for key in ["$RELATIVE/code", "${RELATIVE}/code"]:
        with pytest.raises(ClientError) as caught:
            create(server, b"", Code={"S3Bucket": "hot-reload", "S3Key": key})
        assert caught.value.response["Error"]["Message"] == (
            f"When using hot reloading, the archive key has to be an absolute path! Your archive key: {key}"
        )


def test_another_bucket_can_stand_for_it(own_server, code):
    server = own_server(BUCKET_MARKER_LOCAL="here")
    one = create(server, b"", Code={"S3Bucket": "here", "S3Key": str(code)}).wait_active()
    assert one.invoke({}).value()[0] == "hello"


def test_code_goes_from_an_archive_to_a_folder_and_back(server, code):
    one = deploy(server, archives.python("def handler(event, context): return ['zipped', 0]"))
    assert one.invoke({}).value()[0] == "zipped"
    one.client.update_function_code(FunctionName=one.name, S3Bucket="hot-reload", S3Key=str(code))
    one.wait_updated()
    assert one.invoke({}).value()[0] == "hello"
    one.replace_code(archives.python("def handler(event, context): return ['zipped again', 0]"))
    assert one.invoke({}).value()[0] == "zipped again"
