"""Settings that change how functions run."""

import json
import re
import time

import pytest
import requests

from harness import engine
from harness.archives import python, zip_of
from harness.clients import refused
from harness.deployment import create, deploy
from harness.server import Lambdock, free_port, image, seconds_since
from harness.waiting import wait_until


@pytest.mark.statement(200)
def test_containers_join_all_networks(own_server, network):
    first, second = network(), network()
    server = own_server(LAMBDA_DOCKER_NETWORK=f"{first},{second}")
    one = deploy(server)
    assert one.run("return 'reachable'").value() == "reachable"
    (container,) = one.containers()
    assert container.inspect()["NetworkSettings"]["Networks"].keys() == {first, second}
    server.terminate()
    assert server.wait() == 0


@pytest.mark.statement(180)
def test_the_name_server_can_be_chosen(own_server):
    one = deploy(own_server(LAMBDA_DOCKER_DNS="192.0.2.53"))
    assert "nameserver 192.0.2.53" in one.run("return open('/etc/resolv.conf').read()").value()


@pytest.mark.statement(180)
def test_the_network_of_lambdock_is_used_where_no_other_is_named(own_server, network):
    ours, theirs = network(), network()
    one = deploy(own_server(MAIN_DOCKER_NETWORK=ours))
    other = deploy(own_server(MAIN_DOCKER_NETWORK=ours, LAMBDA_DOCKER_NETWORK=theirs))
    for function, expected in [(one, ours), (other, theirs)]:
        assert function.run("return 'reachable'").value() == "reachable"
        (container,) = function.containers()
        assert container.inspect()["NetworkSettings"]["Networks"].keys() == {expected}
        function.server.terminate()
        assert function.server.wait() == 0


@pytest.mark.statement(199)
def test_images_can_be_named_one_by_one(own_server):
    mapping = json.dumps({"python3.12": image("python3.12"), "python3.13": image("python3.12")})
    one = deploy(own_server(LAMBDA_RUNTIME_IMAGE_MAPPING=mapping), Runtime="python3.13")
    assert one.run("import sys; return sys.version_info[:2]").value() == [3, 12]


def test_functions_can_run_as_root(own_server):
    one = deploy(own_server(LAMBDA_INIT_USER="root", LAMBDA_DOCKER_FLAGS="-u 1000"))
    assert one.run("import os; return os.getuid()").value() == 0


def test_the_endpoint_can_be_left_out(own_server):
    one = deploy(own_server(LAMBDA_DISABLE_AWS_ENDPOINT_URL=1))
    assert one.run("import os; return os.environ.get('AWS_ENDPOINT_URL')").value() is None


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("trace", {"debug", "info", "warn", "error", "fatal"}),
        ("debug", {"debug", "info", "warn", "error", "fatal"}),
        ("info", {"info", "warn", "error", "fatal"}),
        ("warn", {"warn", "error", "fatal"}),
        ("error", {"error", "fatal"}),
        ("fatal", {"fatal"}),
        ("panic", set()),
    ],
)
def test_the_init_writes_lines_of_its_level_and_above(own_server, tmp_path, level, written):
    server = own_server(
        LOCALSTACK_INIT_LOG_LEVEL=level,
        # So that there is something to warn of, and, where code wants to be at `fixed`, to fail with.
        LAMBDA_INIT_USER="nobody:nowhere",
        LAMBDA_DOCKER_FLAGS=f"-v {tmp_path}:/var/task/fixed:ro",
        LAMBDA_REMOVE_CONTAINERS=0,
    )
    works = deploy(server)
    assert works.run("import pwd, os; return pwd.getpwuid(os.getuid()).pw_name").value() == "nobody"
    fails = deploy(server, zip_of({"fixed/file": "x"}))
    assert refused(lambda: fails.invoke()).status == 500
    (living,), (dead,) = works.containers(), fails.containers(running=False)
    wait_until(lambda: dead.inspect()["State"]["Status"] == "exited", what="the init has ended")
    lines = (engine.log(living.id) + engine.log(dead.id)).splitlines()
    # [LocalStack's init: lines are JSON at trace]
    found = {json.loads(line)["level"] if level == "trace" else line.split()[1] for line in lines}
    server.terminate()
    server.wait()
    engine.remove(server.containers())
    assert found == written, lines


def test_variables_may_carry_localstacks_prefix(own_server):
    one = deploy(own_server(LOCALSTACK_LAMBDA_DOCKER_FLAGS="-e Hello=prefixed", LAMBDA_DOCKER_FLAGS="-e Hello=plain"))
    assert one.run("import os; return os.environ['Hello']").value() == "prefixed"


def test_what_functions_print_is_on_the_log_when_debugging(own_server):
    server = own_server(DEBUG=1)
    deploy(server).run("print('hello from the function')")
    server.wait_for_log("hello from the function")
    quiet = own_server()
    deploy(quiet).run("print('hello from the function')")
    quiet.terminate()
    quiet.wait()
    assert "hello from the function" not in quiet.log


