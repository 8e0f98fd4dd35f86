"""Consoles of federations of two parties."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feddmf.catalogue.uploads import read_upload
from feddmf_coordinator.cataloguing import publish_upload
from feddmf_coordinator.store.catalogues import accept
from support.authority import EnrolledFederation, make_federation
from support.operator_console import HEADER, ROWS, Browser, opened


@pytest.fixture
def founded(tmp_path: Path) -> EnrolledFederation:
    """Two enrolled parties, and nothing else."""
    return make_federation(tmp_path, ("acme", "bolt"))


@pytest.fixture
def federation(founded: EnrolledFederation) -> EnrolledFederation:
    """Two parties that have accepted a catalogue."""
    now = datetime.now(UTC)
    with founded.open_database() as database, database.begin() as connection:
        upload = read_upload([("items.csv", (HEADER + ROWS).encode())])
        digest = publish_upload(connection, upload, now=now).digest()
        for party in ("acme", "bolt"):
            accept(connection, 1, party, digest, now=now)
    return founded


@pytest.fixture
def outside(federation: EnrolledFederation) -> Iterator[Browser]:
    """Somebody who has not signed in."""
    yield from opened(federation)


@pytest.fixture
def browser(outside: Browser) -> Browser:
    """An operator who has signed in."""
    return outside.sign_in()


@pytest.fixture
def empty(founded: EnrolledFederation) -> Iterator[Browser]:
    """An operator of a federation in which nothing has happened yet."""
    for browser in opened(founded):
        yield browser.sign_in()
