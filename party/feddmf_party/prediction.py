"""Predictions at home: this party's users against the vectors that its peers published."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.class_probabilities import class_probabilities
from feddmf.combining import combine, measured_skills, weigh
from feddmf.errors import DataError, InputError
from feddmf.files import read_text
from feddmf.history_scoring import HistoryScorer
from feddmf.interactions import Interactions
from feddmf.new_users import scorer_of_new_users
from feddmf.scoring import SCORE_KINDS, DeepMFScorer, Scorer, scorer_for
from feddmf.user_attributes import column_of
from feddmf.user_rows import UserRows, how_many, part_of, user_rows
from feddmf_party.data.party_table import PartyTable
from feddmf_party.offered import Attribute, Offered
from feddmf_party.run_folder import PeerItems, RunFolder
from feddmf_party.terms import load_terms

__all__ = ["Block", "Column", "Predictor", "load_scorer", "read_keys", "read_users"]

Floats = npt.NDArray[np.float32]

# Rows of output made at once when many users are scored for many attributes.
_BLOCK_CELLS = 1 << 20
_ONE = {"user": "id", "attribute": "key"}
_RUN_AGAIN = "a file was changed or is of another run; take part in a run again"


@dataclass(frozen=True, eq=False)
class Block:
    """Some users' scores, by the predictor's `score_kind`: user ids [users], float32 [users, attributes].

    disagreement: weighted standard deviation between the owners' scores, float32 [users, attributes]; 0
    where an attribute has one owner.
    """

    users: npt.NDArray[np.object_]
    probabilities: npt.NDArray[np.float32]
    disagreement: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Column:
    """All users' scores for one attribute, float32 [users], in the order of user codes.

    disagreement: see `Block`, [users]; None where the attribute has one owner.
    """

    scores: Floats
    disagreement: Floats | None = None


@dataclass(frozen=True, eq=False)
class _Prepared:
    """What scores users for some attributes.

    columns: how many are scored of a user on the way; score: from user codes, or a slice of them, to scores
    and the owners' disagreement, [users, attributes] each.
    """

    columns: int
    score: Callable[[UserRows], tuple[Floats, Floats]]


class Predictor:
    """Scores the users of one finished run, or users who came after it.

    newcomers: a table of such users, with the items of the run; only a history tower scores them.
    """

    def __init__(self, folder: RunFolder, newcomers: PartyTable | None = None) -> None:
        self.run = folder.path.name
        self._folder = folder
        protocol = folder.protocol()
        self.arrays = _load_model(folder, protocol)
        self._scorer = load_scorer(folder, protocol, self.arrays)
        self.score_kind = SCORE_KINDS[protocol]
        self._user_ids = folder.load_user_ids()
        if self.users != self._scorer.users:
            raise InputError(
                f"{folder.path} has {self.users} users and {self._scorer.users} user vectors", hint=_RUN_AGAIN
            )
        if newcomers is not None:
            self._scorer = _scorer_of(folder, self._scorer, self.arrays, newcomers.interactions)
            self._user_ids = np.asarray(newcomers.user_ids, dtype=object)
        peers = folder.load_peers()
        parties = [peer.party for peer in peers]
        lengths = {party: self._scorer.vector_length(party) for party in parties}
        _check_lengths(folder, peers, lengths)
        self.weights = dict(zip(parties, weigh(measured_skills(self.arrays, parties)), strict=True))
        strangers = {party for party, length in lengths.items() if length is None}
        self.terms = load_terms(folder.path)
        self.offered = Offered(self.run, peers, strangers, self.terms)

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        return len(self._user_ids)

    @property
    def user_ids(self) -> npt.NDArray[np.object_]:
        """The id of each user code, [users], ascending."""
        return self._user_ids

    def of_histories(self, data: Interactions, user_ids: Sequence[str]) -> Predictor:
        """Return what scores users who have these items, by the codes of the run, in the place of its own.

        InputError where the run's model scores nobody but its own users.
        """
        other = copy.copy(self)
        other._scorer = _scorer_of(self._folder, self._scorer, self.arrays, data)  # noqa: SLF001  (its own kind)
        other._user_ids = np.array(user_ids, dtype=object)  # noqa: SLF001
        return other

    @property
    def activity(self) -> Floats | None:
        """How much each user has, in some increasing measure, [users]; None where the model does not tell."""
        return self._scorer.activity if isinstance(self._scorer, HistoryScorer) else None

    def attributes(self) -> tuple[Attribute, ...]:
        """Return everything that peers published and that can be asked for, by first owner and key."""
        return self.offered.all()

    def attribute(self, key: str, *, owner: str | None = None) -> Attribute:
        """Return one attribute; see `Offered.find`."""
        return self.offered.find(key, owner=owner)

    def predict(self, attributes: Sequence[Attribute], users: Sequence[str] | None = None) -> Iterator[Block]:
        """Yield scores block by block, for all users or the named ones, in their order.

        DataError names the first user that this party does not know; InputError where no attribute is named.
        """
        if not attributes:
            raise InputError("no attribute is named", hint="list them: feddmf attributes list")
        rows = slice(0, self.users) if users is None else self._codes(users)
        yield from self.blocks(attributes, rows)

    def blocks(self, attributes: Sequence[Attribute], codes: UserRows) -> Iterator[Block]:
        """Yield scores of the users with these codes [users], block by block, in their order.

        What depends on the attributes alone is computed once.
        """
        groups = [
            (places, self._prepare([attributes[place] for place in places])) for places in _groups(attributes)
        ]
        step = max(1, _BLOCK_CELLS // sum(prepared.columns for _, prepared in groups))
        for start in range(0, how_many(codes), step):
            rows = user_rows(part_of(codes, start, start + step))
            users = self._user_ids[rows]
            if len(groups) == 1:
                yield Block(users, *groups[0][1].score(rows))
                continue
            probabilities = np.empty((how_many(rows), len(attributes)), dtype=np.float32)
            disagreement = np.zeros_like(probabilities)
            for places, prepared in groups:
                probabilities[:, places], disagreement[:, places] = prepared.score(rows)
            yield Block(users, probabilities, disagreement)

    def column(self, attribute: Attribute) -> Column:
        """Return the scores of all users for one attribute, asked for by itself."""
        blocks = list(self.predict([attribute]))
        scores = np.concatenate([block.probabilities[:, 0] for block in blocks])
        if len(attribute.owners) == 1:
            return Column(scores)
        return Column(scores, np.concatenate([block.disagreement[:, 0] for block in blocks]))

    def _prepare(self, chosen: Sequence[Attribute]) -> _Prepared:
        """Return what scores users for attributes of the same owners and kind."""
        return self._items(chosen) if chosen[0].told is None else self._user_attributes(chosen)

    def _items(self, chosen: Sequence[Attribute]) -> _Prepared:
        owners = chosen[0].owners
        vectors = [np.stack(of) for of in zip(*(each.vectors for each in chosen), strict=True)]
        scores = [self._scorer.prepare(*each) for each in zip(owners, vectors, strict=True)]
        weights = np.array([self.weights[owner] for owner in owners])

        def score(users: UserRows) -> tuple[Floats, Floats]:
            found = [each(users) for each in scores]
            return _undisputed(found[0]) if len(owners) == 1 else combine(np.stack(found), weights)

        return _Prepared(len(chosen) * len(owners), score)

    def _user_attributes(self, chosen: Sequence[Attribute]) -> _Prepared:
        """Return what scores users for one owner's user attributes; classes of a column agree."""
        scorer, owner = self._scorer, chosen[0].owners[0]
        if not isinstance(scorer, HistoryScorer):
            raise InputError("a user attribute in a run without histories", hint=_RUN_AGAIN)
        classes = {each.key: each for one in chosen for each in self.offered.classes(one)}
        vectors = np.stack([each.vectors[0] for each in classes.values()])
        columns = [column_of(key) for key in classes]
        place = {key: at for at, key in enumerate(classes)}
        asked = [place[each.key] for each in chosen]

        def score(users: UserRows) -> tuple[Floats, Floats]:
            probabilities = scorer.score_user_attributes(users, owner, vectors)
            return _undisputed(class_probabilities(probabilities, columns)[:, asked])

        return _Prepared(len(classes), score)

    def _codes(self, users: Sequence[str]) -> npt.NDArray[np.int64]:
        index = {user: code for code, user in enumerate(self._user_ids)}
        for user in users:
            if user not in index:
                raise DataError(
                    f"user {user!r} was not in this party's tables when run {self.run} was trained, or is "
                    "forgotten",
                    hint="leave the user out, or score the user's items: --interactions FILE",
                )
        return np.array([index[user] for user in users], dtype=np.int64)


