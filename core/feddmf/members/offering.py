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
    """items: the map from matched to offered items; attributes: vectors of the offered user attributes, if any."""

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

    @property
    def quality(self) -> npt.NDArray[np.float32]:
        """What is said of each user attribute: that it is one, its ROC-AUC, its standard error."""
        assert self.attributes is not None  # noqa: S101  (asked only where there are some)
        said = (
            np.ones(len(self.attributes.roc_auc)),
            self.attributes.roc_auc,
            self.attributes.standard_error,
        )
        return np.stack(said, axis=1).astype(np.float32)
