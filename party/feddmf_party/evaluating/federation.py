"""A split data set in memory: what each party knows, what it asks for, and the truth that it does not see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf.catalogue.table import Catalogue
from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.user_attributes import UserAttributes, column_of
from feddmf_party.datasets.dataset import codes
from feddmf_party.datasets.folders import local_ids
from feddmf_party.datasets.split import PartySplit, Split

__all__ = ["FEWEST_USERS", "Company", "Federation"]

Strings = npt.NDArray[np.str_]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

FEWEST_USERS = 5
"""Users of each side who must have a user attribute, and as many who must lack it, for it to be measured."""

# Scores of one party are held at once, and metrics sort them: some 40 bytes a cell.
_MOST_CELLS = 200_000_000


@dataclass(frozen=True, eq=False)
class Company:
    """One party: users with an interaction at home, str [users]; keys: what it sells, sorted, str [items].

    data: its interactions, [users, items]; own: what it alone sells; askable: what it sells and another party
    lacks, sorted; asked, validation: what it is scored for, as `PartySplit` has them; attributes: what only
    the attribute owner sells and all others are asked, and which counts in no other metric. truth: bool
    [users, asked]; validation_truth: bool [users, validation]. user_attributes: the attribute owner's own,
    None for all others.
    """

    party: str
    users: Strings
    keys: Strings
    data: Interactions
    own: Strings
    askable: Strings
    asked: Strings
    validation: Strings
    attributes: Strings
    truth: Bools
    validation_truth: Bools
    user_attributes: UserAttributes | None = None

    @cached_property
    def own_truth(self) -> Bools:
        """Which of its users have which of its own items, bool [users, own]: cells that it trained on."""
        known = np.zeros((self.data.users, self.data.items), dtype=np.bool_)
        known[self.data.rows(), self.data.indices] = True
        return known[:, codes(self.own, self.keys)]

    def counts(self, keys: Strings) -> Codes:
        """Return the number of its users behind each of its own `keys`, int64 [keys]."""
        return self.data.item_counts()[codes(keys, self.keys)]


@dataclass(frozen=True, eq=False)
class Federation:
    """All parties in the order of the split, and the catalogue that they would have accepted.

    items: all keys, sorted, str [items]; matched: those that two parties or more sell, str [matched];
    owners: key -> the parties that sell it, in the order of the split.
    """

    seed: int
    items: Strings
    matched: Strings
    companies: Mapping[str, Company]
    catalogue: Catalogue
    owners: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        split: Split,
        labels: Mapping[str, str],
        attributes: Strings | None = None,
        valued: Mapping[str, frozenset[str]] = MappingProxyType({}),
    ) -> Federation:
        """Build what `split` dealt; `attributes` are those of its items that are user attributes, sorted.

        valued: the users with a value, by column of an attribute. Users with no interaction at home are
        nobody that their party knows, and are left out. InputError where a party has none that is not, or so
        many cells to score that memory would not hold them.
        """
        extra = np.array([], dtype=np.str_) if attributes is None else attributes
        owners = _owners(split)
        lacked = np.array([key for key, sold in owners.items() if len(sold) < len(split.parties)], np.str_)
        companies = {
            party: _company(party, side, np.intersect1d(side.items, lacked), extra, valued)
            for party, side in split.parties.items()
        }
        items = np.unique(np.concatenate([company.keys for company in companies.values()]))
        local = local_ids(split)
        columns = {party: dict(ids) for party, ids in local.items()}
        # As the operator's catalogue would have them, so that draws by its digest are those of such a run.
        names = {key: labels.get(key, key).strip() for key in items.tolist()}
        return cls(
            seed=split.seed,
            items=items,
            matched=split.matched,
            companies=MappingProxyType(companies),
            catalogue=Catalogue(version=1, labels=names, columns=columns),
            owners=MappingProxyType(owners),
        )

    @property
    def parties(self) -> tuple[str, ...]:
        """The parties, in the order of the split."""
        return tuple(self.companies)

    @property
    def users(self) -> int:
        """Number of users of all parties."""
        return sum(len(company.users) for company in self.companies.values())

    def pooled_users(self, company: Company) -> Codes:
        """Return the codes of a party's users among all users, those of one party after another's."""
        before = self.parties[: self.parties.index(company.party)]
        first = sum(len(self.companies[party].users) for party in before)
        return first + np.arange(len(company.users))

    def pooled_items(self, company: Company) -> Codes:
        """Return the codes of a party's items among `items`, int64 [items of the party]."""
        return codes(company.keys, self.items).astype(np.int64)

    def pooled_pairs(self) -> tuple[Codes, Codes, npt.NDArray[np.float32]]:
        """Return all parties' pairs as codes among all users and among `items`, and their values, [pairs]."""
        companies = tuple(self.companies.values())
        users = [self.pooled_users(company)[company.data.rows()] for company in companies]
        items = [self.pooled_items(company)[company.data.indices] for company in companies]
        values = [company.data.values for company in companies]
        return np.concatenate(users), np.concatenate(items), np.concatenate(values)

    def by_owner(self, keys: Strings) -> Mapping[str, npt.NDArray[np.intp]]:
        """Return owner -> places in `keys` of the items that it sells; only owners of some."""
        places: dict[str, list[int]] = {party: [] for party in self.parties}
        for place, key in enumerate(keys.tolist()):
            for owner in self.owners[key]:
                places[owner].append(place)
        return {owner: np.array(each, dtype=np.intp) for owner, each in places.items() if each}


