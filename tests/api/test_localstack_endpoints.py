"""LocalStack's endpoints that look into an installation and change it."""

import stat

import pytest
import requests
from botocore.exceptions import ClientError

from harness.archives import PROBE
from harness.deployment import deployed
from harness.server import BINARY
from harness.waiting import wait_until


def config(server, variable, value):
    return requests.post(f"{server.url}/_localstack/config", json={"variable": variable, "value": value}, timeout=10)


@pytest.fixture
def open_server(own_server):
    return own_server(ENABLE_CONFIG_UPDATES=1)


def test_settings_are_shown_and_cannot_be_changed_by_default(server):
    shown = requests.get(f"{server.url}/_localstack/config", timeout=10).json()
    assert shown["LAMBDA_KEEPALIVE_MS"] == 600_000
    assert config(server, "LAMBDA_KEEPALIVE_MS", 5).status_code == 404


def test_a_limit_that_is_changed_holds_for_the_next_request(open_server):
    client = open_server.client()
    before = client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    answer = config(open_server, "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", 5)
    assert (answer.status_code, answer.json()) == (200, {"variable": "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", "value": 5})
    assert client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 5
    assert config(open_server, "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", before).ok
    assert client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == before


def test_without_keep_alive_an_environment_that_is_free_ends(open_server):
    with deployed(open_server, PROBE) as function:
        function.invoke({})
        assert open_server.containers(function.name, running=True)
        assert config(open_server, "LAMBDA_KEEPALIVE_MS", 0).ok
        wait_until(lambda: not open_server.containers(function.name, running=True), 20, "its container ends")


def test_variables_for_all_functions_reach_containers_that_start_later(open_server):
    assert config(open_server, "LAMBDA_DOCKER_FLAGS", "-e Hello=World").ok
    with deployed(open_server, PROBE) as function:
        assert function.run("import os\nreturn os.environ['Hello']").value() == "World"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LAMBDA_KEEPALIVE_MS", "ten"), ("GATEWAY_LISTEN", "0.0.0.0:1"), ("LAMBDA_DOCKER_FLAGS", "invalid_flags")],
)
def test_what_cannot_be_used_is_refused(open_server, variable, value):
    before = requests.get(f"{open_server.url}/_localstack/config", timeout=10).json()
    answer = config(open_server, variable, value)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert requests.get(f"{open_server.url}/_localstack/config", timeout=10).json() == before


def test_scripts_run_at_their_stages(own_server, tmp_path):
    folder = tmp_path / "init"
    for stage, name, text in [
        ("boot", "a.sh", f"#!/bin/sh\necho boot >> {tmp_path}/out"),
        ("start", "a.sh", f"#!/bin/sh\necho start >> {tmp_path}/out"),
        (
            "ready",
            "a.py",
            "import os, urllib.request\n"
            "told = urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/_localstack/init').read()\n"
            f"open('{tmp_path}/told', 'wb').write(told)",
        ),
        ("ready", "b.sh", "#!/bin/sh\nexit 1"),
        ("shutdown", "a.sh", f"#!/bin/sh\necho shutdown >> {tmp_path}/out"),
    ]:
        path = folder / f"{stage}.d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    server = own_server(LAMBDOCK_SCRIPTS_DIR=folder)
    shown = requests.get(f"{server.url}/_localstack/init", timeout=10).json()
    assert shown["completed"] == {"BOOT": True, "START": True, "READY": True, "SHUTDOWN": False}
    assert [(script["stage"], script["name"], script["state"]) for script in shown["scripts"]] == [
        ("BOOT", "a.sh", "SUCCESSFUL"),
        ("START", "a.sh", "SUCCESSFUL"),
        ("READY", "a.py", "SUCCESSFUL"),
        ("READY", "b.sh", "ERROR"),
        ("SHUTDOWN", "a.sh", "UNKNOWN"),
    ]
    assert '"RUNNING"' in (tmp_path / "told").read_text()
    stage = requests.get(f"{server.url}/_localstack/init/ready", timeout=10).json()
    assert (stage["completed"], len(stage["scripts"])) == (True, 2)
    assert requests.get(f"{server.url}/_localstack/init/later", timeout=10).status_code == 404
    server.terminate()
    assert server.wait() == 0
    assert (tmp_path / "out").read_text() == "boot\nstart\nshutdown\n"


def test_a_reset_leaves_nothing(own_server):
    server = own_server(PERSISTENCE=1)
    client, other = server.client(), server.client(account="000000000009", region="eu-west-1")
    with deployed(server, PROBE) as function:
        function.invoke({})
        client.publish_version(FunctionName=function.name)
        other.publish_layer_version(LayerName="layer", Content={"ZipFile": PROBE})
        assert requests.post(f"{server.url}/_localstack/state/reset", timeout=10).ok
        assert client.list_functions()["Functions"] == []
        assert other.list_layers()["Layers"] == []
        assert client.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            client.invoke(FunctionName=function.name)
        wait_until(lambda: not server.containers(function.name), 20, "its container is gone")
        assert not [path for path in (server.folder / "state" / "code").iterdir() if path.is_file()]


def test_plugins_name_what_plays_lambda(server):
    plugins = requests.get(f"{server.url}/_localstack/plugins", timeout=10).json()
    assert plugins["localstack.aws.provider"][0]["name"] == "lambda:default"


def test_a_diagnosis_is_given_where_debugging_is_on(server, own_server):
    assert requests.get(f"{server.url}/_localstack/diagnose", timeout=10).status_code == 404
    debugging = own_server(DEBUG=1)
    diagnosis = requests.get(f"{debugging.url}/_localstack/diagnose", timeout=10).json()
    assert diagnosis["config"]["DEBUG"] is True
    assert diagnosis["engine"]["version"]
    assert requests.get(f"{debugging.url}/_localstack/usage", timeout=10).json()["AsyncEventsReceived"] == 0


def test_the_init_for_containers_can_be_fetched(server):
    answer = requests.get(f"{server.url}/_aws/lambda/init", timeout=10)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.content.startswith(b"\x7fELF")
    assert BINARY.stat().st_size > len(answer.content)
