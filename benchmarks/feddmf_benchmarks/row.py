"""One line of a benchmark's table."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Row", "Scale"]


class Scale(enum.StrEnum):
    """How much is measured: seconds in continuous integration, minutes, or all that is published."""

    SMALL = "small"
    USUAL = "usual"
    FULL = "full"


@dataclass(frozen=True)
class Row:
    """What one contender reached.

    name: the contender; baseline: whom it is held against, "" for a figure that stands alone; ratio: how
    many times as fast as the baseline; value: the median, in `unit`; share_of_limit: of what the machine's
    measured limit would allow, None where none is known; peak_mib: the most memory that its process held.
    """

    name: str
    baseline: str
    ratio: float | None
    value: float
    unit: str
    share_of_limit: float | None
    peak_mib: float

    def as_dict(self) -> dict[str, Any]:
        """Return the row as it is printed."""
        return asdict(self)
