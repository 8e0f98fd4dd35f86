"""A run of N members in one process: repeatable, and as failing as the run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from feddmf.errors import Misconduct, RunFailed
from feddmf.members.feddmf import FedDMFMember
from feddmf.rounds import RoundRecord
from feddmf.simulation import simulate
from support.cheats import Cheat
from support.runs import SmallRun, small_run

SHORT: dict[str, Any] = {"training": {"epochs": 2, "batch_size": 64}, "alignment": {"syncs_per_epoch": 3}}
LOOSE = {"probe_floor": -1}


def play(run: SmallRun) -> tuple[list[RoundRecord], dict[str, dict[str, bytes]]]:
    """Simulate a run; return its rounds and every array of every party."""
    members, records = run.members(), []
    simulate(run.plan, run.rows, members, on_round=records.append)
    arrays = {
        party: {name: array.tobytes() for name, array in member.model_arrays().items()}
        for party, member in members.items()
    }
    return records, arrays


@pytest.mark.parametrize("parties", [2, 3, 5])
def test_the_same_run_gives_the_same_bytes(parties: int) -> None:
    """Twice the same seed is the same figures and the same arrays; another seed gives others."""
    run = small_run(parties, **SHORT, enforcement=LOOSE)
    other = small_run(parties, **SHORT, enforcement=LOOSE, seed=1)
    first, again, another = play(run), play(run), play(other)
    assert first == again
    assert len(first[0]) == 7
    for party, arrays in first[1].items():
        assert all(arrays[name] != another[1][party][name] for name in arrays)


def test_training_lowers_the_loss_and_brings_vectors_together() -> None:
    """Over a run the loss falls and matched vectors come to point the same way."""
    records, _ = play(small_run(2, users=200, training={"epochs": 10}))
    first, last = records[1].diagnostics, records[-1].diagnostics
    assert first["cosine"] < 0.3
    assert last["cosine"] > 0.95
    for party in ("acme", "bolt"):
        assert last["parties"][party]["loss"] < 0.7 * first["parties"][party]["loss"]


def test_nan_names_its_sender() -> None:
    """A party that sends NaN ends the run with its name."""

    def spoil(_first: Any, now: Any, _generator: Any) -> Any:
        return np.full_like(now, np.nan)

    run = small_run(2, **SHORT)
    members = run.members()
    members["bolt"] = Cheat(members["bolt"], spoil)
    with pytest.raises(Misconduct, match="bolt sent array vectors row 0 is not finite"):
        simulate(run.plan, run.rows, members)


def test_a_party_that_diverges_ends_the_run_with_its_own_error() -> None:
    """What a member raises is what the simulation raises, and the others do not wait for ever."""
    run = small_run(3, **SHORT)
    members = run.members()
    broken = FedDMFMember(run.items["bolt"], run.tables["bolt"], ())
    with torch.no_grad():
        broken.model.out_bias.fill_(torch.inf)
        broken.model.out_weight.fill_(-torch.inf)
    members["bolt"] = broken
    with pytest.raises(RunFailed, match="training diverged at bolt"):
        simulate(run.plan, run.rows, members)


def test_contributions_are_what_the_schema_says() -> None:
    """Bytes up are those of the declared arrays, by each party's own number of matched items."""
    run = small_run(3, **SHORT, enforcement=LOOSE)
    records, _ = play(run)
    per_party = [len(run.items[party].matched) * 32 * 4 + 4 for party in run.plan.roster]
    assert {record.bytes_up for record in records} == {sum(per_party)}
