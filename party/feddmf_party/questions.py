"""Questions to one finished run, as the command line and the query API ask them: same rules, same numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf.best import ranking
from feddmf.errors import CatalogueError, InputError
from feddmf.user_rows import UserRows
from feddmf_party.answering import Backer, Backing, refuse_untrusted
from feddmf_party.audience_figures import Expected, Preview
from feddmf_party.bulk import Ranked, best_attributes
from feddmf_party.criteria import Criteria
from feddmf_party.data.party_table import PartyTable
from feddmf_party.folder import PartyFolder
from feddmf_party.offered import Attribute, refuse_own
from feddmf_party.prediction import Block, Column, Predictor
from feddmf_party.run_folder import OwnItems, RunFolder, latest_run
from feddmf_party.score_table import ScoreTable
from feddmf_party.trust import REFUSE
from feddmf_party.users_ranked import RankedUsers
from feddmf_party.wanted import Wanted

__all__ = ["USUAL_SIZE", "Audience", "Questions", "finished_run"]

_CUT = "cut the ranking yourself: --size N or --above P"

USUAL_SIZE = 20
"""Users of an audience that nobody has said the size of."""


@dataclass(frozen=True, eq=False)
class Audience:
    """The users most likely to have what is wanted, best first, and what to expect of them.

    above: the probability that all of them exceed, where one was asked for.
    """

    wanted: Wanted
    block: Block
    above: float | None
    expected: Expected | None


class Questions:
    """What can be asked of one run, loaded once. Any number of threads may ask; one scores at a time."""

    def __init__(
        self, kept: RunFolder, newcomers: PartyTable | None = None, *, most_score_bytes: int = 0
    ) -> None:
        """Load a run; newcomers: the users to score in the place of the run's own, see `Predictor`.

        most_score_bytes: up to which scores are kept in the runs' folders; 0 to only read what is there.
        InputError also where the run has no user any more.
        """
        # What was taken back while it is loaded makes it another run.
        version = kept.version
        self.predictor = Predictor(kept, newcomers)
        if not self.users:
            raise InputError(
                f"run {self.run} has no user left to score: all of them are forgotten",
                hint="ask another run, or the operator for a new one",
            )
        self._table = None
        if newcomers is None:
            self._table = ScoreTable(
                kept, version, self.predictor.terms, self.users, most_bytes=most_score_bytes
            )
            if most_score_bytes:
                self.tidy_scores()
        self._kept = kept
        self._backer = Backer(self.predictor)
        # What is kept of users between two questions must not be filled by two threads.
        self._lock = threading.RLock()

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.predictor.run

    @property
    def score_kind(self) -> str:
        """What its scores are."""
        return self.predictor.score_kind

    @property
    def users(self) -> int:
        """How many users can be scored."""
        return self.predictor.users

    @cached_property
    def own_items(self) -> OwnItems:
        """The party's own items, by the catalogue of the run."""
        return self._kept.load_items()

    def attribute(self, key: str, owner: str | None = None) -> Attribute:
        """Return one attribute; CatalogueError where no peer has it, or only the party itself does."""
        try:
            return self.predictor.attribute(key, owner=owner)
        except CatalogueError:
            refuse_own(key, self.own_items, self.run)
            raise

    def back(self, attribute: Attribute) -> Backing:
        """Return what is behind the answers about one attribute."""
        with self._lock:
            return self._backer.back(attribute)

    def named(self, keys: Sequence[str], owner: str | None = None, *, anyway: bool = False) -> list[Backing]:
        """Return the attributes of these keys, each once, with what is behind them.

        InputError where one cannot be asked for, or, unless `anyway`, evidence says that it is of no use.
        """
        found = [self.back(self.attribute(key, owner)) for key in dict.fromkeys(keys)]
        refuse_untrusted(self.run, found, anyway=anyway)
        return found

    def useful(
        self, owner: str | None = None, *, anyway: bool = False
    ) -> tuple[list[Backing], list[Backing]]:
        """Return what is answered of all there is, and what is left out because it would be of no use.

        InputError where nothing is left.
        """
        chosen = [each for each in self.predictor.attributes() if owner is None or owner in each.owners]
        every = [self.back(self.attribute(each.key, owner)) for each in chosen]
        refused = [backing for backing in every if backing.best.verdict == REFUSE and not anyway]
        answered = [backing for backing in every if backing.best.verdict != REFUSE or anyway]
        if not answered:
            refuse_untrusted(self.run, every, anyway=anyway)
            raise InputError(
                f"{owner or 'no peer'} published nothing that run {self.run} can answer for",
                hint="list what can be asked for: feddmf attributes list",
            )
        return answered, refused

    def scores(self, attributes: Sequence[Attribute], users: Sequence[str] | None = None) -> Iterator[Block]:
        """Yield the scores of all users, or of those named, block by block; see `Predictor.predict`."""
        codes = None if users is None else self._codes(users)
        predictor = self.predictor
        blocks = (
            predictor.predict(attributes, users) if codes is None else predictor.blocks(attributes, codes)
        )
        while True:
            with self._lock:
                block = next(blocks, None)
            if block is None:
                return
            yield block

    def wanted(self, criteria: Criteria, owner: str | None = None, *, anyway: bool = False) -> Wanted:
        """Return criteria with what is behind each of their attributes; raises as `named`.

        InputError also for several attributes where scores are no probabilities, which alone can be combined.
        """
        if not criteria.single and self.score_kind != "probability":
            raise InputError(
                f"run {self.run} cannot combine attributes: its scores are no probabilities "
                f"(each is a {self.score_kind})",
                hint="ask for one attribute, or for a run by the protocol feddmf or fedavg",
            )
        return Wanted(criteria, tuple(self.named(criteria.keys, owner, anyway=anyway)))

    def audience(
        self,
        wanted: Wanted,
        size: int | None = None,
        *,
        above: float | None = None,
        threshold: bool = False,
    ) -> Audience:
        """Return the best `size` users, those above a probability, or above the threshold of hidden items.

        InputError where no threshold was chosen.
        """
        size, above = _cut(wanted, size, above, threshold=threshold)
        ranked = self._ranked(wanted)
        codes = ranked.order[: ranked.size(size, above)]
        scores = ranked.probabilities[codes, None]
        block = Block(self.predictor.user_ids[codes], scores, ranked.disagreement(codes)[:, None])
        return Audience(wanted, block, above, ranked.expect(len(codes)))

    def preview(
        self,
        wanted: Wanted,
        size: int | None = None,
        *,
        above: float | None = None,
        threshold: bool = False,
    ) -> Preview:
        """Return the figures of the audience that these would make, and of others; raises as `audience`."""
        size, above = _cut(wanted, size, above, threshold=threshold)
        ranked = self._ranked(wanted)
        return ranked.preview(ranked.size(size, above), above)

    def _ranked(self, wanted: Wanted) -> RankedUsers:
        columns = [self.column(backing.attribute) for backing in wanted.backings]
        return RankedUsers(wanted, columns, self._busiest)

    def column(self, attribute: Attribute) -> Column:
        """Return all users' scores for one attribute, those that are kept where they are."""
        found = None if self._table is None else self._table.read(attribute)
        if found is None:
            with self._lock:
                found = self.predictor.column(attribute)
            if self._table is not None:
                self._table.keep(attribute, found)
        return found

    def keep_scores(self, attribute: Attribute) -> bool | None:
        """Compute and keep the scores for one attribute, in the place of nothing that is kept of this run.

        True where that was done, False where they are kept already, None where there is no room.
        """
        if self._table is None or self._table.has(attribute):
            return False
        if not self._table.has_room(attribute):
            return None
        with self._lock:
            found = self.predictor.column(attribute)
        return self._table.keep(attribute, found, in_place_of_others=False) or None

    def look_ahead(self) -> None:
        """Compute what all previews need, so that the first who asks for one does not wait for it."""
        looked = {self.back(attribute).best for attribute in self.predictor.attributes()}
        for prospects in filter(None, (trust.prospects for trust in looked)):
            prospects.look()
        _ = self._busiest

    def tidy_scores(self) -> None:
        """Remove kept scores that can no longer be asked for."""
        if self._table is not None:
            self._table.tidy()

    @cached_property
    def _busiest(self) -> npt.NDArray[np.integer] | None:
        """All user codes by activity, busiest first, [users]; None where the model does not tell."""
        activity = self.predictor.activity
        return None if activity is None else ranking(activity)

    def best_attributes(
        self, backings: Sequence[Backing], users: Sequence[str], top: int
    ) -> Iterator[Ranked]:
        """Yield the `top` best attributes of the users named, user by user, best first.

        The user codes are places in `users`. DataError names the first user that this party does not know.
        """
        asked = [backing.attribute for backing in backings]
        yield from best_attributes(_Named(self, np.array(users, dtype=object)), asked, top, lambda _: None)

    def _codes(self, users: Sequence[str]) -> npt.NDArray[np.int64] | None:
        """Return the codes of users [users]; None where one is not found, which `predict` then names."""
        ids = self.predictor.user_ids
        asked = np.array(users, dtype=object)
        # A few among millions are found without a table of them all.
        places = np.minimum(np.searchsorted(ids, asked), len(ids) - 1)
        return places if len(ids) and bool((ids[places] == asked).all()) else None


