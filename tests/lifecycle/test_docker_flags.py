"""LAMBDA_DOCKER_FLAGS: what functions, the engine and this machine see of them."""

import platform

import pytest
import requests

from harness.deployment import deploy
from harness.server import free_port
from harness.waiting import wait_until

UID = "import os; return [os.getuid(), os.getgid(), os.getgroups()]"


@pytest.mark.statement(198)
def test_flags_are_given_to_every_container(own_server, tmp_path):
    host_folder = tmp_path / "mounted"
    host_folder.mkdir()
    (host_folder / "file").write_text("from the host")
    (tmp_path / "env").write_text("FROM_FILE=yes\n")
    flags = (
        f"-e Hello=x --env-file {tmp_path}/env -v {host_folder}:/mnt/host:ro --add-host example.test:192.0.2.7 "
        "-l team=blue --ulimit nofile=321:321"
    )
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS=flags), Environment={"Variables": {"Hello": "overridden"}})
    seen = one.run(
        """
        import os, resource, socket
        return {
            "Hello": os.environ["Hello"],
            "FROM_FILE": os.environ["FROM_FILE"],
            "mounted": open("/mnt/host/file").read(),
            "example.test": socket.gethostbyname("example.test"),
            "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        }
        """
    ).value()
    assert seen == {
        "Hello": "x",
        "FROM_FILE": "yes",
        "mounted": "from the host",
        "example.test": "192.0.2.7",
        "nofile": 321,
    }
    (container,) = one.containers()
    facts = container.inspect()
    assert facts["Config"]["Labels"]["team"] == "blue"
    (mount,) = [mount for mount in facts["Mounts"] if mount["Destination"] == "/mnt/host"]
    assert mount["RW"] is False


@pytest.mark.parametrize(
    ("user", "expected"),
    [("1234", [1234, 0, []]), ("1234:5678", [1234, 5678, []]), ("nobody:root", [65534, 0, []])],
)
def test_functions_run_as_another_user_and_the_init_does_not(own_server, user, expected):
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS=f"--user {user}"))
    assert one.run(UID).value() == expected
    (container,) = one.containers()
    assert container.inspect()["Config"]["User"] == "0:0"
    assert one.run("return open('/tmp/file', 'w').write('x')").value() == 1
    read = """
    try:
        return open("/proc/1/environ").read()
    except OSError as error:
        return type(error).__name__
    """
    assert one.run(read).value() == "PermissionError", "the secret is the init's alone"


def test_variables_come_from_files(own_server, tmp_path):
    plain, compose = tmp_path / "plain.env", tmp_path / "compose.env"
    plain.write_text('# comment\nAA=1 # not a comment\nQUOTED="q"\nBOTH=plain\nFLAG=plain\n')
    compose.write_text('export B=2 # comment\nC="${B}0\\n"\nD=\'$B\'\nBOTH=compose\nE="two\nlines"\n')
    flags = f"-e FLAG=flag --env-file {plain} --compose-env-file={compose}"
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS=flags), Environment={"Variables": {"AA": "overridden"}})
    assert one.run(f"import os; return {{name: os.environ[name] for name in {list(FROM_FILES)}}}").value() == FROM_FILES


FROM_FILES = {
    "AA": "1 # not a comment",
    "QUOTED": '"q"',
    "B": "2",
    "C": "20\n",
    "D": "$B",
    "E": "two\nlines",
    "BOTH": "compose",
    "FLAG": "flag",
}


def test_ports_are_published(own_server):
    port = free_port()
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS=f"-p 127.0.0.1:{port}:8080"))
    serve = """
    import http.server, threading
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the function")
    server = http.server.HTTPServer(("", 8080), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    """
    one.run(serve).value()

    def answer():
        try:
            return requests.get(f"http://127.0.0.1:{port}/", timeout=5).text
        except requests.ConnectionError:
            return None

    assert wait_until(answer, what="somebody answers at the port") == "from the function"
    (container,) = one.containers()
    assert container.inspect()["HostConfig"]["PortBindings"] == {
        "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
    }


def test_name_servers_are_added(own_server):
    one = deploy(own_server(LAMBDA_DOCKER_DNS="192.0.2.53", LAMBDA_DOCKER_FLAGS="--dns 192.0.2.54"))
    found = one.run("return open('/etc/resolv.conf').read()").value()
    servers = [line.split()[1] for line in found.splitlines() if line.startswith("nameserver")]
    assert servers == ["192.0.2.53", "192.0.2.54"]


def test_the_network_of_the_flags_is_the_main_one(own_server, network):
    flag, main, further = network(), network(), network()
    server = own_server(LAMBDA_DOCKER_NETWORK=f"{main},{further}", LAMBDA_DOCKER_FLAGS=f"--network {flag}")
    one = deploy(server)
    assert one.run("return 'reachable'").value() == "reachable"
    (container,) = one.containers()
    facts = container.inspect()
    assert facts["HostConfig"]["NetworkMode"] == flag
    assert facts["NetworkSettings"]["Networks"].keys() == {flag, further}
    server.terminate()
    assert server.wait() == 0


def test_the_platform_of_the_flags_is_the_functions(own_server):
    ours, name, other = {
        "x86_64": ("x86_64", "amd64", "arm64"),
        "aarch64": ("aarch64", "arm64", "x86_64"),
    }[platform.machine()]
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS=f"--platform linux/{name}"), Architectures=[other])
    assert one.run("import platform; return platform.machine()").value() == ours


@pytest.mark.parametrize(("flags", "expected"), [("--privileged", True), ("", False)])
def test_containers_can_be_privileged(own_server, engine_proxy, flags, expected):
    ahead = {"LAMBDOCK_STANDBY_CONTAINERS": 0, "LAMBDOCK_STANDBY_NETWORKS": 0}
    one = deploy(own_server(DOCKER_HOST=engine_proxy.host, LAMBDA_DOCKER_FLAGS=flags, **ahead))
    # An engine may have no right to start such a container; what is asked of it is seen before.
    engine_proxy.hold_requests("/start")
    one.client.invoke(FunctionName=one.name, InvocationType="Event")
    assert engine_proxy.held.wait(30)
    (container,) = one.containers(running=False)
    facts = container.inspect()
    engine_proxy.release()
    assert facts["HostConfig"]["Privileged"] == expected


@pytest.mark.parametrize("mode", ["cached", "delegated", "consistent", "ro,cached"])
def test_volumes_may_have_modes_of_other_systems(own_server, tmp_path, mode):
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "file").write_text("from the host")
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS=f"-v {folder}:/mnt/host:{mode}"))
    assert one.run("return open('/mnt/host/file').read()").value() == "from the host"
