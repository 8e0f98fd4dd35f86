"""Two companies whose tables are drawn: popular items are bought by many, a few customers buy a lot."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from feddmf.randomness import generator
from feddmf_party.datasets.folders import FederationFolder

__all__ = ["Size", "write_generated"]

_PARTIES = ("north", "south")
# Of the log-normal numbers of items of the users.
_SPREAD = 0.8
_FLATTEST = 50.0


@dataclass(frozen=True)
class Size:
    """What each of two parties has; half of its items are matched."""

    users: int
    items: int
    pairs: int


def write_generated(size: Size, folder: Path) -> FederationFolder:
    """Write catalogue.csv and a Parquet table of interactions for each party, the same for the same size."""
    matched = size.items // 2
    tables = {}
    for place, party in enumerate(_PARTIES):
        users, items = _draw(size, party)
        # Keys run on from the matched items to each party's own.
        keys = np.where(items < matched, items, items + place * (size.items - matched))
        tables[party] = folder / party / "interactions.parquet"
        tables[party].parent.mkdir(parents=True)
        table = pa.table({"user": pa.array(users), "item": pa.array(keys)})
        pyarrow.parquet.write_table(table, tables[party])
    catalogue = folder / "catalogue.csv"
    with catalogue.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("key", "label", *(f"local_id:{party}" for party in _PARTIES)))
        for key in range(2 * size.items - matched):
            sold = (key < size.items, key < matched or key >= size.items)
            writer.writerow((f"k{key:07}", f"item {key}", *(key if has else "" for has in sold)))
    return FederationFolder(catalogue, tables, {})


def _draw(size: Size, party: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return user and item codes of the party's pairs, about `size.pairs` after merging."""
    random = generator(0, "generated", party)
    activity = random.lognormal(0.0, _SPREAD, size.users)
    counts = np.maximum(1, activity / activity.sum() * size.pairs).astype(np.int64)
    users = np.repeat(np.arange(size.users), counts)
    shares = np.cumsum(1.0 / (np.arange(size.items) + _FLATTEST))
    ranks = np.searchsorted(shares, random.random(len(users)) * shares[-1])
    # Taste: half of what a user takes comes from a tenth of the items that is the user's own.
    own = (users * 7919) % 10
    tasteful = random.random(len(users)) < 0.5  # noqa: PLR2004  (half)
    ranks[tasteful] = ranks[tasteful] // 10 * 10 + own[tasteful]
    # Popular items are spread over matched and exclusive ones alike.
    return users, generator(0, "places", party).permutation(size.items)[np.minimum(ranks, size.items - 1)]
