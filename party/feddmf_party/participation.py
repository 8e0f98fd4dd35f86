"""One run from a party's side: check the plan, train, publish the offer, fetch what peers offer."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import CatalogueError, LocalResourceError, RunFailed
from feddmf.files import remove_unfinished
from feddmf.free_space import require_free
from feddmf.ledger import PUBLISHING
from feddmf.members.base import Exchange, Member, Reply, drive
from feddmf.payload import Axis, Payload
from feddmf.plan import PartyItems, Plan
from feddmf.progress import NOBODY, Progress
from feddmf.protocols.base import Phase
from feddmf.protocols.registry import protocol_for
from feddmf.ranks import Ranks
from feddmf.telemetry.about import note
from feddmf_party.beside import seat_all
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.checkpoints import Checkpoints
from feddmf_party.client.bounds import LONGEST_NAME
from feddmf_party.client.federation import FederationClient
from feddmf_party.computing import Worker
from feddmf_party.data.party_table import PartyTable
from feddmf_party.egress import EgressGate
from feddmf_party.expiry import publication_end
from feddmf_party.folder import PartyFolder
from feddmf_party.keeping import Keeping
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.plans import read_plan
from feddmf_party.private_release import kept_release
from feddmf_party.repetition import check_not_repeated, conditions_of, hidden
from feddmf_party.room import with_room
from feddmf_party.run_folder import RunFolder
from feddmf_party.seat import take_seat
from feddmf_party.space import kept_bytes
from feddmf_party.terms import keep_until

__all__ = ["Participation", "RoundFigures", "prepare"]

log = logging.getLogger(__name__)

# The coordinator waits within bounds of its own, which come first and name who is missing.
_BEYOND_S = 30.0


@dataclass(frozen=True)
class RoundFigures:
    """What a party can tell its own people of a round; exchange_s: seconds of it that were no training."""

    phase: str
    number: int
    rounds: int
    figures: Mapping[str, float]
    bytes_sent: int
    exchange_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Participation:
    """Everything of one run that was checked and loaded before joining it.

    conditions: what the party's contributions depend on, for its own ledger; notices: what its own people
    should know of its offer.
    """

    folder: PartyFolder
    plan: Plan
    items: PartyItems
    table: PartyTable
    offered: tuple[str, ...]
    member: Member
    gate: EgressGate
    conditions: str
    checkpoints: Checkpoints
    notices: tuple[str, ...] = ()

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of the run, as this party derives them from the plan it has checked."""
        return protocol_for(self.plan.settings.protocol).phases(self.plan)

    @property
    def places(self) -> dict[tuple[str, int], int]:
        """The place of each round, by phase and number, among all rounds of the run."""
        schedule = [(phase.name, number) for phase in self.phases for number in range(phase.rounds)]
        return {each: place for place, each in enumerate(schedule)}

    @property
    def publish_limit_s(self) -> float:
        """How long to wait for the coordinator to take or to hand out a publication."""
        return self.plan.settings.waits.publish_s + _BEYOND_S

    def begin(self) -> None:
        """Note that the party joins the run, before anybody is told: a node that dies knows of it.

        Raises LocalResourceError where the run may not find room on the disk.
        """
        users = self.table.interactions.users
        needed = kept_bytes(self.items, users=users, offered=len(self.offered))
        require_free(self.folder.path, needed, what=f"run {self.plan.run}")
        self.gate.join(self.conditions)
        # What is there is of a run under this id that did not finish.
        RunFolder(self.folder.runs / self.plan.run).clear()
        self.checkpoints.begin(self._joined)
        if self.plan.settings.masks:
            # The key of its masks is drawn once, and nothing can draw it again.
            self.checkpoints.keep_state(0, self.member.snapshot())

    @property
    def _joined(self) -> str:
        """What the run is and depends on: a digest of the plan, and the conditions."""
        return f"{hashlib.sha256(self.plan.model_dump_json().encode()).hexdigest()} {self.conditions}"

    async def train(
        self, client: FederationClient, worker: Worker, on_round: Callable[[RoundFigures], None]
    ) -> None:
        """Take part in every round, or go on where an earlier process of this node died.

        Raises RunFailed where the plan or the table has changed since then.
        """
        self.checkpoints.check(self._joined)
        resumed = self.checkpoints.resumption()
        if resumed.state is not None:
            await worker.run(self.member.restore, resumed.state)
        async with Keeping(self.checkpoints, limit_s=self.plan.settings.waits.round_s) as keeping:
            exchange = _kept_exchange(self, _cleared_exchange(self, client), keeping, worker)
            await drive(
                self.member,
                self.phases,
                _recording(self, exchange, on_round),
                compute=worker.run,
                start=resumed.position,
                reply=resumed.reply,
            )

    async def publish(self, client: FederationClient) -> None:
        """Publish the vectors of the offered items, and nothing else."""
        await with_room(lambda: self._publish(client), limit_s=self.plan.settings.waits.publish_s)

    async def _publish(self, client: FederationClient) -> None:
        schema = protocol_for(self.plan.settings.protocol).publication(self.plan)
        expires_ms = publication_end(self.folder.policy(), self.gate.ends_ms)
        cleared = self.gate.clear(
            PUBLISHING,
            0,
            self.member.publications(),
            schema=schema,
            sizes={Axis.OFFERED_ITEMS: len(self.offered)},
            items=self.offered,
            expires_ms=expires_ms,
        )
        await client.publish(cleared, self.offered, expires_ms=expires_ms, limit_s=self.publish_limit_s)

    async def fetch(self, client: FederationClient) -> RunFolder:
        """Keep the model and what every peer published; return the finished folder."""
        return await with_room(lambda: self._fetch(client), limit_s=self.plan.settings.waits.publish_s)

    async def _fetch(self, client: FederationClient) -> RunFolder:
        kept = RunFolder(self.folder.runs / self.plan.run)
        # An earlier process of this node may have died in one of these writes.
        await asyncio.to_thread(remove_unfinished, kept.path)
        kept.save_model(self.member.model_arrays(), self.table.user_ids, self.items.view.items)
        schema = protocol_for(self.plan.settings.protocol).publication(self.plan)
        until_ms = {}
        for peer in self.plan.roster:
            if peer == client.party:
                continue
            items, payload, until_ms[peer] = await client.publication(
                self.plan.run, peer, schema, limit_s=self.publish_limit_s
            )
            _check_published(peer, items, payload)
            kept.save_peer(peer, items, payload, own=self.items.view.by_key)
        keep_until(kept.path, until_ms)
        kept.finish(
            {
                "run": self.plan.run,
                "party": client.party,
                "catalogue_version": self.items.view.version,
                "plan": self.plan.model_dump(mode="json"),
            }
        )
        self.checkpoints.remove()
        return kept


