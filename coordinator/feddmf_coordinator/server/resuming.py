"""The rounds of a run that an earlier process of the coordinator closed, taken up again."""

from __future__ import annotations

import asyncio

from feddmf.rounds import RoundTable
from feddmf_coordinator.server.journal import Journal

__all__ = ["resume_rounds"]


async def resume_rounds(table: RoundTable, journal: Journal, *, noted: int) -> None:
    """Bring a fresh table to where it was; figures of rounds from the position `noted` on are noted again.

    Raises InputError, naming the file, where a kept round is gone or damaged; RunFailed where all are.
    """
    kept = journal.kept
    kept.check()
    position, state = await asyncio.to_thread(kept.state)
    if state is not None:
        table.restore(position, state)
    rounds = kept.rounds(position, least=noted)
    while (each := await asyncio.to_thread(next, rounds, None)) is not None:
        again = each.collected
        record = await table.replay(again.contributions)
        if again.position >= noted:
            journal.note_round(again.position, record, seconds=each.seconds)
