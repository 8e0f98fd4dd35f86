"""Users who came after a run: what they have, read by the items of that run, and how little that may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError
from feddmf.progress import NOBODY, Progress
from feddmf.user_attributes import without_items
from feddmf_party.data.forgotten import load_forgotten
from feddmf_party.data.loader import load_interactions
from feddmf_party.data.party_table import PartyTable
from feddmf_party.data.settings import InteractionsSettings
from feddmf_party.folder import PartyFolder
from feddmf_party.run_folder import RunFolder
from feddmf_party.trust import Arrays

__all__ = ["Newcomers", "Novelty", "load_newcomers"]

# Who has fewer items than this has few in any run.
_FEW_ITEMS = 3
_FEW_SHARE = 0.1
# Of a party's settings, where its own rows come from.
_SOURCE = ("url", "table", "query", "cache_query")


def load_newcomers(path: Path, home: PartyFolder, run: RunFolder, progress: Progress = NOBODY) -> PartyTable:
    """Read a table of new users' interactions, in the form of the party's own table by its settings.

    Without settings, as in a folder that a simulation left, its columns are user and item. DataError names
    file, row and item where the run did not know an item and the settings do not skip such rows.
    """
    settings = home.settings().data if home.settings_file.is_file() else InteractionsSettings(path=path)
    settings = settings.model_copy(update={**dict.fromkeys(_SOURCE), "path": path, "format": "auto"})
    forgotten = load_forgotten(home.forgotten)
    table = load_interactions(settings, run.load_items().local_ids, forgotten=forgotten, progress=progress)
    if not table.user_ids:
        raise DataError(
            f"this party has forgotten everybody in {path}",
            hint="name a table of others: who is forgotten is not scored",
        )
    return table


@dataclass(frozen=True)
class Novelty:
    """How users whose items are in a table differ from those of the run.

    known: how many of them were in the run; few: how many have fewer than `enough` items; usual: the median
    of the run's users.
    """

    users: int
    known: int
    few: int
    enough: int
    usual: int

    def as_dict(self) -> dict[str, int]:
        """Return it for programs."""
        return {
            "users": self.users,
            "users_of_the_run": self.known,
            "users_with_few_items": self.few,
            "few_items_are_under": self.enough,
            "median_items_in_the_run": self.usual,
        }


@dataclass(frozen=True, eq=False)
class Newcomers:
    """The users of a table that came after a run; `table` has the items by the codes of the run."""

    path: Path
    run: RunFolder
    table: PartyTable

    def refuse_absent(self, named: Sequence[str]) -> None:
        """Raise DataError naming the first of `named` who is not in the table."""
        here = set(self.table.user_ids)
        absent = next((user for user in named if user not in here), None)
        if absent is None:
            return
        in_run = absent in self._of_run
        raise DataError(
            f"user {absent!r} is not in {self.path}, whose users alone are scored with --interactions",
            hint=f"leave --interactions out: {absent!r} was in run {self.run.path.name}"
            if in_run
            else "add the user's rows to the file, or leave the user out",
        )

    def novelty(self, arrays: Arrays, named: Sequence[str] = ()) -> Novelty:
        """Return how those named, or all of the table, differ from the users of a model with these arrays."""
        names = self.table.user_ids
        asked = set(named or names)
        items = self._items(arrays["products"])[[name in asked for name in names]]
        of_run = np.rint(np.expm1(arrays["activity"].astype(np.float64)))
        enough = max(_FEW_ITEMS, int(np.quantile(of_run, _FEW_SHARE, method="lower")))
        return Novelty(
            users=len(items),
            known=len(asked & self._of_run),
            few=int((items < enough).sum()),
            enough=enough,
            usual=int(np.median(of_run)),
        )

    def notices(self, novelty: Novelty) -> list[str]:
        """Return what a person must be told of answers about these users."""
        run, users = self.run.path.name, novelty.users
        found = []
        if novelty.known:
            found.append(
                f"in run {run} too: {novelty.known} of {users} users, scored here by {self.path} alone; "
                "to score them by what the run knew, leave --interactions out"
            )
        if novelty.few:
            found.append(
                f"fewer than {novelty.enough} items: {novelty.few} of {users} users; the median in run {run} "
                f"is {novelty.usual}, and how far the evidence holds for users with so few was not measured"
            )
        return found

    @cached_property
    def _of_run(self) -> frozenset[str]:
        return frozenset(self.run.load_user_ids().tolist())

    def _items(self, products: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return how many items each user has that count, [users]; those of user attributes do not."""
        data = self.table.interactions
        return without_items(data, np.setdiff1d(np.arange(data.items), products)).user_counts()
