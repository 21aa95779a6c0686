"""Fixtures that all tests share; what they are made of is in `harness`."""

import contextlib
import uuid
from collections.abc import Callable, Iterator

import pytest

from harness import engine
from harness.archives import PROBE
from harness.deployment import Function, deploy, deployed
from harness.engine_proxy import EngineProxy
from harness.extensions import Sandbox
from harness.moto import Moto
from harness.registry import Registry
from harness.server import BINARY, Lambdock


def pytest_sessionstart() -> None:
    """Without the binary there is nothing to test."""
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing; `cargo xtask build` makes it, LAMBDOCK_BIN names another", returncode=2)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Lambdock]:
    """One server with default settings for all tests of a process that do not mind the company."""
    with Lambdock(tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    """A moto server for all tests of a module."""
    with Moto() as one:
        yield one


@pytest.fixture(scope="session")
def probe(server: Lambdock) -> Function:
    """A function that runs what it is told to, shared by all tests that leave it as it was."""
    return deploy(server, PROBE, Timeout=30, MemorySize=512)


@pytest.fixture
def function(server: Lambdock) -> Iterator[Callable[..., Function]]:
    """Makes functions on the shared server, which end with the test."""
    with contextlib.ExitStack() as made:
        yield lambda *arguments, **options: made.enter_context(deployed(server, *arguments, **options))


@pytest.fixture
def own_server(tmp_path, engine_proxy) -> Iterator[Callable[..., Lambdock]]:
    """Starts servers with settings of their own, which end with the test, and before the engine that they may use."""
    with contextlib.ExitStack() as started:
        count = iter(range(100))

        def start(**settings) -> Lambdock:
            return started.enter_context(Lambdock(tmp_path / f"server-{next(count)}", **settings))

        yield start


@pytest.fixture
def engine_proxy(tmp_path_factory) -> Iterator[EngineProxy]:
    """An engine that can be made to hang or to vanish."""
    # Paths of sockets are limited to about a hundred characters.
    with EngineProxy(tmp_path_factory.mktemp("e")) as proxy:
        yield proxy


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry of images, which the engine forgets with the test."""
    with Registry() as one:
        yield one
        pulled = engine.docker("image", "ls", "--quiet", "--no-trunc", "--filter", f"reference={one.address}/*/*")
        for image in set(pulled.split()):
            engine.docker("rmi", "--force", image)


@pytest.fixture
def sandbox(tmp_path, own_server) -> Callable[..., Sandbox]:
    """Makes a function with extensions."""
    return lambda extensions, **options: Sandbox(tmp_path, own_server, extensions, **options)


@pytest.fixture
def network() -> Iterator[Callable[[], str]]:
    """Makes networks of the engine."""
    made = []

    def make() -> str:
        name = f"lambdock-test-{uuid.uuid4().hex[:10]}"
        made.append(name)
        engine.docker("network", "create", name)
        return name

    yield make
    for name in made:
        engine.docker("network", "rm", name)
