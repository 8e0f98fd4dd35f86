"""What an audience is wanted for: criteria, and what stands behind the answer about each attribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from feddmf_party.answering import Backing
from feddmf_party.criteria import Criteria
from feddmf_party.trust import VERDICTS

__all__ = ["Wanted"]


@dataclass(frozen=True, eq=False)
class Wanted:
    """Criteria with a backing for each of their attributes, in the order of their keys."""

    criteria: Criteria
    backings: tuple[Backing, ...]

    @classmethod
    def of(cls, backing: Backing) -> Wanted:
        """Return what is wanted of an audience for one attribute."""
        return cls(Criteria.of(backing.attribute.key), (backing,))

    @property
    def only(self) -> Backing | None:
        """What is behind the one attribute; None where several are combined."""
        return self.backings[0] if self.criteria.single else None

    @property
    def key(self) -> str:
        """The criteria in words, by keys; for one attribute its key."""
        return self.criteria.describe()

    @property
    def label(self) -> str:
        """The criteria in words, by labels where there are such."""
        return self.criteria.describe([each.attribute.label or each.key for each in self.backings])

    @property
    def owner(self) -> str:
        """Everybody who published one of the attributes, in one text."""
        return ", ".join(sorted({owner for each in self.backings for owner in each.attribute.owners}))

    @property
    def threshold(self) -> float | None:
        """Above it a probability is called positive; hidden items choose none for several attributes."""
        return None if self.only is None else self.only.threshold

    @property
    def verdict(self) -> str:
        """That of the attribute that is trusted least."""
        return max((each.verdict for each in self.backings), key=VERDICTS.index)

    @property
    def measured(self) -> bool:
        """Whether anything says how good the answers about each attribute are."""
        return all(each.measured for each in self.backings)

    @property
    def calibrated(self) -> bool:
        """Whether the scores of all attributes are probabilities that were held against what came true."""
        return all(each.calibrated for each in self.backings)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        criteria = self.criteria
        return {
            "all": list(criteria.all),
            "any": list(criteria.any),
            "none": list(criteria.none),
            "described": self.label,
            "verdict": self.verdict,
            "calibrated": self.calibrated,
        }
