"""What stands behind an answer: the evidence of each owner, one verdict, one threshold, what to expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feddmf.combining import shares
from feddmf.errors import InputError
from feddmf.quality import Sought
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Predictor
from feddmf_party.trust import (
    CARE,
    REFUSE,
    UNMEASURED,
    VERDICTS,
    Trust,
    trust_in_items,
    trust_in_user_attribute,
)

__all__ = ["Backer", "Backing", "refuse_untrusted", "warnings"]


@dataclass(frozen=True, eq=False)
class Backing:
    """What is behind the answers about one attribute.

    trusts: of its owners, in their order; shares: what part each has in the answer, [owners].
    """

    attribute: Attribute
    trusts: tuple[Trust, ...]
    shares: tuple[float, ...]

    @property
    def best(self) -> Trust:
        """The most trusted of the owners that count; of equals the one that counts most."""
        ranks = [(VERDICTS.index(trust.verdict), -share) for trust, share in self._counting]
        return self._counting[min(range(len(ranks)), key=ranks.__getitem__)][0]

    @property
    def key(self) -> str:
        """The key of the attribute."""
        return self.attribute.key

    @property
    def owner(self) -> str:
        """The owners in one text."""
        return self.attribute.owner

    @property
    def verdict(self) -> str:
        """The verdict of the most trusted of the owners that count."""
        return self.best.verdict

    @property
    def measured(self) -> bool:
        """Whether anything says how good the answers are."""
        return self.best.measured

    @property
    def threshold(self) -> float | None:
        """Above it a probability is called positive: that of the owners, weighted like their scores."""
        parts = [
            None if trust.threshold is None else trust.threshold * share for trust, share in self._counting
        ]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    @property
    def several(self) -> bool:
        """Whether more than one owner counts, so that owners can disagree."""
        return len(self._counting) > 1

    @property
    def calibrated(self) -> bool:
        """Whether a score is a probability that was held against what came true."""
        return all(trust.roc_auc is not None for trust, _ in self._counting)

    @property
    def sought(self) -> Sought:
        """The attribute as audiences are looked ahead at."""
        return Sought(self.attribute.key, self.best.prospects)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        attribute, best = self.attribute, self.best
        return {
            "key": attribute.key,
            "label": attribute.label,
            "owner": attribute.owner,
            "kind": attribute.kind,
            "threshold": self.threshold,
            "calibrated": self.calibrated,
            "verdict": best.verdict,
            "reasons": list(best.reasons),
            "best": best.owner,
            "evidence": [trust.as_dict() for trust in self.trusts],
        }

    @property
    def _counting(self) -> list[tuple[Trust, float]]:
        """The owners that count, with their shares."""
        return [each for each in zip(self.trusts, self.shares, strict=True) if each[1] > 0]


class Backer:
    """Finds what is behind the answers of one predictor; each peer's items are measured once."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._of_items: dict[str, Trust] = {}

    def back(self, attribute: Attribute) -> Backing:
        """Return what is behind the answers about `attribute`."""
        if attribute.told is not None:
            trusts = [trust_in_user_attribute(self._predictor.run, attribute.owners[0], attribute.told)]
        else:
            trusts = [self._in_items(owner) for owner in attribute.owners]
        weights = np.array([self._predictor.weights[owner] for owner in attribute.owners])
        parts = shares(weights, np.ones((len(weights), 1), dtype=np.bool_))[:, 0]
        return Backing(attribute, tuple(trusts), tuple(parts.tolist()))

    def _in_items(self, owner: str) -> Trust:
        if owner not in self._of_items:
            self._of_items[owner] = trust_in_items(self._predictor.run, self._predictor.arrays, owner)
        return self._of_items[owner]


def refuse_untrusted(run: str, backings: Sequence[Backing], *, anyway: bool) -> None:
    """Raise InputError, unless `anyway`, where a verdict says that an attribute's answers are of no use."""
    refused = [backing for backing in backings if backing.best.verdict == REFUSE]
    if refused and not anyway:
        first = refused[0]
        others = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise InputError(
            f"run {run} does not answer for {first.attribute.key!r}{others}: {'; '.join(first.best.reasons)}",
            hint="see feddmf quality report; to be answered all the same, say --anyway",
        )


def warnings(backings: Sequence[Backing], *, evidence_shown: bool = False) -> list[str]:
    """Return what a person must be told beside the answers: each verdict short of use, with its reasons.

    evidence_shown: whether lines of evidence stand beside them, which say what was not measured, and why.
    """
    told = {CARE, REFUSE} if evidence_shown else {CARE, REFUSE, UNMEASURED}
    found: dict[str, list[str]] = {}
    for backing in backings:
        best = backing.best
        if best.verdict in told:
            line = f"{best.verdict}: {'; '.join(best.reasons)}"
            found.setdefault(line, []).append(backing.attribute.key)
    return [f"{_few(keys)}: {line}" for line, keys in found.items()]


def _few(keys: Sequence[str], most: int = 3) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
