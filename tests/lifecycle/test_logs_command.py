"""`lambdock logs`."""

import os
import pty
import re
import subprocess

import pytest

from harness.archives import PROBE
from harness.deployment import deploy, deployed
from harness.server import BINARY, command, free_port
from harness.waiting import wait_until


@pytest.fixture
def settings(server):
    return {"GATEWAY_LISTEN": server.settings["GATEWAY_LISTEN"]}


def test_lines_of_a_function_are_shown(server, settings):
    with deployed(server, PROBE) as function, deployed(server, PROBE) as other:
        request_id = function.run("print('hello')", LogType="Tail").request_id
        other.run("print('not mine')", LogType="Tail")
        done = command(["logs", function.name], settings)
        assert done.returncode == 0, done.stderr
        texts = [
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (.*)", line)[1] for line in done.stdout.splitlines()
        ]
        start = texts.index(f"START RequestId: {request_id} Version: $LATEST")
        assert texts[start + 1 : start + 3] == ["hello", f"END RequestId: {request_id}"]
        assert "not mine" not in done.stdout
        arn = function.configuration()["FunctionArn"]
        assert command(["logs", arn], settings).stdout == done.stdout
        assert command(["logs", "--since", "2999-01-01T00:00:00Z", function.name], settings).stdout == ""


def test_a_function_is_named_in_every_way_that_aws_takes(server, settings):
    with deployed(server, PROBE) as function:
        name, arn = function.name, function.configuration()["FunctionArn"]
        function.client.publish_version(FunctionName=name)
        function.client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        function.run("print('new')", LogType="Tail")
        function.run("print('old')", Qualifier="1", LogType="Tail")

        def shown(wanted):
            done = command(["logs", wanted], settings)
            assert done.returncode == 0, done.stderr
            return [word for word in ("new", "old") if f"Z {word}\n" in done.stdout]

        for wanted in [
            name,
            f"function:{name}",
            f"000000000000:function:{name}",
            f"us-east-1:000000000000:{name}",
            arn,
        ]:
            assert shown(wanted) == ["new", "old"], wanted
            assert shown(f"{wanted}:$LATEST") == ["new"], wanted
            assert shown(f"{wanted}:1") == ["old"], wanted
            assert shown(f"{wanted}:live") == ["old"], wanted
        nowhere = [
            *[f"{name}:2", f"{name}:nx", f"{arn}:nx", f"111111111111:function:{name}"],
            *[arn.replace("us-east-1", "eu-west-1"), f"{name}:1:2", "arn:aws:s3:::bucket"],
        ]
        for wanted in nowhere:
            done = command(["logs", wanted], settings)
            assert (done.returncode, done.stdout) == (1, ""), wanted
            assert f"there is no function {wanted}" in done.stderr


def test_an_alias_that_leads_to_two_versions_shows_both(server, settings):
    with deployed(server, PROBE) as function:
        for number in ("1", "2"):
            function.configure(Description=number)
            function.client.publish_version(FunctionName=function.name)
            function.run(f"print('of {number}')", Qualifier=number, LogType="Tail")
        function.run("print('of neither')", LogType="Tail")
        both = {"AdditionalVersionWeights": {"2": 0.5}}
        function.client.create_alias(FunctionName=function.name, Name="both", FunctionVersion="1", RoutingConfig=both)
        shown = command(["logs", f"{function.name}:both"], settings).stdout
        assert "of 1" in shown and "of 2" in shown and "of neither" not in shown


def test_lines_are_followed_until_lambdock_ends(own_server):
    server = own_server()
    function = deploy(server)
    following = subprocess.Popen(
        [BINARY, "logs", "--follow", function.name],
        env={"GATEWAY_LISTEN": server.settings["GATEWAY_LISTEN"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    for word in ("first", "second"):
        function.run(f"print({word!r})")
        while word not in following.stdout.readline():
            assert following.poll() is None
    server.terminate()
    assert server.wait() == 0
    assert following.wait(10) == 0
    assert "some clients have not read" not in server.log


def test_colours_are_for_terminals(server, settings):
    with deployed(server, PROBE) as function:
        function.run("print('hello')", LogType="Tail")
        assert "\x1b" not in command(["logs", function.name], settings).stdout
        ours, theirs = pty.openpty()
        with subprocess.Popen([BINARY, "logs", function.name], env=settings, stdout=theirs) as process:
            os.close(theirs)
            assert process.wait(10) == 0
        assert b"\x1b[" in os.read(ours, 4096)
        os.close(ours)


def test_a_function_that_is_not_there_is_told(settings):
    done = command(["logs", "nobody"], settings)
    assert done.returncode == 1
    assert "there is no function nobody" in done.stderr


def test_a_lambdock_that_is_not_there_is_told():
    done = command(["logs", "f"], {"GATEWAY_LISTEN": f"127.0.0.1:{free_port()}"})
    assert done.returncode == 1
    assert "no Lambdock answers at" in done.stderr


def test_what_was_not_written_yet_is_waited_for(server, settings):
    with deployed(server, PROBE) as function:
        assert command(["logs", function.name], settings).stdout == ""
        function.run("print('late')")
        wait_until(lambda: "late" in command(["logs", function.name], settings).stdout, 10, "the line is shown")
