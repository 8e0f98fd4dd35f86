"""What the console's pages are made from: the folder, its database, and what one operator is looking at.

It is another process than the one that serves, and never opens the root's key.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request
from sqlalchemy import Connection

from feddmf.catalogue.uploads import Upload
from feddmf.errors import InputError, Refused
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.members import is_serving
from feddmf_coordinator.operating import Act, acting
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.operators import list_operators
from feddmf_coordinator.witnessed import LedgerEnds

__all__ = ["Caller", "Office", "SharedOffice", "Signed"]

Found = TypeVar("Found")

_SERVING_S = 3.0
# Uploads that were looked at and may be published yet.
_MOST_DRAFTS = 4
# Pages' parts that are made once.
_MOST_MADE = 8


@dataclass(frozen=True)
class Signed:
    """An operator who has signed in."""

    name: str
    role: str = "operator"


class Office:
    """One coordinator's folder, as the console has it open; `close` it at the end."""

    def __init__(self, folder: CoordinatorFolder) -> None:
        self.folder = folder
        self.settings = folder.load()
        self.database = Database.open(folder.database_url(self.settings))
        self.ledgers = LedgerEnds(folder.ledger)
        self._drafts: OrderedDict[tuple[str, str], Upload] = OrderedDict()
        self._made: OrderedDict[tuple[str, int], Any] = OrderedDict()
        self._served: tuple[float, bool] | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def federation(self) -> str:
        """Return the federation's name."""
        return self.settings.federation

    async def limits(self) -> LimitSettings:
        """Return what coordinator.toml allows now; ConfigError where it cannot be read."""
        return (await asyncio.to_thread(self.folder.load)).limits

    async def read(self, look: Callable[[Connection], Found]) -> Found:
        """Return what `look` reads, on a thread, in one transaction."""

        def looked() -> Found:
            with self.database.read() as connection:
                return look(connection)

        return await asyncio.to_thread(looked)

    async def act(self, who: Signed, action: str, do: Callable[[Act], Found], **what: Any) -> Found:
        """Return what `do` does in the name of an operator, with the same log as on the command line."""

        def done() -> Found:
            with acting(self.database, action, lambda connection: _still(connection, who), **what) as act:
                return do(act)

        return await asyncio.to_thread(done)

    def is_serving(self) -> bool:
        """Tell whether a coordinator serves, as of some seconds ago; blocks."""
        now = time.monotonic()
        with self._lock:
            if self._served is None or now - self._served[0] > _SERVING_S:
                self._served = now, is_serving(self.settings)
            return self._served[1]

    def once(self, key: tuple[str, int], make: Callable[[], Found]) -> Found:
        """Return what `make` makes of something that never changes, such as a published version."""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return cast("Found", self._made[key])
        made = make()
        with self._lock:
            self._made[key] = made
            while len(self._made) > _MOST_MADE:
                self._made.popitem(last=False)
        return made

    def keep_draft(self, who: Signed, digest: str, upload: Upload) -> None:
        """Keep an upload that an operator has looked at, under the digest that it would have."""
        with self._lock:
            self._drafts[who.name, digest] = upload
            while len(self._drafts) > _MOST_DRAFTS:
                self._drafts.popitem(last=False)

    def draft(self, who: Signed, digest: str) -> Upload:
        """Return an upload that was looked at; InputError where it is not kept any more."""
        with self._lock:
            found = self._drafts.get((who.name, digest))
        if found is None:
            raise InputError(
                "this preview is not kept any more", hint="choose the file again, and look again"
            )
        return found


def _still(connection: Connection, who: Signed) -> str:
    if all(each.name != who.name for each in list_operators(connection)):
        raise Refused(f"{who.name} is no operator any more", hint="ask another operator")
    return who.name


def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


def _caller(request: Request) -> Signed:
    caller: Signed = request.scope["state"]["holder"]
    return caller


SharedOffice = Annotated[Office, Depends(_office)]
"""The office of the app, for its routes."""

Caller = Annotated[Signed, Depends(_caller)]
"""Who has signed in."""
