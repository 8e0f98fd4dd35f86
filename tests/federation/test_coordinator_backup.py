"""A coordinator that is put back from a backup, with all that it had, and what is said of what it lost."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from feddmf.audit.coordinator_book import audit_coordinator
from feddmf.errors import InputError, LocalResourceError
from feddmf.payload import Payload
from feddmf.runfile import RunSettings
from feddmf_coordinator import backup, enrolling
from feddmf_coordinator.authority import Authority
from feddmf_coordinator.letting import let_go_on
from feddmf_coordinator.papers import coordinator_papers
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.catalogues import add_catalogue
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.ledger import Receipts
from feddmf_coordinator.store.operators import read_log, verify_log
from feddmf_coordinator.store.publications import (
    Publication,
    VectorShelf,
    add_publication,
    list_publications,
)
from feddmf_coordinator.store.rows import write_rows
from feddmf_coordinator.store.runs import RunState, add_run, list_runs, set_state
from support.authority import EnrolledFederation
from support.databases import new_url
from support.ledgers import BothSides, both_sides

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _submit(federation: EnrolledFederation, state: RunState = RunState.SUBMITTED) -> str:
    settings = RunSettings.model_validate({"name": "r", "purpose": "p", "parties": ("acme", "bolt")})
    with federation.open_database() as database, database.begin() as connection:
        run = add_run(connection, settings, version=1, digest="d" * 64, now=NOW)
        set_state(connection, run, state, now=NOW)
    return run


@pytest.fixture
def sides(tmp_path: Path) -> BothSides:
    """A federation in which something was sent, received, run and published."""
    made = both_sides(tmp_path / "made", 2)
    federation = made.enrolled
    run, under_way = _submit(federation, RunState.FINISHED), _submit(federation, RunState.RUNNING)
    payload = Payload({"vectors": np.arange(6, dtype=np.float32).reshape(3, 2)})
    digest = VectorShelf(federation.folder.path / "vectors").put(run, "acme", payload)
    with federation.open_database() as database, database.begin() as connection:
        add_catalogue(
            connection, "key,label,local_id:acme,local_id:bolt\nk1,One,a1,b1\n", where="c.csv", now=NOW
        )
        published = Publication(run, "acme", (("k1", "One"), ("k2", "Two"), ("k3", "3")), digest)
        add_publication(connection, published, now=NOW)
    rounds = federation.folder.path / "rounds" / under_way
    rounds.mkdir(parents=True)
    (rounds / "round-000000.checked").write_bytes(b"x" * 100)
    (federation.folder.path / "rounds" / "begun").mkdir()
    return made


def _rows(folder: CoordinatorFolder, file: Path) -> list[str]:
    """Return all rows but those of the operators' log."""
    with Database.open(folder.database_url(folder.load())) as database, database.read() as connection:
        lines = write_rows(connection, file).file.read_text().splitlines()[1:]
    return [line for line in lines if '"operator_log"' not in line]


def _files(folder: CoordinatorFolder) -> dict[str, bytes]:
    names = [name for name in backup.KEPT if name not in {"ledger.jsonl", "coordinator.toml"}]
    found = (path for name in names for path in (folder.path / name, *(folder.path / name).rglob("*")))
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in found if path.is_file()}


def test_a_coordinator_comes_back_as_it_was(sides: BothSides, tmp_path: Path) -> None:
    """Every row, every file but the passphrase, who may read them; its records say that it was restored."""
    federation = sides.enrolled
    made = backup.back_up(federation.folder, tmp_path / "b.tar")
    assert made.left_out == ("ca/passphrase",)
    assert backup.verified(made.file).files == made.manifest.files
    folder = CoordinatorFolder(tmp_path / "new" / "home")
    restored = backup.restore(made.file, folder, database=new_url())
    assert restored.under_way == ("r-2",)
    assert _rows(folder, tmp_path / "theirs") == _rows(federation.folder, tmp_path / "ours")
    before = _files(federation.folder)
    del before["ca/passphrase"]
    assert _files(folder) == before
    assert (folder.path / "rounds" / "begun").is_dir()
    assert not (folder.path / "database.jsonl").exists()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder.server_key, folder.authority_key)}
    assert set(modes.values()) == {0o600}
    passphrase = federation.folder.passphrase_file.read_bytes().strip()
    assert (
        Authority.load(folder, passphrase).certificate
        == Authority.load(federation.folder, passphrase).certificate
    )
    with Database.open(folder.database_url(folder.load())) as database, database.read() as connection:
        verify_log(connection)
        assert read_log(connection)[-1]["operator"] == "restore"
        (published,) = list_publications(connection, "r-1")
        assert VectorShelf(folder.path / "vectors").get(published)["vectors"].shape == (3, 2)
    book = audit_coordinator(coordinator_papers(folder.path))
    assert book.problems == []
    assert len(book.receipts) == 4
    assert "goes on from a backup of" in book.notices[0]


