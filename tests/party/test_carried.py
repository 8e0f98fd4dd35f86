"""What of users lives on outside, by the ledger alone: which runs, when, to whom, with which bound."""

from __future__ import annotations

from typing import Any

from feddmf_party.carried import Carried, carried_by, told_of
from feddmf_party.forgetting import Erased

END_MS = 1_826_798_400_000  # 2027-11-21


def release(run: str, phase: str, number: int, at: str, rows: int = 5, **more: Any) -> dict[str, Any]:
    """Return a record of a release of vectors."""
    kind = "attribute_vector" if phase == "publish" else "item_vectors"
    arrays = [{"name": "vectors", "kind": kind, "shape": [rows, 8]}]
    return {
        "event": "release",
        "run": run,
        "phase": phase,
        "round": number,
        "at": at,
        "arrays": arrays,
    } | more


LEDGER: list[dict[str, Any]] = [
    {"event": "join", "run": "r-1", "purpose": "spring", "parties": ["acme", "bolt"], "at": "2026-11-01T08"},
    release("r-1", "align", 0, "2026-11-01T09"),
    release("r-1", "align", 0, "2026-11-01T10"),
    release("r-1", "publish", 0, "2026-11-02T09", rows=3, expires_ms=END_MS),
    {"event": "join", "run": "r-2", "purpose": "private", "parties": ["acme", "bolt"], "at": "2026-11-03T08"},
    {
        "event": "charge",
        "run": "r-2",
        "number": 5,
        "at": "2026-11-03T08",
        "epsilon": 1.0,
        "delta": 1e-6,
        "sigma": 4.2,
        "items": "0",
    },
    release("r-2", "publish", 0, "2026-11-03T09", rows=2),
    {"event": "withdrawal", "run": "r-2", "count": 0, "at": "2026-11-04T09"},
    {"event": "join", "run": "r-3", "purpose": "other", "parties": ["acme", "bolt"], "at": "2026-11-05T08"},
]


def test_the_ledger_tells_what_left() -> None:
    """A release that was sent again is one; of a run in which nothing left there is nothing to tell."""
    first, second = carried_by(LEDGER, {"r-1", "r-2", "r-3"}, "acme")
    assert first == Carried(
        run="r-1",
        purpose="spring",
        parties=("bolt",),
        first="2026-11-01T09",
        last="2026-11-02T09",
        releases=2,
        kinds=("item_vectors", "attribute_vector"),
        published=3,
        until="2027-11-21",
        withdrawn="none",
        epsilon=None,
        delta=None,
    )
    assert (second.published, second.until, second.withdrawn) == (2, "", "all")
    assert (second.epsilon, second.delta) == (1.0, 1e-6)
    assert carried_by(LEDGER, {"r-2"}, "acme") == (second,)
    assert carried_by(LEDGER, (), "acme") == ()


def test_a_person_is_told_what_is_left_to_do() -> None:
    """Withdraw what is published still, mend the table, ask for a run; and what nobody can track."""
    erased = Erased(
        users=2,
        new=2,
        runs={},
        given_up=(),
        tables=0,
        trained=frozenset({"r-1", "r-2"}),
        still_in={"sales.csv": 1, "people.csv": None, "old.csv": 0},
        strange=("zoe",),
        exports={},
    )
    lines = told_of(erased, carried_by(LEDGER, erased.trained, "acme"))
    text = "\n".join(lines)
    assert "user 'zoe' is in nothing that was looked at" in lines[0]
    assert "sales.csv still has 1 of them" in text
    assert "people.csv could not be read" in text
    assert "old.csv" not in text
    assert "3 items' vectors are published until 2027-11-21" in text
    assert "without a bound" in text
    assert "epsilon 1, which bounds what" in text
    assert text.count("feddmf attributes withdraw --all --run") == 1
    assert "--run r-1 --reason" in text
    assert "ask the operator for one" in text
    assert "not tracked" in lines[-1]
