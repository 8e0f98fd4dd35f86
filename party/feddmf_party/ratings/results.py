"""The rows of the ratings experiment as they were read back, asked by name."""

from __future__ import annotations

from dataclasses import dataclass

from feddmf_party.reproduce.experiment import Rows
from feddmf_party.reproduce.tables import Spread, spread, where

__all__ = ["Results"]


@dataclass(frozen=True, eq=False)
class Results:
    """Values by part, model, scope and metric, one a seed."""

    rows: Rows

    def seeds(self) -> list[str]:
        """Return the seeds in order."""
        return list(dict.fromkeys(row["seed"] for row in self.rows))

    def by_seed(self, part: str, model: str, metric: str, scope: str = "all") -> list[float]:
        """Return the values, one a seed; KeyError where there is none."""
        found = where(self.rows, part=part, model=model, metric=metric, scope=scope)
        if not found:
            raise KeyError(f"{part}, {model}, {scope}, {metric}")
        return [float(row["value"]) for row in found]

    def spread(self, part: str, model: str, metric: str, scope: str = "all") -> Spread:
        """Return mean and standard deviation over seeds."""
        return spread(self.by_seed(part, model, metric, scope))

    def mean(self, part: str, model: str, metric: str, scope: str = "all") -> float:
        """Return the mean over seeds."""
        return self.spread(part, model, metric, scope).mean

    def models(self, part: str, scope: str = "all") -> list[str]:
        """Return the models of a part in the order of the rows, sizes aside."""
        found = where(self.rows, part=part, scope=scope)
        return [name for name in dict.fromkeys(row["model"] for row in found) if name != "size"]

    def better(self, part: str, one: str, other: str, metric: str, scope: str = "all") -> tuple[int, int]:
        """Return in how many seeds `one` has the smaller value than `other`, and how many seeds there are."""
        pairs = list(
            zip(self.by_seed(part, one, metric, scope), self.by_seed(part, other, metric, scope), strict=True)
        )
        return sum(left < right for left, right in pairs), len(pairs)

    def note(self, part: str) -> str:
        """Return the first note of a part."""
        return where(self.rows, part=part)[0]["note"]
