"""Rounds that are closed without some: the same as a plain loop over those who are there, to the last bit."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.transports import Keeping
from feddmf.errors import LocalResourceError
from feddmf.members.base import Exchange, Member, Reply, drive
from feddmf.payload import Payload
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord, RoundTable
from feddmf.runfile import MASKABLE
from feddmf_coordinator.store.kept_rounds import KeptRounds
from support.enrolment import until
from support.runs import PARTIES, SmallRun, small_run, subset_catalogue

NAMES = PARTIES[:4]
QUORUM = 2
ROUNDS = 4
KINDS: dict[str, dict[str, Any]] = {
    **{
        method: {"protocol": "fcf", "fcf": {"method": method, "rank": 2, "rounds": ROUNDS, "min_support": 1}}
        for method in ("mm", "adam", "exact")
    },
    **{
        weighting: {
            "protocol": "fedavg",
            "fedavg": {"weighting": weighting, "syncs_per_epoch": 2},
            "training": {"epochs": ROUNDS // 2, "batch_size": 20, "negatives": 1},
        }
        for weighting in ("uniform", "samples")
    },
}
# Who is there in each round, the close included.
SETS = st.lists(
    st.frozensets(st.sampled_from(NAMES), min_size=QUORUM), min_size=ROUNDS + 1, max_size=ROUNDS + 1
)
Ends = dict[str, dict[str, bytes]]


def make_run(kind: str) -> SmallRun:
    """Return a run of four, whose items are sold by any two or more of them."""
    return small_run(
        len(NAMES),
        catalogue=subset_catalogue(NAMES, shared=8, own=1),
        users=10,
        each=3,
        model={"embedding_dim": 2, "hidden_dim": 2},
        waits={"quorum": QUORUM},
        **KINDS[kind],
    )


def plain(run: SmallRun, sets: list[frozenset[str]]) -> tuple[Ends, list[dict[str, Any]]]:
    """Return what all members end with and the figures of each round, by a loop over who is there.

    Who is absent computes once, for the first round that it misses, and is told of the last of them.
    """
    protocol, members = protocol_for(run.plan.settings.protocol), run.members()
    state, figures = protocol.init(run.plan, run.rows), []
    told: dict[str, Payload | None] = dict.fromkeys(NAMES)
    waiting: set[str] = set()
    late: set[str] = set()
    schedule = [(phase, number) for phase in protocol.phases(run.plan) for number in range(phase.rounds)]
    for (phase, number), there in zip(schedule, sets, strict=True):
        given = {
            party: members[party].contribute(phase.name, number, told[party])
            for party in NAMES
            if party in there or party not in waiting
        }
        counted = {party: given[party] for party in NAMES if party in there}
        outcome = protocol.combine(state, phase.name, number, counted)
        state, late = outcome.state, waiting
        waiting = set(NAMES) - there
        figures.append({**outcome.diagnostics, "counted": sorted(there)})
        if phase.reply.arrays:
            told = {party: outcome.reply(party) for party in NAMES}
    for party in late & waiting:
        # It was told the last reply when the run was over.
        members[party].contribute(phase.name, number, told[party])
    return ends(members), figures


def ends(members: dict[str, Member]) -> Ends:
    """Return the bytes of everything that members keep and publish."""
    return {
        party: {
            **{name: array.tobytes() for name, array in member.model_arrays().items()},
            "published": member.publications()["vectors"].tobytes(),
        }
        for party, member in members.items()
    }


@dataclass
class Table:
    """A round table around which parties come as `sets` says, and which may die; every_s: between states."""

    run: SmallRun
    sets: list[frozenset[str]]
    folder: Path
    every_s: float = 1e9
    deaths: set[int] = field(default_factory=set)
    records: list[RoundRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.protocol = protocol_for(self.run.plan.settings.protocol)
        phases = self.protocol.phases(self.run.plan)
        schedule = [(phase.name, number) for phase in phases for number in range(phase.rounds)]
        self.places = {each: place for place, each in enumerate(schedule)}
        self.kept = KeptRounds(self.folder / "rounds", every_s=self.every_s)
        self.kept.begin()
        self.table = self._fresh()

    def seat(self, party: str) -> Exchange:
        """Return an exchange in which a party that is absent comes when it is there again, or at the end."""

        async def exchange(phase: str, number: int, payload: Payload) -> Reply:
            place = self.places[phase, number]
            there = [at for at in range(place, len(self.sets)) if party in self.sets[at]]
            await self._at(there[0] if there else len(self.sets))
            while True:
                try:
                    return await self.table.exchange(party, phase, number, payload)
                except LocalResourceError:
                    await asyncio.sleep(0.001)

        return exchange

    async def preside(self) -> None:
        """Close each round once those of its set are there; die beside some."""
        for place, there in enumerate(self.sets):
            await self._gathered(place, there)
            if place in self.deaths and len(there) < len(NAMES):
                # Once with all there, and, below, once with the round kept.
                await self._die()
                await self._gathered(place, there)
            if len(there) < len(NAMES):
                self.table.close_without_missing()
            await self._at(place + 1)
            if place in self.deaths:
                await self._die()

    async def _at(self, place: int) -> None:
        await until(lambda: self.table.position >= place)

    async def _gathered(self, place: int, there: frozenset[str]) -> None:
        def are_there() -> bool:
            return self.table.position > place or set(NAMES) - set(self.table.missing) == there

        await until(are_there)

    async def _die(self) -> None:
        dead = self.table
        dead.interrupt(LocalResourceError("the coordinator was killed"))
        await dead.settled()
        alive = self._fresh()
        position, state = self.kept.state()
        if state is not None:
            alive.restore(position, state)
        for each in self.kept.rounds(position, least=0):
            record = await alive.replay(each.collected.contributions)
            if each.collected.position >= len(self.records):
                # It died between keeping a round and saying so.
                self.records.append(record)
        self.table = alive

    def _fresh(self) -> RoundTable:
        run, keeper = self.run, Keeping(self.kept)
        on_round = self.records.append
        return RoundTable(self.protocol, run.plan, run.rows, on_round=on_round, keeper=keeper, quorum=QUORUM)


async def play(table: Table) -> Ends:
    """Take all members through the run."""
    members, phases = table.run.members(), table.protocol.phases(table.run.plan)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(table.preside())
        for party, member in members.items():
            group.create_task(drive(member, phases, table.seat(party)))
    return ends(members)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_result_is_that_of_a_loop_over_those_who_are_there(kind: str, data: st.DataObject) -> None:
    """Models, publications and figures; where the coordinator dies beside rounds of its quorum, too."""
    sets = data.draw(SETS)
    deaths = data.draw(st.sets(st.integers(0, ROUNDS), max_size=2))
    every_s = data.draw(st.sampled_from((0.0, 1e9)))
    run = make_run(kind)
    with tempfile.TemporaryDirectory() as folder:
        table = Table(run, sets, Path(folder), every_s, deaths)
        found = asyncio.run(play(table))
    expected, figures = plain(run, sets)
    assert found == expected
    assert [record.diagnostics for record in table.records] == figures
    dtype = np.float64 if run.plan.settings.protocol == "fcf" else np.float32
    for kept in found.values():
        assert np.isfinite(np.frombuffer(kept["published"], dtype)).all()


def test_a_quorum_is_what_protocols_of_sums_can_do() -> None:
    """What run files allow is what protocols say of themselves."""
    names = ("feddmf", "fedavg", "fcf", "transfer")
    assert tuple(name for name in names if protocol_for(name).capabilities.quorum) == MASKABLE
