"""Whether to act on a peer's predictions: use, use with care, or not at all, and in plain words why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from feddmf.quality.figures import Figures
from feddmf.quality.intervals import Interval

__all__ = ["Verdict", "auc_interval", "auc_verdict", "verdict"]

Word = Literal["use", "care", "refuse"]

SMALL_AUC = 0.56
"""A small effect (Cohen's d .2) as an AUC, Rice and Harris (2005), table 1; below it is near chance."""
LARGE_AUC = 0.71
"""A large effect (d .8) as an AUC, from the same table: what one may act on without a second thought."""
FEWEST_ITEMS, SOME_ITEMS = 10, 40
"""Hidden items: under 10 the bootstrap is too narrow to be believed, from 40 it covers the ROC-AUC."""
FEWEST_POSITIVES, SOME_POSITIVES = 20, 150
"""Positive cells: what a head is fitted on at all, and what its layers are fitted on."""
SOME_USERS = 50
"""Users: with fewer the tenth of them that one would choose is a handful."""
MOST_TOP_ERROR = 0.03
"""Calibration error over the top decile of probabilities, in points of probability, beyond what is chance."""
TOP_RATIO = (0.75, 1.33)
"""Positive cells of the top decile over those expected there: beyond a third either way, plans go wrong."""

_TOO_LITTLE = (
    "too few hidden items, or too few users here who have one, to measure anything: "
    f"{FEWEST_ITEMS} items and {FEWEST_POSITIVES} pairs are the least; share more matched items, "
    "or hide more of them (alignment.hidden_share)"
)
_Z = 1.645  # of a normal distribution's middle 90 %


@dataclass(frozen=True)
class Verdict:
    """What to do with a peer's predictions, and each reason in words; a `use` gives what speaks for it."""

    word: Word
    reasons: tuple[str, ...]


def verdict(figures: Figures | None) -> Verdict:
    """Judge the figures of a peer; None, where there was too little to fit a head on, is refused."""
    if figures is None:
        return Verdict("refuse", (_TOO_LITTLE,))
    refusals = _refusals(figures)
    if refusals:
        return Verdict("refuse", tuple(refusals))
    doubts = _doubts(figures)
    if doubts:
        return Verdict("care", tuple(doubts))
    what = f"ROC-AUC {_shown(figures.roc_auc)} on {figures.items} hidden items"
    return Verdict("use", (f"{what}, better than popularity and activity, and well calibrated",))


def auc_interval(roc_auc: float, standard_error: float) -> Interval:
    """Return the 90 % interval of an AUC that an owner states with its standard error, within 0..1."""
    spread = _Z * standard_error
    return Interval(roc_auc, max(0.0, roc_auc - spread), min(1.0, roc_auc + spread))


def auc_verdict(roc_auc: float, standard_error: float) -> Verdict:
    """Judge a user attribute by the owner's cross-validated AUC and its standard error; nan is refused."""
    known = auc_interval(roc_auc, standard_error)
    if not known.lower >= SMALL_AUC:
        return Verdict("refuse", (_near_chance(known, "the owner's cross-validated ROC-AUC"),))
    if known.lower < LARGE_AUC:
        return Verdict("care", (_modest(known, "the owner's cross-validated ROC-AUC"),))
    return Verdict("use", (f"the owner's cross-validated ROC-AUC is {_shown(known)}",))


def _refusals(figures: Figures) -> list[str]:
    found = []
    if figures.items < FEWEST_ITEMS:
        found.append(f"only {figures.items} hidden items, of {FEWEST_ITEMS} needed")
    if figures.positives < FEWEST_POSITIVES:
        found.append(f"only {figures.positives} positive cells to measure by, of {FEWEST_POSITIVES} needed")
    if not found and not figures.roc_auc.lower >= SMALL_AUC:
        found.append(_near_chance(figures.roc_auc, "ROC-AUC on hidden items"))
    return found


def _doubts(figures: Figures) -> list[str]:
    reliability = figures.reliability
    low, high = TOP_RATIO
    checks = (
        (figures.items < SOME_ITEMS, f"measured on only {figures.items} hidden items"),
        (figures.positives < SOME_POSITIVES, f"measured on only {figures.positives} positive cells"),
        (figures.users < SOME_USERS, f"measured on only {figures.users} users"),
        (figures.roc_auc.lower < LARGE_AUC, _modest(figures.roc_auc, "ROC-AUC on hidden items")),
        (
            not figures.taste.lower > 0,
            "not shown to be better than how popular an item and how active a user is",
        ),
        (
            not reliability.top_error <= MOST_TOP_ERROR + reliability.top_chance,
            (
                f"high probabilities are off by {reliability.top_error:.3f} in the mean, and come true "
                f"{reliability.top_ratio:.2f} times as often as they say"
            ),
        ),
        (
            not low <= reliability.top_ratio <= high,
            f"high probabilities come true {reliability.top_ratio:.2f} times as often as they say",
        ),
        (not reliability.brier_skill > 0, "probabilities are no better than the base rate for everybody"),
    )
    return [reason for doubted, reason in checks if doubted]


def _near_chance(known: Interval, what: str) -> str:
    return f"{what} is {_shown(known)}: not shown to be above {SMALL_AUC:.2f}, so near chance"


def _modest(known: Interval, what: str) -> str:
    return f"{what} is {_shown(known)}: not shown to reach {LARGE_AUC:.2f}"


def _shown(known: Interval) -> str:
    return f"{known.value:.3f} ({known.lower:.3f} to {known.upper:.3f})"
