"""A split as the files of separate organizations."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from feddmf.catalogue.table import parse_catalogue
from feddmf.errors import InputError
from feddmf_party.data import InteractionsSettings, load_interactions
from feddmf_party.datasets import Dataset, Pairs, Split, write_federation
from feddmf_party.datasets.folders import local_ids
from feddmf_party.datasets.split import split

ITEMS = np.array([f"i{number}" for number in range(6)])
USERS = np.array(["a", "b", "c", "d"])
PAIRS = Pairs.merge(np.repeat(USERS, 6), np.tile(ITEMS, 4), np.arange(24.0))
DATASET = Dataset(
    "tiny",
    "Tiny",
    "none",
    "nobody",
    "quantity",
    PAIRS,
    {item: f'the "{item}", big' for item in ITEMS.tolist()},
)


def parts(seed: int = 0, parties: tuple[str, ...] = ("north", "south")) -> Split:
    """Split the tiny data set."""
    return split(USERS, ITEMS, PAIRS, seed=seed, parties=parties)


def table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_catalogue_maps_local_ids_to_keys(tmp_path: Path) -> None:
    """Each party's items, and only these, have a local id, and no local id is a key."""
    result = parts()
    written = write_federation(DATASET, result, tmp_path)
    catalogue = parse_catalogue(written.catalogue.read_text(), version=1, where="catalogue.csv")
    assert catalogue.labels == DATASET.item_labels
    for party, side in result.parties.items():
        ids = catalogue.columns[party]
        assert sorted(ids) == side.items.tolist()
        numbers = range(1, len(side.items) + 1)
        assert sorted(ids.values()) == [f"{party[0].upper()}-{number:04}" for number in numbers]
    (coverage,) = catalogue.coverage()
    assert coverage.shared == len(result.matched)


def test_a_party_has_its_users_pairs_by_local_ids(tmp_path: Path) -> None:
    """Interactions read with the catalogue's local ids are the party's training pairs with their values."""
    result = parts()
    written = write_federation(DATASET, result, tmp_path)
    catalogue = parse_catalogue(written.catalogue.read_text(), version=1, where="catalogue.csv")
    assert written.interactions["south"] == tmp_path / "south" / "interactions.csv"
    for party, side in result.parties.items():
        view = catalogue.view(party)
        keys = InteractionsSettings(path=written.interactions[party], value_column="quantity")
        loaded = load_interactions(keys, [item.local_id for item in view.items])
        users = np.array(loaded.user_ids)[loaded.interactions.rows()]
        items = np.array(view.keys)[loaded.interactions.indices]
        found = Pairs.merge(users, items, loaded.interactions.values)
        for name in ("users", "items", "values"):
            np.testing.assert_array_equal(getattr(found, name), getattr(side.train, name))


def test_the_truth_is_held_back_under_keys(tmp_path: Path) -> None:
    """What a party's users have of the other's items is in truth/PARTY.csv, and in no file of the party."""
    result = parts()
    written = write_federation(DATASET, result, tmp_path)
    for party, side in result.parties.items():
        assert written.truth[party] == tmp_path / "truth" / f"{party}.csv"
        rows = [(row["user"], row["key"]) for row in table(written.truth[party])]
        assert rows == list(zip(side.truth.users.tolist(), side.truth.items.tolist(), strict=True))
        assert {row["user"] for row in table(written.interactions[party])} == set(side.users.tolist())


def test_files_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    """The same split writes the same bytes; whole values have no fraction, others keep theirs."""
    one, two = (write_federation(DATASET, parts(), tmp_path / name) for name in ("one", "two"))
    for left, right in (
        (one.catalogue, two.catalogue),
        (one.interactions["north"], two.interactions["north"]),
        (one.truth["south"], two.truth["south"]),
    ):
        assert left.read_bytes() == right.read_bytes()
    assert all("." not in row["quantity"] for row in table(one.interactions["north"]))
    halves = Pairs(PAIRS.users, PAIRS.items, PAIRS.values / 2)
    written = write_federation(DATASET, split(USERS, ITEMS, halves, seed=0), tmp_path)
    assert all("." in row["quantity"] for row in table(written.interactions["north"]))


def test_local_ids_are_in_an_order_of_each_partys_own() -> None:
    """Matched items have different numbers at the two parties, and do not follow the keys' order."""
    ids = local_ids(split(USERS, ITEMS, PAIRS, seed=0, matched=1))
    numbers = [[named[2:] for named in ids[party].values()] for party in ("north", "south")]
    assert numbers[0] != numbers[1]
    assert all(order != sorted(order) for order in numbers)


def test_prefixes_tell_parties_apart() -> None:
    """Parties whose names begin alike get longer prefixes."""
    ids = local_ids(parts(parties=("north", "norway")))
    assert {named.split("-")[0] for named in ids["north"].values()} == {"NORT"}
    assert {named.split("-")[0] for named in ids["norway"].values()} == {"NORW"}


@pytest.mark.parametrize("party", ["../north", "North", "truth", ""])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, party: str) -> None:
    """A party's name must fit a folder and a column, and leave `truth` alone."""
    with pytest.raises(InputError, match="cannot be a folder's name"):
        write_federation(DATASET, parts(parties=(party, "south")), tmp_path)
    assert not list(tmp_path.iterdir())
