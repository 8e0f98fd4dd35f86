"""What a user saw next: windows of four films and the one that followed, by the ratings' times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf_party.ratings.table import Ratings

__all__ = ["LENGTH", "Histories", "Windows", "rank_next"]

LENGTH = 4
"""How many films the model looks back."""

Codes = npt.NDArray[np.int64]
# Scores of all films as the next for some cases, [cases, items]; -inf for a film that cannot be scored.
Scorer = Callable[["Windows"], npt.NDArray[np.floating]]

_CASES = 256
_TOP = 10


@dataclass(frozen=True, eq=False)
class Windows:
    """Cases by codes: users [cases]; LENGTH films before, oldest first, [cases, LENGTH]; the next [cases]."""

    users: Codes
    before: Codes
    after: Codes

    def __len__(self) -> int:
        return len(self.users)

    def where(self, rows: npt.NDArray[np.bool_]) -> Windows:
        """Return the cases marked in `rows`, bool [cases]."""
        return Windows(self.users[rows], self.before[rows], self.after[rows])


@dataclass(frozen=True, eq=False)
class Histories:
    """Each user's films in order of time, equal times by film code.

    users, items: int64 [ratings], one user after the other; places: the place in the user's history, from 0,
    int64 [ratings]; lengths: int64 [users]; item_count: number of film codes.
    """

    users: Codes
    items: Codes
    places: Codes
    lengths: Codes
    item_count: int

    @classmethod
    def of(cls, ratings: Ratings) -> Histories:
        """Order the ratings of each user."""
        order = np.lexsort((ratings.items, ratings.times, ratings.users))
        users, items = ratings.users[order], ratings.items[order]
        lengths = np.bincount(users, minlength=ratings.user_count)
        places = np.arange(len(users)) - (np.cumsum(lengths) - lengths)[users]
        return cls(users, items, places, lengths, ratings.item_count)

    def last(self, count: int) -> Windows:
        """Return the last `count` films of each user, those that have LENGTH films before them."""
        return self._windows(self._from_end() < count)

    def earlier(self, held: int, most: int) -> Windows:
        """Return at most `most` films of each user just before the last `held`."""
        from_end = self._from_end()
        return self._windows((from_end >= held) & (from_end < held + most))

    def counts(self, held: int) -> Codes:
        """Return how many users rated each film before their last `held`, int64 [items]."""
        return np.bincount(self.items[self._from_end() >= held], minlength=self.item_count)

    def seen_before(self, cases: Windows, at: int) -> Codes:
        """Return the films that the user of case `at` had rated before the film asked for."""
        start = int(np.searchsorted(self.users, cases.users[at]))
        history = self.items[start : start + int(self.lengths[cases.users[at]])]
        return history[: int(np.flatnonzero(history == cases.after[at])[0])]

    def _from_end(self) -> Codes:
        return self.lengths[self.users] - 1 - self.places

    def _windows(self, chosen: npt.NDArray[np.bool_]) -> Windows:
        rows = np.flatnonzero(chosen & (self.places >= LENGTH))
        before = np.stack([self.items[rows - back] for back in range(LENGTH, 0, -1)], axis=1)
        return Windows(self.users[rows], before, self.items[rows])


def rank_next(histories: Histories, cases: Windows, scorer: Scorer) -> dict[str, float]:
    """Return recall_at_10 and ndcg_at_10 of the film that came next among all that the user had not seen.

    There is one film to find a case, so recall is the rate of hits. Equal scores go by film code; a film that
    cannot be scored is missed. nan without a case.
    """
    places = np.full(len(cases), histories.item_count)
    for start in range(0, len(cases), _CASES):
        chosen = np.zeros(len(cases), dtype=np.bool_)
        chosen[start : start + _CASES] = True
        scores = scorer(cases.where(chosen))
        for row, at in enumerate(np.flatnonzero(chosen)):
            places[at] = _place(scores[row], int(cases.after[at]), histories.seen_before(cases, int(at)))
    if not len(cases):
        return {"recall_at_10": float("nan"), "ndcg_at_10": float("nan")}
    found = places < _TOP
    return {
        "recall_at_10": float(found.mean()),
        "ndcg_at_10": float(np.where(found, 1 / np.log2(places + 2), 0).mean()),
    }


def _place(scores: npt.NDArray[np.floating], target: int, seen: Codes) -> int:
    """Return how many unseen films come before the target; too many where it cannot be scored."""
    if np.isneginf(scores[target]):
        return len(scores) + _TOP
    unseen = np.ones(len(scores), dtype=np.bool_)
    unseen[seen] = False
    ahead = (scores > scores[target]) & unseen
    ahead[:target] |= (scores[:target] == scores[target]) & unseen[:target]
    return int(np.count_nonzero(ahead))
