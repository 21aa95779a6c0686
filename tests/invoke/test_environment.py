"""What a function finds around itself: variables, user, files, and the way back to the API."""

import io
import json
import re
import subprocess
import time
import zipfile

import pytest

from harness import engine
from harness.archives import PROBE
from harness.deployment import deploy
from harness.extensions import extension
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def variables(probe):
    return probe.run("import os; return dict(os.environ)").value()


@pytest.mark.statement(180)
def test_lambdas_variables_are_set(probe, variables, server):
    expected = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": probe.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{probe.name}",
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "TZ": ":UTC",
        "_HANDLER": "index.handler",
        "EDGE_PORT": str(server.port),
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", variables["AWS_LAMBDA_LOG_STREAM_NAME"])
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert variables["AWS_SECRET_ACCESS_KEY"]
    assert variables["AWS_SESSION_TOKEN"]
    assert {"PATH", "LANG", "LD_LIBRARY_PATH"} <= variables.keys()


# What a Python function on AWS has. [AWS, recorded by LocalStack's tests]
ON_AWS = {
    *["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
    *["AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"],
    *["AWS_LAMBDA_RUNTIME_API", "AWS_EXECUTION_ENV", "AWS_REGION", "AWS_DEFAULT_REGION", "_HANDLER", "TZ"],
    *["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"],
    *["AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT"],
    *["PATH", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH", "PWD", "SHLVL", "LC_CTYPE", "_X_AMZN_TRACE_ID"],
}

# Left there by the shell and the interpreter of AWS's image, which images need not share.
OF_THE_IMAGE = {"PWD", "SHLVL", "LC_CTYPE"}

# The way back to the API, as LocalStack has it.
BACK = {"AWS_ENDPOINT_URL", "LOCALSTACK_HOSTNAME", "EDGE_PORT"}

# What extensions on AWS do not have of it, besides names that begin with an underscore.
OF_THE_RUNTIME = {
    *["AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING"],
    *["AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT"],
}


def test_the_names_of_variables_are_those_of_aws(variables):
    assert set(variables) - OF_THE_IMAGE == (ON_AWS | BACK) - OF_THE_IMAGE


def test_the_names_of_extensions_variables_are_those_of_aws(sandbox):
    one = sandbox({"watcher": extension()})
    one.function.run("return 1")
    (seen,) = one.notes("env")
    of_the_interpreter = OF_THE_IMAGE | {"PYTHONPATH"}
    expected = {name for name in ON_AWS | BACK if not name.startswith("_")} - OF_THE_RUNTIME
    assert set(seen) - of_the_interpreter == expected - of_the_interpreter


def test_limits_are_those_of_aws(probe):
    source = """
    import resource
    names = ["RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_MEMLOCK", "RLIMIT_STACK"]
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}
    """
    assert probe.run(source).value() == {
        "RLIMIT_NOFILE": [1024, 1024],
        "RLIMIT_CORE": [10_737_418_240, 10_737_418_240],
        "RLIMIT_MEMLOCK": [65_536, 65_536],
        "RLIMIT_STACK": [8_388_608, -1],
    }


def test_limits_of_the_operator_win(own_server):
    one = deploy(own_server(LAMBDA_DOCKER_FLAGS="--ulimit core=0 --ulimit nofile=321:321"))
    source = "import resource as r; return [r.getrlimit(one) for one in (r.RLIMIT_CORE, r.RLIMIT_NOFILE)]"
    assert one.run(source).value() == [[0, 0], [321, 321]]


def test_the_functions_own_variables_win(function):
    one = function(Environment={"Variables": {"COLOUR": "blue", "TZ": "Europe/Berlin", "AWS_ENDPOINT_URL": "http://x"}})
    source = "import os; return [os.environ[name] for name in ('COLOUR', 'TZ', 'AWS_ENDPOINT_URL')]"
    assert one.run(source).value() == ["blue", "Europe/Berlin", "http://x"]


def test_it_runs_as_lambdas_user(probe):
    source = "import os, pwd; return [os.getuid(), os.getgid(), pwd.getpwuid(os.getuid()).pw_name]"
    assert probe.run(source).value() == [993, 990, "sbx_user1051"]


def test_it_starts_in_its_folder(probe):
    assert probe.run("import os; return os.getcwd()").value() == "/var/task"


@pytest.mark.parametrize("path", ["/var/task", "/opt", "/var/runtime", "/etc", "/var/rapid"])
def test_only_tmp_can_be_written(probe, path):
    source = f"""
    try:
        open("{path}/new", "w")
    except OSError as error:
        return type(error).__name__
    """
    assert probe.run(source).value() in {"PermissionError", "OSError"}


def test_tmp_can_be_written_and_run_from(probe):
    source = """
    import os, subprocess
    with open("/tmp/script", "w") as script:
        script.write("#!/bin/sh\\necho from a script")
    os.chmod("/tmp/script", 0o755)
    return subprocess.check_output("/tmp/script", text=True)
    """
    assert probe.run(source).value() == "from a script\n"


def test_code_is_readable_for_all_and_belongs_to_root(probe):
    source = """
    import os, stat
    facts = [os.stat("/var/task"), os.stat("/var/task/index.py")]
    return [[stat.S_IMODE(fact.st_mode), fact.st_uid] for fact in facts]
    """
    assert probe.run(source).value() == [[0o755, 0], [0o755, 0]]


def test_code_keeps_its_modes_and_can_be_read(function):
    buffer = io.BytesIO(PROBE)
    modes = {"program": 0o755, "plain": 0o644, "mine": 0o600, "without-any": None}
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, mode in modes.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 0 if mode is None else 3
            entry.external_attr = 0 if mode is None else (0o100000 | mode) << 16
            archive.writestr(entry, "content")
    seen = function(buffer.getvalue()).run(
        f"""
        import os, stat
        return [[stat.S_IMODE(os.stat(name).st_mode), open(name).read()] for name in {list(modes)}]
        """
    )
    assert seen.value() == [[mode, "content"] for mode in (0o755, 0o644, 0o644, 0o644)]


def test_what_the_function_writes_is_in_the_containers_log(function):
    one = function()
    one.run("import sys; print('to stdout'); print('to stderr', file=sys.stderr)")
    (container,) = one.containers()
    assert sorted(engine.docker("logs", container.id).splitlines()) == ["to stderr", "to stdout"]


def test_who_looks_around_in_the_container_is_left_alone(function):
    one = function(Timeout=2)
    one.run("return 1")
    (container,) = one.containers()
    shell = subprocess.Popen(["docker", "exec", container.id, "sh", "-c", "sleep 1234 & wait"])
    processes = "import pathlib; return [path.read_text() for path in pathlib.Path('/proc').glob('[1-9]*/cmdline')]"
    theirs = "sleep\0001234\0"
    try:
        wait_until(lambda: theirs in one.run(processes).value(), what="somebody looks around")
        assert one.run("import time; time.sleep(10)").error
        assert theirs in one.run(processes).value()
        assert shell.poll() is None
    finally:
        shell.kill()
        shell.wait()


def test_the_secret_of_the_container_is_out_of_reach(function):
    one = function()
    one.run("return 1")
    (container,) = one.containers()
    secret = container.environment()["LAMBDOCK_SECRET"]
    found = one.run(
        """
        import os
        read = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            for name in ("environ", "cmdline", "mem", "maps"):
                try:
                    read.append([int(pid), name, open(f"/proc/{pid}/{name}", "rb").read(1 << 16).decode("latin-1")])
                except OSError:
                    pass
        return read
        """
    ).value()
    assert [entry for entry in found if entry[1] == "environ"], "its own is readable"
    assert not [entry for entry in found if entry[0] == 1 and entry[1] != "cmdline"]
    assert secret not in json.dumps(found)


def test_the_api_can_be_called_from_inside(probe, server):
    source = """
    import json, os, urllib.request
    url = os.environ["AWS_ENDPOINT_URL"] + "/_localstack/health"
    return json.load(urllib.request.urlopen(url, timeout=10))
    """
    assert probe.run(source).value()["services"]["lambda"] == "running"


def test_a_function_can_invoke_another(probe, function):
    other = function()
    source = f"""
    import json, os, urllib.request
    url = os.environ["AWS_ENDPOINT_URL"] + "/2015-03-31/functions/{other.name}/invocations"
    event = json.dumps({{"run": "return ['hello', event['from']]", "from": context.function_name}}).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(url, event, method="POST"), timeout=20))
    """
    assert probe.run(source).value() == ["hello", probe.name]


def test_many_calls_at_once_go_through(probe):
    source = """
    import os, urllib.request
    from concurrent.futures import ThreadPoolExecutor
    url = os.environ["AWS_ENDPOINT_URL"] + "/_localstack/health"
    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(lambda _: urllib.request.urlopen(url, timeout=20).status, range(50)))
    """
    assert probe.run(source).value() == [200] * 50


def test_the_clock_and_the_processors_are_the_machines(probe):
    assert abs(probe.run("import time; return time.time()").value() - time.time()) < 5


def test_children_are_reaped(probe):
    source = """
    import os, subprocess, time
    for _ in range(5):
        subprocess.run(["sh", "-c", "(sleep 0.05 &) ; exit 0"])
    deadline = time.time() + 10
    while time.time() < deadline:
        states = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                states.append(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0])
            except OSError:
                pass
        if "Z" not in states and len(states) <= 3:
            return "none left"
        time.sleep(0.05)
    return states
    """
    assert probe.run(source).value() == "none left"


def test_symbolic_links_in_the_archive_are_kept(function):
    buffer = io.BytesIO(PROBE)
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("link.py")
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "index.py")
    one = function(buffer.getvalue())
    assert one.run("import os; return os.readlink('/var/task/link.py')").value() == "index.py"
