"""Fixtures that all tests share; what they are made of is in `harness`."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from harness.archives import PROBE
from harness.deployment import Function, deploy, deployed
from harness.engine_proxy import EngineProxy
from harness.server import Lambdock


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Lambdock]:
    """One server with default settings for all tests of a process that do not mind the company."""
    with Lambdock(tmp_path_factory.mktemp("server")) as one:
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
def own_server(tmp_path) -> Iterator[Callable[..., Lambdock]]:
    """Starts servers with settings of their own, which end with the test."""
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
