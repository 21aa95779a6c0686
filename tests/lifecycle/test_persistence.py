"""What a restart finds: everything with PERSISTENCE=1, nothing without."""

import base64
import hashlib
import random
import threading
import time

import botocore.exceptions
import pytest
import requests

from harness.archives import PROBE, fixture, python, zip_of
from harness.clients import refused
from harness.deployment import ROLE, Function, create, deploy
from harness.server import Lambdock
from harness.waiting import wait_until


@pytest.mark.statement(201)
def test_functions_are_found_again_and_run(own_server):
    server = own_server(PERSISTENCE=1)
    chosen = {"Timeout": 7, "MemorySize": 192, "Environment": {"Variables": {"KEPT": "1"}}, "Tags": {"team": "blue"}}
    one = deploy(server, **chosen)
    other = deploy(
        server, fixture("product-node"), Runtime="nodejs22.x", client=server.client("000000000002", "eu-west-1")
    )
    one.run("return 1")
    before = one.client.get_function(FunctionName=one.name)
    server.restart()

    after = one.client.get_function(FunctionName=one.name)
    for answer in (before, after):
        answer.pop("ResponseMetadata")
    assert after == before, "down to the revision"
    assert requests.get(after["Code"]["Location"], timeout=10).content == PROBE
    assert one.run("import os; return os.environ['KEPT']").value() == "1"
    assert other.configuration()["State"] == "Active"
    assert other.invoke({"body": '{"num1": 6, "num2": 7}'}).json()["body"].endswith("is 42")
    assert refused(lambda: server.client().get_function(FunctionName=other.name)).status == 404


def test_updates_and_deletions_are_found_again(own_server):
    server = own_server(PERSISTENCE=1)
    one, gone = deploy(server, python("def handler(event, context): return 'old'")), deploy(server)
    one.replace_code(python("def handler(event, context): return 'new'"))
    gone.client.delete_function(FunctionName=gone.name)
    server.restart()
    assert one.invoke().value() == "new"
    assert refused(gone.configuration).code == "ResourceNotFoundException"


@pytest.mark.statement(201)
def test_all_that_belongs_to_functions_is_found_again(own_server):
    server = own_server(PERSISTENCE=1)
    client = server.client()
    content = {"ZipFile": zip_of({"mark": "of a layer"})}
    layer = client.publish_layer_version(LayerName="l", Content=content, CompatibleRuntimes=["python3.12"])
    client.publish_layer_version(LayerName="l", Content=content)
    of_layer = {"LayerName": "l", "VersionNumber": 1}
    grant = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    client.add_layer_version_permission(**of_layer, **grant)
    publishers = {"SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p"]}
    signing = client.create_code_signing_config(AllowedPublishers=publishers)["CodeSigningConfig"]
    signing = {"CodeSigningConfigArn": signing["CodeSigningConfigArn"]}
    client.tag_resource(Resource=signing["CodeSigningConfigArn"], Tags={"of": "signing"})
    one = deploy(server, Layers=[layer["LayerVersionArn"]], Tags={"of": "a function"}, **signing)
    named = {"FunctionName": one.name}
    version = client.publish_version(**named)["Version"]
    client.create_alias(**named, Name="live", FunctionVersion=version)
    client.add_permission(**named, StatementId="s", Action="lambda:InvokeFunction", Principal="*", Qualifier="live")
    client.put_function_event_invoke_config(**named, Qualifier=version, MaximumRetryAttempts=1)
    client.put_function_concurrency(**named, ReservedConcurrentExecutions=7)
    client.put_function_recursion_config(**named, RecursiveLoop="Allow")
    client.put_runtime_management_config(**named, UpdateRuntimeOn="FunctionUpdate")
    client.create_function_url_config(**named, AuthType="AWS_IAM", Cors={"AllowOrigins": ["*"]})

    def everything() -> list:
        answers = [
            client.list_layers(),
            client.list_layer_versions(LayerName="l"),
            client.get_layer_version(**of_layer),
            client.get_layer_version_policy(**of_layer),
            client.get_code_signing_config(**signing),
            client.list_tags(Resource=signing["CodeSigningConfigArn"]),
            client.list_functions_by_code_signing_config(**signing),
            client.get_function(**named),
            client.get_alias(**named, Name="live"),
            client.get_policy(**named, Qualifier="live"),
            client.get_function_event_invoke_config(**named, Qualifier=version),
            client.get_function_concurrency(**named),
            client.get_function_recursion_config(**named),
            client.get_runtime_management_config(**named),
            client.get_function_url_config(**named),
            client.get_account_settings(),
        ]
        return [{**answer, "ResponseMetadata": None} for answer in answers]

    before = everything()
    server.restart()
    assert everything() == before
    assert one.run("return open('/opt/mark').read()", Qualifier="live").value() == "of a layer"
    assert client.publish_layer_version(LayerName="l", Content=content)["Version"] == 3


