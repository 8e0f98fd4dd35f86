"""Probabilities of the classes of one column, made to agree: a user has one country, and not two."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["class_probabilities"]


def class_probabilities(
    probabilities: npt.NDArray[np.floating], columns: Sequence[str], *, complete: Collection[str] = ()
) -> npt.NDArray[np.float32]:
    """Return `probabilities` [users, k], each fitted by itself, so that those of a column sum to 1 or less.

    columns: the column of each of the k classes; complete: columns all of whose classes are among them, which
    sum to 1. Of all others, what is missing to 1 is another class, and only sums over 1 are scaled down.
    """
    agreed = probabilities.astype(np.float32)
    for column in dict.fromkeys(columns):
        places = [at for at, each in enumerate(columns) if each == column]
        total = agreed[:, places].sum(axis=1, dtype=np.float64)
        if column not in complete:
            total = np.maximum(total, 1.0)
        # Where every class is impossible nothing is known, and a sum of 0 stays.
        total[total == 0] = 1.0
        agreed[:, places] = agreed[:, places] / total[:, None]
    return agreed
