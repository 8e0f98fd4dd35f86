"""A protocol's state, as arrays and back before every round: the same replies, figures and judgements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from safetensors.numpy import load, save

from feddmf.payload import Payload
from feddmf.protocols.base import Outcome, RunProtocol
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord
from feddmf.simulation import simulate
from support.runs import SmallRun, small_run

TRAINED: dict[str, Any] = {
    "model": {"embedding_dim": 4, "hidden_dim": 8},
    "training": {"epochs": 2, "batch_size": 50, "negatives": 2},
    "enforcement": {"probe_floor": -1, "warmup_rounds": 1, "not_following": "report"},
}
PULLED = {"syncs_per_epoch": 2, "margin": 0.3, "probe_share": 0.2}
SUMS = {"rank": 3, "rounds": 3, "min_support": 1}
RUNS: dict[str, dict[str, Any]] = {
    "pulled": {**TRAINED, "alignment": PULLED},
    "tied": {**TRAINED, "alignment": {**PULLED, "method": "tie"}},
    "history": {
        **TRAINED,
        "model": {"embedding_dim": 4, "tower": "history"},
        "alignment": {**PULLED, "method": "tie", "hidden_share": 0.2},
    },
    "adam": {"protocol": "fcf", "fcf": {**SUMS, "method": "adam"}},
    "mm": {"protocol": "fcf", "fcf": {**SUMS, "method": "mm"}},
    "exact": {"protocol": "fcf", "fcf": {**SUMS, "method": "exact"}},
    "fedavg": {**TRAINED, "protocol": "fedavg", "fedavg": {"weighting": "samples"}},
    "masked": {**TRAINED, "protocol": "fedavg", "masks": True},
    "transfer": {"protocol": "transfer", "transfer": {"rank": 3}},
}


@dataclass(frozen=True)
class _Forgetful:
    """A protocol that has nothing but what a file of its last snapshot holds."""

    inner: RunProtocol
    run: SmallRun

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def combine(self, state: Any, phase: str, number: int, contributions: Mapping[str, Payload]) -> Outcome:
        """Combine a round from the state as it comes back."""
        kept = load(save(dict(self.inner.snapshot(state))))
        again = self.inner.restore(self.run.plan, self.run.rows, kept)
        return self.inner.combine(again, phase, number, contributions)


def _played(run: SmallRun) -> tuple[list[RoundRecord], dict[str, dict[str, bytes]]]:
    records, members = list[RoundRecord](), run.members()
    simulate(run.plan, run.rows, members, on_round=records.append)
    ends = {
        party: {name: array.tobytes() for name, array in member.model_arrays().items()}
        for party, member in members.items()
    }
    return records, ends


@pytest.mark.parametrize("sections", RUNS.values(), ids=RUNS)
def test_a_state_comes_back_from_its_snapshot(
    sections: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three parties, with evidence of who follows."""
    run = small_run(3, users=15, each=4, **sections)
    expected = _played(run)
    monkeypatch.setattr("feddmf.simulation.protocol_for", lambda name: _Forgetful(protocol_for(name), run))
    found = _played(run)
    assert repr(found[0]) == repr(expected[0])
    assert found[1] == expected[1]
