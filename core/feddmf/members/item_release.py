"""A Gram release by the item codes of a party: all that a private member knows of its users' items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.plan import PartyItems
from feddmf.privacy.noise import Noise, SystemNoise
from feddmf.privacy.terms import Terms, terms_for

if TYPE_CHECKING:
    # Its kernels take a moment to load, and most runs draw nothing.
    from feddmf.privacy.mechanism import GramRelease
    from feddmf.privacy.spectral import CleanedGram

__all__ = ["ItemRelease", "ReleaseSource", "draw_once", "released_codes", "terms_of"]

Codes = npt.NDArray[np.int64]

# Gives the release of a run, the same whenever it is asked.
ReleaseSource = Callable[[], "GramRelease"]


def released_codes(items: PartyItems, offered: tuple[str, ...]) -> Codes:
    """Return the fixed item list of a run's release, rising codes: what the party shares, and what it offers.

    It follows from catalogue and offer alone, never from who has what.
    """
    return np.unique(np.concatenate([items.matched_codes, items.codes(offered)]))


def terms_of(items: PartyItems, users: int) -> Terms:
    """Return the terms of a run for a party of so many users: rows of its table, empty ones too."""
    privacy = items.plan.settings.privacy
    return terms_for(users, epsilon=privacy.epsilon, delta=privacy.delta)


def draw_once(
    items: PartyItems, data: Interactions, offered: tuple[str, ...], noise: Noise | None = None
) -> ReleaseSource:
    """Return what draws a release when first asked, and keeps it in memory: for runs within one process.

    noise: the system's unless given.
    """
    drawn: list[GramRelease] = []

    def release() -> GramRelease:
        from feddmf.privacy.mechanism import release_gram

        if not drawn:
            listed = data.columns(released_codes(items, offered))
            drawn.append(release_gram(listed, noise or SystemNoise(), terms_of(items, data.users).sigma))
        return drawn[0]

    return release


@dataclass(frozen=True, eq=False)
class ItemRelease:
    """codes: int64 [m], rising, the items behind the lines of `gram`; InputError where they do not fit.

    directions: most that anybody asks of `cleaned`.
    """

    codes: Codes
    gram: GramRelease
    directions: int

    def __post_init__(self) -> None:
        if len(self.codes) != len(self.gram.counts):
            raise InputError(
                f"a private release of {len(self.gram.counts)} items where the run has {len(self.codes)}",
                hint="offer or catalogue have changed since it was drawn; let the run be submitted again",
            )

    def among(self, seen: npt.NDArray[np.bool_]) -> ItemRelease:
        """Return the same release of those of its items alone that are `seen`, bool [items]."""
        kept = np.flatnonzero(seen[self.codes])
        if len(kept) == len(self.codes):
            return self
        counts, gram = self.gram.counts[kept], self.gram.gram[np.ix_(kept, kept)]
        return ItemRelease(self.codes[kept], replace(self.gram, counts=counts, gram=gram), self.directions)

    @cached_property
    def cleaned(self) -> CleanedGram:
        """The cleaned Gram, decomposed once for vectors and maps."""
        from feddmf.privacy.spectral import CleanedGram

        return CleanedGram(self.gram, self.directions)

    def places(self, codes: Codes) -> Codes:
        """Return the lines of item `codes`, all of which the release has."""
        return np.searchsorted(self.codes, codes)
