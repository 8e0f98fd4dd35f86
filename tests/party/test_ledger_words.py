"""The ledger in plain words: what left, to whom, how much of it; and what left nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feddmf_party.ledger_file import LedgerFile
from feddmf_party.ledger_words import Left, in_words

JOIN = {"event": "join", "run": "r", "parties": ["acme", "bolt", "cargo"], "purpose": "shoes"}


def release(phase: str, *kinds: str, rows: int = 3, **more: Any) -> dict[str, Any]:
    """Return a release of some kinds as the ledger has it."""
    arrays = [{"name": kind, "kind": kind, "dtype": "float32", "shape": [rows, 2]} for kind in kinds]
    return {"event": "release", "run": "r", "phase": phase, "round": 4, "arrays": arrays, "bytes": 24, **more}


def told(tmp_path: Path, *records: dict[str, Any]) -> tuple[Left, ...]:
    """Return records in words, as acme's ledger has them."""
    ledger = LedgerFile(tmp_path / "ledger.jsonl")
    for record in records:
        ledger.append(record)
    return in_words(ledger.records(), "acme")


def test_a_run_is_told_from_joining_to_publishing(tmp_path: Path) -> None:
    """The coordinator gets what is aligned, all peers of the run what is published, and nobody a joining."""
    joined, sent, published = told(
        tmp_path,
        JOIN,
        release("align", "item_vectors", "loss_scalar"),
        release("publish", "attribute_vector"),
    )
    assert (joined.what, joined.left, joined.to) == ("Joined the run: shoes", False, "")
    assert (sent.what, sent.to) == ("Sent vectors of items, how well the training went", "coordinator")
    assert (sent.step, sent.vectors, sent.bytes) == ("align 5", 3, 24)
    assert (published.what, published.to) == (
        "Published vectors of items and attributes",
        "bolt, cargo, by the coordinator",
    )
    assert [each.number for each in (joined, sent, published)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("record", "what", "to"),
    [
        (
            {"event": "offer", "count": 7},
            "Offered 7 items and attributes: their names alone",
            "peers, by the",
        ),
        (
            {"event": "withdrawal", "run": "r", "count": 0, "reason": ""},
            "Took back everything",
            "peers, by the",
        ),
        (
            {"event": "withdrawal", "run": "r", "count": 2, "reason": "law"},
            "attributes: law",
            "peers, by the",
        ),
        ({"event": "matching", "peer": "bolt", "step": 1}, "Sent blinded item keys", "bolt, by the"),
        ({"event": "charge", "run": "r", "epsilon": 1.5}, "Charged the privacy budget", ""),
        ({"event": "private_release", "run": "r"}, "Drew the private release", ""),
        ({"event": "forget", "count": 3}, "Forgot 3 customers", ""),
        ({"event": "restored"}, "Went on from a backup", ""),
        ({"event": "new in a later version"}, "new in a later version", ""),
    ],
)
def test_every_event_has_words(tmp_path: Path, record: dict[str, Any], what: str, to: str) -> None:
    """And says whether anything left; one that is not known yet stands by its name."""
    (found,) = told(tmp_path, record)
    assert what in found.what
    assert found.to.startswith(to)
    assert found.left == bool(to)


def test_the_price_of_privacy_is_told(tmp_path: Path) -> None:
    """What was charged, and which release something was made of."""
    charge = {"event": "charge", "run": "r", "epsilon": 1.0}
    found = told(tmp_path, charge, release("sums", "noisy_gram", post_processing_of=0))
    assert [each.privacy for each in found] == ["epsilon 1", "made of record 0"]
