"""Who follows its targets and who does not: names noise and frozen vectors.

The cosine of a party's vectors to its targets cannot tell who is at fault: opposite a party that
sends noise an honest party's cosine is as low, and opposite frozen vectors everybody's is high. What
tells them apart is the *response*: the cosine between how the party's vectors moved from exchange to
exchange and the way their targets pulled them, over all rows and all rounds so far. A party that
trains under eq. 5 has .4 to .9; noise, frozen vectors, and frozen vectors with a little noise on them
have 0. Single rounds say little once the vectors are aligned, since what is left of the pull is then
smaller than the steps of the optimiser; in the sums the rounds count by how hard they pulled.

A party that stops moving after it has followed for a while keeps a good response, so vectors that are
pulled and do not move at all count as not following by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from feddmf.alignment import unit_rows
from feddmf.errors import Misconduct
from feddmf.runfile import EnforcementSettings

__all__ = ["Evidence", "Following", "Verdict"]

Floats = npt.NDArray[np.floating]

# Squared length under which a pull is rounding error of float32 unit vectors.
_STILL = 1e-10


@dataclass(frozen=True)
class Evidence:
    """Sums over the rows that were pulled, of all rounds so far.

    along: scalar products of movement and pull; movement, pull: their squared lengths.
    """

    along: float = 0.0
    movement: float = 0.0
    pull: float = 0.0

    def add(self, before: Floats, after: Floats, targets: Floats) -> Evidence:
        """Take in one round: unit rows before and after [rows, dim], and the targets in between.

        The pull is the part of a target that is tangent to the unit sphere. Rows that nothing pulls,
        because their target is zero or they are on it, do not count.
        """
        pull = targets - np.einsum("ij,ij->i", targets, before)[:, None] * before
        pulled = np.einsum("ij,ij->i", pull, pull) > _STILL
        pull, movement = pull[pulled], (after - before)[pulled]
        return self.plus(
            Evidence(
                _sum_of_products(movement, pull),
                _sum_of_products(movement, movement),
                _sum_of_products(pull, pull),
            )
        )

    def plus(self, other: Evidence) -> Evidence:
        """Return the sums of both."""
        return Evidence(self.along + other.along, self.movement + other.movement, self.pull + other.pull)

    @property
    def still(self) -> bool:
        """Whether something pulled and nothing moved, not by a bit."""
        return self.pull > 0 and self.movement == 0

    @property
    def response(self) -> float | None:
        """Cosine of movement and pull; 0 for vectors that never moved, None where nothing has pulled."""
        if not self.pull:
            return None
        return self.along / math.sqrt(self.movement * self.pull) if self.movement else 0.0


@dataclass(frozen=True)
class Verdict:
    """One party after one round: its response, and for how many rounds it has not followed."""

    response: float | None
    rounds_not_following: int


@dataclass(frozen=True, eq=False)
class _Seen:
    vectors: Floats  # [rows, dim], unit length
    targets: Floats  # [rows, dim], zero where nothing pulled


@dataclass(frozen=True, eq=False)
class Following:
    """The state between rounds: what each party sent and was told last, its evidence, its failures."""

    settings: EnforcementSettings
    rounds: int = 0
    seen: Mapping[str, _Seen] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)

    def observe(
        self, vectors: Mapping[str, Floats], targets: Mapping[str, Floats]
    ) -> tuple[Following, dict[str, Verdict]]:
        """Judge one round; targets[party] is what it is told now, summed over active pairs."""
        seen = {party: _Seen(unit_rows(sent), targets[party]) for party, sent in vectors.items()}
        news = {party: self._news(party, now.vectors) for party, now in seen.items()}
        evidence = {party: self.evidence.get(party, Evidence()).plus(new) for party, new in news.items()}
        verdicts = {party: self._judge(party, evidence[party], new) for party, new in news.items()}
        failures = {party: verdict.rounds_not_following for party, verdict in verdicts.items()}
        after = replace(self, rounds=self.rounds + 1, seen=seen, evidence=evidence, failures=failures)
        return after, verdicts

    def enforce(self) -> None:
        """Raise Misconduct naming the party that has not followed for too many rounds."""
        for party, count in sorted(self.failures.items()):
            if count >= self.settings.follow_rounds:
                raise _misconduct(party, f"for {count} rounds")

    def enforce_at_the_end(self) -> None:
        """Raise Misconduct naming a party that has not followed over the whole run, however short it was."""
        for party, so_far in sorted(self.evidence.items()):
            if self._is_deaf(so_far):
                raise _misconduct(party, "in the whole run")

    def _news(self, party: str, vectors: Floats) -> Evidence:
        before = self.seen.get(party)
        return Evidence() if before is None else Evidence().add(before.vectors, vectors, before.targets)

    def _judge(self, party: str, so_far: Evidence, new: Evidence) -> Verdict:
        failing = self.rounds >= self.settings.warmup_rounds and (self._is_deaf(so_far) or new.still)
        return Verdict(so_far.response, self.failures.get(party, 0) + 1 if failing else 0)

    def _is_deaf(self, so_far: Evidence) -> bool:
        return so_far.response is not None and so_far.response < self.settings.follow_floor


def _misconduct(party: str, when: str) -> Misconduct:
    return Misconduct(
        party,
        f"{party} has not followed its alignment targets {when} "
        "(its vectors do not move the way they are pulled), and nothing is published",
        hint=f"ask {party} which software and data it runs; its vectors may be noise or frozen",
    )


def _sum_of_products(left: Floats, right: Floats) -> float:
    return float(np.einsum("ij,ij->", left, right, dtype=np.float64))
