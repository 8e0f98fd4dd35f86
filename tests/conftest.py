"""What every test shares."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

import feddmf.wire  # noqa: F401  (before any test module imports gRPC: it holds gRPC to TLS 1.3)
from support.authority import EnrolledFederation, make_federation
from support.databases import dropped_after, stop_servers

# Examples are drawn alike on every machine, and a busy machine fails no test.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def _no_server_is_left() -> Iterator[None]:
    """Whatever server the tests have started ends with them."""
    yield
    stop_servers()


@pytest.fixture(autouse=True)
def _no_schema_is_left() -> Iterator[None]:
    """A test's databases are dropped after it."""
    with dropped_after():
        yield


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> EnrolledFederation:
    """Five enrolled parties, made once; a test that revokes or writes makes a federation of its own."""
    return make_federation(tmp_path_factory.mktemp("federation"), ("acme", "bolt", "cargo", "delta", "echo"))
