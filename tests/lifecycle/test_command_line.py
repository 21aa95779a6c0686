"""`lambdock --help` and `lambdock doctor`."""

import re
import socket

import pytest

from harness import engine
from harness.archives import REPOSITORY
from harness.server import command, free_port


def documented() -> list[tuple[str, str]]:
    """Variables and their defaults in docs/configuration.md."""
    text = (REPOSITORY / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)`)? ?\|", text, re.MULTILINE)
    assert len(rows) > 20
    return rows


def test_help_lists_every_variable_with_its_default():
    done = command(["--help"], {})
    assert done.returncode == 0
    entries = [" ".join(entry.split()) for entry in done.stdout.split("\n\n")]
    for name, default in documented():
        (entry,) = [entry for entry in entries if entry.startswith(f"{name} ")]
        assert entry.endswith(f"Default: {default or 'none'}"), entry


def test_the_version_is_told():
    done = command(["--version"], {})
    assert re.fullmatch(r"lambdock \d+\.\d+\.\d+\S*\n", done.stdout)


def test_unknown_commands_are_refused():
    done = command(["dance"], {})
    assert done.returncode == 2
    assert "dance" in done.stderr


@pytest.fixture
def healthy(tmp_path):
    return {
        "GATEWAY_LISTEN": f"127.0.0.1:{free_port()}",
        "LAMBDOCK_STATE_DIR": str(tmp_path / "state"),
    }


def test_the_doctor_finds_a_healthy_machine_healthy(healthy):
    done = command(["doctor"], healthy)
    assert done.returncode == 0, done.stdout + done.stderr
    for subject in ("engine", "image", "port", "disk", "clock"):
        assert subject in done.stdout.lower(), subject


def test_the_doctor_finds_the_port_taken(healthy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = command(["doctor"], {**healthy, "GATEWAY_LISTEN": address})
    assert done.returncode == 1, done.stdout
    assert f"FAIL port    {address} is in use" in done.stdout
    assert "GATEWAY_LISTEN" in done.stdout, "it says what to do"


def test_the_doctor_finds_images_missing(healthy):
    done = command(["doctor"], {**healthy, "LAMBDA_RUNTIME_IMAGE_MAPPING": "127.0.0.1:1/none/<runtime>"})
    assert done.returncode == 1, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert line.split()[1] == "images"
    assert "127.0.0.1:1/none/python3.12" in line
    assert "LAMBDA_RUNTIME_IMAGE_MAPPING" in done.stdout, "it says what to do"


def test_the_doctor_knows_the_server_that_it_belongs_to(own_server):
    server = own_server()
    settings = ["GATEWAY_LISTEN", "LAMBDOCK_STATE_DIR", "MAIN_CONTAINER_NAME"]
    done = command(["doctor"], {name: server.settings[name] for name in settings if name in server.settings})
    assert done.returncode == 0, done.stdout
    assert f"127.0.0.1:{server.port} is served by Lambdock" in done.stdout, done.stdout


def test_the_doctor_says_nothing_but_what_it_finds(healthy):
    done = command(["doctor"], healthy)
    assert done.stderr == ""
    assert [line.split()[1] for line in done.stdout.splitlines() if line[0] != " "] == [
        "engine",
        "images",
        "clock",
        "port",
        "disk",
    ]


def test_settings_that_cannot_be_used_are_told_with_their_remedy(healthy):
    for name, value, remedy in [
        ("PERSISTENCE", "yes", "expected 1 or 0"),
        ("LAMBDA_DOCKER_FLAGS", "--frobnicate 1", "--frobnicate"),
        ("LS_LOG", "loud", "one of trace"),
    ]:
        done = command([], {**healthy, name: value})
        assert done.returncode == 78, done.stderr
        assert name in done.stderr
        assert remedy in done.stderr


def test_images_that_are_missing_are_told_at_the_start(own_server):
    server = own_server(LAMBDA_RUNTIME_IMAGE_MAPPING="127.0.0.1:1/none/<runtime>")
    server.wait_for_log("LAMBDA_RUNTIME_IMAGE_MAPPING")


def test_the_doctor_finds_no_engine(healthy, tmp_path):
    done = command(["doctor"], {**healthy, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert done.returncode == 1
    assert f"{tmp_path}/none.sock" in done.stdout
    assert re.search(r"DOCKER_HOST|docker\.sock|systemctl|install", done.stdout)


def test_the_doctor_finds_a_state_folder_that_cannot_be_written(healthy, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = command(["doctor"], {**healthy, "LAMBDOCK_STATE_DIR": str(tmp_path / "file" / "state")})
    assert done.returncode == 1
    assert "LAMBDOCK_STATE_DIR" in done.stdout


def test_a_taken_port_is_told_with_its_remedy(healthy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = command([], {**healthy, "GATEWAY_LISTEN": address})
    assert done.returncode == 1
    assert f"cannot listen on {address}" in done.stderr
    assert "GATEWAY_LISTEN" in done.stderr


def test_the_start_says_on_one_screen_what_there_is_and_what_to_try(own_server):
    server = own_server(PERSISTENCE=1)
    banner = server.log
    assert len(banner.splitlines()) <= 24
    version = engine.docker("version", "--format", "{{.Server.Version}}").strip()
    for told in [
        server.url,
        version,
        server.settings["LAMBDOCK_STATE_DIR"],
        "lambda create-function",
        "lambdock doctor",
    ]:
        assert told in banner, banner


def test_a_start_without_an_engine_says_so(own_server, tmp_path):
    server = own_server(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert f"{tmp_path}/none.sock" in server.log
    assert "-v /var/run/docker.sock:/var/run/docker.sock" in server.log
