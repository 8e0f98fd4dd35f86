"""The gate of matchings: what a policy lets out, what the ledger holds of it, and that it is once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from feddmf.errors import PayloadError, PolicyError
from feddmf.matching import Blinding, Step
from feddmf.payload import Payload, ReleaseKind
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.points_gate import PointsGate
from feddmf_party.policy import Policy

OPEN = Policy(release_kinds=(ReleaseKind.PSI_POINT,))
Gate = Callable[..., PointsGate]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Return a way to gates over one ledger."""

    def made(policy: Policy = OPEN, *, peer: str = "bolt", version: int = 1) -> PointsGate:
        return PointsGate(policy, LedgerFile(tmp_path / "ledger.jsonl"), peer, version)

    return made


def points(items: int) -> Payload:
    """Return freshly blinded points."""
    return Payload({"points": Blinding().hide([str(n) for n in range(items)], b"").points})


def test_what_leaves_is_recorded_before(gate: Gate, tmp_path: Path) -> None:
    """With whom, under which version, how many, and the digest of the bytes; nothing of the keys."""
    payload = points(3)
    cleared = gate().clear(Step.HIDE, payload)
    (record,) = (
        each for each in LedgerFile(tmp_path / "ledger.jsonl").records() if each["event"] == "matching"
    )
    assert cleared.ledger_number == record["number"]
    assert cleared.sha256.hex() == record["sha256"] == payload.sha256().hex()
    assert (record["peer"], record["catalogue_version"], record["step"]) == ("bolt", 1, 1)
    assert record["arrays"] == [{"name": "points", "kind": "psi_point", "dtype": "uint64", "shape": [3, 4]}]
    assert record["bytes"] == 96
    assert "items" not in record


def test_nothing_leaves_unless_a_person_has_allowed_it(gate: Gate, tmp_path: Path) -> None:
    """The default policy keeps points in, and says which line lets them out; nothing is recorded."""
    with pytest.raises(PolicyError, match="psi_point") as caught:
        gate(Policy()).clear(Step.HIDE, points(1))
    assert caught.value.hint.startswith("allow it in policy.toml: release_kinds = [")
    assert '"item_vectors"' in caught.value.hint
    assert '"psi_point"' in caught.value.hint
    tight = Policy(release_kinds=(ReleaseKind.PSI_POINT,), max_matching_items=2)
    with pytest.raises(PolicyError, match="3 items are more than max_matching_items = 2"):
        gate(tight).clear(Step.HIDE, points(3))
    with pytest.raises(PayloadError):
        gate().clear(Step.HIDE, Payload({"points": points(1)["points"][:, :3]}))
    assert not (tmp_path / "ledger.jsonl").exists()
    assert gate(tight).clear(Step.HIDE, points(2)).step == Step.HIDE


def test_once_answered_nothing_new_leaves(gate: Gate) -> None:
    """Other items may be hidden before the answer; after it, only what has left leaves again."""
    first, second, answer = points(2), points(2), points(5)
    gate().clear(Step.HIDE, first)
    gate().clear(Step.HIDE, second)
    assert not gate().answered
    gate().clear(Step.ANSWER, answer)
    assert gate().answered
    assert gate().clear(Step.HIDE, second).sha256 == second.sha256()
    assert gate().clear(Step.ANSWER, answer).sha256 == answer.sha256()
    for step in (Step.HIDE, Step.ANSWER):
        with pytest.raises(PolicyError, match="with bolt under catalogue version 1 has sent other points"):
            gate().clear(step, points(2))
    with pytest.raises(PolicyError):
        gate().clear(Step.ANSWER, first)
    assert not gate(version=2).answered
    assert not gate(peer="cargo").answered
