"""The quality of a finished run, peer by peer: hidden items, bands of them, and user attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from feddmf.errors import InputError
from feddmf.quality import Figures, Group, groups, measure
from feddmf.user_attributes import column_of
from feddmf_party.audience_figures import interval_as_dict
from feddmf_party.offered import CrossValidated
from feddmf_party.run_folder import PeerItems, RunFolder
from feddmf_party.trust import (
    Arrays,
    Trust,
    evidence_of,
    threshold_of,
    trust_in_items,
    trust_in_user_attribute,
)

__all__ = ["AttributeQuality", "PeerQuality", "quality_of"]


@dataclass(frozen=True, eq=False)
class AttributeQuality:
    """A user attribute of a peer and how far to trust it; None where the peer had too few users for it."""

    key: str
    label: str
    column: str
    trust: Trust | None

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        trust = None if self.trust is None else self.trust.as_dict()
        return {"key": self.key, "label": self.label, "column": self.column, "evidence": trust}


@dataclass(frozen=True, eq=False)
class PeerQuality:
    """What a run says of one peer.

    figures, groups: of its items, None and empty where nothing was measured; attributes: its user attributes.
    """

    trust: Trust
    figures: Figures | None
    groups: tuple[Group, ...]
    attributes: tuple[AttributeQuality, ...]

    @property
    def without_buyers(self) -> int:
        """Number of hidden items that nobody here has, which no group holds: there is nothing to find."""
        return 0 if self.figures is None else self.figures.items - sum(e.figures.items for e in self.groups)

    @property
    def peer(self) -> str:
        """Whose vectors these are."""
        return self.trust.owner

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "peer": self.peer,
            "items": {
                **self.trust.as_dict(),
                "figures": None if self.figures is None else _figures(self.figures),
                "groups": [
                    {"fewest_buyers": each.fewest, "most_buyers": each.most, **_headline(each.figures)}
                    for each in self.groups
                ],
                "items_without_buyers": self.without_buyers,
            },
            "user_attributes": [each.as_dict() for each in self.attributes],
        }


def quality_of(folder: RunFolder, peer: str | None = None) -> tuple[PeerQuality, ...]:
    """Return what a finished run says of each peer, or of the one named; InputError where it is not there."""
    peers, arrays, run = folder.load_peers(), folder.load_model(), folder.path.name
    chosen = [each for each in peers if peer in {None, each.party}]
    if peer is not None and not chosen:
        raise InputError(
            f"{peer} is no peer of run {run}", hint=f"its peers: {', '.join(each.party for each in peers)}"
        )
    return tuple(_of(each, arrays, run) for each in chosen)


def _of(peer: PeerItems, arrays: Arrays, run: str) -> PeerQuality:
    evidence, threshold = evidence_of(arrays, peer.party), threshold_of(arrays, peer.party)
    figures, bands = None, tuple[Group, ...]()
    if evidence is not None and threshold is not None:
        figures, bands = measure(evidence, threshold), groups(evidence, threshold)
    trust = trust_in_items(run, arrays, peer.party, figures)
    return PeerQuality(trust, figures, bands, tuple(_user_attributes(peer, run)))


def _user_attributes(peer: PeerItems, run: str) -> Iterator[AttributeQuality]:
    for row, (key, label) in enumerate(zip(peer.keys, peer.labels, strict=True)):
        told = CrossValidated.of(peer, row)
        if told is not None:
            trust = trust_in_user_attribute(run, peer.party, told) if told.is_fitted else None
            yield AttributeQuality(key, label, column_of(key), trust)


def _headline(figures: Figures) -> dict[str, Any]:
    """Return the figures that each group has too."""
    return {
        "items": figures.items,
        "users": figures.users,
        "positives": figures.positives,
        "base_rate": figures.base_rate,
        "roc_auc": interval_as_dict(figures.roc_auc),
        "average_precision": interval_as_dict(figures.average_precision),
        "f1": interval_as_dict(figures.f1),
        "audiences": [asdict(each) for each in figures.audiences],
        "brier_skill": figures.reliability.brier_skill,
        "calibration_error": figures.reliability.error,
    }


def _figures(figures: Figures) -> dict[str, Any]:
    shown = figures.reliability
    return {
        **_headline(figures),
        "threshold": figures.threshold,
        "taste": interval_as_dict(figures.taste),
        "calibration_error_top": shown.top_error,
        "calibration": _bins(shown.predicted, shown.observed, shown.cells),
        "calibration_top": _bins(shown.top_predicted, shown.top_observed, shown.top_cells),
    }


def _bins(*columns: Any) -> list[dict[str, float]]:
    names = ("predicted", "observed", "cells")
    rows: Sequence[Sequence[float]] = [column.tolist() for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*rows, strict=True)]
