"""Who follows its targets and who does not: names noise and frozen vectors.

The cosine of a party's vectors to its targets cannot tell who is at fault: opposite a party that
sends noise an honest party's cosine is as low, and opposite frozen vectors everybody's is high. What
tells them apart is the *response*: the mean cosine between how a vector moved since the last
exchange and the way its target pulled it. It is near 1 for a party that trains under eq. 5, and 0
for noise, for frozen vectors, and for frozen vectors with a little noise on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from feddmf.alignment import mean_cosine, unit_rows
from feddmf.errors import Misconduct
from feddmf.runfile import EnforcementSettings

__all__ = ["Following", "Verdict", "response"]

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Verdict:
    """One party in one round: the figures, and for how many rounds it has not followed."""

    cosine: float
    response: float | None
    rounds_not_following: int


@dataclass(frozen=True, eq=False)
class _Seen:
    vectors: Floats  # [rows, dim], unit length
    targets: Floats  # [rows, dim], zero where nothing pulled


@dataclass(frozen=True, eq=False)
class Following:
    """The state between rounds: what each party sent and was told last, and its count of failures."""

    settings: EnforcementSettings
    rounds: int = 0
    seen: Mapping[str, _Seen] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)

    def observe(
        self, vectors: Mapping[str, Floats], targets: Mapping[str, Floats]
    ) -> tuple[Following, dict[str, Verdict]]:
        """Judge one round; targets[party] is what it is told now, summed over active pairs."""
        verdicts = {}
        for party, sent in vectors.items():
            before = self.seen.get(party)
            answer = None if before is None else response(before.vectors, unit_rows(sent), before.targets)
            failing = self.rounds >= self.settings.warmup_rounds and self._fails(answer)
            count = self.failures.get(party, 0) + 1 if failing else 0
            verdicts[party] = Verdict(mean_cosine(sent, targets[party]), answer, count)
        return replace(
            self,
            rounds=self.rounds + 1,
            seen={party: _Seen(unit_rows(sent), targets[party]) for party, sent in vectors.items()},
            failures={party: verdict.rounds_not_following for party, verdict in verdicts.items()},
        ), verdicts

    def enforce(self) -> None:
        """Raise Misconduct naming the party that has not followed for too many rounds."""
        for party, count in sorted(self.failures.items()):
            if count >= self.settings.follow_rounds:
                raise Misconduct(
                    party,
                    f"{party} has not followed its alignment targets for {count} rounds "
                    "(its vectors do not move the way they are pulled), and nothing is published",
                    hint=f"ask {party} which software and data it runs; its vectors may be noise or frozen",
                )

    def _fails(self, answer: float | None) -> bool:
        return answer is not None and answer < self.settings.follow_floor


def response(before: Floats, after: Floats, targets: Floats) -> float | None:
    """Return the mean cosine of movement (after - before) and pull, both tangent to the unit sphere.

    before, after: unit rows [rows, dim]; targets: [rows, dim]. Rows that nothing pulls, because their
    target is zero or they are on it, do not count; None where no row counts.
    """
    along = np.einsum("ij,ij->i", targets, before)[:, None]
    pull = targets - along * before
    counts = np.einsum("ij,ij->i", pull, pull) > _STILL
    return mean_cosine((after - before)[counts], pull[counts]) if counts.any() else None


# Squared length under which a pull is rounding error of float32 unit vectors.
_STILL = 1e-10
