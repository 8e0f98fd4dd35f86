"""What a party knows of its predictions from hidden items alone, before any truth of what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.head import Head
from feddmf.quality import Evidence, Figures, measure

__all__ = ["AtHome"]


@dataclass(frozen=True)
class AtHome:
    """Threshold for a positive, and ROC-AUC on hidden items with its 90 % interval; means over peers."""

    threshold: float
    roc_auc: float
    lower: float
    upper: float

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]], heads: Mapping[str, Head]) -> AtHome | None:
        """Take what a model's `arrays` keep of the items it hid; None where there are no heads."""
        measured = {}
        for peer, head in heads.items():
            evidence = Evidence.from_arrays(arrays, peer)
            if evidence is not None:
                measured[peer] = measure(evidence, head.threshold)
        if not measured:
            return None
        return cls(
            threshold=float(np.mean([heads[peer].threshold for peer in measured])),
            roc_auc=_mean(measured, "value"),
            lower=_mean(measured, "lower"),
            upper=_mean(measured, "upper"),
        )


def _mean(measured: Mapping[str, Figures], what: str) -> float:
    return float(np.mean([getattr(each.roc_auc, what) for each in measured.values()]))
