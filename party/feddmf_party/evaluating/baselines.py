"""What any protocol must beat: chance, the owner's counts, and these times a user's activity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.evaluation import popularity_x_activity, random_scores
from feddmf.randomness import generator
from feddmf.runfile import RunSettings
from feddmf_party.datasets.dataset import codes
from feddmf_party.evaluating.federation import Company, Federation
from feddmf_party.evaluating.outcome import Floats, OnRound, Outcome

__all__ = ["run_popularity", "run_popularity_x_activity", "run_random"]

Strings = npt.NDArray[np.str_]


def run_random(federation: Federation, settings: RunSettings, on_round: OnRound) -> Outcome:  # noqa: ARG001
    """Score by chance."""

    def score(company: Company, keys: Strings) -> Floats:
        draws = generator(settings.seed, company.party, "random baseline")
        whole = random_scores((len(company.users), len(federation.items)), draws)
        return whole[:, codes(keys, federation.items)]

    return Outcome.of(federation, score)


def run_popularity(
    federation: Federation,
    settings: RunSettings,  # noqa: ARG001
    on_round: OnRound,  # noqa: ARG001
) -> Outcome:
    """Score each item by the share of its owners' users who have it."""

    def score(company: Company, keys: Strings) -> Floats:
        return np.broadcast_to(_shares(federation, keys), (len(company.users), len(keys)))

    return Outcome.of(federation, score)


def run_popularity_x_activity(
    federation: Federation,
    settings: RunSettings,  # noqa: ARG001
    on_round: OnRound,  # noqa: ARG001
) -> Outcome:
    """Score as `run_popularity`, scaled by the number of items that a user has at home."""

    def score(company: Company, keys: Strings) -> Floats:
        return popularity_x_activity(_shares(federation, keys), 1, company.data.user_counts())

    return Outcome.of(federation, score)


def _shares(federation: Federation, keys: Strings) -> Floats:
    """Return the share of all its owners' users who have each item, [keys]."""
    having, users = np.zeros(len(keys)), np.zeros(len(keys))
    for owner, places in federation.by_owner(keys).items():
        peer = federation.companies[owner]
        having[places] += peer.counts(keys[places])
        users[places] += len(peer.users)
    return having / users
