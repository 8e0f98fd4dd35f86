"""What a private run has left in the parties' ledgers."""

from __future__ import annotations

import hashlib
from typing import Any

from faults.standing import Standing
from feddmf_party.ledger_file import LedgerFile

__all__ = ["check_spent"]


def _records(federation: Standing, party: str, run: str) -> list[dict[str, Any]]:
    """Return what a party's ledger holds of a run, as far as it is written."""
    ledger = LedgerFile(federation.folder(party) / "ledger.jsonl")
    return [each for each in ledger.records() if each.get("run") == run]


def check_spent(federation: Standing, run: str) -> None:
    """Assert that each party has charged and drawn once, and sent nothing else than what follows from it."""
    for party in federation.parties:
        events = [each["event"] for each in _records(federation, party, run)]
        assert (events.count("charge"), events.count("private_release")) == (1, 1), (party, events)
        (drawn,) = (each for each in _records(federation, party, run) if each["event"] == "private_release")
        kept = (federation.folder(party) / "privacy" / f"{run}.safetensors").read_bytes()
        assert drawn["sha256"] == hashlib.sha256(kept).hexdigest()
        sent = [each for each in _records(federation, party, run) if each["event"] == "release"]
        assert {each["post_processing_of"] for each in sent} == {drawn["number"]}
