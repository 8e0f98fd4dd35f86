"""What is taken back, and what ends, at the coordinator: rows leave the shelf, and who may know is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import CatalogueError, RunFailed
from feddmf.payload import Payload
from feddmf_coordinator.server.library import Library
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import (
    Publication,
    VectorShelf,
    add_publication,
    list_publications,
    withdraw,
)
from feddmf_coordinator.store.runs import Run, RunState, add_run, find_run, set_state
from feddmf_coordinator.store.withdrawals import list_withdrawals
from support.databases import new_database
from support.enrolment import until
from support.runs import run_settings

NOW = datetime.now(UTC)
PARTIES = ("acme", "bolt", "cargo")


class Shelf:
    """A finished run in which acme published three items of four numbers."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.database, self.vectors = database, VectorShelf(folder / "vectors")
        self.library = Library(database, self.vectors)
        settings = run_settings(PARTIES, model={"embedding_dim": 4, "hidden_dim": 4})
        with database.begin() as connection:
            self.name = add_run(connection, settings, version=1, digest="0" * 64, now=NOW)
        self.payload = Payload({"vectors": np.arange(12, dtype=np.float32).reshape(3, 4)})
        self.publish()
        with database.begin() as connection:
            set_state(connection, self.name, RunState.FINISHED, now=NOW)

    def publish(self, ends: datetime | None = None) -> None:
        """Have acme publish."""
        digest = self.vectors.put(self.name, "acme", self.payload)
        items = tuple((f"k{number}", f"K {number}") for number in range(3))
        ends_ms = 0 if ends is None else int(ends.timestamp() * 1_000)
        with self.database.begin() as connection:
            publication = Publication(self.name, "acme", items, digest, ends_ms)
            add_publication(connection, publication, now=NOW)
            assert publication in list_publications(connection)

    @property
    def run(self) -> Run:
        """The run as the database has it."""
        with self.database.read() as connection:
            return find_run(connection, self.name)

    def files(self) -> list[str]:
        """Return the names of what lies on the shelf."""
        return sorted(path.name for path in self.vectors.folder.glob("*/*"))

    def rows(self) -> dict[str, list[float]]:
        """Return what a peer would be sent."""
        publication, payload = self.library.publication(self.run, "acme")
        keys = [key for key, _ in publication.items]
        return dict(zip(keys, payload["vectors"].tolist(), strict=True))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Return a shelf with a database of its own."""
    with new_database(tmp_path) as database:
        yield Shelf(tmp_path, database)


def test_rows_that_are_taken_back_are_nowhere(shelf: Shelf) -> None:
    """Neither handed out nor on the disk; the others keep their numbers and their digest."""
    assert shelf.library.take_back(shelf.run, "acme", ["k1"], "sold") == 1
    assert shelf.rows() == {"k0": [0, 1, 2, 3], "k2": [8, 9, 10, 11]}
    (name,) = shelf.files()
    assert name != "acme.safetensors"
    held = (shelf.vectors.folder / shelf.name / name).read_bytes()
    assert shelf.payload["vectors"][1].tobytes() not in held
    assert shelf.library.take_back(shelf.run, "acme", ["k1", "k0"], "sold too") == 1
    assert shelf.library.take_back(shelf.run, "acme", ["k0"], "again") == 0
    assert shelf.library.take_back(shelf.run, "acme", [], "all") == 1
    assert shelf.library.take_back(shelf.run, "acme", [], "all") == 0
    assert shelf.library.take_back(shelf.run, "acme", ["k9"], "of all") == 0
    assert shelf.rows() == {}
    with shelf.database.read() as connection:
        taken = list_withdrawals(connection)
    assert [(each.keys, each.reason) for each in taken] == [
        (("k1",), "sold"),
        (("k0",), "sold too"),
        ((), "all"),
    ]


def test_only_what_was_published_is_taken_back(shelf: Shelf) -> None:
    """By a party that published, of what it published."""
    with pytest.raises(CatalogueError, match="acme has published no 'k9'"):
        shelf.library.take_back(shelf.run, "acme", ["k1", "k9"], "")
    with pytest.raises(RunFailed, match="bolt has published nothing"):
        shelf.library.take_back(shelf.run, "bolt", ["k1"], "")
    assert len(shelf.rows()) == 3


def test_the_other_members_are_told_and_nobody_else(shelf: Shelf) -> None:
    """Of all runs, or of those asked for."""
    shelf.library.take_back(shelf.run, "acme", ["k1"], "sold")
    for party, among, told in (
        ("bolt", (), 1),
        ("cargo", (shelf.name,), 1),
        ("bolt", ("other-1",), 0),
        ("acme", (), 0),
        ("delta", (), 0),
    ):
        assert len(shelf.library.withdrawals(party, among)) == told


def test_who_dies_between_file_and_database_begins_anew(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there holds all the time; what was left behind is removed."""

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for place in ("add_withdrawal", "replace_publication"):
        with monkeypatch.context() as patched:
            patched.setattr(f"feddmf_coordinator.server.library.{place}", dies)
            with pytest.raises(KeyboardInterrupt):
                shelf.library.take_back(shelf.run, "acme", ["k1"], "")
        assert len(shelf.rows()) == 3
    with monkeypatch.context() as patched:
        patched.setattr(VectorShelf, "keep_only", dies)
        with pytest.raises(KeyboardInterrupt):
            shelf.library.take_back(shelf.run, "acme", ["k1"], "")
    assert sorted(shelf.rows()) == ["k0", "k2"]
    assert "acme.safetensors" in shelf.files()
    shelf.library.tidy()
    assert len(shelf.files()) == 1
    assert sorted(shelf.rows()) == ["k0", "k2"]


def test_a_publication_is_handed_out_until_it_ends(shelf: Shelf) -> None:
    """Then nothing of it is, and its vectors leave the disk by themselves."""
    shelf.publish(NOW + timedelta(hours=1))
    shelf.library.tidy()
    assert len(shelf.rows()) == 3
    shelf.publish(NOW - timedelta(hours=1))

    async def tidied() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(shelf.library.keep_tidy(stop, every_s=0.01))
        await until(lambda: not shelf.files(), within_s=10)
        stop.set()
        await task

    asyncio.run(tidied())
    publication, payload = shelf.library.publication(shelf.run, "acme")
    assert (publication.items, payload["vectors"].shape) == ((), (0, 4))
    # Its owner may still say that it takes it back, and its peers hear of it.
    assert shelf.library.take_back(shelf.run, "acme", ["k1"], "late") == 1
    assert len(shelf.library.withdrawals("bolt", ())) == 1


def test_a_lost_acknowledgement_is_still_answered_after_a_withdrawal(shelf: Shelf) -> None:
    """The party sends what it published, by the digest of that time."""
    digest = shelf.payload.sha256().hex()
    shelf.library.check_published(shelf.run, "acme", digest)
    shelf.library.take_back(shelf.run, "acme", ["k1"], "")
    shelf.library.check_published(shelf.run, "acme", digest)
    with pytest.raises(RunFailed, match="other vectors"):
        shelf.library.check_published(shelf.run, "acme", "0" * 64)


def test_a_run_that_fails_after_all_leaves_no_end_behind(shelf: Shelf) -> None:
    """What was published is gone, and so is until when."""
    shelf.publish(NOW + timedelta(hours=1))
    with shelf.database.begin() as connection:
        withdraw(connection, shelf.name)
        assert list_publications(connection) == ()
    shelf.publish()
    with shelf.database.read() as connection:
        (again,) = list_publications(connection)
    assert again.expires_ms == 0
