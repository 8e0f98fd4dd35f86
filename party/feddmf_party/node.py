"""The party node: keeps in touch, joins the runs that its policy allows, and says what it does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from feddmf.errors import ConnectError, FedDMFError, RunFailed, TimedOut
from feddmf.locks import only_one
from feddmf.wire import federation_pb2 as pb
from feddmf_party.client.federation import FederationClient
from feddmf_party.folder import PartyFolder
from feddmf_party.participation import Participation, RoundFigures, prepare
from feddmf_party.run_folder import RunFolder

__all__ = ["Node", "NodeEvents"]

log = logging.getLogger(__name__)

_ENDED = {pb.FINISHED, pb.FAILED, pb.STOPPED}
# After the last exchange the coordinator waits for publications, within bounds of its own.
_BEYOND_PUBLISH_S = 30.0


def _ignore(*_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True)
class NodeEvents:
    """Whom the node tells what it does; each is called on the event loop."""

    connected: Callable[[str, str], None] = _ignore  # federation, address
    joined: Callable[[Participation], None] = _ignore
    declined: Callable[[str, FedDMFError], None] = _ignore
    round_done: Callable[[RoundFigures], None] = _ignore
    finished: Callable[[RunFolder], None] = _ignore
    failed: Callable[[str, FedDMFError], None] = _ignore


@dataclass
class _Pulse:
    """What the coordinator said at the last beat."""

    run: str = ""
    reply: pb.BeatReply = field(default_factory=pb.BeatReply)
    came: asyncio.Event = field(default_factory=asyncio.Event)


class Node:
    """One party's node; `work` runs until told to stop, or with `once` until one run has ended."""

    def __init__(self, folder: PartyFolder, events: NodeEvents) -> None:
        self._folder = folder
        self._events = events
        self._settings = folder.settings().node
        self._pulse = _Pulse()

    async def work(self, *, once: bool = False, wait_s: float | None = None) -> None:
        """Join runs as they come.

        once: return after one run, and raise what it failed with; wait_s: give up with TimedOut
        when no run has begun by then. Raises ConnectError when the coordinator stays away.
        """
        with only_one(self._folder.lock, doing="running a node in"):
            async with FederationClient(self._folder.path, self._settings) as client:
                federation = await client.hello()
                self._events.connected(federation, client.address)
                async with self._beating(client):
                    await self._serve(client, once=once, wait_s=wait_s)

    async def _serve(self, client: FederationClient, *, once: bool, wait_s: float | None) -> None:
        began = time.monotonic()
        declined: set[str] = set()
        while True:
            run = self._pulse.reply.waiting_run
            if not run or run in declined:
                if wait_s is not None and time.monotonic() - began > wait_s:
                    raise TimedOut(
                        f"no run began within {wait_s:g} s",
                        hint="ask the operator to submit one: feddmf run submit",
                    )
                await self._next_beat()
                continue
            try:
                await self._take_part(client, run)
            except (ConnectError, asyncio.CancelledError):
                raise
            except FedDMFError as error:
                declined.add(run)
                self._events.failed(run, error)
                if once:
                    raise
            if once:
                return
            began = time.monotonic()

    async def _take_part(self, client: FederationClient, run: str) -> None:
        document = await client.plan(run)
        try:
            part = await asyncio.to_thread(prepare, self._folder, client.party, document, run)
        except FedDMFError as error:
            # Only what kind of thing is wrong crosses the wire: the message may name private rows.
            await client.answer_run(run, accept=False, reason=f"{type(error).__name__} at {client.party}")
            self._events.declined(run, error)
            raise
        self._pulse.run = run
        try:
            await client.answer_run(run, accept=True)
            self._events.joined(part)
            await part.train(client, self._events.round_done)
            await part.publish(client)
            await self._until_finished(run, part.plan.settings.waits.publish_s + _BEYOND_PUBLISH_S)
            self._events.finished(await part.fetch(client))
        finally:
            self._pulse.run = ""

    async def _until_finished(self, run: str, limit_s: float) -> None:
        began = time.monotonic()
        while self._pulse.reply.state not in _ENDED or self._pulse.run != run:
            if time.monotonic() - began > limit_s:
                raise TimedOut(
                    f"run {run} did not finish within {limit_s:g} s after publishing",
                    hint="ask the operator: feddmf run show",
                )
            await self._next_beat()
        if self._pulse.reply.state != pb.FINISHED:
            raise RunFailed(
                f"run {run}: {self._pulse.reply.reason}", hint="ask the operator: feddmf run show"
            )

    async def _next_beat(self) -> None:
        self._pulse.came.clear()
        await self._pulse.came.wait()

    @asynccontextmanager
    async def _beating(self, client: FederationClient) -> AsyncIterator[None]:
        """Beat in the background; when the coordinator stays away, the node's own work ends too."""
        failure: list[FedDMFError] = []
        work = asyncio.current_task()

        async def beat() -> None:
            try:
                while True:
                    self._pulse.reply = await client.beat(self._pulse.run)
                    self._pulse.came.set()
                    await asyncio.sleep(self._settings.beat_s)
            except FedDMFError as error:
                failure.append(error)
                if work is not None:
                    work.cancel()

        task = asyncio.create_task(beat())
        try:
            yield
        except asyncio.CancelledError:
            if failure:
                raise failure[0] from None
            raise
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


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
