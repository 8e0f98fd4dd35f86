"""Where a run's answers come from: its own summary, and the records of the ledger that belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import InputError
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.provenance import provenance_of
from feddmf_party.run_folder import RunFolder
from support.finished import finished_run

SENT = {
    "event": "release",
    "run": "r",
    "phase": "align",
    "round": 0,
    "bytes": 100,
    "sha256": "aa",
    "arrays": [],
}
LEFT = {"event": "release", "run": "r", "phase": "publish", "round": 0, "bytes": 50, "sha256": "bb",
        "arrays": [{"shape": [9, 4]}, {"shape": [9, 3]}]}  # fmt: skip


def test_a_run_is_told_down_to_its_ledger_records(tmp_path: Path) -> None:
    """Its own alone, of runs that share a ledger; the last publication counts, all of what left is summed."""
    kept = finished_run(tmp_path / "r", {"ann": 1.0}, {"bolt": {"pen": 1.0}, "apex": {"pen": 2.0}})
    settings = {"protocol": "feddmf", "purpose": "shoes"}
    kept.finish({"catalogue_version": 3, "plan": {"catalogue": "cc", "settings": settings}})
    ledger = LedgerFile(tmp_path / "ledger.jsonl")
    for record in ({"event": "join", "run": "r"}, SENT, {**LEFT, "run": "other"}, LEFT):
        ledger.append(record)
    found = provenance_of(kept, ledger.records())
    assert (found.run, found.protocol, found.purpose) == ("r", "feddmf", "shoes")
    assert (found.catalogue_version, found.catalogue, found.peers) == (3, "cc", ("apex", "bolt"))
    assert (found.sent, found.sent_bytes) == (2, 150)
    assert found.joined is not None
    assert found.published is not None
    assert (found.joined.number, found.published.number) == (0, 3)
    assert (found.published.sha256, found.published.bytes) == ("bb", 50)
    assert found.published.what == "vectors of 9 items and attributes"
    assert found.published.hash == ledger.head
    assert found.as_dict()["published"]["number"] == 3


def test_a_run_without_records_says_so(tmp_path: Path) -> None:
    """Such as one of a simulation."""
    kept = finished_run(tmp_path / "r", {"ann": 1.0}, {})
    found = provenance_of(kept, ())
    assert (found.joined, found.published, found.sent) == (None, None, 0)
    with pytest.raises(InputError):
        provenance_of(RunFolder(tmp_path / "none"), ())
