"""What the coordinator's ledger remembers of what it has countersigned."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf_coordinator.store import ledger
from feddmf_coordinator.store.ledger import Receipts
from support.ledgers import both_sides, digest_of


def _what(number: int) -> dict[str, object]:
    return {
        "of": "release",
        "run": "r-1",
        "phase": "align",
        "round": number,
        "sha256": digest_of(f"{number}"),
    }


def test_what_was_received_before_a_restart_is_not_recorded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered as before; other contents under the same head, and what is long ago, are recorded."""
    monkeypatch.setattr(ledger, "_MOST_REMEMBERED", 2)
    sides = both_sides(tmp_path, 0)
    sides.record(0)
    told, folder, federation = sides.head(), sides.enrolled.folder, sides.enrolled.settings.federation
    first = Receipts(folder, federation)
    answers = [first.receive("acme", sides.certificate(), told, _what(number)) for number in range(3)]
    kept = folder.ledger.read_bytes()
    again = Receipts(folder, federation)
    for number in (1, 2):
        assert again.receive("acme", sides.certificate(), told, _what(number)) == answers[number]
    assert folder.ledger.read_bytes() == kept
    assert again.receive("acme", sides.certificate(), told, _what(0)) != answers[0]
    assert len(again) == len(first) + 1