def test_several_addresses_can_be_listened_on(own_server):
    ports = [free_port(), free_port()]
    own_server(GATEWAY_LISTEN=",".join(f"127.0.0.1:{port}" for port in ports))
    for port in ports:
        assert requests.get(f"http://127.0.0.1:{port}/_localstack/health", timeout=10).ok


def test_urls_name_localstacks_host_by_default(own_server):
    server = own_server(LOCALSTACK_HOST="")
    one = create(server)
    location = one.client.get_function(FunctionName=one.name)["Code"]["Location"]
    assert location.startswith(f"http://localhost.localstack.cloud:{server.port}/")


def test_an_answer_may_be_larger_when_the_limit_is(own_server):
    one = deploy(own_server(LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES=1000))
    assert one.run("return 'x' * 998").error is None
    assert one.run("return 'x' * 999").json()["errorMessage"] == (
        "Response payload size exceeded maximum allowed payload size (1000 bytes)."
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"LAMBDA_KEEPALIVE_MS": "soon"},
        {"GATEWAY_LISTEN": "nowhere:at:all"},
        {"LAMBDA_RUNTIME_IMAGE_MAPPING": "{not json"},
        {"LAMBDA_RUNTIME_IMAGE_MAPPING": '{"cobol77": "image"}'},
        {"LAMBDA_DOCKER_FLAGS": "--no-such-flag"},
        {"LAMBDA_DOCKER_FLAGS": "--dns somewhere"},
        {"LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "0"},
        {"LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "1e19"},
        {"LAMBDA_KEEPALIVE_MS": "18446744073709551615"},
        {"DOCKER_SDK_DEFAULT_TIMEOUT_SECONDS": "0"},
        {"LOCALSTACK_INIT_LOG_LEVEL": "shouting"},
    ],
)
def test_wrong_settings_are_refused_at_the_start(tmp_path, settings):
    server = Lambdock(tmp_path, **settings)
    server.spawn()
    assert server.wait() not in {0, 101}, server.log
    (name,) = settings
    assert name in server.log
    assert "Ready." not in server.log


def test_all_wrong_settings_are_told_at_once(tmp_path):
    server = Lambdock(tmp_path, LAMBDA_KEEPALIVE_MS="soon", LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT="later")
    server.spawn()
    assert server.wait() != 0
    assert "LAMBDA_KEEPALIVE_MS" in server.log
    assert "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT" in server.log


def test_who_sets_what_has_no_effect_is_told_what_to_do_instead(own_server):
    server = own_server(
        LAMBDA_EXECUTOR="docker-reuse",
        LAMBDA_REMOTE_DOCKER="",
        LOCALSTACK_EDGE_PORT=4567,
        LAMBDA_RUNTIME_EXECUTOR="kubernetes",
        LAMBDA_PREBUILD_IMAGES=0,
    )
    warnings = [line for line in server.log.splitlines() if "has no effect" in line]
    assert all("WARN" in line for line in warnings)
    told = {re.search(r"(\w+) has no effect: (.*)", line).groups() for line in warnings}
    assert {name for name, _ in told} == {"LAMBDA_EXECUTOR", "LOCALSTACK_EDGE_PORT", "LAMBDA_RUNTIME_EXECUTOR"}
    assert "GATEWAY_LISTEN" in dict(told)["LOCALSTACK_EDGE_PORT"]
    assert "has no effect" not in own_server().log


def test_updates_can_be_made_to_take_their_time(own_server):
    one = deploy(own_server(LAMBDOCK_UPDATE_MS=1500), python("def handler(event, context): return 'old'"))
    started = time.monotonic()
    answer = one.client.update_function_code(
        FunctionName=one.name, ZipFile=python("def handler(event, context): return 'new'")
    )
    assert answer["LastUpdateStatus"] == "InProgress"
    assert (one.configuration()["LastUpdateStatus"], one.invoke().value()) == ("InProgress", "old")
    one.wait_updated()
    assert seconds_since(started) >= 1.5
    assert one.invoke().value() == "new"


def test_variables_that_aws_reserves_can_be_refused(own_server):
    lenient, strict = own_server(), own_server(LAMBDOCK_RESERVED_VARIABLES=1)
    reserved = {"Variables": {"AWS_REGION": "x", "MINE": "y", "LAMBDA_TASK_ROOT": "z"}}
    assert create(lenient, Environment=reserved).configuration()["Environment"] == reserved
    one = deploy(strict)
    words = "contains reserved keys that are currently not supported for modification"
    for call in [
        lambda: create(strict, Environment=reserved),
        lambda: one.client.update_function_configuration(FunctionName=one.name, Environment=reserved),
    ]:
        refusal = refused(call)
        assert (refusal.status, refusal.code) == (400, "InvalidParameterValueException")
        assert words in refusal.message
        assert refusal.message.endswith("Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT")
