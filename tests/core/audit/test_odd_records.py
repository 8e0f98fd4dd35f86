"""Records that only a holder of the key can have written, and no version of ours has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feddmf.audit.party_book import audit_party
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.papers import party_papers
from support.ledgers import both_sides

VALUES: tuple[Any, ...] = (None, True, -1, 1.5, [], ["release"], {"release": []}, "\0")


@pytest.mark.parametrize("name", ["event", "run", "phase", "round", "bytes", "sha256"])
def test_an_audit_reads_whatever_was_signed(tmp_path: Path, name: str) -> None:
    """Any field may hold anything: the chain holds, and nothing breaks."""
    sides = both_sides(tmp_path, 1)
    ledger = LedgerFile(sides.folder().ledger)
    for value in VALUES:
        ledger.append({"event": "release", "run": "small-1", "phase": "align", name: value})
    book = audit_party(party_papers(sides.folder().path))
    assert book.ledger.problem is None
    assert len(book.entries) == 1 + (0 if name == "event" else len(VALUES))
