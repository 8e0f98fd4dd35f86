"""Questions to one finished run, as the command line and the query API ask them: same rules, same numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf.errors import CatalogueError, InputError
from feddmf.user_rows import UserRows
from feddmf_party.answering import Backer, Backing, refuse_untrusted
from feddmf_party.bulk import Ranked, best_attributes
from feddmf_party.data.party_table import PartyTable
from feddmf_party.folder import PartyFolder
from feddmf_party.offered import Attribute, refuse_own
from feddmf_party.prediction import Block, Predictor
from feddmf_party.run_folder import RunFolder, latest_run
from feddmf_party.trust import REFUSE, Expected

__all__ = ["USUAL_SIZE", "Audience", "Questions", "finished_run"]

USUAL_SIZE = 20
"""Users of an audience that nobody has said the size of."""


@dataclass(frozen=True, eq=False)
class Audience:
    """The users most likely to have an attribute, best first, and what to expect of them.

    above: the probability that all of them exceed, where one was asked for.
    """

    backing: Backing
    block: Block
    above: float | None
    expected: Expected | None


class Questions:
    """What can be asked of one run, loaded once. Any number of threads may ask; one scores at a time."""

    def __init__(self, kept: RunFolder, newcomers: PartyTable | None = None) -> None:
        """Load a run; newcomers: the users to score in the place of the run's own, see `Predictor`."""
        self.predictor = Predictor(kept, newcomers)
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

    def attribute(self, key: str, owner: str | None = None) -> Attribute:
        """Return one attribute; CatalogueError where no peer has it, or only the party itself does."""
        try:
            return self.predictor.attribute(key, owner=owner)
        except CatalogueError:
            refuse_own(key, self._kept.load_items(), self.run)
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

    def audience(
        self,
        backing: Backing,
        size: int | None = None,
        *,
        above: float | None = None,
        threshold: bool = False,
    ) -> Audience:
        """Return the best `size` users, those above a probability, or above the threshold of hidden items.

        InputError where no threshold was chosen.
        """
        if threshold:
            above = _chosen_threshold(backing)
        wanted = size or (USUAL_SIZE if above is None else None)
        with self._lock:
            block = self.predictor.audience(backing.attribute, wanted, above=above)
            expected = backing.expect(block.probabilities[:, 0], self.users)
        return Audience(backing, block, above, expected)

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


def _chosen_threshold(backing: Backing) -> float:
    if backing.threshold is None:
        raise InputError(
            f"no threshold was chosen for {backing.attribute.key!r}: hidden items choose those of items, "
            "where a run has any",
            hint="cut the ranking yourself: --size N or --above P",
        )
    return backing.threshold
