"""N members in one process around one round table; no sockets. For `simulate` and tests only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from feddmf.members.base import Exchange, Member, Reply, drive
from feddmf.payload import Payload
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord, RoundTable

__all__ = ["simulate"]


def simulate(
    plan: Plan,
    rows: MatchedRows,
    members: Mapping[str, Member],
    *,
    on_round: Callable[[RoundRecord], None] = lambda _: None,
) -> None:
    """Take all members through the run of `plan`; raises the run's failure, if any."""
    asyncio.run(_run(plan, rows, members, on_round))


async def _run(
    plan: Plan, rows: MatchedRows, members: Mapping[str, Member], on_round: Callable[[RoundRecord], None]
) -> None:
    protocol = protocol_for(plan.settings.protocol)
    table = RoundTable(protocol, plan, rows, on_round=on_round)
    phases = protocol.phases(plan)
    try:
        async with asyncio.TaskGroup() as group:
            for party in plan.roster:
                group.create_task(drive(members[party], phases, _seat(table, party)))
    except ExceptionGroup as errors:
        raise table.failure or errors.exceptions[0] from errors


def _seat(table: RoundTable, party: str) -> Exchange:
    async def exchange(phase: str, number: int, payload: Payload) -> Reply:
        return await table.exchange(party, phase, number, payload)

    return exchange
