"""An owner's attribute vectors: what tells from a user's vector, activity and items who has an attribute.

One regularised logistic regression for each attribute, fitted once everything else is trained:

    P(u has it) = sigmoid(w . p_u + v ln(n_u + 1) + sum of t_i over the user's shared items + b)

p_u is the user vector [dim], n_u the user's number of items. A peer's users have vectors in the same space
and share the items i, so (w, b, v) and t say of them what they say of the owner's own.
ROC-AUC and its standard error: DeLong, DeLong and Clarke-Pearson (1988).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf.attribute_fit import AttributeFit, Users, fit_attribute
from feddmf.interactions import Interactions
from feddmf.randomness import generator
from feddmf.user_attributes import FEWEST_USERS, too_few

__all__ = ["AttributeVectors", "fit_attribute_vectors"]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class AttributeVectors:
    """What an owner publishes of k user attributes; all is zero for one that was skipped.

    weights: [k, dim]; intercepts, activity: [k]; contexts: [shared, used], for the owner's shared items, and
    targets: [k, used], so that t_i of attribute j is contexts[i] . targets[j]. roc_auc, standard_error: [k],
    of users who were left out of the fit. skipped: attribute -> why nothing was fitted. All float32.
    """

    weights: Floats
    intercepts: Floats
    activity: Floats
    contexts: Floats
    targets: Floats
    roc_auc: Floats
    standard_error: Floats
    skipped: Mapping[int, str]

    @property
    def used(self) -> int:
        """Number of context columns that the attributes take."""
        return int(self.contexts.shape[1])

    def rows(self, linear_columns: int) -> Floats:
        """Return the vectors as they are published, [k, dim + 2 + linear_columns]; targets stand last."""
        between = np.zeros((len(self.weights), linear_columns - self.used), dtype=np.float32)
        scalars = (self.intercepts[:, None], self.activity[:, None])
        return np.hstack([self.weights, *scalars, between, self.targets])

    def quality(self) -> Floats:
        """Return [k, 3]: 1 for a user attribute, ROC-AUC, standard error; (1, 0, 0) if skipped."""
        return np.stack([np.ones_like(self.roc_auc), self.roc_auc, self.standard_error], axis=1)


def fit_attribute_vectors(
    user_vectors: Floats,
    activity: Floats,
    shared: Interactions,
    labels: Bools,
    known: Bools,
    *,
    seed: int,
    min_users: int = FEWEST_USERS,
    columns: int = 0,
) -> AttributeVectors:
    """Fit each attribute that `min_users` users have and as many lack, on users with an item and a value.

    user_vectors: float32 [users, dim]; activity: ln(n_u + 1), [users], n_u without user attributes; shared:
    who has which of the items that peers sell too; labels, known: bool [users, k]. columns: context columns
    that may be used, one for each attribute, complements together; attributes beyond them are told from
    vector and activity alone, the rarest first. An item that fewer than `min_users` of those users have
    counts for nothing. Raises InputError where scikit-learn is missing.
    """
    usable = known & (activity > 0)[:, None]
    skipped = too_few(labels, usable, min_users)
    twins = _twins(labels, usable, skipped)
    with_items = _most_users(labels, usable, twins, columns)
    fits: dict[int, AttributeFit] = {}
    if twins:  # without an attribute to fit nobody needs what fits
        users = Users.of(user_vectors, activity, shared)
        for at in dict.fromkeys(twins.values()):
            rows = np.flatnonzero(usable[:, at])
            those = users.where(rows, min_users=min_users if at in with_items else None)
            fits[at] = fit_attribute(those, labels[rows, at], generator(seed, "attribute", at))
    shape = (labels.shape[1], user_vectors.shape[1])
    return _gathered(fits, twins, with_items, skipped, shape=shape, shared=shared.items)


def _twins(labels: Bools, usable: Bools, skipped: Mapping[int, str]) -> Mapping[int, int]:
    """Return attribute -> the one that is fitted for it: itself, or one that exactly the others have."""
    lacked: dict[tuple[bytes, bytes], int] = {}
    twins = {}
    for at in range(labels.shape[1]):
        if at in skipped:
            continue
        valued, having = usable[:, at], labels[:, at] & usable[:, at]
        known = np.packbits(valued).tobytes()
        twins[at] = lacked.get((known, np.packbits(having).tobytes()), at)
        if twins[at] == at:
            lacked.setdefault((known, np.packbits(valued & ~having).tobytes()), at)
    return MappingProxyType(twins)


def _most_users(labels: Bools, usable: Bools, twins: Mapping[int, int], columns: int) -> tuple[int, ...]:
    """Return the `columns` fitted attributes of which most is known: by the users of the rarer side."""
    fitted = list(dict.fromkeys(twins.values()))
    having = (labels & usable).sum(axis=0)
    rarer = np.minimum(having, usable.sum(axis=0) - having)
    return tuple(sorted(sorted(fitted, key=lambda at: (-int(rarer[at]), at))[:columns]))


def _gathered(
    fits: Mapping[int, AttributeFit],
    twins: Mapping[int, int],
    with_items: tuple[int, ...],
    skipped: Mapping[int, str],
    *,
    shape: tuple[int, int],
    shared: int,
) -> AttributeVectors:
    """Lay the fits out by attribute; of a complement all signs are turned."""
    k, dim = shape
    weights, scalars = np.zeros((k, dim), np.float32), np.zeros((k, 4), np.float32)
    contexts = np.zeros((shared, len(with_items)), np.float32)
    targets = np.zeros((k, len(with_items)), np.float32)
    for column, at in enumerate(with_items):
        contexts[:, column] = fits[at].items
    for at, fitted in twins.items():
        fit, sign = fits[fitted], 1 if fitted == at else -1
        weights[at] = sign * fit.weights
        scalars[at] = (sign * fit.intercept, sign * fit.activity, fit.roc_auc, fit.standard_error)
        if fitted in with_items:
            targets[at, with_items.index(fitted)] = sign
    intercepts, activity, areas, errors = np.ascontiguousarray(scalars.T)
    return AttributeVectors(weights, intercepts, activity, contexts, targets, areas, errors, skipped)
