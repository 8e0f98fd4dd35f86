"""The linear part beside a history tower: ridge maps of the party's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.members.regressions import Regression

__all__ = ["ItemMap", "LinearMaps"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ItemMap:
    """A fitted map by item: contexts float32 [inputs, columns], targets float32 [outputs, columns]."""

    contexts: Floats
    targets: Floats


class LinearMaps:
    """Maps of so many `columns`; items without support have zero rows."""

    def __init__(self, regression: Regression, columns: int) -> None:
        self._regression, self._columns = regression, columns
        self.supported = regression.supported

    def fit(self, inputs: Codes, outputs: Codes, *, spare: int = 0) -> ItemMap:
        """Return the map from item codes `inputs` to `outputs`; its last `spare` columns are zero."""
        fitted = self._regression.fit(inputs, outputs, rank=self._columns - spare)
        contexts = np.zeros((len(inputs), self._columns), dtype=np.float32)
        targets = np.zeros((len(outputs), self._columns), dtype=np.float32)
        used = self._columns - spare
        contexts[:, :used], targets[:, :used] = fitted.contexts, fitted.targets
        return ItemMap(contexts, targets)
