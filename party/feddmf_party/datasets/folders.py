"""A split data set as the files that separate organizations would hold."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from feddmf.errors import InputError
from feddmf.files import replacing
from feddmf.randomness import generator
from feddmf_party.datasets.dataset import Dataset, Pairs
from feddmf_party.datasets.split import Split

__all__ = ["FederationFolder", "local_ids", "write_federation"]

_PARTY = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class FederationFolder:
    """What was written: the catalogue, and by party its interactions and the truth held back from it."""

    catalogue: Path
    interactions: Mapping[str, Path]
    truth: Mapping[str, Path]


def write_federation(dataset: Dataset, split: Split, folder: Path) -> FederationFolder:
    """Write the federation under `folder`, the same bytes for the same split.

    catalogue.csv: key,label,local_id:PARTY,... with an empty cell where a party does not sell the item;
    PARTY/interactions.csv: user,item and a value column, items by the party's local ids; truth/PARTY.csv:
    user,key, what the party's users have of the others' items, for evaluation only. Raises InputError for a
    party's name that fits no file or column, LocalResourceError where the disk refuses.
    """
    for party in split.parties:
        if not _PARTY.fullmatch(party) or party == "truth":
            raise InputError(
                f"party {party!r} cannot be a folder's name",
                hint="choose lower-case letters, digits and hyphens, and not truth",
            )
    local = local_ids(split)
    catalogue = folder / "catalogue.csv"
    keys = sorted(set().union(*local.values()))
    _write(
        catalogue,
        ("key", "label", *(f"local_id:{party}" for party in local)),
        ((key, dataset.item_labels[key], *(ids.get(key, "") for ids in local.values())) for key in keys),
    )
    interactions, truth = {}, {}
    for party, side in split.parties.items():
        interactions[party] = folder / party / "interactions.csv"
        items = [local[party][key] for key in side.train.items.tolist()]
        rows = sorted(zip(side.train.users.tolist(), items, _numbers(side.train), strict=True))
        _write(interactions[party], ("user", "item", dataset.value_name), rows)
        truth[party] = folder / "truth" / f"{party}.csv"
        held_back = zip(side.truth.users.tolist(), side.truth.items.tolist(), strict=True)
        _write(truth[party], ("user", "key"), held_back)
    return FederationFolder(catalogue, MappingProxyType(interactions), MappingProxyType(truth))


def local_ids(split: Split) -> Mapping[str, Mapping[str, str]]:
    """Return each party's key -> local id, such as N-0042: numbered in an order of the party's own."""
    prefixes = _prefixes(tuple(split.parties))
    result = {}
    for party, side in split.parties.items():
        numbers = generator(split.seed, "local ids", party).permutation(len(side.items)) + 1
        width = max(4, len(str(len(side.items))))
        named = (f"{prefixes[party]}-{number:0{width}d}" for number in numbers.tolist())
        result[party] = dict(zip(side.items.tolist(), named, strict=True))
    return result


def _prefixes(parties: Sequence[str]) -> Mapping[str, str]:
    """Return the shortest beginnings of one length that tell the parties' names apart."""
    lengths = range(1, max(map(len, parties)) + 1)
    length = next(n for n in lengths if len({party[:n] for party in parties}) == len(parties))
    return {party: party[:length].upper() for party in parties}


def _numbers(pairs: Pairs) -> list[int] | list[float]:
    """Return the values, as int where all of them are whole."""
    values: list[float] = pairs.values.tolist()
    return [int(value) for value in values] if all(map(float.is_integer, values)) else values


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
