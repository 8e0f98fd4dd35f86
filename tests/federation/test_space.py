"""How much of the disk a run may take: never less than is kept of it at any moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from feddmf.members.base import Reply, drive
from feddmf.payload import Payload
from feddmf.protocols.base import Arrays
from feddmf.protocols.registry import protocol_for
from feddmf.round_keeping import Collected
from feddmf.rounds import RoundTable
from feddmf_coordinator.space import kept_bytes
from feddmf_coordinator.store.kept_rounds import KeptRounds
from support.runs import SmallRun, small_run

WIDE = {"model": {"embedding_dim": 64}, "training": {"epochs": 6}, "alignment": {"syncs_per_epoch": 4}}
RUNS: dict[str, dict[str, Any]] = {
    "feddmf": WIDE,
    "feddmf-cosine": {**WIDE, "alignment": {**WIDE["alignment"], "method": "cosine"}},
    "fedavg": {"protocol": "fedavg", **WIDE},
    "fcf": {"protocol": "fcf", "fcf": {"rank": 64, "rounds": 12}},
}


class Weighed:
    """A keeper of rounds that notes the most that its folder held."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._kept, self.most = folder, KeptRounds(folder, every_s=3_600), 0
        self.states = 0
        self._kept.begin()

    @property
    def is_due(self) -> bool:
        """As the coordinator has it."""
        return self._kept.is_due

    async def keep_state(self, position: int, state: Arrays) -> None:
        """Weigh the new state beside all that it makes needless."""
        before = self._nbytes()
        self._kept.keep_state(position, state)
        self.states += 1
        self.most = max(self.most, before + Payload(state).nbytes)

    async def keep_round(self, collected: Collected) -> None:
        """Weigh what lies there."""
        self._kept.keep_round(collected, 0.0)
        self.most = max(self.most, self._nbytes())

    def _nbytes(self) -> int:
        return sum(file.stat().st_size for file in self._folder.iterdir())


def most_kept(run: SmallRun, folder: Path) -> Weighed:
    """Take all members through the run, and return what was weighed."""

    async def main() -> Weighed:
        weighed, protocol = Weighed(folder), protocol_for(run.plan.settings.protocol)
        table, phases = RoundTable(protocol, run.plan, run.rows, keeper=weighed), protocol.phases(run.plan)

        async def take_part(party: str) -> None:
            async def exchange(phase: str, number: int, payload: Payload) -> Reply:
                return await table.exchange(party, phase, number, payload)

            await drive(run.member(party), phases, exchange)

        await asyncio.gather(*map(take_part, run.plan.roster))
        return weighed

    return asyncio.run(main())


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("behind", [1 << 30, 100_000])
def test_a_run_keeps_no_more_than_was_asked_for(
    name: str, behind: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rounds behind one another where no state is due between them, and states where rounds take much."""
    monkeypatch.setattr("feddmf_coordinator.space.MOST_BYTES", behind)
    monkeypatch.setattr("feddmf_coordinator.store.kept_rounds.MOST_BYTES", behind)
    run = small_run(2, shared=64, own=1, **RUNS[name])
    weighed = most_kept(run, tmp_path / "kept")
    assert (weighed.states > 0) == (behind < 1 << 30)
    most = kept_bytes(run.plan, run.rows, 0)
    assert weighed.most <= most
    # Nor is a disk refused that would do.
    assert most < 4 * weighed.most