@dataclass(frozen=True, eq=False)
class _Named:
    """Some users of a run as `Scored` has them; a code is a place among them."""

    questions: Questions
    names: npt.NDArray[np.object_]

    @property
    def users(self) -> int:
        """How many they are."""
        return len(self.names)

    def predict(self, attributes: Sequence[Attribute]) -> Iterator[Block]:
        """Yield scores of all of them."""
        return self.questions.scores(attributes, self.names.tolist())

    def blocks(self, attributes: Sequence[Attribute], codes: UserRows) -> Iterator[Block]:
        """Yield scores of those with these codes."""
        return self.questions.scores(attributes, self.names[codes].tolist())


def finished_run(folder: Path, run: str | None) -> RunFolder:
    """Return `run`, or the run that finished last, of a party's folder or of one that a simulation left."""
    where = PartyFolder(folder)
    if not where.runs.is_dir():
        where.require()
    return latest_run(where.runs, run)


def _cut(
    wanted: Wanted, size: int | None, above: float | None, *, threshold: bool
) -> tuple[int | None, float | None]:
    """Return how many users there are at most, None for no bound, and what they must exceed."""
    if threshold:
        above = _chosen_threshold(wanted)
    return size or (USUAL_SIZE if above is None else None), above


def _chosen_threshold(wanted: Wanted) -> float:
    if wanted.only is None:
        raise InputError(
            f"no threshold was chosen for {wanted.key}: hidden items choose those of single attributes",
            hint=_CUT,
        )
    if wanted.threshold is None:
        raise InputError(
            f"no threshold was chosen for {wanted.key!r}: hidden items choose those of items, "
            "where a run has any",
            hint=_CUT,
        )
    return wanted.threshold
