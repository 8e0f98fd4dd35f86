"""The party node: keeps in touch, joins the runs that its policy allows, and says what it does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from feddmf.backup.moment import remove_left_behind
from feddmf.errors import ConnectError, FedDMFError, PolicyError, RunFailed, TimedOut
from feddmf.locks import only_one
from feddmf.ranks import Ranks
from feddmf.telemetry.about import note
from feddmf.wire import federation_pb2 as pb
from feddmf_party.announcing import Announcer
from feddmf_party.checkpoints import Checkpoints, unfinished_runs
from feddmf_party.client.federation import FederationClient
from feddmf_party.computing import Worker
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.participation import Participation, RoundFigures, prepare
from feddmf_party.pulse import Pulse
from feddmf_party.renewing import keep_renewed
from feddmf_party.run_ends import DECLINED, FAILED, note_end
from feddmf_party.run_folder import RunFolder
from feddmf_party.withdrawals import keep_informed

__all__ = ["Node", "NodeEvents", "work_until_signal"]

log = logging.getLogger(__name__)

# After the last exchange the coordinator waits for publications, within bounds of its own.
_BEYOND_PUBLISH_S = 30.0
# A party that waits in an exchange is told of the end there, with its hint; the pulse comes second.
_TOLD_IN_EXCHANGE_S = 0.5


def _ignore(*_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True)
class NodeEvents:
    """Whom the node tells what it does; each is called on the event loop, but `loading`."""

    connected: Callable[[str, str], None] = _ignore  # federation, address
    reached: Callable[[bool], None] = _ignore  # whether the coordinator answers
    loading: Callable[[int, int | None, str], None] = _ignore  # as of a Progress; on the thread that computes
    joined: Callable[[Participation], None] = _ignore
    resumed: Callable[[str], None] = _ignore
    declined: Callable[[str, FedDMFError], None] = _ignore
    round_done: Callable[[RoundFigures], None] = _ignore
    finished: Callable[[RunFolder], None] = _ignore
    failed: Callable[[str, FedDMFError], None] = _ignore


@dataclass(frozen=True)
class _Loading:
    """Tells the node's listener how much of a table has been read."""

    events: NodeEvents

    def show(self, done: int, total: int | None, what: str) -> None:
        self.events.loading(done, total, what)


