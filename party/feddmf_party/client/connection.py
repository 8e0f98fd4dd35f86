"""The way to the coordinator: the one place where calls are made, tried again, and given up."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from feddmf.errors import ConnectError, Refused, RunFailed
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import MAX_MESSAGE_BYTES
from feddmf_party.client.answers import Away, OtherFederation, OutOfStep, Stranger, explained
from feddmf_party.client.greeting import check_greeting, hello_request
from feddmf_party.client.line import Line
from feddmf_party.client.outage import Outage
from feddmf_party.client.witnessed import LedgerEnd
from feddmf_party.identity import PartyIdentity, load_identity
from feddmf_party.settings import NodeSettings

__all__ = ["Connection"]

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.enable_retries", 0),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


def _no_progress() -> int:
    return 0


class Connection:
    """An open channel to the coordinator, at one of its addresses; an async context manager.

    Every call has a deadline, is tried again while the coordinator is away, and gives up with
    ConnectError after `reconnect_s`. A refusal is explained from the party's own files. Where there is more
    than one address, each is greeted before anything else is said there.
    """

    def __init__(
        self,
        folder: Path,
        settings: NodeSettings,
        addresses: Sequence[str] = (),
        *,
        reached: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """addresses: more of the coordinator's, behind that of the identity; reached: hears if it answers."""
        self._reached = reached
        self._folder = folder
        self._settings = settings
        self._identity = load_identity(folder)
        self._addresses = tuple(dict.fromkeys((self._identity.federation_address, *addresses)))
        self._at = 0
        self.party = self._identity.party
        self._end = LedgerEnd(folder)
        self._line: Line | None = None
        self._lines = contextlib.AsyncExitStack()
        self._heard = float("-inf")

    async def __aenter__(self) -> Self:
        await self._open_line()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lines.aclose()
        with contextlib.suppress(RunFailed):
            # What ended the block says why; where nothing did, the last call has settled it.
            await self._end.settle()

    async def adopt(self) -> None:
        """Take up the identity that lies in the folder now: for new calls, while those under way go on."""
        self._identity = await asyncio.to_thread(load_identity, self._folder)
        await self._open_line()

    @property
    def identity(self) -> PartyIdentity:
        """The identity that new calls are made with."""
        return self._identity

    @property
    def address(self) -> str:
        """The address that new calls go to."""
        return self._addresses[self._at]

    async def hello(self) -> str:
        """Agree on the wire's version; return the federation's name."""
        await self._call(self._greet)
        return self._identity.federation

    @property
    def _stub(self) -> Any:
        if self._line is None:
            raise RuntimeError("a client makes calls within its context alone")
        if not self._known(self._line):
            # Another call has changed the address while this one was made of several.
            raise Away("another address is tried")
        return self._line.stub

    async def _open_line(self) -> None:
        old, line = self._line, Line(self._identity, _OPTIONS, self.address)
        self._line = await self._lines.enter_async_context(line)
        if old is not None:
            old.retire()

    async def _greet(self) -> None:
        line = self._line
        if line is not None:
            reply = await line.stub.Hello(hello_request(), timeout=self._settings.call_s)
            spoken = check_greeting(reply, self._identity, line.address)
            line.greeted = True
            log.info("connected to the coordinator at %s, wire version %d", line.address, spoken)

    async def _telling(
        self, call: Callable[[pb.LedgerHead], Awaitable[Answer]], progress: Callable[[], int] = _no_progress
    ) -> Answer:
        """Make a call that tells the end of the ledger; again where that has moved on meanwhile.

        A command beside a node may tell a later end before the node's call arrives, and the other way round.
        """
        while True:
            ledger = await self._end.tell()
            try:
                return await self._call(functools.partial(call, ledger), progress)
            except OutOfStep:
                if await self._end.tell() == ledger:
                    raise

    async def _call(
        self, call: Callable[[], Awaitable[Answer]], progress: Callable[[], int] = _no_progress
    ) -> Answer:
        """Make a call; while the coordinator is away, again with jittered backoff until `reconnect_s`.

        progress: bytes of the call that have arrived at either end; while they grow, nobody is away.
        """
        outage = Outage(self._settings.reconnect_s)
        is_away = False
        while True:
            began, line = time.monotonic(), self._line
            try:
                answer = await self._attempt(line, call)
            except Refused:
                if line is self._line:
                    raise
                # It was the old certificate that ended, and there is a new one since.
                continue
            except Away as error:
                away = error
            else:
                if is_away:
                    log.info("the coordinator at %s answers again", self.address)
                return answer
            if not outage.note(away, began=began, heard=self._heard, progress=progress()):
                raise self._unreachable(away, outage.lasted) from away
            if outage.begins:
                is_away = True
                self._reached(False)
                log.warning(
                    "the coordinator at %s cannot be reached (%s); trying for %g s",
                    *(self.address, away, self._settings.reconnect_s),
                )
            if line is not None and line.lost(began, time.monotonic(), gone=away.elsewhere):
                await self._leave(line, away)
            await asyncio.sleep(outage.pause_s())

    async def _attempt(self, line: Line | None, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call once, over `line`; raises Away where another attempt may bring more."""
        try:
            async with explained(self._folder, self.address):
                answer = await (call() if line is None else line.carry(self._greeting(line, call)))
        except (OtherFederation, Stranger) as error:
            if len(self._addresses) == 1:
                raise
            raise Away(error.message, elsewhere=True) from error
        self._heard = time.monotonic()
        self._reached(True)
        if line is not None:
            line.heard()
        return answer

    def _greeting(self, line: Line, call: Callable[[], Awaitable[Answer]]) -> Callable[[], Awaitable[Answer]]:
        """Return a call that greets first, where that is due."""
        if self._known(line):
            return call

        async def greeted() -> Answer:
            await self._greet()
            return await call()

        return greeted

    def _known(self, line: Line) -> bool:
        """Tell whether anything but a greeting may be said; an only address is the identity's own."""
        return len(self._addresses) == 1 or line.greeted

    async def _leave(self, line: Line, away: Away) -> None:
        """Make new calls to the next address, for nothing answers at this one."""
        if line is self._line and len(self._addresses) > 1:
            self._at = (self._at + 1) % len(self._addresses)
            await self._open_line()
            log.warning("trying the coordinator at %s, for at %s: %s", self.address, line.address, away)

    def _unreachable(self, away: Away, waited: float) -> ConnectError:
        several = len(self._addresses) > 1
        told = "addresses in identity/federation.toml and in [coordinator] of party.toml are"
        return ConnectError(
            f"the coordinator at {' and '.join(self._addresses)} cannot be reached ({away}), "
            f"tried for {waited:.0f} s",
            hint="check that it runs, that the "
            f"{told if several else 'address in identity/federation.toml is'} right, "
            "and that this certificate is of its federation",
        )
