"""What a party with a history tower offers: the linear map of its items, and its user attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from feddmf.members.linear_maps import ItemMap

if TYPE_CHECKING:
    from feddmf.attribute_vectors import AttributeVectors

__all__ = ["Offer"]


@dataclass(frozen=True, eq=False)
class Offer:
    """items: the map from matched to offered items; attributes: the offered user attributes, if any."""

    items: ItemMap
    attributes: AttributeVectors | None

    @property
    def contexts(self) -> npt.NDArray[np.float32]:
        """The context columns of both, [matched, columns]; those of user attributes are the last ones."""
        if self.attributes is None:
            return self.items.contexts
        own = self.attributes.contexts
        contexts = self.items.contexts.copy()
        contexts[:, contexts.shape[1] - own.shape[1] :] = own
        return contexts
