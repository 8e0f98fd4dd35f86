"""One data set as parties that share no user and a part of the items (the set-up of FedDMF, figure 3)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.randomness import generator
from feddmf_party.datasets.dataset import Pairs, codes

__all__ = ["PartySplit", "Split", "split"]

_MATCHED = -1
_PARTIES = 2


@dataclass(frozen=True, eq=False)
class PartySplit:
    """One party's side; ids sorted, str arrays.

    users: [users]; items: the matched ones and its own, [items]; own: its exclusive items, [own];
    asked: the others' exclusive items, [asked]; train: pairs of its users and its items; truth: pairs of its
    users and the asked items, which no party sees.
    """

    users: npt.NDArray[np.str_]
    items: npt.NDArray[np.str_]
    own: npt.NDArray[np.str_]
    asked: npt.NDArray[np.str_]
    train: Pairs
    truth: Pairs


@dataclass(frozen=True, eq=False)
class Split:
    """All parties, in the order given, and the items that all of them have, [matched]."""

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
    user_share: float = 0.5,
    matched: float = 0.5,
    item_share: float = 0.5,
) -> Split:
    """Split `users` at random, match a share `matched` of `items`, give the rest to one party each.

    `user_share` and `item_share` are the first party's shares of the users and of the items that are not
    matched. The draw depends on `seed` and on which ids there are, not on their order. Raises InputError for
    a share outside [0, 1] or one that leaves a party with no user or no item, ValueError for a pair outside
    `users` and `items`.
    """
    if len(parties) != _PARTIES or len(set(parties)) != len(parties):
        raise InputError(
            f"cannot split between {', '.join(parties) or 'no parties'}", hint="name two different parties"
        )
    shares = {"user_share": user_share, "matched": matched, "item_share": item_share}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise InputError(f"{name} = {share} is no share", hint=f"choose {name} between 0 and 1")
    users, items = np.unique(users), np.unique(items)
    user_party = _deal(len(users), [user_share, 1 - user_share], generator(seed, "split", "users"))
    rest = 1 - matched
    groups = [matched, rest * item_share, rest * (1 - item_share)]
    item_party = _deal(len(items), groups, generator(seed, "split", "items")) + _MATCHED
    sides = {
        party: _side(
            users,
            items,
            pairs,
            number=number,
            party=party,
            user_party=user_party,
            item_party=item_party,
        )
        for number, party in enumerate(parties)
    }
    return Split(seed, items[item_party == _MATCHED], MappingProxyType(sides))


def _deal(count: int, shares: Sequence[float], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a group for each of `count` things, [count]; group g gets about shares[g] of them, at random."""
    ends = [round(count * end) for end in itertools.accumulate(shares)]
    ends[-1] = count
    sizes = np.diff([0, *ends])
    return rng.permutation(np.repeat(np.arange(len(shares)), sizes))


def _side(
    users: npt.NDArray[np.str_],
    items: npt.NDArray[np.str_],
    pairs: Pairs,
    *,
    number: int,
    party: str,
    user_party: npt.NDArray[np.int64],
    item_party: npt.NDArray[np.int64],
) -> PartySplit:
    own = item_party == number
    has = own | (item_party == _MATCHED)
    for what, there in (("user", (user_party == number).any()), ("item", has.any())):
        if not there:
            raise InputError(f"{party} would have no {what}", hint="choose shares that leave each party some")
    ours = user_party[codes(pairs.users, users)] == number
    ours_known = has[codes(pairs.items, items)]
    return PartySplit(
        users=users[user_party == number],
        items=items[has],
        own=items[own],
        asked=items[~has],
        train=pairs.where(ours & ours_known),
        truth=pairs.where(ours & ~ours_known),
    )