def read_users(path: Path) -> tuple[str, ...]:
    """Read user ids, one a line; a first line `user` is a header. InputError where there is none."""
    return _read_lines(path, "user")


def read_keys(path: Path) -> tuple[str, ...]:
    """Read keys of attributes, one a line; a first line `attribute` is a header; as `read_users`."""
    return _read_lines(path, "attribute")


def _read_lines(path: Path, what: str) -> tuple[str, ...]:
    text = read_text(path, what=f"the {what}s", hint=f"give a text file, one {_ONE[what]} a line")
    found = tuple(line.strip() for line in text.split("\n") if line.strip())
    found = found[1:] if found[:1] == (what,) else found
    if not found:
        raise DataError(f"{path} names no {what}", hint=f"give one {what} {_ONE[what]} a line")
    return found


def _load_model(folder: RunFolder, protocol: str) -> dict[str, npt.NDArray[Any]]:
    if protocol not in SCORE_KINDS:
        raise InputError(
            f"the model in {folder.path} is of protocol {protocol!r}, which is not known here",
            hint="it was kept by another version; query it with that one",
        )
    return folder.load_model()


def load_scorer(folder: RunFolder, protocol: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Scorer:
    """Return what scores users by a run's model `arrays`, and what was kept beside it."""
    try:
        scorer = scorer_for(protocol, arrays)
    except KeyError as error:
        raise InputError(f"the model in {folder.path} has no array {error}", hint=_RUN_AGAIN) from error
    if isinstance(scorer, DeepMFScorer):
        return replace(scorer, projected=folder.map_projections(arrays))
    return scorer


def _scorer_of(
    folder: RunFolder, scorer: Scorer, arrays: Mapping[str, npt.NDArray[Any]], data: Interactions
) -> HistoryScorer:
    if not isinstance(scorer, HistoryScorer):
        raise InputError(
            f"run {folder.path.name} has a vector for each of its own users and nothing for others: only a "
            "history tower scores users that it has not seen",
            hint='ask a run with protocol = "feddmf" and recipe = "default"',
        )
    try:
        return scorer_of_new_users(arrays, data, scorer)
    except (KeyError, ValueError) as error:
        raise InputError(f"the model in {folder.path} does not fit: {error}", hint=_RUN_AGAIN) from error


def _check_lengths(folder: RunFolder, peers: Sequence[PeerItems], lengths: Mapping[str, int | None]) -> None:
    for peer in peers:
        length = lengths[peer.party]
        if length is not None and peer.vectors.shape[1] != length:
            raise InputError(
                f"{peer.party}'s vectors in {folder.path} have {peer.vectors.shape[1]} numbers, "
                f"the model takes {length}",
                hint=_RUN_AGAIN,
            )


def _undisputed(scores: Floats) -> tuple[Floats, Floats]:
    """Return the scores of one owner, who disagrees with nobody."""
    return scores, np.broadcast_to(np.float32(0), scores.shape)


def _groups(attributes: Sequence[Attribute]) -> list[list[int]]:
    """Return the places of attributes of the same owners and kind."""
    places: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for place, attribute in enumerate(attributes):
        places.setdefault((attribute.owners, attribute.kind), []).append(place)
    return list(places.values())