@pytest.mark.statement(201)
def test_versions_and_aliases_are_found_again(own_server):
    server = own_server(PERSISTENCE=1)
    one = deploy(server, python("def handler(event, context): return 'old'"))
    one.client.publish_version(FunctionName=one.name, Description="kept")
    one.replace_code(python("def handler(event, context): return 'new'"))
    one.client.publish_version(FunctionName=one.name)
    one.client.publish_version(FunctionName=one.name)
    weights = {"AdditionalVersionWeights": {"2": 0.0}}
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1", RoutingConfig=weights)

    def everything() -> list:
        answers = [
            one.client.get_function(FunctionName=one.name, Qualifier="1"),
            one.client.get_alias(FunctionName=one.name, Name="live"),
            one.client.list_versions_by_function(FunctionName=one.name),
        ]
        for answer in answers:
            answer.pop("ResponseMetadata")
        return answers

    before = everything()
    server.restart()
    assert everything() == before
    assert (one.invoke(Qualifier="live").value(), one.invoke(Qualifier="2").value()) == ("old", "new")
    assert one.client.publish_version(FunctionName=one.name)["Version"] == "2", "nothing new"
    one.configure(Timeout=9)
    assert one.client.publish_version(FunctionName=one.name)["Version"] == "3"


def test_a_version_that_was_pending_goes_on_after_a_restart(own_server, engine_proxy):
    server = own_server(PERSISTENCE=1, DOCKER_HOST=engine_proxy.host)
    one = deploy(server)
    engine_proxy.hold_requests("/images/")
    one.client.update_function_code(FunctionName=one.name, ZipFile=PROBE, Publish=True)
    server.kill()
    engine_proxy.release()
    server.start()
    one.client.get_waiter("published_version_active").wait(FunctionName=one.name, Qualifier="1")
    assert one.run("return 'alive'", Qualifier="1").value() == "alive"
    one.wait_updated()


def test_without_persistence_nothing_is_left(own_server):
    server = own_server(PERSISTENCE=0)
    one = deploy(server)
    server.restart()
    assert refused(one.configuration).code == "ResourceNotFoundException"
    assert server.client().list_functions()["Functions"] == []
    server.terminate()
    assert server.wait() == 0
    left = [path for path in (server.folder / "state").rglob("*.zip")]
    assert left == []


def test_archives_that_nobody_refers_to_are_removed_at_the_next_start(own_server):
    server = own_server(PERSISTENCE=1)
    one = deploy(server)
    one.replace_code(python("def handler(event, context): return 1"))
    server.restart()
    digest = base64.b64decode(one.configuration()["CodeSha256"]).hex()
    archives = wait_until(lambda: list((server.folder / "state").rglob("*.zip")))
    assert [path.stem for path in archives] == [digest]


