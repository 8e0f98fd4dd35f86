"""Which items enough of a party's users have: what is released must not be about a few people."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.interactions import Interactions

__all__ = ["most_used", "supported_items"]


def supported_items(
    data: Interactions, min_support: int, *, party: str, section: str
) -> npt.NDArray[np.bool_]:
    """Return which items `min_support` or more users have, bool [items].

    section: that of the run file that asks for so many. Raises InputError for a party of fewer users.
    """
    if data.users < min_support:
        raise InputError(
            f"{party} has {data.users} users where an item must have {min_support}: "
            "its contribution would be of so few people, and not of a party",
            hint=f"take part with more users; {section}.min_support is the run file's",
        )
    return data.item_counts() >= min_support


def most_used(counts: npt.NDArray[np.signedinteger | np.floating], most: int) -> npt.NDArray[np.intp]:
    """Return the places of the `most` largest of `counts`, or of all, rising; of equal ones the first."""
    return np.sort(np.argsort(-counts, kind="stable")[:most])