def prepare(
    folder: PartyFolder,
    party: str,
    document: bytes,
    run: str,
    ranks: Ranks | None = None,
    *,
    progress: Progress = NOBODY,
) -> Participation:
    """Check a plan against this party's own view, policy, data and offer; load what the run needs.

    Whatever is wrong is raised here, before anything is sent; the node declines the run with it. ranks: the
    processes that train together, which take their seats too; progress: hears how much of the table has been
    read.
    """
    plan = read_plan(document, run, party)
    RunFolder(folder.runs / run).check_new()
    view = AcceptedViews(folder.catalogue, party).by_digest(plan.catalogue).view
    policy, ledger = folder.policy(), LedgerFile(folder.ledger)
    releasing = functools.partial(kept_release, folder, policy.privacy, ledger)
    seat = take_seat(plan, view, folder, policy, ranks, releasing=releasing, progress=progress)
    conditions = conditions_of(plan, seat.table.interactions)
    kept = hidden(conditions, folder.ledger_key)
    check_not_repeated(plan, kept, ledger.records())
    if ranks is not None:
        seat_all(ranks, document, run, party, conditions)
    gate = EgressGate(plan, policy, ledger)
    every_s = folder.settings().node.checkpoint_s
    return Participation(
        folder,
        plan,
        seat.items,
        seat.table,
        seat.offered,
        seat.member,
        gate,
        kept,
        Checkpoints(folder.runs / run, every_s=every_s),
        seat.notices,
    )