class Node:
    """One party's node; `work` runs until told to stop, or with `once` until one run has ended.

    ranks: the processes that train together, of which this one alone is a node.
    """

    def __init__(self, folder: PartyFolder, events: NodeEvents, ranks: Ranks | None = None) -> None:
        self._folder, self._ranks = folder, ranks
        self._events = events
        self._settings = folder.settings().node
        self._addresses = folder.settings().coordinator.addresses
        self._pulse = Pulse(self._settings.beat_s)
        self._announcer = Announcer(folder)

    async def work(self, *, once: bool = False, wait_s: float | None = None) -> None:
        """Join runs as they come.

        once: return after one run, and raise what it failed with; wait_s: give up with TimedOut
        when no run has begun by then. Raises ConnectError when the coordinator stays away.
        """
        with only_one(self._folder.lock, doing="running a node in"):
            remove_left_behind(self._folder.path)
            # One that does not hold together is said at the start: nothing could leave.
            await asyncio.to_thread(LedgerFile, self._folder.ledger)
            async with FederationClient(
                self._folder.path, self._settings, self._addresses, reached=self._events.reached
            ) as client:
                federation = await self._greet(client, wait_s)
                self._events.connected(federation, client.address)
                # The pulse ends only where the coordinator stays away or refuses: then the work ends too.
                await _first_of(
                    self._serve(client, once=once, wait_s=wait_s),
                    self._pulse.beat(client),
                    keep_renewed(client, self._folder.path),
                    keep_informed(client, self._folder.runs),
                )

    async def _greet(self, client: FederationClient, wait_s: float | None) -> str:
        try:
            async with asyncio.timeout(wait_s):
                return await client.hello()
        except TimeoutError as error:
            raise TimedOut(
                f"the coordinator at {client.address} did not answer within {wait_s:g} s",
                hint="check that it runs, or wait longer: --wait",
            ) from error

    async def _serve(self, client: FederationClient, *, once: bool, wait_s: float | None) -> None:
        began, seen = time.monotonic(), set[str]()
        for run in unfinished_runs(self._folder.runs):
            seen.add(run)
            state = await self._state_of(client, run)
            if state is not None:
                self._events.resumed(run)
                await self._attempt(client, run, once=once, accept=state == pb.GATHERING)
                if once:
                    return
        while True:
            await self._announcer.tell(client)
            run = self._pulse.waiting_run
            if not run or run in seen:
                if wait_s is not None and time.monotonic() - began > wait_s:
                    raise TimedOut(
                        f"no run began within {wait_s:g} s",
                        hint="ask the operator to submit one: feddmf run submit",
                    )
                await self._pulse.next()
                continue
            # What was heard before a run ended may name it as waiting still.
            seen.add(run)
            await self._attempt(client, run, once=once, accept=True)
            if once:
                return
            began = time.monotonic()

    async def _attempt(self, client: FederationClient, run: str, *, once: bool, accept: bool) -> None:
        note(run=run)
        try:
            await self._take_part(client, run, accept=accept)
        except ConnectError:
            raise
        except FedDMFError:
            self._checkpoints(run).remove()
            if once:
                raise
        finally:
            note(run="")

    async def _state_of(self, client: FederationClient, run: str) -> int | None:
        """Return how a run that an earlier process was in stands; forget it where it has ended: None."""
        kept = RunFolder(self._folder.runs / run)
        try:
            # Whoever died between the last two writes has kept all of the run.
            reply = None if kept.finished else await client.beat(run)
        except RunFailed:
            reply = None
        if reply is not None and reply.state not in {pb.FAILED, pb.STOPPED}:
            return int(reply.state)
        self._checkpoints(run).remove()
        if reply is not None:
            self._failed(run, RunFailed(reply.reason or "it ended while this node was away"))
        return None

    def _failed(self, run: str, error: FedDMFError) -> None:
        note_end(self._folder.ended, run, FAILED, error)
        self._events.failed(run, error)

    def _checkpoints(self, run: str) -> Checkpoints:
        return Checkpoints(self._folder.runs / run, every_s=self._settings.checkpoint_s)

    async def _take_part(self, client: FederationClient, run: str, *, accept: bool) -> None:
        with Worker() as worker:
            part = await self._prepare(client, worker, run)
            with self._pulse.within(run, part.plan.settings.waits.absent_s):
                try:
                    if not part.checkpoints.exists:
                        part.begin()
                    if accept:
                        await client.answer_run(run, accept=True)
                        self._pulse.hurry()
                    self._events.joined(part)
                    await _first_of(self._through(client, worker, part), self._failing(run))
                    self._events.finished(await part.fetch(client))
                except ConnectError:
                    raise
                except Exception as error:
                    if isinstance(error, FedDMFError):
                        self._failed(run, error)
                    # Where it failed here, the others would wait for us in vain; else this changes nothing.
                    await self._say_no(client, run, _kind(error))
                    raise

    async def _prepare(self, client: FederationClient, worker: Worker, run: str) -> Participation:
        document = await client.plan(run)
        try:
            return await worker.run(
                prepare,
                self._folder,
                client.party,
                document,
                run,
                self._ranks,
                progress=_Loading(self._events),
            )
        except ConnectError:
            # Another process of this party is gone: all are ended, and go on with the run.
            raise
        except Exception as error:
            if isinstance(error, FedDMFError):
                note_end(self._folder.ended, run, DECLINED, error)
                self._events.declined(run, error)
            # Before any data is used a policy can speak of the plan alone, which the coordinator made.
            await self._say_no(client, run, error.message if isinstance(error, PolicyError) else _kind(error))
            raise

    async def _say_no(self, client: FederationClient, run: str, reason: str) -> None:
        """Decline or leave a run."""
        with contextlib.suppress(FedDMFError):
            await client.answer_run(run, accept=False, reason=f"{reason} (at {client.party})")

    async def _through(self, client: FederationClient, worker: Worker, part: Participation) -> None:
        """Wait until everybody has joined, train, publish, and wait until everybody has."""
        while not self._pulse.begun:
            await self._pulse.next()
        await part.train(client, worker, self._events.round_done)
        await part.publish(client)
        limit_s = part.plan.settings.waits.publish_s + _BEYOND_PUBLISH_S
        began = time.monotonic()
        while not self._pulse.finished:
            if time.monotonic() - began > limit_s:
                raise TimedOut(
                    f"run {part.plan.run} did not finish within {limit_s:g} s after publishing",
                    hint="ask the operator: feddmf run show",
                )
            await self._pulse.next()

    async def _failing(self, run: str) -> None:
        """Raise RunFailed once the coordinator says that the run has failed; a long training ends with it."""
        while self._pulse.failure is None:
            await self._pulse.next()
        await asyncio.sleep(_TOLD_IN_EXCHANGE_S)
        raise RunFailed(str(self._pulse.failure), hint=f"ask the operator: feddmf run show {run}")


def _kind(error: Exception) -> str:
    """Return what may be said of an error elsewhere: its message stays here, and may name private rows."""
    return type(error).__name__


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run all until one of them ends; cancel the others, and raise what the first raised."""
    tasks = [asyncio.create_task(each) for each in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def work_until_signal(node: Node, *, once: bool, wait_s: float | None) -> bool:
    """Run the node; SIGTERM and SIGINT end it gracefully. Return whether a signal did."""
    task = asyncio.ensure_future(node.work(once=once, wait_s=wait_s))
    stopped: list[bool] = []

    def stop() -> None:
        stopped.append(True)
        task.cancel()

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    return bool(stopped)
