"""What is known of who follows, as arrays: what a coordinator that comes back goes on from, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from feddmf.protocols.base import Arrays
from feddmf.protocols.following import Following
from feddmf.protocols.marked import Marked, MarkedEvidence
from feddmf.protocols.pulled import Pulled, PulledEvidence

__all__ = ["following_arrays", "restored_following"]


def following_arrays(following: Following) -> Arrays:
    """Return all of a state but its settings: by party and table what was told, sums of evidence, failures.

    No name of a party has a dot in it.
    """
    arrays: dict[str, Any] = {"following.rounds": np.array([following.rounds])}
    for party, tables in following.told.items():
        for place, told in enumerate(tables):
            for name, array in told.arrays().items():
                arrays[f"told.{party}.{place}.{name}"] = array
    for party, known in following.evidence.items():
        arrays[f"evidence.{party}"] = np.array([each.sums() for each in known], dtype=np.float64)
    for party, count in following.failures.items():
        arrays[f"failures.{party}"] = np.array([count])
    return arrays


def restored_following(
    nobody_yet: Following, arrays: Arrays, parties: Sequence[str], *, tied: bool
) -> Following:
    """Return the state that `arrays` were made of; tied: whether parties were told means with marks."""
    told_as, known_as = (Marked, MarkedEvidence) if tied else (Pulled, PulledEvidence)
    found = {each: _told_of(arrays, each) for each in parties}
    return replace(
        nobody_yet,
        rounds=int(arrays["following.rounds"][0]),
        told={each: [told_as.of(table) for table in tables] for each, tables in found.items() if tables},
        evidence={
            each: [known_as.of(sums) for sums in arrays[f"evidence.{each}"].tolist()]
            for each in parties
            if f"evidence.{each}" in arrays
        },
        failures={
            each: int(arrays[f"failures.{each}"][0]) for each in parties if f"failures.{each}" in arrays
        },
    )


def _told_of(arrays: Arrays, party: str) -> list[dict[str, Any]]:
    """Return the arrays of each table that a party was told of, in order."""
    start = f"told.{party}."
    tables: dict[int, dict[str, Any]] = {}
    for name, array in arrays.items():
        if name.startswith(start):
            place, _, of = name.removeprefix(start).partition(".")
            tables.setdefault(int(place), {})[of] = array
    return [tables[place] for place in sorted(tables)]