def _check_published(peer: str, published: tuple[tuple[str, str], ...], payload: Payload) -> None:
    """Raise CatalogueError unless `peer` publishes items with a key each, each once, of possible quality."""
    keys = [key for key, _ in published]
    long = next((key for key, label in published if max(len(key), len(label)) > LONGEST_NAME), None)
    wrong = (
        "an item has no key"
        if "" in keys
        else f"item {long[:40]!r} has an overlong name"
        if long is not None
        else "an item is there twice"
        if len(set(keys)) < len(keys)
        else "what it says of the quality cannot be"
        if "quality" in payload and not _can_be(payload["quality"])
        else None
    )
    if wrong is not None:
        raise CatalogueError(
            f"what {peer} has published does not hold: {wrong}",
            hint="ask the operator, who should have refused it",
        )


def _can_be(quality: npt.NDArray[np.floating]) -> bool:
    """Tell whether rows are a flag, a ROC-AUC and a standard error, as `feddmf.protocols.feddmf` has them."""
    flags, areas, errors = quality.T
    held = np.isin(flags, (0, 1)) & (areas >= 0) & (areas <= 1) & (errors >= 0) & (errors <= 1)
    return bool(held.all())


def _cleared_exchange(part: Participation, client: FederationClient) -> Exchange:
    sizes = part.items.sizes(len(part.offered))
    phases = {phase.name: phase for phase in part.phases}
    limit_s = part.plan.settings.waits.round_s + _BEYOND_S
    items = {}
    for phase in part.phases:
        axes = dict.fromkeys(spec.axis for spec in phase.contribution.arrays if spec.axis in part.items.rows)
        items[phase.name] = tuple(key for axis in axes for key in part.items.rows[axis])

    async def exchange(phase: str, number: int, payload: Payload) -> Reply:
        schema = phases[phase].contribution
        cleared = part.gate.clear(phase, number, payload, schema=schema, sizes=sizes, items=items[phase])
        reply = await client.exchange(cleared, reply=phases[phase].reply, sizes=sizes, limit_s=limit_s)
        if reply.next_round is not None and not part.plan.settings.waits.quorum:
            raise RunFailed(
                f"the coordinator closed round {number + 1} of {phase} without this party, but the run "
                "has no quorum",
                hint="ask the operator; the plan that was joined waits for everybody",
            )
        return reply

    return exchange


def _kept_exchange(part: Participation, exchange: Exchange, keeping: Keeping, worker: Worker) -> Exchange:
    """Wrap an exchange so that replies are kept, and those of an earlier process are not asked for again."""
    places, checkpoints = part.places, part.checkpoints

    async def kept(phase: str, number: int, payload: Payload) -> Reply:
        position = places[phase, number]
        before = checkpoints.reply(position)
        if before is not None:
            return before
        # The coordinator can give the last reply again, and no older one.
        await keeping.done()
        limit_s = part.plan.settings.waits.round_s
        reply = await with_room(lambda: exchange(phase, number, payload), limit_s=limit_s)
        keeping.begin(position, reply)
        if checkpoints.is_due:
            await keeping.done()
            state = await worker.run(part.member.snapshot)
            try:
                # On a thread: the node must give signs of life while a disk is slow.
                await asyncio.to_thread(checkpoints.keep_state, position + 1, state)
            except LocalResourceError as error:
                # The state before, and the replies since, are as good; the next round tries again.
                log.warning("%s; %s", error.message, error.hint)
        return reply

    return kept


def _recording(part: Participation, exchange: Exchange, on_round: Callable[[RoundFigures], None]) -> Exchange:
    """Wrap an exchange so that each round's figures are kept and shown."""
    kept, places = RunFolder(part.folder.runs / part.plan.run), part.places

    async def recorded(phase: str, number: int, payload: Payload) -> Reply:
        note(phase=phase, round=number + 1)
        place = places[phase, number]
        is_known, began = part.checkpoints.has_reply(place), time.monotonic()
        reply = await exchange(phase, number, payload)
        done, exchange_s = place + 1, time.monotonic() - began
        if reply.next_round is not None:
            after, at = reply.next_round
            log.warning(
                "the run went on without this party after round %d; it takes part again from %s %d on",
                done,
                after,
                at + 1,
            )
        spent = part.gate.run_bytes
        figures = RoundFigures(phase, done, len(places), part.member.figures(), spent, exchange_s)
        if not is_known:
            try:
                kept.add_round(asdict(figures))
            except OSError as error:
                # They are for people; the run goes on without them.
                log.warning("cannot keep the figures of round %d: %s", done, error)
        on_round(figures)
        return reply

    return recorded
