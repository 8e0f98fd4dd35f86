"""A call of a party: who calls, how much it may hold of this process, what an error becomes on the wire.

Calls under way are looked at again and again: one whose caller's certificate has ended or was revoked
meanwhile is ended too, wherever it waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc

from feddmf.errors import FedDMFError, LocalResourceError, Refused, RunFailed, TimedOut
from feddmf.telemetry.about import note
from feddmf.waiting import set_within
from feddmf_coordinator.observer import Observer
from feddmf_coordinator.server.identity import REFUSED, Doorkeeper, shown_certificate
from feddmf_coordinator.server.rules import RULES, Rule
from feddmf_coordinator.store.sightings import LONGEST_SOFTWARE

__all__ = ["MOST_CALLS", "MOST_TRANSFERS", "Calls", "Context", "legible"]

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]

# What one party can have under way at once. A transfer may hold a whole payload in memory; a node needs
# one, and a second while the first is torn and this end has not noticed yet.
MOST_CALLS = 32
MOST_TRANSFERS = 4
# Details travel as a header, and headers are small.
_LONGEST_DETAILS = 1_000
# How soon a revocation ends what is under way; and how long it may take to tell a caller who reads slowly.
_LOOK_S = 1.0
_TELL_S = 0.5


@dataclass(frozen=True, eq=False)
class _UnderWay:
    party: str
    certificate: bytes
    context: Context
    task: asyncio.Task[Any] | None


class Calls:
    """Admits callers, counts what each has under way, and answers errors."""

    def __init__(self, doorkeeper: Doorkeeper, observer: Observer | None = None) -> None:
        self._doorkeeper = doorkeeper
        self._observer = observer or Observer()
        self._counts: Counter[tuple[str, bool]] = Counter()
        self._under_way: set[_UnderWay] = set()

    @asynccontextmanager
    async def admitted(self, context: Context, method: str) -> AsyncIterator[str]:
        """Admit the caller for the length of a block and yield its party; end the call with what goes wrong.

        method: the name that has a rule; runs are asked for in the states that it names.
        """
        with _for_as_long_as_the_caller_stays(context):
            async with self._admitted(context, RULES[method]) as party:
                note(party=party)
                self._observer.call_admitted(party, method)
                yield party

    @asynccontextmanager
    async def _admitted(self, context: Context, rule: Rule) -> AsyncIterator[str]:
        party = await self._doorkeeper.admit(context)
        place = (party, rule.transfer)
        if self._counts[place] >= (MOST_TRANSFERS if rule.transfer else MOST_CALLS):
            log.warning("%s has too many calls under way; one more is turned away", party)
            self._observer.call_refused("Busy")
            await context.abort(grpc.StatusCode.UNAVAILABLE, "too many calls at once; try again")
        call = _UnderWay(party, shown_certificate(context), context, asyncio.current_task())
        self._counts[place] += 1
        self._under_way.add(call)
        try:
            yield party
        except FedDMFError as error:
            self._observer.call_refused(type(error).__name__)
            await _abort(context, party, error)
        except grpc.aio.BaseError:
            raise
        except Exception:
            self._observer.call_refused("Defect")
            log.exception("a call of %s broke", party)
            await context.abort(
                grpc.StatusCode.UNKNOWN, "an internal error of the coordinator; its log says more"
            )
        finally:
            self._under_way.discard(call)
            self._counts[place] -= 1

    def greeted(self, party: str, software: str) -> None:
        """Note which software a caller says that it runs."""
        self._observer.party_greeted(party, legible(software, LONGEST_SOFTWARE))

    def under_way(self) -> int:
        """Return how many calls are served at this moment."""
        return len(self._under_way)

    async def again(self, context: Context) -> None:
        """Admit the caller of an open stream once more: its certificate may have ended or been revoked."""
        await self._doorkeeper.admit(context)

    async def watch(self, stop: asyncio.Event, *, every_s: float = _LOOK_S) -> None:
        """End calls under way whose callers are admitted no more, until `stop` is set."""
        while not stop.is_set():
            await set_within(stop, every_s)
            shown = {call.certificate for call in self._under_way}
            refused = await asyncio.to_thread(self._refused, shown) if shown else {}
            leaving = [call for call in self._under_way if call.certificate in refused]
            for call in leaving:
                log.warning("ended a call of %s under way: %s", call.party, refused[call.certificate])
            await asyncio.gather(*(self._end(call) for call in leaving))

    def _refused(self, certificates: set[bytes]) -> dict[bytes, str]:
        """Return which certificates admit nobody now, and why."""
        reasons = {}
        for certificate in certificates:
            try:
                self._doorkeeper.check(certificate)
            except Refused as error:
                reasons[certificate] = error.message
            except LocalResourceError as error:
                # The next look is a second away, and new calls are not admitted either.
                log.error("cannot look at callers: %s", error.message)  # noqa: TRY400  (no traceback)
        return reasons

    async def _end(self, call: _UnderWay) -> None:
        """Tell the caller, then end what its call does here; who reads nothing is told later, or never."""
        telling = asyncio.ensure_future(call.context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSED))
        telling.add_done_callback(_told)
        await asyncio.wait((telling,), timeout=_TELL_S)
        if call.task is not None and call in self._under_way:
            call.task.cancel()


def _told(telling: asyncio.Future[NoReturn]) -> None:
    """Take note of how telling a caller ended: it always raises, also where the call was over."""
    if not telling.cancelled() and not isinstance(telling.exception(), grpc.aio.AbortError):
        log.info("a call that was to be ended was over: %r", telling.exception())


@contextmanager
def _for_as_long_as_the_caller_stays(context: Context) -> Iterator[None]:
    """End the call quietly where gRPC cannot answer it any more: there is nobody left to be answered."""
    try:
        yield
    except grpc.aio.AbortError:
        raise
    except grpc.aio.BaseError as error:
        log.info("a call from %s ended before its answer: %s", context.peer(), error)
        # gRPC takes no other abort than the one that it made, and a cancelled call without a word.
        raise asyncio.CancelledError from None


def legible(text: str, limit: int) -> str:
    """Return `text` that came from outside as logs and terminals may show it: printable, and not long."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


async def _abort(context: Context, party: str, error: FedDMFError) -> NoReturn:
    """End the call with what is wrong and, behind a line break, what to do."""
    if isinstance(error, Refused):
        log.warning("refused a call of %s: %s", party, error.message)
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, REFUSED)
    if isinstance(error, LocalResourceError):
        code = grpc.StatusCode.UNAVAILABLE
    elif isinstance(error, RunFailed | TimedOut):
        code = grpc.StatusCode.ABORTED
    else:
        code = grpc.StatusCode.FAILED_PRECONDITION
    log.info("%s is told: %s", party, error.message)
    message, hint = legible(error.message, _LONGEST_DETAILS), legible(error.hint, _LONGEST_DETAILS)
    await context.abort(code, f"{message}\n{hint}")
    raise AssertionError("abort always raises")
