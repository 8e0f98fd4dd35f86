"""What every protocol promises, over every transport: a member that is killed and restored changes no bit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pytest
from safetensors.numpy import load, save

from contract.mortal import Deaths, Moment, mortal
from contract.transports import TRANSPORTS, OpenTransport
from feddmf.members.base import Exchange, Member, Reply
from feddmf.payload import Payload
from feddmf.protocols.registry import exchanges, protocol_for
from feddmf.runfile import MASKABLE, RunSettings
from feddmf.simulation import simulate
from support.runs import SIXTEEN, SmallRun, shared_catalogue, small_run, subset_catalogue

PROTOCOLS = get_args(RunSettings.model_fields["protocol"].annotation)
# Small, and with everything in it: probes, a hinge, several steps and short batches between exchanges.
SETTINGS: dict[str, Any] = {
    "model": {"embedding_dim": 4, "hidden_dim": 8},
    "training": {"epochs": 2, "batch_size": 50, "negatives": 2},
    "alignment": {"syncs_per_epoch": 2, "margin": 0.3, "probe_share": 0.2, "hidden_share": 0.2},
    "fedavg": {"weighting": "samples"},
    "fcf": {"rank": 3, "rounds": 3, "min_support": 1},
    "transfer": {"rank": 3},
    "linear_rank": 3,
    "enforcement": {"probe_floor": -1},
}
TOWERS = (
    ("id", "cosine"),
    ("id", "tie"),
    ("history", "cosine"),
    ("history", "tie"),
    ("history", "once"),
)
MASKS = {name: (False, True) if name in MASKABLE else (False,) for name in PROTOCOLS}
# As little noise as there is: of few users more would leave nothing.
PRIVATE = {"mode": "gram", "epsilon": 15.0, "delta": 1e-5}
Kill = tuple[str, int]
Ends = dict[str, dict[str, bytes]]


@dataclass(frozen=True)
class Variant:
    """A protocol, in the open or under masks; of feddmf a tower, and how vectors come together."""

    protocol: str
    masks: bool = False
    tower: str = "id"
    method: str = "cosine"
    encoding: str = "float32"
    is_private: bool = False

    def __str__(self) -> str:
        if self.is_private:
            return f"{self.protocol}-private"
        if self.encoding != "float32":
            return f"feddmf-{self.tower}-{self.method}-{self.encoding}"
        if self.protocol == "feddmf":
            return f"feddmf-{self.tower}-{self.method}"
        return f"{self.protocol}-masked" if self.masks else self.protocol


VARIANTS = [
    *(Variant("feddmf", tower=tower, method=method) for tower, method in TOWERS),
    Variant("feddmf", tower="id", method="cosine", encoding="float16"),
    Variant("feddmf", tower="history", method="tie", encoding="int8"),
    *(Variant(name, masks=masks) for name in PROTOCOLS if name != "feddmf" for masks in MASKS[name]),
    Variant("feddmf", tower="history", method="tie", is_private=True),
    Variant("transfer", is_private=True),
]


# One of each kind of training; the other ways to align are played without and with everybody killed.
KINDS = [
    each
    for each in VARIANTS
    if each.protocol != "feddmf"
    or (each.encoding == "float32" and (each.tower, each.method) in {TOWERS[0], TOWERS[3]})
]


def make_run(variant: Variant, parties: int, *, overlap: str = "whole") -> SmallRun:
    """Return a fresh run; its items are sold by all parties, or each by any two or more of them."""
    catalogue = {"whole": shared_catalogue, "partial": subset_catalogue}[overlap]
    return small_run(
        parties,
        catalogue=catalogue(SIXTEEN[:parties], shared=max(10, parties + 4), own=2),
        users=15,
        each=4,
        protocol=variant.protocol,
        masks=variant.masks,
        **{name: each for name, each in SETTINGS.items() if name not in {"model", "alignment"}},
        model={**SETTINGS["model"], "tower": variant.tower},
        alignment={**SETTINGS["alignment"], "method": variant.method, "encoding": variant.encoding},
        **({"privacy": PRIVATE} if variant.is_private else {}),
    )


def kills_of(variant: Variant, run: SmallRun) -> list[Kill]:
    """Return which member to kill where: of two by the default each at each, else each at one in turn."""
    places = exchanges(run.plan)
    if (variant.tower, variant.method, len(run.plan.roster)) == ("history", "tie", 2):
        return [(party, place) for party in run.plan.roster for place in range(places)]
    return [(party, turn % places) for turn, party in enumerate(run.plan.roster)]


def end_of(member: Member) -> dict[str, bytes]:
    """Return what is left of a member after a run, as bytes."""
    arrays = {**member.model_arrays()}
    arrays |= {f"published.{name}": array for name, array in member.publications().items()}
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


def play(
    run: SmallRun, open_transport: OpenTransport, kills: set[Kill], deaths: Deaths | None = None
) -> Ends:
    """Take all members through a run over a transport; return their ends.

    kills: which member dies where; deaths: where the coordinator dies.
    """
    deaths = deaths or Deaths()
    protocol = protocol_for(run.plan.settings.protocol)
    schedule = [(phase.name, number) for phase in protocol.phases(run.plan) for number in range(phase.rounds)]

    async def everybody() -> Ends:
        async with open_transport(run, deaths) as transport, asyncio.TaskGroup() as group:
            tasks = {}
            for party in run.plan.roster:
                exchange = mortal(transport.seat(party), schedule, deaths, transport.die)
                tasks[party] = group.create_task(drive_and_kill(run, party, exchange, frozenset(kills)))
        return {party: task.result() for party, task in tasks.items()}

    return asyncio.run(asyncio.wait_for(everybody(), 120))


def deaths_at_every_round(run: SmallRun, *, every_s: float) -> Deaths:
    """Return three deaths a round: while contributions come, once they are kept, once one is answered."""
    moments: tuple[Moment, ...] = get_args(Moment)
    return Deaths(
        *((moment, place) for place in range(exchanges(run.plan)) for moment in moments), every_s=every_s
    )


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> OpenTransport:
    """Return the opener of each transport in turn."""
    return TRANSPORTS[request.param]


@pytest.mark.parametrize("overlap", ["whole", "partial"])
@pytest.mark.parametrize("parties", [2, 3, 5])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_transport_gives_the_bytes_of_a_simulation(
    transport: OpenTransport, variant: Variant, parties: int, overlap: str
) -> None:
    """A run over a transport ends with the arrays and publications of the same run in `simulate`."""
    run = make_run(variant, parties, overlap=overlap)
    assert play(run, transport, set()) == undisturbed(run)


@pytest.mark.parametrize("variant", KINDS, ids=str)
def test_sixteen_parties_are_no_limit_to_a_transport(transport: OpenTransport, variant: Variant) -> None:
    """As many parties as a run takes, each item sold by any of them, end with the bytes of a simulation."""
    run = make_run(variant, 16, overlap="partial")
    assert len(run.plan.roster) == 16
    assert play(run, transport, set()) == undisturbed(run)


@pytest.mark.parametrize("parties", [2, 3, 5])
@pytest.mark.parametrize("variant", KINDS, ids=str)
def test_killing_one_member_at_any_round_changes_nothing(
    transport: OpenTransport, variant: Variant, parties: int
) -> None:
    """Each member, killed and restored, before and after sending, leaves the same bytes."""
    run = make_run(variant, parties)
    expected = undisturbed(run)
    for kill in kills_of(variant, run):
        assert play(run, transport, {kill}) == expected, kill


@pytest.mark.parametrize("parties", [2, 3, 5])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_killing_everybody_at_every_round_changes_nothing(
    transport: OpenTransport, variant: Variant, parties: int
) -> None:
    """Even a run in which every member is killed and restored twice a round ends with the same bytes."""
    run = make_run(variant, parties)
    kills = {(party, place) for party in run.plan.roster for place in range(exchanges(run.plan))}
    assert play(run, transport, kills) == undisturbed(run)


@pytest.mark.parametrize("every_s", [0.0, 3600.0], ids=["states", "rounds alone"])
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_killing_the_coordinator_at_every_round_changes_nothing(
    transport: OpenTransport, variant: Variant, every_s: float
) -> None:
    """It comes back from its last state, or from the contributions to all rounds, with the same bytes."""
    run = make_run(variant, 3)
    deaths = deaths_at_every_round(run, every_s=every_s)
    assert play(run, transport, set(), deaths) == undisturbed(run)
    assert not deaths.left


@pytest.mark.parametrize("variant", KINDS, ids=str)
def test_killing_everybody_and_the_coordinator_changes_nothing(
    transport: OpenTransport, variant: Variant
) -> None:
    """Members and coordinator, all killed at each round, end with the same bytes."""
    run = make_run(variant, 3)
    kills = {(party, place) for party in run.plan.roster for place in range(exchanges(run.plan))}
    deaths = deaths_at_every_round(run, every_s=0.0)
    assert play(run, transport, kills, deaths) == undisturbed(run)
    assert not deaths.left
