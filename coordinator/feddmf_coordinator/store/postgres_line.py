"""A connection to PostgreSQL that gives up on a server that has said nothing for too long.

The system's own watch over a line (keepalives, tcp_user_timeout) ends with the other machine's network: one
whose database hangs goes on acknowledging every byte.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

__all__ = ["SILENT_S", "Line"]

SILENT_S = 35.0
"""How long the server may be silent; more than what it gives itself for a statement."""
_T = TypeVar("_T")


class Line(psycopg.Connection[Any]):
    """A connection whose every call ends: OperationalError, and the connection is closed, after a silence."""

    def wait(self, gen: PQGen[_T], *args: Any, **kwargs: Any) -> _T:
        """Let a call of the driver talk to the server until it has its result."""
        return super().wait(self._heard(gen), *args, **kwargs)

    def _heard(self, talk: PQGen[_T]) -> PQGen[_T]:
        # The driver looks in several times a second while nothing comes.
        heard = time.monotonic()
        try:
            asked = next(talk)
            while True:
                ready = yield asked
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > SILENT_S:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server has not answered for {SILENT_S:g} s")
                asked = talk.send(ready)
        except StopIteration as end:
            result: _T = end.value
            return result
