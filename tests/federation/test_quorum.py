"""A party whose node dies in the middle of a run with a quorum: the run goes on, and the party rejoins it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.payload import ReleaseKind
from feddmf_coordinator.store.runs import RunState
from feddmf_party.run_folder import RunFolder
from support.enrolment import until
from support.federation import WAITS, LiveFederation, Watch, live, quick_run
from support.runs import PARTIES, small_run

THREE = PARTIES[:3]
POLICY = f"""
protocols = ["fedavg", "fcf"]
release_kinds = {json.dumps([kind.value for kind in ReleaseKind])}
"""
ROUNDS = 24
SECTIONS: dict[str, dict[str, Any]] = {
    "fedavg": {"training": {"epochs": ROUNDS}, "fedavg": {"syncs_per_epoch": 1}},
    "fcf": {"fcf": {"rank": 4, "rounds": ROUNDS, "min_support": 3}},
}


def counted(federation: LiveFederation, run: str) -> list[list[str]]:
    """Return who was counted in each round so far."""
    return [each["diagnostics"]["counted"] for each in federation.rounds(run)]


@pytest.mark.parametrize("protocol", SECTIONS)
def test_a_party_that_dies_and_comes_back_takes_part_again(tmp_path: Path, protocol: str) -> None:
    """Meanwhile the others go on; all end with finite vectors of one another."""

    async def main() -> None:
        async with live(tmp_path, small_run(3)) as federation:
            for folder in federation.enrolled.parties.values():
                (folder / "policy.toml").write_text(POLICY)
            waits = {**WAITS, "quorum": 2, "quorum_s": 1, "absent_s": 2}
            settings = quick_run(THREE, protocol=protocol, **SECTIONS[protocol], waits=waits)
            run = federation.submit(settings)
            others = [asyncio.create_task(federation.node(party)) for party in THREE[:2]]
            first = asyncio.create_task(federation.node("cargo"))
            await until(lambda: len(federation.rounds(run)) > 2, within_s=60)
            first.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await first
            await until(lambda: counted(federation, run)[-3:] == [["acme", "bolt"]] * 3, within_s=60)
            watch = Watch()
            assert await federation.node("cargo", watch) is None
            assert await asyncio.gather(*others) == [None, None]
            assert (watch.count("resumed"), watch.count("finished")) == (1, 1)
            assert federation.run(run).state is RunState.FINISHED
            sets = counted(federation, run)
            assert len(sets) == ROUNDS + 1
            without = [at for at, each in enumerate(sets) if each == ["acme", "bolt"]]
            assert any("cargo" in each for each in sets[without[0] :])
            # The rounds that it was not in are left out of its own figures.
            numbers = [what[0].number for name, what in watch.told if name == "round_done"]
            assert numbers[-1] == ROUNDS + 1
            assert max(np.diff(numbers)) > 2
            for party in THREE:
                kept = RunFolder(federation.folder(party) / "runs" / run)
                assert all(np.isfinite(array).all() for array in kept.load_model().values())
                peers = kept.load_peers()
                assert [each.party for each in peers] == [each for each in THREE if each != party]
                assert all(np.isfinite(each.vectors).all() for each in peers)

    asyncio.run(main())
