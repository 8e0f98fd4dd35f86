"""What stands behind an answer: the evidence of each owner, one verdict, one threshold, what to expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.combining import shares
from feddmf.errors import InputError
from feddmf_party.offered import Attribute
from feddmf_party.trust import CARE, REFUSE, VERDICTS, Expected, Trust

__all__ = ["Backing", "refuse_untrusted", "warnings"]


@dataclass(frozen=True, eq=False)
class Backing:
    """What is behind the answers about one attribute.

    trusts: of its owners, in their order; weights: what each counts in the answer, [owners], as of `weigh`.
    """

    attribute: Attribute
    trusts: tuple[Trust, ...]
    weights: npt.NDArray[np.float64]

    @property
    def best(self) -> Trust:
        """The most trusted of the owners that count; of equals the one that counts most."""
        order = sorted(
            self._counting,
            key=lambda place: (VERDICTS.index(self.trusts[place].verdict), -self._shares[place]),
        )
        return self.trusts[order[0]]

    @property
    def threshold(self) -> float | None:
        """Above it a probability is called positive: that of the owners, weighted like their scores."""
        each = [(self.trusts[place].threshold, self._shares[place]) for place in self._counting]
        known = [(threshold, share) for threshold, share in each if threshold is not None]
        if len(known) < len(each):
            return None
        return float(sum(threshold * share for threshold, share in known))

    def expect(self, probabilities: npt.NDArray[np.float32]) -> Expected | None:
        """Return what to expect of users with these scores, [users]; None where nothing was measured."""
        return self.best.expect(probabilities) if len(probabilities) else None

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        attribute, best = self.attribute, self.best
        return {
            "key": attribute.key,
            "label": attribute.label,
            "owner": attribute.owner,
            "kind": attribute.kind,
            "threshold": self.threshold,
            "verdict": best.verdict,
            "reasons": list(best.reasons),
            "evidence": [trust.as_dict() for trust in self.trusts],
        }

    @property
    def _shares(self) -> npt.NDArray[np.float64]:
        part: npt.NDArray[np.float64] = shares(self.weights, np.ones((len(self.weights), 1), np.bool_))[:, 0]
        return part

    @property
    def _counting(self) -> list[int]:
        return np.flatnonzero(self._shares).tolist()


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


def warnings(backings: Sequence[Backing]) -> list[str]:
    """Return what a person must be told beside the answers: each verdict short of use, with its reasons."""
    found: Mapping[str, list[str]] = {}
    for backing in backings:
        best = backing.best
        if best.verdict in {CARE, REFUSE}:
            line = f"{best.verdict}: {'; '.join(best.reasons)}"
            found = {**found, line: [*found.get(line, []), backing.attribute.key]}
    return [f"{_few(keys)}: {line}" for line, keys in found.items()]


def _few(keys: Sequence[str], most: int = 3) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
