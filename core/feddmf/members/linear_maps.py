"""The linear part beside a history tower: ridge maps that are fitted on the party's own users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.runfile import RunSettings
from feddmf.support import most_used, supported_items
from feddmf.transfer import MOST_INPUTS, fit_linear_map

__all__ = ["ItemMap", "LinearMaps"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ItemMap:
    """A fitted map by item: contexts float32 [inputs, columns], targets float32 [outputs, columns]."""

    contexts: Floats
    targets: Floats


class LinearMaps:
    """Fits maps on `data`; items with fewer users than `transfer.min_support` have zero rows.

    Raises InputError for a party of fewer users than that.
    """

    def __init__(self, data: Interactions, settings: RunSettings, *, party: str) -> None:
        self._data, self._settings = data, settings
        self._columns = settings.linear_columns
        self._counts = data.item_counts()
        least = settings.transfer.min_support
        self.supported = supported_items(data, least, party=party, section="transfer")

    def fit(self, inputs: Codes, outputs: Codes, *, spare: int = 0) -> ItemMap:
        """Return the map from item codes `inputs` to `outputs`; its last `spare` columns are zero."""
        known, asked = self._usable(inputs), self.supported[outputs]
        # Items with too few users go before anything is computed: nothing that leaves depends on them.
        fitted = fit_linear_map(
            self._data,
            inputs[known],
            outputs[asked],
            ridge=self._settings.transfer.ridge,
            rank=self._columns - spare,
        )
        contexts = np.zeros((len(inputs), self._columns), dtype=np.float32)
        targets = np.zeros((len(outputs), self._columns), dtype=np.float32)
        used = self._columns - spare
        contexts[known, :used], targets[asked, :used] = fitted.contexts, fitted.targets
        return ItemMap(contexts, targets)

    def _usable(self, inputs: Codes) -> npt.NDArray[np.intp]:
        """Return the places of `inputs` with support; of too many those that most users have."""
        known = np.flatnonzero(self.supported[inputs])
        return known[most_used(self._counts[inputs[known]], MOST_INPUTS)]
