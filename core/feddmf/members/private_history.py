"""FedDMF with a history tower in a run that is private for each user: all that leaves is of one release."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from feddmf.errors import ConfigError
from feddmf.interactions import Interactions
from feddmf.members.history import HistoryMember
from feddmf.members.item_release import ItemRelease
from feddmf.members.private_stage import PrivateStage
from feddmf.members.regressions import ReleaseRegression
from feddmf.members.trainings import seen_in
from feddmf.plan import PartyItems
from feddmf.protocols.feddmf import ALIGN, PILOT
from feddmf.user_attributes import UserAttributes

__all__ = ["PrivateHistoryMember"]

Floats = npt.NDArray[np.float32]


class PrivateHistoryMember(HistoryMember):
    """One party of a private run. attributes: in no history and, in such a run, in no offer."""

    def __init__(
        self,
        items: PartyItems,
        data: Interactions,
        offered: Sequence[str],
        release: ItemRelease,
        attributes: UserAttributes | None = None,
    ) -> None:
        self._release = release
        # By training, what of it is seen there: vectors and maps share its decomposition.
        self._seen: dict[str, ItemRelease] = {}
        super().__init__(items, data, offered, attributes)

    def _begin(self, name: str) -> PrivateStage:
        seen = seen_in(name, self._items, self._is_product)
        if name == ALIGN:
            # The pilot is over, and its matrix is as large.
            self._seen.pop(PILOT, None)
        return PrivateStage(self._items, self._data_in(seen), seen, name, self._released(name))

    def _released(self, name: str) -> ItemRelease:
        if name not in self._seen:
            self._seen[name] = self._release.among(seen_in(name, self._items, self._is_product))
        return self._seen[name]

    def _tower_map(self) -> dict[str, Floats]:
        """Return nothing, for towers stay at home; ConfigError where the run would have them told."""
        if self._settings.alignment.method == "once":
            raise ConfigError(
                f"run {self._items.plan.run} is private, and tells no peer of its tower",
                hint='let the run be submitted with alignment.method = "tie"',
            )
        return {}

    def _regression(self, name: str) -> ReleaseRegression:
        items = int(np.size(self._is_product))
        return ReleaseRegression(self._released(name), self._settings.transfer, items=items)