def test_what_was_pending_goes_on_after_a_restart(own_server, engine_proxy):
    server = own_server(PERSISTENCE=1, DOCKER_HOST=engine_proxy.host)
    engine_proxy.hold_requests("/images/")
    one = create(server)
    server.kill()
    engine_proxy.release()
    server.start()
    assert one.wait_active().run("return 'alive'").value() == "alive"


def test_functions_that_had_no_engine_are_tried_again(own_server, tmp_path):
    server = own_server(PERSISTENCE=1, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    one = create(server)
    wait_until(lambda: one.configuration()["State"] == "Failed")
    server.terminate()
    assert server.wait() == 0
    del server.settings["DOCKER_HOST"]
    server.start()
    wait_until(lambda: one.configuration()["State"] == "Active", 30)
    assert one.run("return 1").value() == 1


def test_a_state_folder_has_one_user_at_a_time(own_server, tmp_path):
    first = own_server(PERSISTENCE=1, LAMBDOCK_STATE_DIR=str(tmp_path / "shared"))
    second = Lambdock(tmp_path / "second", PERSISTENCE=1, LAMBDOCK_STATE_DIR=str(tmp_path / "shared"))
    second.spawn()
    assert second.wait() != 0
    assert str(tmp_path / "shared") in second.log
    assert first.health()


class Busy:
    """Clients that create, update and delete functions until the server is gone; remembers what was confirmed."""

    def __init__(self, server, round_: int):
        self._server = server
        self._round = round_
        self._stop = threading.Event()
        # Per function: the hashes it may have, None for not being there.
        self.expected: dict[str, set[str | None]] = {}
        self._threads = [threading.Thread(target=self._work, args=(n,)) for n in range(4)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, worker: int) -> None:
        client = self._server.client()
        for count in range(10_000):
            name = f"r{self._round}-w{worker}-{count // 4}"
            step = count % 4
            archive = python(f"# {name} {step}\n" + "def handler(event, context): return 'whole'\n")
            digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
            before = self.expected.get(name, {None})
            after = {None} if step == 3 and count % 8 > 4 else {digest}
            self.expected[name] = before | after
            try:
                if step == 0:
                    client.create_function(
                        FunctionName=name,
                        Runtime="python3.12",
                        Role=ROLE,
                        Handler="index.handler",
                        Code={"ZipFile": archive},
                    )
                    Function(self._server, client, name).wait_active()
                elif after == {None}:
                    client.delete_function(FunctionName=name)
                else:
                    client.update_function_code(FunctionName=name, ZipFile=archive)
                    Function(self._server, client, name).wait_updated()
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                # The server was killed under way: either state is right.
                return
            self.expected[name] = after
            if self._stop.is_set():
                return


def test_killed_at_any_moment_it_starts_again_with_whole_functions(own_server):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    moments = random.Random(seed)
    server = own_server(PERSISTENCE=1)
    expected: dict[str, set[str | None]] = {}
    for round_ in range(5):
        with Busy(server, round_) as busy:
            time.sleep(moments.uniform(0.02, 0.5))
            server.kill()
        expected |= busy.expected
        server.start()
        check_whole(server, expected)
    listed = [each["FunctionName"] for each in server.client().list_functions()["Functions"]]
    for name in moments.sample(listed, min(3, len(listed))):
        assert Function(server, server.client(), name).wait_active().invoke().value() == "whole"


def check_whole(server, expected) -> None:
    """Every function is as it was confirmed to be, and its code is there to the byte."""
    client = server.client()
    found = {}
    for page in client.get_paginator("list_functions").paginate():
        for each in page["Functions"]:
            found[each["FunctionName"]] = each["CodeSha256"]
            shown = client.get_function(FunctionName=each["FunctionName"])
            code = requests.get(shown["Code"]["Location"], timeout=10).content
            assert base64.b64encode(hashlib.sha256(code).digest()).decode() == shown["Configuration"]["CodeSha256"]
            assert len(code) == shown["Configuration"]["CodeSize"]
    for name, allowed in expected.items():
        assert found.get(name) in allowed, name
    assert found.keys() <= expected.keys()
