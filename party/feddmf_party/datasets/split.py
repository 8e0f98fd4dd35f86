"""One data set as parties that share no user and a part of the items (the set-up of FedDMF, figure 3)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.randomness import generator
from feddmf_party.datasets.dataset import Pairs, codes

__all__ = ["MOST_PARTIES", "PartySplit", "Sharing", "Split", "split"]

Sharing = Literal["all", "subsets"]
MOST_PARTIES = 16
_FEWEST_PARTIES = 2
_MATCHED = 0


@dataclass(frozen=True, eq=False)
class PartySplit:
    """One party's side; ids sorted, str arrays.

    users: [users]; items: all that it sells, [items]; own: those that it alone sells, [own]; asked: those
    that one other party or more sell and it does not, [asked]; train: pairs of its users and its items;
    truth: pairs of its users and the asked items, which no party sees.

    validation: the peers' items that were drawn to choose thresholds on, [validation], none of them among
    `asked`; validation_truth: pairs of its users and these. A party in production can have such pairs: it
    hides some matched items of its own from a run, and knows the truth for them.
    """

    users: npt.NDArray[np.str_]
    items: npt.NDArray[np.str_]
    own: npt.NDArray[np.str_]
    asked: npt.NDArray[np.str_]
    train: Pairs
    truth: Pairs
    validation: npt.NDArray[np.str_]
    validation_truth: Pairs


@dataclass(frozen=True, eq=False)
class Split:
    """All parties, in the order given, and the items that two of them or more sell, [matched]."""

    seed: int
    matched: npt.NDArray[np.str_]
    parties: Mapping[str, PartySplit]


def split(
    users: npt.NDArray[np.str_],
    items: npt.NDArray[np.str_],
    pairs: Pairs,
    *,
    seed: int,
    parties: Sequence[str] = ("north", "south"),
    user_share: float | None = None,
    matched: float = 0.5,
    item_share: float | None = None,
    sharing: Sharing = "all",
    validation: float = 0.0,
) -> Split:
    """Split `users` at random, match a share `matched` of `items`, give the rest to one party each.

    `user_share` and `item_share` are the first party's shares of the users and of the items that are not
    matched, None for as much as any other; the others get equal parts of what is left. A matched item is
    sold by all parties, or, with `sharing` "subsets", by a random two of them or more. A share `validation`
    of the matched items is dealt to one party each instead, to choose thresholds on.

    The draw depends on `seed` and on which ids there are, not on their order. Raises InputError for a
    number of parties outside 2..16, for a share outside [0, 1] or one that leaves a party with no user or no
    item, ValueError for a pair outside `users` and `items`.
    """
    count = len(parties)
    _check_parties(parties)
    even = 1 / count
    user_share = even if user_share is None else user_share
    item_share = even if item_share is None else item_share
    shares = {"user_share": user_share, "matched": matched, "item_share": item_share}
    for name, share in (shares | {"validation": validation}).items():
        if not 0 <= share <= 1:
            raise InputError(f"{name} = {share} is no share", hint=f"choose {name} between 0 and 1")
    users, items = np.unique(users), np.unique(items)
    user_party = _deal(len(users), _shares(user_share, 1.0, count), generator(seed, "split", "users"))
    groups = [matched, *_shares(item_share, 1 - matched, count)]
    item_group = _deal(len(items), groups, generator(seed, "split", "items"))
    drawn = _draw(np.flatnonzero(item_group == _MATCHED), validation, seed)
    sells = _sellers(item_group, drawn, count, sharing, seed)
    table = _Table(users, items, pairs, user_party, sells, drawn)
    sides = {party: table.side(party, number) for number, party in enumerate(parties)}
    return Split(seed, items[sells.sum(axis=0) > 1], MappingProxyType(sides))


def _check_parties(parties: Sequence[str]) -> None:
    if len(set(parties)) != len(parties):
        raise InputError(f"cannot split between {', '.join(parties)}", hint="name each party once")
    if not _FEWEST_PARTIES <= len(parties) <= MOST_PARTIES:
        raise InputError(
            f"cannot split between {', '.join(parties) or 'no parties'}",
            hint=f"choose {_FEWEST_PARTIES} to {MOST_PARTIES} parties",
        )


def _shares(first: float, whole: float, count: int) -> list[float]:
    """Return the parties' parts of `whole`: `first` of it, then equal parts of what is left."""
    return [whole * first] + [whole * (1 - first) / (count - 1)] * (count - 1)


def _deal(count: int, shares: Sequence[float], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a group for each of `count` things, [count]; group g gets about shares[g] of them, at random."""
    ends = [round(count * end) for end in itertools.accumulate(shares)]
    ends[-1] = count
    sizes = np.diff([0, *ends])
    return rng.permutation(np.repeat(np.arange(len(shares)), sizes))


def _draw(matched: npt.NDArray[np.intp], share: float, seed: int) -> npt.NDArray[np.intp]:
    """Return a random `share` of the item codes `matched`, in random order."""
    shuffled = generator(seed, "split", "validation").permutation(matched)
    return shuffled[: round(len(matched) * share)]


def _sellers(
    item_group: npt.NDArray[np.int64], drawn: npt.NDArray[np.intp], count: int, sharing: Sharing, seed: int
) -> npt.NDArray[np.bool_]:
    """Return who sells what, bool [parties, items]; the items `drawn` are dealt in turn, one party each."""
    sells: npt.NDArray[np.bool_] = item_group == np.arange(1, count + 1)[:, None]
    matched = np.flatnonzero(item_group == _MATCHED)
    if sharing == "all":
        sells[:, matched] = True
    else:
        rng = generator(seed, "split", "sharing")
        sizes = rng.integers(2, count + 1, size=len(matched))
        places = rng.permuted(np.tile(np.arange(count)[:, None], len(matched)), axis=0)  # [parties, matched]
        sells[:, matched] = places < sizes
    sells[:, drawn] = False
    sells[np.arange(len(drawn)) % count, drawn] = True
    return sells


@dataclass(frozen=True, eq=False)
class _Table:
    """All users, items and pairs, and what was dealt to whom."""

    users: npt.NDArray[np.str_]
    items: npt.NDArray[np.str_]
    pairs: Pairs
    user_party: npt.NDArray[np.int64]  # [users]
    sells: npt.NDArray[np.bool_]  # [parties, items]
    drawn: npt.NDArray[np.intp]  # [validation]

    def side(self, party: str, number: int) -> PartySplit:
        """Return what one party has and asks for; InputError where it has no user or no item."""
        has, sellers = self.sells[number], self.sells.sum(axis=0)
        validation = np.zeros(len(self.items), dtype=np.bool_)
        validation[self.drawn] = True
        others = ~has & (sellers > 0)
        for what, there in (("user", (self.user_party == number).any()), ("item", has.any())):
            if not there:
                raise InputError(
                    f"{party} would have no {what}", hint="choose shares that leave each party some"
                )
        ours = self.user_party[codes(self.pairs.users, self.users)] == number
        item_codes = codes(self.pairs.items, self.items)
        return PartySplit(
            users=self.users[self.user_party == number],
            items=self.items[has],
            own=self.items[has & (sellers == 1)],
            asked=self.items[others & ~validation],
            train=self.pairs.where(ours & has[item_codes]),
            truth=self.pairs.where(ours & (others & ~validation)[item_codes]),
            validation=self.items[others & validation],
            validation_truth=self.pairs.where(ours & (others & validation)[item_codes]),
        )