def _owners(split: Split) -> dict[str, tuple[str, ...]]:
    """Return key -> the parties that sell it."""
    owners: dict[str, tuple[str, ...]] = {}
    for party, side in split.parties.items():
        for key in side.items.tolist():
            owners[key] = (*owners.get(key, ()), party)
    return owners


def _company(
    party: str,
    side: PartySplit,
    askable: Strings,
    attributes: Strings,
    valued: Mapping[str, frozenset[str]],
) -> Company:
    users = np.unique(side.train.users)
    if not len(users):
        raise InputError(
            f"no user of {party} has an item that {party} sells",
            hint="give it more users or items, or choose fewer parties",
        )
    cells = len(users) * (len(side.asked) + len(side.validation) + len(side.own))
    if cells > _MOST_CELLS:
        raise InputError(
            f"{party} would be scored on {cells:,} cells, over {_MOST_CELLS:,}",
            hint="evaluate a sample of the users or of the items",
        )
    truth = side.truth.where(np.isin(side.truth.users, users))
    checked = side.validation_truth.where(np.isin(side.validation_truth.users, users))
    extra = np.isin(side.asked, attributes)
    asked = side.asked[~extra]
    return Company(
        party=party,
        users=users,
        keys=side.items,
        data=Interactions.from_pairs(
            codes(side.train.users, users),
            codes(side.train.items, side.items),
            side.train.values,
            shape=(len(users), len(side.items)),
        ),
        own=side.own,
        askable=askable,
        asked=asked,
        validation=side.validation,
        attributes=side.asked[extra],
        truth=truth.where(np.isin(truth.items, asked)).dense(users, asked),
        validation_truth=checked.dense(users, side.validation),
        user_attributes=_user_attributes(side, users, np.intersect1d(side.own, attributes), valued),
    )


def _user_attributes(
    side: PartySplit, users: Strings, names: Strings, valued: Mapping[str, frozenset[str]]
) -> UserAttributes | None:
    """Return which of a party's own items are user attributes, None where none is; `names` are sorted."""
    if not len(names):
        return None
    columns = tuple(column_of(name) for name in names.tolist())
    known = [[user in valued.get(column, ()) for column in columns] for user in users.tolist()]
    return UserAttributes(codes(names, side.items).astype(np.int64), columns, np.array(known), FEWEST_USERS)
