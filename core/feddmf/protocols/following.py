"""Who follows what it is told and who does not: names noise and frozen vectors.

The cosine of a party's vectors to its targets cannot tell who is at fault: opposite a party that
sends noise an honest party's cosine is as low, and opposite frozen vectors everybody's is high. What
tells them apart is the *response* to what single parties were told, over all rows and all rounds so far;
`pulled` and `marked` say how it is measured where vectors are pulled, and where they are tied.

A party that stops moving after it has followed for a while keeps a good response, so vectors that are
told to move and do not at all count as not following by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from feddmf.errors import Misconduct
from feddmf.protocols.base import Arrays
from feddmf.runfile import EnforcementSettings

__all__ = ["Evidence", "Following", "Told", "Verdict"]

Floats = npt.NDArray[np.floating]


class Evidence(Protocol):
    """What is known of one party's response; sums over rounds."""

    @property
    def tells_early(self) -> bool:
        """Whether it holds before the training has ended."""
        ...

    @property
    def still(self) -> bool:
        """Whether there was reason to move and nothing moved, not by a bit."""
        ...

    @property
    def response(self) -> float | None:
        """How far the party does what it is told: about 1 for one that does, 0 for one that does not."""
        ...

    @property
    def most(self) -> float | None:
        """The largest response that chance would explain."""
        ...

    def plus(self, other: Any) -> Any:
        """Return the evidence of both."""
        ...

    def sums(self) -> tuple[float, ...]:
        """Return all that is known, as numbers."""
        ...


class Told(Protocol):
    """What a party sent of a table in one round, and what it was told then."""

    def news(self, after: Floats) -> Any:
        """Return the evidence in what it sends next, [rows, dim]."""
        ...

    def arrays(self) -> Arrays:
        """Return all of it by name, without copying."""
        ...


@dataclass(frozen=True)
class Verdict:
    """One party after one round: its response, and for how many rounds it has not followed."""

    response: float | None
    rounds_not_following: int


@dataclass(frozen=True, eq=False)
class Following:
    """The state between rounds: what each party sent and was told last, its evidence, its failures.

    Tables of vectors are judged one by one: who follows in one and not in the other does not follow.
    floor: the response under which a party does not follow.
    """

    settings: EnforcementSettings
    floor: float
    rounds: int = 0
    told: Mapping[str, Sequence[Told]] = field(default_factory=dict)
    evidence: Mapping[str, Sequence[Evidence]] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)

    def observe(
        self, vectors: Mapping[str, Sequence[Floats]], told: Mapping[str, Sequence[Told]]
    ) -> tuple[Following, dict[str, Verdict]]:
        """Judge one round by the `vectors` that were sent in it; `told`: what parties are told in answer.

        Both are by party and table.
        """
        evidence = {**self.evidence}
        verdicts = {}
        for party, sent in vectors.items():
            before = self.told.get(party, ())
            news = [each.news(table) for each, table in zip(before, sent, strict=False)]
            known = evidence.get(party, ())
            evidence[party] = [old.plus(new) for old, new in zip(known, news, strict=True)] if known else news
            verdicts[party] = self._judge(party, evidence[party], news)
        failures = {party: verdict.rounds_not_following for party, verdict in verdicts.items()}
        after = replace(self, rounds=self.rounds + 1, told=told, evidence=evidence, failures=failures)
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
                raise _misconduct(party, "in the whole training")

    def _judge(self, party: str, so_far: Sequence[Evidence], news: Sequence[Evidence]) -> Verdict:
        responses = [each.response for each in so_far if each.response is not None]
        still = any(new.still for new in news)
        deaf = self._is_deaf([each for each in so_far if each.tells_early])
        failing = self.rounds >= self.settings.warmup_rounds and (deaf or still)
        return Verdict(min(responses, default=None), self.failures.get(party, 0) + 1 if failing else 0)

    def _is_deaf(self, so_far: Sequence[Evidence]) -> bool:
        return any(each.most is not None and each.most < self.floor for each in so_far)


def _misconduct(party: str, when: str) -> Misconduct:
    return Misconduct(
        party,
        f"{party} has not followed its alignment targets {when} "
        "(its vectors do not move the way they are told to), and nothing is published",
        hint=f"ask {party} which software and data it runs; its vectors may be noise or frozen",
    )
