"""What a leakage audit came to, in plain words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from feddmf.privacy.attack_figures import FPR
from feddmf_party.attacking import Finding

__all__ = ["as_dict", "verdict_lines"]

# Areas up to which an attack tells so much.
_GRADES = (
    (0.55, "hardly more than a coin tells"),
    (0.7, "a little, of some users"),
    (0.85, "much, of many users"),
)
_MOST = "of most users, who is in the data"


def verdict_lines(finding: Finding) -> list[str]:
    """Return what the audit found, and what that means."""
    leak, ceiling = finding.leak, finding.ceiling
    auc = _between(leak.auc, leak.auc_lower, leak.auc_upper)
    tpr = _between(leak.tpr, leak.tpr_lower, leak.tpr_upper)
    lines = [f"attack: AUC {auc}, {tpr} of members found at {FPR:.0%} false alarms"]
    if ceiling is None:
        lines.append("ceiling: none; the run is not private, and a better attack may find more")
    else:
        lines.append(
            f"ceiling: AUC {ceiling.auc:.3f}, {ceiling.tpr:.3f} of members, for any attack on a release of "
            f"epsilon {ceiling.epsilon:g} (delta {ceiling.delta:.2g})"
        )
    return [*lines, f"verdict: {_verdict(finding)}"]


def as_dict(finding: Finding) -> dict[str, Any]:
    """Return the same for programs."""
    ceiling = None if finding.ceiling is None else asdict(finding.ceiling)
    return {
        "models": finding.models,
        "users": finding.users,
        "users_a_model": finding.trained_on,
        "items": finding.items,
        "fpr": FPR,
        **asdict(finding.leak),
        "ceiling": ceiling,
        "within_ceiling": finding.is_within,
        "verdict": _verdict(finding),
    }


def _verdict(finding: Finding) -> str:
    """Say what somebody who knows a user's items learns."""
    auc = finding.leak.auc
    told = next((words for most, words in _GRADES if auc <= most), _MOST)
    found = f"who knows a user's items learns {told}"
    if not finding.is_within:
        return f"{found}; that is over the ceiling: the release is not what it should be, do not send it"
    if finding.ceiling is not None:
        return f"{found}; within the ceiling, which holds against every attack"
    if auc <= _GRADES[0][0]:
        return f"{found}; by this attack, nothing holds against a better one"
    return f'{found}; take part with [privacy] mode = "gram", or only if peers may know that'


def _between(value: float, lower: float, upper: float) -> str:
    return f"{value:.3f} ({lower:.3f} to {upper:.3f})"
