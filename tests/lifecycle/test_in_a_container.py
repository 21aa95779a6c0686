"""Lambdock in its own image, with the engine's socket mounted."""

import uuid

import pytest
import requests

from harness import control_plane, engine, needs
from harness.archives import fixture
from harness.deployment import deploy
from harness.server import IMAGES, Lambdock
from harness.waiting import wait_until

MEGABYTE = 1_000_000


class Containerised(Lambdock):
    """A server that is a container of `image`."""

    def __init__(self, folder, image: str, *arguments: str):
        super().__init__(folder)
        self._image = image
        self._arguments = arguments

    def start(self) -> None:
        engine.docker(
            *["run", "--detach", "--name", self.name, "--publish", f"127.0.0.1:{self.port}:4566"],
            *["--volume", f"{engine.socket_path()}:/var/run/docker.sock"],
            *["--env", f"MAIN_CONTAINER_NAME={self.name}", "--env", f"LAMBDA_RUNTIME_IMAGE_MAPPING={IMAGES}"],
            *["--env", "LOCALSTACK_HOST=127.0.0.1"],
            *self._arguments,
            self._image,
        )
        wait_until(lambda: "Ready." in self.log, 30, "lambdock is ready")

    @property
    def log(self) -> str:
        return engine.log(self.name)

    def close(self, check: bool = True) -> None:
        log = self.log
        if engine.named(f"{self.name}$", running=True):
            engine.docker("stop", "--time", "20", self.name)
        left = self.containers()
        engine.remove([*left, *engine.named(f"{self.name}$")])
        assert not check or not left, f"left behind: {left}\n{log}"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The control plane's own image."""
    with control_plane.image(tmp_path_factory.mktemp("image")) as tag:
        yield tag


def test_the_image_is_small(image):
    needs.wanted(control_plane.STATIC.exists(), "the static binary, built by `cargo xtask images lambdock`")
    assert int(engine.docker("image", "inspect", "--format", "{{.Size}}", image)) <= 30 * MEGABYTE


@pytest.fixture(params=["bridge", "own network"])
def server(request, image, tmp_path):
    network = f"lambdock-test-{uuid.uuid4().hex[:10]}"
    arguments = []
    if request.param == "own network":
        engine.docker("network", "create", network)
        arguments = ["--network", network]
    try:
        with Containerised(tmp_path, image, *arguments) as one:
            yield one
    finally:
        if arguments:
            engine.docker("network", "rm", network)


def test_functions_run_as_siblings(server):
    one = deploy(server, fixture("product-node"), Runtime="nodejs22.x")
    event = {"body": '{"num1": "10", "num2": "10"}'}
    assert one.invoke(event).value()["body"] == "The product of 10 and 10 is 100"
    assert requests.get(f"{server.url}/_localstack/info", timeout=10).json()["is_docker"] is True
    assert len(one.containers()) == 1


def test_calls_back_work(server):
    one = deploy(server)
    source = """
    import json, os, urllib.request
    return json.load(urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_localstack/health", timeout=10))
    """
    assert one.run(source).value()["services"]["lambda"] == "running"


def test_what_a_replaced_container_left_is_removed_by_the_next(image, tmp_path):
    replaced = Containerised(tmp_path, image)
    replaced.start()
    try:
        one = deploy(replaced)
        one.run("return 1")
        left = replaced.containers()
        assert left
        engine.docker("rm", "--force", "--volumes", replaced.name)
        with Containerised(tmp_path, image):
            wait_until(lambda: not replaced.containers(), what="the orphans are removed")
    finally:
        engine.remove([*replaced.containers(), *engine.named(f"{replaced.name}$")])
