"""Membership inference by shadow models: was this user, whose history the attacker knows, in the training?

A statistic of a user's history and of what a model released is roughly normal over models, about one mean
where the user was in the training and about another where not. Shadow models, each trained on a random half
of the users, tell both means; the attack is the ratio of the two likelihoods. Source: Carlini, Chien, Nasr,
Song, Terzis and Tramèr, "Membership inference attacks from first principles" (2022), the online attack, with
one variance for both cases and several statistics as one normal vector.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.randomness import generator

__all__ = ["FEWEST_MODELS", "halves", "likelihood_ratios"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FEWEST_MODELS = 6
"""Shadow models from which each mean is known from two models, when the target and its pair are left out."""

# Added to the diagonal of the statistics' correlations, so that two that say the same do no harm.
_RIDGE = 1e-3
# Of the variance over all users, what a user's own is drawn towards, worth so many models.
_PRIOR_MODELS = 4.0


def halves(users: int, models: int, seed: int) -> Bools:
    """Return which users each model is trained on, bool [models, users]: each user is in half of them.

    Models come in pairs, a random half of the users and the other half. Raises InputError for an odd number
    of models, for fewer than `FEWEST_MODELS`, or for fewer than two users.
    """
    if models < FEWEST_MODELS or models % 2:
        raise InputError(
            f"{models} shadow models are too few, or an odd number",
            hint=f"train an even number of them, {FEWEST_MODELS} or more; 32 tell more",
        )
    if users < 2:  # noqa: PLR2004  (a half has one at least)
        raise InputError(
            f"{users} users cannot be halved", hint="attack the releases of a party with more users"
        )
    inside = np.zeros((models, users), dtype=np.bool_)
    for pair in range(models // 2):
        chosen = generator(seed, "shadow halves", pair).permutation(users)[: users // 2]
        inside[2 * pair, chosen] = True
        inside[2 * pair + 1] = ~inside[2 * pair]
    return inside


def likelihood_ratios(statistics: Floats, inside: Bools) -> Floats:
    """Return the logarithm of p(statistics | user in) / p(statistics | user out), [models, users].

    statistics: [models, users, kinds]; inside: [models, users], in pairs of halves as from `halves`. Each
    model in turn is the target, and all but its pair are its shadow models: so each user is in as many of
    them as not, and how well a mean is known says nothing of who is in.
    """
    pairs = np.arange(len(statistics)) // 2
    ratios = np.empty(inside.shape)
    for target, pair in enumerate(pairs):
        others = pairs != pair
        ratios[target] = _against(statistics[target], statistics[others], inside[others])
    return ratios


def _against(target: Floats, shadows: Floats, inside: Bools) -> Floats:
    """Return the ratios of the users of one model, [users]; target: [users, kinds]."""
    member = inside[:, :, None]
    means = [np.mean(shadows, axis=0, where=those) for those in (member, ~member)]  # of each: [users, kinds]
    rest = shadows - np.where(member, *means)
    spread = _spread(rest)
    scaled = rest / spread
    count = scaled.shape[0] * scaled.shape[1]
    correlation = np.einsum("muk,mul->kl", scaled, scaled) / count
    inverse = np.linalg.inv(correlation + _RIDGE * np.eye(len(correlation)))
    near, far = ((target - mean) / spread for mean in means)
    squares = [np.einsum("uk,kl,ul->u", each, inverse, each) for each in (far, near)]
    ratios: Floats = (squares[0] - squares[1]) / 2
    return ratios


def _spread(rest: Floats) -> Floats:
    """Return each user's standard deviation of each statistic, [users, kinds], drawn towards that of all."""
    freedom = len(rest) - 2
    own = np.square(rest).sum(axis=0) / freedom
    common = own.mean(axis=0)
    variance = (freedom * own + _PRIOR_MODELS * common) / (freedom + _PRIOR_MODELS)
    spread: Floats = np.sqrt(np.where(variance > 0, variance, 1.0))
    return spread
