"""Why a user has a score: the user's own items, and what the score would be without each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.alignment import unit_rows
from feddmf.interactions import Interactions
from feddmf_party.answering import Backing
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Predictor
from feddmf_party.questions import Questions

__all__ = ["Driver", "Explanation", "explain"]

Codes = npt.NDArray[np.int64]

_MOST_CONSIDERED = 1_000
"""Items that are left out one by one; each makes a history of its own that is scored."""
_NOT_KEPT = (
    "this run's model keeps one vector for each user, made of all of the user's items together, and no "
    "histories: which item counts for how much cannot be told"
)


@dataclass(frozen=True)
class Driver:
    """One of the user's items, and what the score would be had the user all others and not this one.

    effect: by how much the item raises the score, below 0 where it lowers it; similarity: the cosine of its
    vector and the attribute's, None where these are not in one space; matched_with: owners of the attribute
    who sell the item too.
    """

    key: str
    label: str
    score_without: float
    effect: float
    similarity: float | None
    matched_with: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What drives the score of one user for one attribute.

    supporting: items that raise the score, those that raise it most first; opposing: those that lower it
    most; score_without_supporting: what is left without all that are named as supporting, None where none is;
    items: how many the user has that count; considered: how many of them were left out one by one, the
    nearest; why_not: why nothing can be said, empty where something can.
    """

    run: str
    user: str
    backing: Backing
    score_kind: str
    score: float
    supporting: tuple[Driver, ...] = ()
    opposing: tuple[Driver, ...] = ()
    score_without_supporting: float | None = None
    items: int | None = None
    considered: int = 0
    why_not: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "run": self.run,
            "score_kind": self.score_kind,
            "user": self.user,
            "attribute": self.backing.as_dict(),
            "score": self.score,
            "supporting": [asdict(each) for each in self.supporting],
            "opposing": [asdict(each) for each in self.opposing],
            "score_without_supporting": self.score_without_supporting,
            "items": self.items,
            "considered": self.considered,
            "why_not": self.why_not,
        }


def explain(
    questions: Questions,
    user: str,
    key: str,
    owner: str | None = None,
    *,
    anyway: bool = False,
    top: int = 10,
) -> Explanation:
    """Return what drives the score of `user` for the attribute `key`; top: how many items are named each way.

    The scores without items are exact: the same model, head and combination, asked about a user who has the
    other items alone. DataError where the party does not know the user, otherwise as `Questions.named`.
    """
    (backing,) = questions.named([key], owner, anyway=anyway)
    predictor, attribute = questions.predictor, backing.attribute
    (block,) = questions.scores([attribute], [user])
    score = float(block.probabilities[0, 0])
    about = (questions.run, user, backing, questions.score_kind, score)
    if "contexts" not in predictor.arrays or "histories.items" not in predictor.arrays:
        return Explanation(*about, why_not=_NOT_KEPT)
    has = _items_of(predictor, user)
    similar = _similarities(predictor, attribute, has)
    considered = _nearest(has, similar)
    without = _scores_without(predictor, attribute, has, [has[[place]] for place in considered])
    effects = score - without
    order = np.argsort(-effects, kind="stable")
    for_it = [at for at in order[:top] if effects[at] > 0]
    against = [at for at in order[::-1][:top] if effects[at] < 0]
    owned = questions.own_items

    def driver(at: int) -> Driver:
        code = int(has[considered[at]])
        return Driver(
            key=owned.keys[code],
            label=owned.labels[code],
            score_without=float(without[at]),
            effect=float(effects[at]),
            similarity=None if similar is None else float(similar[considered[at]]),
            matched_with=_matched(predictor, attribute, code),
        )

    all_of_them = has[considered[for_it]]
    left = _scores_without(predictor, attribute, has, [all_of_them]) if len(all_of_them) else None
    return Explanation(
        *about,
        supporting=tuple(map(driver, for_it)),
        opposing=tuple(map(driver, against)),
        score_without_supporting=None if left is None else float(left[0]),
        items=len(has),
        considered=len(considered),
        why_not=""
        if len(has)
        else "the user has no item that counts: the score is that of anybody without any",
    )


def _items_of(predictor: Predictor, user: str) -> Codes:
    """Return the codes of a user's items, of those that count."""
    arrays = predictor.arrays
    code = int(np.searchsorted(predictor.user_ids, user))
    begin, end = arrays["histories.starts"][code : code + 2]
    counted = np.isin(arrays["histories.items"][begin:end], arrays["products"])
    found: Codes = arrays["histories.items"][begin:end][counted].astype(np.int64)
    return found


def _similarities(predictor: Predictor, attribute: Attribute, has: Codes) -> npt.NDArray[np.floating] | None:
    """Return the cosines of the user's items and an item of peers', [items], the highest over its owners.

    None for a user attribute, and where no owner's vectors are in the party's space.
    """
    arrays = predictor.arrays
    own = arrays["vectors"][has]
    shared = [
        vector[: own.shape[1]]
        for owner, vector in zip(attribute.owners, attribute.vectors, strict=True)
        if f"user_vectors.{owner}" not in arrays
    ]
    if attribute.told is not None or not shared:
        return None
    cosines: npt.NDArray[np.floating] = (unit_rows(own) @ unit_rows(np.stack(shared)).T).max(axis=1)
    return cosines


def _nearest(has: Codes, similar: npt.NDArray[np.floating] | None) -> Codes:
    """Return the places of the items that are left out one by one: all, or the nearest of very many."""
    if len(has) <= _MOST_CONSIDERED:
        return np.arange(len(has))
    order = np.arange(len(has)) if similar is None else np.argsort(-similar, kind="stable")
    return order[:_MOST_CONSIDERED]


def _scores_without(
    predictor: Predictor, attribute: Attribute, has: Codes, left_out: Sequence[Codes]
) -> npt.NDArray[np.float32]:
    """Return the scores of a user who has `has` without each of `left_out`, float32 [left_out]."""
    rows = [np.setdiff1d(has, without, assume_unique=True) for without in left_out]
    indices = np.concatenate([np.zeros(0, dtype=np.int64), *rows]).astype(np.int32)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    ones = np.ones(len(indices), dtype=np.float32)
    data = Interactions(indptr, indices, ones, len(predictor.arrays["contexts"]))
    names = [str(number) for number in range(len(rows))]
    blocks = predictor.of_histories(data, names).predict([attribute]) if rows else ()
    return np.concatenate([np.zeros(0, np.float32), *(block.probabilities[:, 0] for block in blocks)])


def _matched(predictor: Predictor, attribute: Attribute, code: int) -> tuple[str, ...]:
    return tuple(
        owner for owner in attribute.owners if code in predictor.arrays.get(f"map.{owner}.items", ())
    )
