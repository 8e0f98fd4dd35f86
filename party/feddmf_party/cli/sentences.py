"""What stands behind answers, in lines for people, within a hundred columns where names are short."""

from __future__ import annotations

import math
from collections.abc import Sequence

from feddmf.quality import Interval
from feddmf_party.answering import Backing
from feddmf_party.audience_figures import Expected
from feddmf_party.trust import UNMEASURED, Trust

__all__ = ["between", "evidence_lines", "expected_lines", "popularity_lines"]


def between(interval: Interval, digits: int = 3) -> str:
    """Return a figure with the ends of its interval, 0.953 (0.946 to 0.960); a dash for nan."""
    if math.isnan(interval.value):
        return "-"
    value = f"{interval.value:.{digits}f}"
    if math.isnan(interval.lower):
        return value
    return f"{value} ({interval.lower:.{digits}f} to {interval.upper:.{digits}f})"


def expected_lines(expected: Expected | None, users: int) -> list[str]:
    """Return what to expect of an audience of so many users."""
    if expected is None:
        return []
    found = between(expected.precision, 2)
    alone = ", by the probabilities alone" if math.isnan(expected.precision.lower) else ""
    recall, lift = between(expected.recall, 2), between(expected.lift, 1)
    return [
        f"expected: {expected.hits:.1f} of these {users} have it, precision {found}{alone}",
        f"recall {recall} of all who have it, lift {lift} over users at random",
    ]


def popularity_lines(popularity: Expected | None) -> list[str]:
    """Return what as many of the busiest users would bring in the place of an audience."""
    if popularity is None:
        return []
    precision, lift = between(popularity.precision, 2), between(popularity.lift, 1)
    return [f"of as many of the busiest users: precision {precision}, lift {lift}"]


def evidence_lines(backings: Sequence[Backing]) -> list[str]:
    """Return a line for each owner's evidence, and how owners who answer together were taken together."""
    lines = [_line(trust, backing) for backing in backings for trust in backing.trusts]
    for backing in backings:
        if len(backing.trusts) > 1:
            parts = ", ".join(
                f"{trust.owner} {share:.0%}"
                for trust, share in zip(backing.trusts, backing.shares, strict=True)
            )
            lines.append(f"{backing.attribute.key}: owners count {parts}; {backing.best.verdict}")
    return list(dict.fromkeys(lines))


def _line(trust: Trust, backing: Backing) -> str:
    if trust.verdict == UNMEASURED or trust.roc_auc is None:
        return f"evidence: {trust.owner}, {UNMEASURED}: {'; '.join(trust.reasons)}"
    what = f"{backing.attribute.key} of " if backing.attribute.told is not None else ""
    above = "" if trust.threshold is None else f", threshold {trust.threshold:.3f}"
    found = f"ROC-AUC {between(trust.roc_auc)} {trust.source}{above}"
    return f"evidence: {what}{trust.owner}, {found}: {trust.verdict}"
