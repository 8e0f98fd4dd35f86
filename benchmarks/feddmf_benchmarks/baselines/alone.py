"""A party that trains without a federation: the same steps, on replies that lie ready.

`record` writes what each party is told in a run of one process. A process of this module then takes one
party through it: it prints "ready", waits for a line, computes, and prints as JSON its seconds, in all and
from exchange to exchange.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from feddmf.catalogue.table import Catalogue, parse_catalogue
from feddmf.members.base import Member, Reply, drive
from feddmf.payload import Payload
from feddmf.plan import Plan, matched_rows
from feddmf.protocols.registry import protocol_for
from feddmf.simulation import simulate
from feddmf_benchmarks.contender import peak_mib
from feddmf_party.checkpoints import Checkpoints
from feddmf_party.folder import PartyFolder
from feddmf_party.seat import take_seat

__all__ = ["CATALOGUE", "PLAN", "record"]

CATALOGUE, PLAN = "catalogue.csv", "plan.json"
"""What a process of this module finds beside the replies."""

_NEVER_S = 1e9


class _Recording:
    """A member that keeps every reply which it is told."""

    def __init__(self, member: Member, kept: Checkpoints) -> None:
        self._member, self._kept, self._told = member, kept, 0

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        if reply is not None:
            self._kept.keep_reply(self._told, Reply(reply))
            self._told += 1
        return self._member.contribute(phase, number, reply)

    def __getattr__(self, name: str) -> object:
        return getattr(self._member, name)


def record(plan: Plan, catalogue: Catalogue, homes: Mapping[str, Path], out: Path) -> None:
    """Run `plan` over the parties' folders in this process; keep under `out` all that each is told."""
    members = {}
    for party, home in homes.items():
        folder, kept = PartyFolder(home), Checkpoints(out / party, every_s=_NEVER_S)
        kept.begin("")
        seat = take_seat(plan, catalogue.view(party), folder, folder.policy())
        members[party] = _Recording(seat.member, kept)
    simulate(plan, matched_rows(catalogue, plan), members)  # type: ignore[arg-type]  # it passes the rest on


def _alone(home: Path, party: str, given: Path) -> None:
    plan = Plan.model_validate_json((given / PLAN).read_text(encoding="utf-8"))
    catalogue = parse_catalogue((given / CATALOGUE).read_text(encoding="utf-8"), version=1, where=CATALOGUE)
    folder = PartyFolder(home)
    seat = take_seat(plan, catalogue.view(party), folder, folder.policy())
    phases = protocol_for(plan.settings.protocol).phases(plan)
    kept = Checkpoints(given / party, every_s=_NEVER_S)
    schedule = [(phase.name, number) for phase in phases for number in range(phase.rounds)]
    replies = {at: kept.reply(place) for place, at in enumerate(schedule[:-1])}
    reached: list[float] = []

    async def told(phase: str, number: int, payload: Payload) -> Reply:  # noqa: ARG001  (nobody takes it)
        reached.append(time.perf_counter())
        return replies.get((phase, number)) or Reply(Payload(), done=True)

    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    asyncio.run(drive(seat.member, phases, told))
    seconds = time.perf_counter() - began
    spans = [end - start for start, end in pairwise([began, *reached])]
    print(json.dumps({"seconds": seconds, "spans": spans, "peak_mib": peak_mib()}), flush=True)


if __name__ == "__main__":
    _alone(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
