"""A party that is put back from a backup, and what it must not do again."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.audit.comparing import compare
from feddmf.audit.party_book import audit_party
from feddmf.errors import ConfigError, InputError
from feddmf_coordinator.letting import let_go_on
from feddmf_coordinator.papers import coordinator_papers
from feddmf_party import backup
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import load_identity
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.papers import party_papers
from feddmf_party.privacy_budget import CHARGE_EVENT, is_restored_since
from support.ledgers import BothSides, both_sides

CHARGE = {"event": CHARGE_EVENT, "run": "r-1", "epsilon": 1.0, "delta": 1e-6, "sigma": 5.0, "items": "0" * 64}


@pytest.fixture
def sides(tmp_path: Path) -> BothSides:
    """A party with something in every place that a backup has."""
    made = both_sides(tmp_path / "made", 2)
    home = made.folder()
    for name in (
        *("offer.toml", "catalogue/1.json", "tokens.json", "forgotten.json", "matchings/bolt-1.json"),
        "audiences/pens.json",
    ):
        path = home.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    for name in ("runs/r-1/run.json", "runs/r-2/checkpoint/run.json", "privacy/r-1.safetensors"):
        path = home.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name in (
        "queries.jsonl",
        "ended.jsonl",
        "countersignatures.jsonl.torn",
        "ledger.jsonl.torn",
        "ledger.key",
    ):
        (home.path / name).write_text(f"{name}\n")
    return made


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_party_comes_back_as_it_was(sides: BothSides, tmp_path: Path) -> None:
    """Every file; the ledger has one record more, which says from when the party goes on."""
    home = sides.folder()
    (home.path / "node.lock").touch()
    for name in ("tables", "exports"):
        (home.path / name).mkdir()
    (home.path / "sales.csv").touch()
    made = backup.back_up(home, tmp_path / "b.tar")
    assert made.left_out == ("sales.csv",)
    assert {Path(name).parts[0] for name in made.manifest.files} == set(backup.KEPT)
    assert made.manifest.about == {"party": "acme", "federation": "testfed"}
    restored = PartyFolder(tmp_path / "new")
    assert backup.restore(made.file, restored).under_way == ("r-2",)
    before, after = _files(home.path), _files(restored.path)
    del before["sales.csv"]
    assert after.pop("ledger.jsonl").startswith(before.pop("ledger.jsonl"))
    assert after == before
    assert load_identity(restored.path).key_pem == load_identity(home.path).key_pem
    *_, last = LedgerFile(restored.ledger).records()
    assert (last["event"], last["backup_made_at"]) == ("restored", made.manifest.made_at.isoformat())
    book = audit_party(party_papers(restored.path))
    assert book.problems == []
    assert any("goes on from a backup of" in notice for notice in book.notices)


def test_what_was_lost_since_is_named_by_both_sides(sides: BothSides, tmp_path: Path) -> None:
    """Before the operator's word as a ledger that was written anew, after it as what it is."""
    file = backup.back_up(sides.folder(), tmp_path / "b.tar").file
    for number in (2, 3):
        sides.release(number)
    restored = PartyFolder(tmp_path / "new")
    backup.restore(file, restored)
    folder = sides.enrolled.folder.path

    def kinds() -> list[str]:
        found = compare(coordinator_papers(folder), party_papers(restored.path))
        assert found.problems == ()
        return [each.kind for each in found.differences]

    assert kinds() == ["coordinator only", "coordinator only", "head", "head"]
    let_go_on(sides.enrolled.folder, "acme", reason="a disk")
    assert kinds() == ["reset"]
    enrolled = sides.enrolled
    again = BothSides(type(enrolled)(enrolled.folder, enrolled.settings, "", {"acme": restored.path}))
    again.release(9)
    assert kinds() == ["reset"]


def test_what_was_charged_before_is_not_released_after(sides: BothSides, tmp_path: Path) -> None:
    """A release may have left since the backup: a second one would cost its users twice what was charged."""
    ledger = LedgerFile(sides.folder().ledger)
    ledger.append(CHARGE)
    ledger.append({"event": "join", "run": "r-2"})
    assert not any(is_restored_since(ledger.records(), run) for run in ("r-1", "r-2"))
    restored = PartyFolder(tmp_path / "new")
    backup.restore(backup.back_up(sides.folder(), tmp_path / "b.tar").file, restored)
    again = LedgerFile(restored.ledger)
    # A charge may be what was lost: whoever had joined may have been charged.
    assert all(is_restored_since(again.records(), run) for run in ("r-1", "r-2"))
    again.append({**CHARGE, "run": "r-3"})
    assert not is_restored_since(again.records(), "r-3")


def test_only_a_party_is_backed_up_as_one(sides: BothSides, tmp_path: Path) -> None:
    """Neither an empty folder nor a coordinator's; what is restored is a party's too."""
    with pytest.raises(ConfigError, match="is not a party's folder"):
        backup.back_up(PartyFolder(tmp_path), tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()
    file = backup.back_up(sides.folder(), tmp_path / "b.tar").file
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"of": "party"', b'"of": "other"'))
    with pytest.raises(InputError, match="the backup of a other"):
        backup.restore(file, PartyFolder(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_party_that_has_not_enrolled_has_a_backup_too(tmp_path: Path) -> None:
    """Its settings."""
    home, restored = PartyFolder(tmp_path / "home"), PartyFolder(tmp_path / "new")
    home.create()
    made = backup.back_up(home, tmp_path / "b.tar")
    assert made.manifest.about == {"party": "", "federation": ""}
    backup.restore(made.file, restored)
    assert restored.settings_file.read_bytes() == home.settings_file.read_bytes()
