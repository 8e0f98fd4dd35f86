"""What every protocol promises, over every transport: a member that is killed and restored changes no bit."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import numpy as np
import pytest
from safetensors.torch import load, save

from contract.transports import TRANSPORTS, OpenTransport
from feddmf.members.base import Exchange, Member, Reply
from feddmf.payload import Payload
from feddmf.protocols.registry import protocol_for
from feddmf.runfile import RunSettings
from feddmf.simulation import simulate
from support.runs import SmallRun, small_run

PROTOCOLS = get_args(RunSettings.model_fields["protocol"].annotation)
# Small, and with everything in it: probes, a hinge, several steps and short batches between exchanges.
SETTINGS: dict[str, Any] = {
    "model": {"embedding_dim": 4, "hidden_dim": 8},
    "training": {"epochs": 2, "batch_size": 50, "negatives": 2},
    "alignment": {"syncs_per_epoch": 2, "margin": 0.3, "probe_share": 0.2},
    "enforcement": {"probe_floor": -1},
}
ROUNDS = 5
Kill = tuple[str, int]
Ends = dict[str, dict[str, bytes]]


def make_run(protocol: str, parties: int) -> SmallRun:
    """Return a fresh run of ROUNDS exchanges."""
    run = small_run(parties, shared=10, own=2, users=15, each=4, protocol=protocol, **SETTINGS)
    assert sum(phase.rounds for phase in protocol_for(protocol).phases(run.plan)) == ROUNDS
    return run


def end_of(member: Member) -> dict[str, bytes]:
    """Return what is left of a member after a run, as bytes."""
    arrays = {**member.model_arrays(), **member.publications()}
    return {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}


def undisturbed(run: SmallRun) -> Ends:
    """Return the ends of a run in which nobody is killed."""
    members = run.members()
    simulate(run.plan, run.rows, members)
    return {party: end_of(member) for party, member in members.items()}


async def drive_and_kill(
    run: SmallRun, party: str, exchange: Exchange, kills: frozenset[Kill]
) -> dict[str, bytes]:
    """Drive a member through its run; where it is to be killed, do so before and after it has sent.

    All that survives a death is the last snapshot, as a file would hold it, and the last reply.
    """
    member, reply, place = run.member(party), None, 0
    for phase in protocol_for(run.plan.settings.protocol).phases(run.plan):
        for number in range(phase.rounds):
            snapshot = save(dict(member.snapshot()))
            payload = member.contribute(phase.name, number, reply)
            if (party, place) in kills:
                member, payload = reborn(run, party, snapshot, payload, (phase.name, number, reply))
            answer = await exchange(phase.name, number, payload)
            if (party, place) in kills:
                member = restored(run, party, save(dict(member.snapshot())))
                assert_same(await exchange(phase.name, number, payload), answer)
            reply, place = answer.payload, place + 1
    return end_of(member)


def restored(run: SmallRun, party: str, snapshot: bytes) -> Member:
    """Return a fresh member that goes on from a snapshot."""
    member = run.member(party)
    member.restore(load(snapshot))
    return member


def reborn(
    run: SmallRun, party: str, snapshot: bytes, sent: Payload, arguments: tuple[str, int, Payload | None]
) -> tuple[Member, Payload]:
    """Return a fresh member that has contributed once more from a snapshot: the same bytes."""
    member = restored(run, party, snapshot)
    again = member.contribute(*arguments)
    assert again.sha256() == sent.sha256()
    return member, again


def assert_same(left: Reply, right: Reply) -> None:
    """Hold two replies against each other."""
    assert (left.payload.sha256(), left.done) == (right.payload.sha256(), right.done)


def play(run: SmallRun, open_transport: OpenTransport, kills: set[Kill]) -> Ends:
    """Take all members through a run over a transport; return their ends."""

    async def everybody() -> Ends:
        async with open_transport(run) as transport, asyncio.TaskGroup() as group:
            tasks = {
                party: group.create_task(drive_and_kill(run, party, transport.seat(party), frozenset(kills)))
                for party in run.plan.roster
            }
        return {party: task.result() for party, task in tasks.items()}

    return asyncio.run(asyncio.wait_for(everybody(), 120))


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> OpenTransport:
    """Return the opener of each transport in turn."""
    return TRANSPORTS[request.param]


@pytest.mark.parametrize("parties", [2, 3, 5])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_transport_gives_the_bytes_of_a_simulation(
    transport: OpenTransport, protocol: str, parties: int
) -> None:
    """A run over a transport ends with the arrays and publications of the same run in `simulate`."""
    run = make_run(protocol, parties)
    assert play(run, transport, set()) == undisturbed(run)


@pytest.mark.parametrize("parties", [2, 3, 5])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_killing_one_member_at_any_round_changes_nothing(
    transport: OpenTransport, protocol: str, parties: int
) -> None:
    """Each member, killed and restored at each round, before and after sending, leaves the same bytes."""
    run = make_run(protocol, parties)
    expected = undisturbed(run)
    for party in run.plan.roster:
        for place in range(ROUNDS):
            assert play(run, transport, {(party, place)}) == expected, (party, place)


@pytest.mark.parametrize("parties", [2, 3, 5])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_killing_everybody_at_every_round_changes_nothing(
    transport: OpenTransport, protocol: str, parties: int
) -> None:
    """Even a run in which every member is killed and restored twice a round ends with the same bytes."""
    run = make_run(protocol, parties)
    kills = {(party, place) for party in run.plan.roster for place in range(ROUNDS)}
    assert play(run, transport, kills) == undisturbed(run)
