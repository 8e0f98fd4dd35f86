"""Where linear maps come from: ridge regressions on the party's users, or on a private release of them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.members.item_release import ItemRelease
from feddmf.protocol_settings import TransferSettings
from feddmf.support import most_used, supported_items
from feddmf.transfer import MOST_INPUTS, LinearMap, fit_linear_map

__all__ = ["Regression", "ReleaseRegression", "UserRegression"]

Codes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Regression(Protocol):
    """Fits maps between items of a party, of which those without support have zero rows."""

    @property
    def supported(self) -> Bools:
        """Which items enough users have, bool [items]."""
        ...

    def fit(self, inputs: Codes, outputs: Codes, *, rank: int) -> LinearMap:
        """Return the map from item codes `inputs` to `outputs`, [inputs, rank] and [outputs, rank]."""
        ...


class UserRegression:
    """Fits on the users of `data`; raises InputError for fewer than an item must have."""

    def __init__(self, data: Interactions, settings: TransferSettings, *, party: str) -> None:
        self._data, self._settings = data, settings
        self._counts = data.item_counts()
        self.supported = supported_items(data, settings.min_support, party=party, section="transfer")

    def fit(self, inputs: Codes, outputs: Codes, *, rank: int) -> LinearMap:
        """Return the map from item codes `inputs` to `outputs`."""
        # Items with too few users go before anything is computed: nothing that leaves depends on them.
        known, asked = _usable(self.supported, self._counts, inputs), np.flatnonzero(self.supported[outputs])
        ridge = self._settings.ridge
        fitted = fit_linear_map(self._data, inputs[known], outputs[asked], ridge=ridge, rank=rank)
        return _spread(fitted, (known, len(inputs)), (asked, len(outputs)))


class ReleaseRegression:
    """Fits on a release; no user is looked at. items: how many the party has."""

    def __init__(self, release: ItemRelease, settings: TransferSettings, *, items: int) -> None:
        self._release = release
        self._counts = np.full(items, -np.inf)
        self._counts[release.codes] = release.gram.counts * _items_of_a_user(release)
        self.supported = self._counts >= settings.min_support

    def fit(self, inputs: Codes, outputs: Codes, *, rank: int) -> LinearMap:
        """Return the map from item codes `inputs` to `outputs`; its ridge is the release's own."""
        # Most runs are not private, and need nothing that takes a moment to load.
        from feddmf.privacy.spectral import ridge_maps

        known, asked = _usable(self.supported, self._counts, inputs), np.flatnonzero(self.supported[outputs])
        lines = self._release.places(inputs[known]), self._release.places(outputs[asked])
        fitted = ridge_maps(self._release.cleaned, *lines, rank=rank)
        return _spread(fitted, (known, len(inputs)), (asked, len(outputs)))


def _items_of_a_user(release: ItemRelease) -> float:
    """Return about what a count must be multiplied by to be one of users, the mean root of their items.

    A user with n items adds 1 / sqrt(n) to each of n counts, and about 1 to the trace of the Gram.
    """
    return max(float(release.gram.counts.sum() / max(np.trace(release.gram.gram), 1.0)), 1.0)


def _usable(
    supported: Bools, counts: npt.NDArray[np.signedinteger | np.floating], inputs: Codes
) -> npt.NDArray[np.intp]:
    """Return the places of `inputs` with support; of too many those that most users have."""
    known = np.flatnonzero(supported[inputs])
    return known[most_used(counts[inputs[known]], MOST_INPUTS)]


def _spread(
    fitted: LinearMap, inputs: tuple[npt.NDArray[np.intp], int], outputs: tuple[npt.NDArray[np.intp], int]
) -> LinearMap:
    """Return the map with zero rows where it has none; inputs, outputs: its rows' places, and how many."""
    rank = fitted.contexts.shape[1]
    contexts, targets = np.zeros((inputs[1], rank)), np.zeros((outputs[1], rank))
    contexts[inputs[0]], targets[outputs[0]] = fitted.contexts, fitted.targets
    return LinearMap(contexts, targets, fitted.effective, fitted.loss, fitted.ridge)
