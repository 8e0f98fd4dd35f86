"""Parties that train nothing: several in one process, each with a certificate and ledger of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

# Before grpc: it settles which TLS this process speaks.
import feddmf.wire  # noqa: F401  # isort: skip
import numpy as np

from feddmf.errors import FedDMFError, RunFailed
from feddmf.ledger import PUBLISHING
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.plan import Plan
from feddmf.protocols.registry import protocol_for
from feddmf.randomness import generator
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import EgressGate
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.plans import read_plan
from feddmf_party.policy import Policy
from feddmf_party.pulse import Pulse
from feddmf_party.settings import NodeSettings

__all__ = ["LightParty", "take_part"]

_NODE = NodeSettings(beat_s=5.0, call_s=300.0, reconnect_s=600.0)
_LONG_S = 7_200.0


@dataclass(frozen=True)
class LightParty:
    """A party's folder, and the row counts of what it sends."""

    folder: Path
    sizes: Mapping[Axis, int]


def take_part(pipe: Connection, parties: list[LightParty], run: str) -> None:
    """Take part in a run with all of `parties`; send how many calls were refused, or what went wrong."""
    try:
        pipe.send(asyncio.run(_together(parties, run)))
    except FedDMFError as error:
        pipe.send(error.message)


async def _together(parties: list[LightParty], run: str) -> int:
    return sum(await asyncio.gather(*(_one(party, run) for party in parties)))


async def _one(party: LightParty, run: str) -> int:
    """Go with one party through the run; return how many of its calls were not answered at first."""
    refused = 0

    def reached(answers: bool) -> None:
        nonlocal refused
        refused += not answers

    where, pulse = PartyFolder(party.folder), Pulse(_NODE.beat_s)
    async with FederationClient(party.folder, _NODE, reached=reached) as client:
        await client.hello()
        beating = asyncio.create_task(pulse.beat(client))
        try:
            # A coordinator that reads a large catalogue takes its time to begin a run.
            while pulse.waiting_run != run:
                await pulse.next()
            plan = read_plan(await client.plan(run), run, client.party)
            with pulse.within(run, plan.settings.waits.absent_s):
                await client.answer_run(run, accept=True)
                while not pulse.begun:
                    await pulse.next()
                gate = EgressGate(plan, Policy(), LedgerFile(where.ledger))
                await _exchange(client, gate, plan, party.sizes)
                while not pulse.finished:
                    if pulse.failure is not None:
                        raise RunFailed(pulse.failure)
                    await pulse.next()
        finally:
            beating.cancel()
    return refused


async def _exchange(
    client: FederationClient, gate: EgressGate, plan: Plan, sizes: Mapping[Axis, int]
) -> None:
    protocol = protocol_for(plan.settings.protocol)
    for phase in protocol.phases(plan):
        for number in range(phase.rounds):
            payload = _made_up(phase.contribution, sizes, client.party, number)
            cleared = gate.clear(
                phase.name, number, payload, schema=phase.contribution, sizes=sizes, items=()
            )
            await client.exchange(cleared, reply=phase.reply, sizes=sizes, limit_s=_LONG_S)
    schema = protocol.publication(plan)
    nothing = gate.clear(PUBLISHING, 0, _made_up(schema, sizes, "", 0), schema=schema, sizes=sizes, items=())
    await client.publish(nothing, (), limit_s=_LONG_S)


def _made_up(schema: PayloadSchema, sizes: Mapping[Axis, int], party: str, number: int) -> Payload:
    """Return arrays that fit `schema`: others for each party and round."""
    draws = generator(0, "made up", party, number)
    return Payload(
        {spec.name: draws.standard_normal(spec.shape(sizes), dtype=np.float32) for spec in schema.arrays}
    )
