"""One score for an item that several parties sell: each owner's, combined as a query combines them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf.combining import shares
from feddmf_party.evaluating.federation import Company, Federation
from feddmf_party.evaluating.outcome import Floats

__all__ = ["pool_owners"]

Strings = npt.NDArray[np.str_]

_ALIKE: Mapping[str, float] = MappingProxyType({})


def pool_owners(
    federation: Federation,
    company: Company,
    keys: Strings,
    score: Callable[[str, Strings], Floats],
    weights: Mapping[str, float] = _ALIKE,
) -> npt.NDArray[np.float32]:
    """Return scores of the party's users for `keys`, float32 [users, keys], over all that sell each.

    score: (owner, keys that it sells) -> [users, these]; weights: what each owner counts, from
    `feddmf.combining.weigh`, 1 for one that is not named.
    """
    places = federation.by_owner(keys)
    scores = np.zeros((len(company.users), len(keys)), dtype=np.float32)
    if not places:
        return scores
    owns = np.zeros((len(places), len(keys)), dtype=np.bool_)
    for row, each in enumerate(places.values()):
        owns[row, each] = True
    parts = shares(np.array([weights.get(owner, 1.0) for owner in places]), owns).astype(np.float32)
    for part, (owner, each) in zip(parts, places.items(), strict=True):
        scores[:, each] += part[each] * score(owner, keys[each])
    return scores