def test_the_operators_token_and_the_parties_are_known_there(sides: BothSides, tmp_path: Path) -> None:
    """Work goes on: an operator's command, and a party whose ledger has grown since."""
    file = backup.back_up(sides.enrolled.folder, tmp_path / "b.tar").file
    sides.release(2)
    folder = CoordinatorFolder(tmp_path / "new")
    backup.restore(file, folder, database=new_url())
    assert enrolling.invite(folder, "cone").file.exists()
    settings = folder.load()
    BothSides(EnrolledFederation(folder, settings, "", sides.enrolled.parties)).release(3)


def test_a_restored_folder_needs_a_database_of_its_own(sides: BothSides, tmp_path: Path) -> None:
    """One that holds a federation is not written to, and then no folder is left either."""
    file = backup.back_up(sides.enrolled.folder, tmp_path / "b.tar").file
    taken = sides.enrolled.folder.database_url(sides.enrolled.settings)
    with pytest.raises(InputError, match="holds a federation already") as caught:
        backup.restore(file, CoordinatorFolder(tmp_path / "new"), database=taken)
    assert caught.value.hint
    assert not (tmp_path / "new").exists()


def test_a_restore_that_breaks_off_leaves_nothing(
    sides: BothSides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the folder nor in the database: it can be run again."""
    file = backup.back_up(sides.enrolled.folder, tmp_path / "b.tar").file
    url, folder = new_url(), CoordinatorFolder(tmp_path / "new")

    def refuse(*_: object) -> None:
        raise LocalResourceError("full")

    with monkeypatch.context() as patch:
        patch.setattr(Receipts, "note_restored", refuse)
        with pytest.raises(LocalResourceError, match="full"):
            backup.restore(file, folder, database=url)
    assert not folder.path.exists()
    backup.restore(file, folder, database=url)
    assert len(_rows(folder, tmp_path / "rows")) > 10


def test_a_backup_is_of_one_moment_while_others_write(sides: BothSides, tmp_path: Path) -> None:
    """Every publication that its database has is there with its vectors, whatever came and went meanwhile."""
    federation, stop = sides.enrolled, threading.Event()
    shelf = VectorShelf(federation.folder.path / "vectors")

    def publish_and_take_back() -> None:
        number = 0
        with federation.open_database() as database:
            while not stop.is_set():
                number += 1
                payload = Payload({"vectors": np.full((2, 2), number, np.float32)})
                digest = shelf.put_left("r-1", "acme", payload)
                left = Publication("r-1", "acme", (("k1", "One"), ("k2", "Two")), digest)
                with database.begin() as connection:
                    add_publication(connection, left, now=NOW)
                shelf.keep_only(left)

    writer = threading.Thread(target=publish_and_take_back)
    writer.start()
    try:
        files = [backup.back_up(federation.folder, tmp_path / f"{number}.tar").file for number in range(5)]
    finally:
        stop.set()
        writer.join()
    for file in files:
        folder = CoordinatorFolder(tmp_path / file.stem)
        backup.restore(file, folder, database=new_url())
        with Database.open(folder.database_url(folder.load())) as database, database.read() as connection:
            (published,) = list_publications(connection)
        assert len(VectorShelf(folder.path / "vectors").get(published)["vectors"]) in {2, 3}


def test_what_else_lies_in_the_folder_is_named(sides: BothSides, tmp_path: Path) -> None:
    """It is not in the backup, and the operator is told."""
    folder = sides.enrolled.folder
    (folder.path / "notes.txt").touch()
    (folder.path / "serving.lock").touch()
    (folder.path / "backups").mkdir()
    made = backup.back_up(folder, folder.path / "b.tar")
    assert made.left_out == ("notes.txt", "ca/passphrase")
    assert not any("passphrase" in name or "notes" in name for name in made.manifest.files)


def test_a_database_that_is_gone_is_said_to_be_gone(sides: BothSides, tmp_path: Path) -> None:
    """It is not made anew, empty; what to do is said, and a backup is not made of what is left."""
    folder = sides.enrolled.folder
    settings = folder.load()
    if settings.database is not None:
        pytest.skip("a file alone is lost like that")
    for path in folder.path.glob("coordinator.db*"):
        path.unlink()
    for look in (
        lambda: Database.open(folder.database_url(settings)),
        lambda: backup.back_up(folder, tmp_path / "b.tar"),
        lambda: backup.upgrade(folder),
        lambda: enrolling.invite(folder, "cone"),
    ):
        with pytest.raises(LocalResourceError, match=r"coordinator\.db is gone") as caught:
            look()
        assert "feddmf coordinator restore" in caught.value.hint
    assert not folder.database_file.exists()
    assert not (tmp_path / "b.tar").exists()
    folder.database_file.touch()
    with pytest.raises(LocalResourceError, match="is gone"):
        Database.open(folder.database_url(settings))


def test_a_party_that_lost_its_ledger_is_refused_until_the_operator_says_so(
    sides: BothSides, tmp_path: Path
) -> None:
    """Another process than the operator's takes it up; both sides' records tell of it."""
    folder = sides.enrolled.folder
    ledger = sides.folder().ledger
    kept = ledger.read_bytes()
    sides.release(2)
    serving = Receipts(folder, sides.enrolled.settings.federation)
    longer = sides.head().head
    ledger.write_bytes(kept)
    sides.record(7)
    shorter = sides.head().head
    with pytest.raises(InputError, match="told one of 4 before: it was another one") as caught:
        serving.check("acme", shorter)
    assert "feddmf coordinator ledger reset acme" in caught.value.hint
    with pytest.raises(InputError, match="acme is in run r-2, which is under way"):
        let_go_on(folder, "acme", reason="its disk broke")
    with sides.enrolled.open_database() as database, database.begin() as connection:
        set_state(connection, "r-2", RunState.STOPPED, now=NOW)
    assert let_go_on(folder, "acme", reason="its disk broke") == longer
    serving.check("acme", shorter)
    sides.tell(7)
    with sides.enrolled.open_database() as database, database.read() as connection:
        record = read_log(connection)[-1]
    assert (record["action"], record["what"]["reason"], record["what"]["length"]) == (
        "ledger reset",
        "its disk broke",
        4,
    )
    with pytest.raises(InputError, match="there is no party 'cone'"):
        let_go_on(folder, "cone", reason="a slip")
    book = audit_coordinator(coordinator_papers(folder.path))
    assert book.problems == []
    (reset,) = book.resets
    assert (reset.party, reset.length, reset.operator, reset.reason) == (
        "acme",
        4,
        "operator",
        "its disk broke",
    )
    assert str(reset).endswith("by the word of operator: its disk broke")


def test_runs_go_on_being_numbered(sides: BothSides, tmp_path: Path) -> None:
    """A restored database knows which came last, and leaves out what may have been given since."""
    file = backup.back_up(sides.enrolled.folder, tmp_path / "b.tar").file
    folder = CoordinatorFolder(tmp_path / "new")
    backup.restore(file, folder, database=new_url())
    restored = EnrolledFederation(folder, folder.load(), "", {})
    assert _submit(restored) == "r-1003"
    with restored.open_database() as database, database.read() as connection:
        assert [run.run for run in list_runs(connection)] == ["r-1", "r-2", "r-1003"]
