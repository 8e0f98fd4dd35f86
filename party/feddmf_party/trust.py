"""How far the answers of one owner can be trusted, by what a run has measured, or why it has not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.head import Head
from feddmf.quality import (
    Evidence,
    Figures,
    Interval,
    Prospects,
    Verdict,
    auc_interval,
    auc_verdict,
    measure,
    verdict,
)
from feddmf_party.audience_figures import interval_as_dict
from feddmf_party.offered import CrossValidated

__all__ = [
    "CARE",
    "REFUSE",
    "UNMEASURED",
    "USE",
    "VERDICTS",
    "Trust",
    "evidence_of",
    "threshold_of",
    "trust_in_items",
    "trust_in_user_attribute",
    "unmeasured",
]

USE, CARE, UNMEASURED, REFUSE = "use", "use with care", "not measured", "do not use"
VERDICTS = (USE, CARE, UNMEASURED, REFUSE)
"""Best first."""

_WORDS: Mapping[str, str] = MappingProxyType({"use": USE, "care": CARE, "refuse": REFUSE})
_IN_ORDER = "probabilities are in order, not calibrated"
_RUN_AGAIN = "the file was cut or changed; take part in a run again"

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Trust:
    """What is known of how far an owner's answers hold.

    verdict: one of VERDICTS, with its reasons; source: what roc_auc was found on, in words; roc_auc: with its
    90 % interval, None where nothing was measured; hidden_items: how many it was measured on, 0 for a user
    attribute; threshold: above it a probability is called positive; evidence: hidden cells, for audiences.
    """

    run: str
    owner: str
    verdict: str
    reasons: tuple[str, ...]
    source: str = ""
    roc_auc: Interval | None = None
    hidden_items: int = 0
    threshold: float | None = None
    evidence: Evidence | None = None

    @property
    def measured(self) -> bool:
        """Whether anything says how good the answers are."""
        return self.roc_auc is not None

    @cached_property
    def prospects(self) -> Prospects | None:
        """What hidden items say of audiences; None where there are none."""
        return None if self.evidence is None else Prospects(self.evidence)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "run": self.run,
            "owner": self.owner,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "source": self.source,
            "roc_auc": None if self.roc_auc is None else interval_as_dict(self.roc_auc),
            "hidden_items": self.hidden_items,
            "users": 0 if self.evidence is None else self.evidence.users,
            "threshold": self.threshold,
        }


def trust_in_items(run: str, arrays: Arrays, peer: str, figures: Figures | None = None) -> Trust:
    """Return how far `peer`'s items hold for the users of a run, by the arrays of its model.

    figures: where they are measured already.
    """
    why_not = unmeasured(arrays, peer)
    if why_not is not None:
        return Trust(run, peer, UNMEASURED, (why_not,))
    evidence, threshold = evidence_of(arrays, peer), threshold_of(arrays, peer)
    if evidence is None or threshold is None:
        word, reasons = _judged(verdict(None))
        hidden = len(arrays[f"hidden.{peer}.items"])
        return Trust(run, peer, word, (*reasons, _IN_ORDER), hidden_items=hidden)
    figures = figures or measure(evidence, threshold)
    return Trust(
        run,
        peer,
        *_judged(verdict(figures)),
        source=f"on {figures.items} hidden items",
        roc_auc=figures.roc_auc,
        hidden_items=figures.items,
        threshold=threshold,
        evidence=evidence,
    )


def trust_in_user_attribute(run: str, owner: str, told: CrossValidated) -> Trust:
    """Return how far a user attribute holds, by what its owner tells of it."""
    figures = told.roc_auc, told.standard_error
    return Trust(
        run,
        owner,
        *_judged(auc_verdict(*figures)),
        source="measured by the owner on its own users",
        roc_auc=auc_interval(*figures),
    )


def unmeasured(arrays: Arrays, peer: str) -> str | None:
    """Return why nothing could be measured of `peer`'s items; None where it was tried."""
    if "contexts" not in arrays or "user_vectors" not in arrays:
        return "no hidden items in this protocol or recipe; scores are in order, no calibrated probabilities"
    if f"hidden.{peer}.items" in arrays:
        return None
    hidden = any(name.startswith("hidden.") for name in arrays)
    return (
        f"no hidden items that {peer} sells; {_IN_ORDER}"
        if hidden
        else f"no hidden items in this run; {_IN_ORDER}"
    )


def evidence_of(arrays: Arrays, peer: str) -> Evidence | None:
    """Return the hidden cells that a model keeps of `peer`; None where there was too little to measure."""
    try:
        return Evidence.from_arrays(arrays, peer)
    except (KeyError, ValueError) as error:
        raise InputError(
            f"the model's hidden items of {peer} do not fit: {error}", hint=_RUN_AGAIN
        ) from error


def threshold_of(arrays: Arrays, peer: str) -> float | None:
    """Return the threshold that hidden items chose for `peer`'s items, None without a head."""
    prefix = f"head.{peer}."
    head = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return Head.from_arrays(head).threshold if head else None


def _judged(found: Verdict) -> tuple[str, tuple[str, ...]]:
    return _WORDS[found.word], found.reasons
