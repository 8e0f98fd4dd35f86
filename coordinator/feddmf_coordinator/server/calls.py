"""A call of a party: who calls, how much it may hold of this process, what an error becomes on the wire."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc

from feddmf.errors import FedDMFError, LocalResourceError, RunFailed, TimedOut
from feddmf_coordinator.server.identity import Doorkeeper

__all__ = ["MOST_CALLS", "MOST_TRANSFERS", "Calls", "Context", "legible"]

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]

# What one party can have under way at once. A transfer may hold a whole payload in memory; a node needs
# one, and a second while the first is torn and this end has not noticed yet.
MOST_CALLS = 32
MOST_TRANSFERS = 4
# Details travel as a header, and headers are small.
_LONGEST_DETAILS = 1_000


class Calls:
    """Admits callers, counts what each has under way, and answers errors."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper
        self._under_way: Counter[tuple[str, bool]] = Counter()

    @asynccontextmanager
    async def admitted(self, context: Context, *, transfer: bool = False) -> AsyncIterator[str]:
        """Admit the caller for the length of a block and yield its party; end the call with what goes wrong.

        transfer: whether the call may hold a payload or a document.
        """
        party = await self._doorkeeper.admit(context)
        place = (party, transfer)
        if self._under_way[place] >= (MOST_TRANSFERS if transfer else MOST_CALLS):
            log.warning("%s has too many calls under way; one more is turned away", party)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "too many calls at once; try again")
        self._under_way[place] += 1
        try:
            yield party
        except FedDMFError as error:
            log.info("%s is told: %s", party, error.message)
            await _abort(context, error)
        except grpc.aio.AbortError:
            raise
        except grpc.aio.UsageError:
            # The caller is gone, and its call with it: there is nobody left to be answered.
            log.info("a call of %s ended before its answer", party)
            raise grpc.aio.AbortError from None
        except Exception:
            log.exception("a call of %s broke", party)
            await context.abort(
                grpc.StatusCode.UNKNOWN, "an internal error of the coordinator; its log says more"
            )
        finally:
            self._under_way[place] -= 1

    async def again(self, context: Context) -> None:
        """Admit the caller of an open stream once more: its certificate may have ended or been revoked."""
        await self._doorkeeper.admit(context)


def legible(text: str, limit: int) -> str:
    """Return `text` that came from outside as logs and terminals may show it: printable, and not long."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


async def _abort(context: Context, error: FedDMFError) -> NoReturn:
    """End the call with what is wrong and, behind a line break, what to do."""
    if isinstance(error, LocalResourceError):
        code = grpc.StatusCode.UNAVAILABLE
    elif isinstance(error, RunFailed | TimedOut):
        code = grpc.StatusCode.ABORTED
    else:
        code = grpc.StatusCode.FAILED_PRECONDITION
    message, hint = legible(error.message, _LONGEST_DETAILS), legible(error.hint, _LONGEST_DETAILS)
    await context.abort(code, f"{message}\n{hint}")
    raise AssertionError("abort always raises")
