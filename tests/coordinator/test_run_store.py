"""Runs, answers, rounds, catalogues and publications as the coordinator's database has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from feddmf.errors import CatalogueError, ConfigError, InputError, LocalResourceError
from feddmf.payload import Payload
from feddmf.rounds import RoundRecord
from feddmf.runfile import RunSettings
from feddmf_coordinator.store import catalogues, publications, runs
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import Publication, VectorShelf
from feddmf_coordinator.store.runs import RunState
from support.databases import new_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CSV = "key,label,local_id:acme,local_id:bolt\nk1,One,a1,b1\nk2,Two,a2,\n"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with new_database(tmp_path) as database:
        yield database


def _settings(name: str = "Spring run", **fields: object) -> RunSettings:
    base = {"name": name, "purpose": "p", "parties": ("acme", "bolt")}
    return RunSettings.model_validate({**base, **fields})


def _add(database: Database, settings: RunSettings | None = None) -> str:
    with database.begin() as connection:
        return runs.add_run(connection, settings or _settings(), version=1, digest="d" * 64, now=NOW)


@pytest.mark.parametrize(
    ("name", "run"),
    [("Spring run", "spring-run-1"), ("../../etc", "etc-1"), ("ÄÖÜ", "run-1"), ("x" * 100, "x" * 80 + "-1")],
)
def test_a_runs_id_is_its_name_in_plain_letters_and_a_number(database: Database, name: str, run: str) -> None:
    """It names folders at every party, so nothing of a path is left in it."""
    assert _add(database, _settings(name)) == run
    with database.read() as connection:
        found = runs.find_run(connection, run)
    assert (found.run, found.state, found.plan.settings.name) == (run, RunState.SUBMITTED, name)
    assert (found.submitted_at, found.ended_at, found.stop_asked) == (NOW, None, False)


def test_runs_are_listed_in_order_and_by_state(database: Database) -> None:
    """Numbers go on, whatever the names."""
    names = [_add(database, _settings(name)) for name in ("b", "a", "a")]
    assert names == ["b-1", "a-2", "a-3"]
    with database.begin() as connection:
        runs.set_state(connection, "a-2", RunState.FAILED, now=NOW, reason="why", hint="what")
        assert [run.run for run in runs.list_runs(connection)] == names
        assert [run.run for run in runs.list_runs(connection, RunState.SUBMITTED)] == ["b-1", "a-3"]
        (failed,) = runs.list_runs(connection, RunState.FAILED)
    assert (failed.reason, failed.hint, failed.ended_at) == ("why", "what", NOW)


def test_what_is_not_there_is_said_so(database: Database) -> None:
    """A run that nobody submitted, and one that has ended, cannot be stopped."""
    run = _add(database)
    with database.begin() as connection:
        with pytest.raises(InputError, match="there is no run 'other'"):
            runs.find_run(connection, "other")
        runs.ask_to_stop(connection, run)
        assert runs.find_run(connection, run).stop_asked
        runs.set_state(connection, run, RunState.STOPPED, now=NOW)
        with pytest.raises(InputError, match="is stopped already"):
            runs.ask_to_stop(connection, run)


def test_settings_that_a_newer_version_does_not_know_are_named(database: Database) -> None:
    """With the run, the key, and no traceback."""
    run = _add(database)
    with database.begin() as connection:
        connection.execute(update(runs.runs).values(settings='{"name": "x", "odd": 1}'))
    with database.read() as connection, pytest.raises(ConfigError, match=f"run {run} in the database: "):
        runs.find_run(connection, run)


def test_rounds_come_back_in_order_from_any_place(database: Database) -> None:
    """Whoever watches asks for what is new."""
    run = _add(database)
    with database.begin() as connection:
        for position in (1, 0, 2):
            record = RoundRecord("align", position, {"cosine": 0.5}, bytes_up=3, bytes_down=4)
            runs.add_round(connection, run, position, record, 0.25)
        assert [each["position"] for each in runs.list_rounds(connection, run)] == [0, 1, 2]
        (last,) = runs.list_rounds(connection, run, after=1)
    assert (last["number"], last["bytes_up"], last["seconds"]) == (2, 3, 0.25)
    assert last["diagnostics"] == {"cosine": 0.5}


def test_a_second_answer_replaces_the_first(database: Database) -> None:
    """A party that joined and left has left."""
    run = _add(database)
    with database.begin() as connection:
        runs.answer_run(connection, run, "acme", accepted=True, reason="")
        runs.answer_run(connection, run, "acme", accepted=False, reason="why")
        rows = connection.execute(runs.answers.select()).all()
    assert [(row.party, row.accepted, row.reason) for row in rows] == [("acme", False, "why")]


def test_a_catalogue_is_accepted_by_its_digest(database: Database) -> None:
    """Another digest, and a version that nobody published, are refused; accepting twice is accepting."""
    with database.begin() as connection:
        assert catalogues.latest_version(connection) == 0
        with pytest.raises(CatalogueError, match="a catalogue has not been published"):
            catalogues.find_catalogue(connection)
        first = catalogues.add_catalogue(connection, CSV, where="c.csv", now=NOW)
        text = CSV + "k3,Three,,b3\n"
        second = catalogues.add_catalogue(connection, text, where="c.csv", now=NOW)
        assert (first.version, second.version, catalogues.latest_version(connection)) == (1, 2, 2)
        assert catalogues.find_catalogue(connection).digest() == second.digest()
        for version, digest in ((1, second.digest()), (2, ""), (3, first.digest())):
            with pytest.raises(CatalogueError, match="which is not what was published"):
                catalogues.accept(connection, version, "acme", digest, now=NOW)
        for _ in range(2):
            catalogues.accept(connection, 1, "acme", first.digest(), now=NOW)
        assert catalogues.accepted_digests(connection, 1) == {"acme": first.digest()}
        assert catalogues.accepted_digests(connection, 2) == {}


def test_published_vectors_come_back_whole_or_not_at_all(database: Database, tmp_path: Path) -> None:
    """What was torn on the disk is not handed out; what is withdrawn is gone."""
    run, shelf = _add(database), VectorShelf(tmp_path / "vectors")
    payload = Payload({"vectors": np.arange(6, dtype=np.float32).reshape(2, 3)})
    items = (("k1", "One"), ("k2", "Two"))
    kept = Publication(run, "acme", items, shelf.put(run, "acme", payload))
    with database.begin() as connection:
        publications.add_publication(connection, kept, now=NOW)
        assert publications.list_publications(connection, run) == (kept,)
    np.testing.assert_array_equal(shelf.get(kept)["vectors"], payload["vectors"])
    file = tmp_path / "vectors" / run / "acme.safetensors"
    assert file.stat().st_mode & 0o777 == 0o600
    whole = file.read_bytes()
    for broken, message in ((whole[:-1], "cannot read"), (whole[:-1] + b"\x01", "not what was stored")):
        file.write_bytes(broken)
        with pytest.raises(LocalResourceError, match=message):
            shelf.get(kept)
    with database.begin() as connection:
        publications.withdraw(connection, run)
        assert publications.list_publications(connection) == ()
    for _ in range(2):
        shelf.remove(run)
    with pytest.raises(LocalResourceError, match="cannot read"):
        shelf.get(kept)
