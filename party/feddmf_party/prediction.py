"""Predictions at home: this party's users against the vectors that its peers published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.class_probabilities import class_probabilities
from feddmf.combining import combine, measured_skills, weigh
from feddmf.errors import DataError, InputError
from feddmf.files import read_text
from feddmf.history_scoring import HistoryScorer
from feddmf.new_users import scorer_of_new_users
from feddmf.scoring import SCORE_KINDS, Scorer, scorer_for
from feddmf.user_attributes import column_of
from feddmf_party.data.loader import PartyTable
from feddmf_party.offered import Attribute, Offered
from feddmf_party.run_folder import PeerItems, RunFolder

__all__ = ["Block", "Predictor", "read_users"]

# Rows of output made at once when many users are scored for many attributes.
_BLOCK_CELLS = 1 << 20
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


class Predictor:
    """Scores the users of one finished run, or users who came after it.

    newcomers: a table of such users, with the items of the run; only a history tower scores them.
    """

    def __init__(self, folder: RunFolder, newcomers: PartyTable | None = None) -> None:
        self.run = folder.path.name
        protocol = folder.protocol()
        self.arrays = _load_model(folder, protocol)
        self._scorer = _make_scorer(folder, protocol, self.arrays)
        self.score_kind = SCORE_KINDS[protocol]
        self._user_ids = folder.load_user_ids()
        if self.users != self._scorer.users:
            raise InputError(
                f"{folder.path} has {self.users} users and {self._scorer.users} user vectors", hint=_RUN_AGAIN
            )
        if newcomers is not None:
            self._scorer = _scorer_of(folder, self._scorer, self.arrays, newcomers)
            self._user_ids = np.asarray(newcomers.user_ids, dtype=object)
        peers = folder.load_peers()
        parties = [peer.party for peer in peers]
        lengths = {party: self._scorer.vector_length(party) for party in parties}
        _check_lengths(folder, peers, lengths)
        self.weights = dict(zip(parties, weigh(measured_skills(self.arrays, parties)), strict=True))
        strangers = {party for party, length in lengths.items() if length is None}
        self.offered = Offered(self.run, peers, strangers)

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        return len(self._user_ids)

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
        codes = np.arange(self.users) if users is None else self._codes(users)
        groups = _groups(attributes)
        step = max(1, _BLOCK_CELLS // sum(len(attribute.owners) for attribute in attributes))
        for start in range(0, len(codes), step):
            block = codes[start : start + step]
            probabilities = np.empty((len(block), len(attributes)), dtype=np.float32)
            disagreement = np.zeros_like(probabilities)
            for places in groups:
                chosen = [attributes[place] for place in places]
                if chosen[0].told is not None:
                    probabilities[:, places] = self._user_attributes(block, chosen)
                else:
                    probabilities[:, places], disagreement[:, places] = self._items(block, chosen)
            yield Block(self._user_ids[block], probabilities, disagreement)

    def audience(self, attribute: Attribute, size: int | None = None, *, above: float | None = None) -> Block:
        """Return the users most likely to have the attribute, best first; ties by user id.

        size: so many of them; above: only those with a higher score.
        """
        blocks = list(self.predict([attribute]))
        scores = np.concatenate([block.probabilities for block in blocks])  # [users, 1]
        disagreement = np.concatenate([block.disagreement for block in blocks])
        # User ids are sorted, so a stable sort breaks ties by id.
        order = np.argsort(-scores[:, 0], kind="stable")[:size]
        if above is not None:
            order = order[scores[order, 0] > above]
        return Block(self._user_ids[order], scores[order], disagreement[order])

    def _items(
        self, users: npt.NDArray[np.int64], chosen: Sequence[Attribute]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return scores of items of the same owners and the owners' disagreement, [users, chosen]."""
        owners = chosen[0].owners
        vectors = [np.stack(of) for of in zip(*(each.vectors for each in chosen), strict=True)]
        scores = [self._scorer.score(users, *each) for each in zip(owners, vectors, strict=True)]
        if len(owners) == 1:
            return scores[0], np.zeros_like(scores[0])
        return combine(np.stack(scores), np.array([self.weights[owner] for owner in owners]))

    def _user_attributes(
        self, users: npt.NDArray[np.int64], chosen: Sequence[Attribute]
    ) -> npt.NDArray[np.float32]:
        """Return probabilities of one owner's user attributes, [users, chosen]; classes of a column agree."""
        scorer = self._scorer
        if not isinstance(scorer, HistoryScorer):
            raise InputError("a user attribute in a run without histories", hint=_RUN_AGAIN)
        classes = {each.key: each for one in chosen for each in self.offered.classes(one)}
        vectors = np.stack([each.vectors[0] for each in classes.values()])
        probabilities = scorer.score_user_attributes(users, chosen[0].owners[0], vectors)
        agreed = class_probabilities(probabilities, [column_of(key) for key in classes])
        place = {key: at for at, key in enumerate(classes)}
        return agreed[:, [place[each.key] for each in chosen]]

    def _codes(self, users: Sequence[str]) -> npt.NDArray[np.int64]:
        index = {user: code for code, user in enumerate(self._user_ids)}
        for user in users:
            if user not in index:
                raise DataError(
                    f"user {user!r} was not in this party's tables when run {self.run} was trained",
                    hint="leave the user out, or score the user's items: --interactions FILE",
                )
        return np.array([index[user] for user in users], dtype=np.int64)


def read_users(path: Path) -> tuple[str, ...]:
    """Read user ids, one a line; a first line `user` is a header. InputError where there is none."""
    lines = read_text(path, what="the users", hint="give a text file, one id a line").split("\n")
    users = tuple(line.strip() for line in lines if line.strip())
    users = users[1:] if users[:1] == ("user",) else users
    if not users:
        raise DataError(f"{path} names no user", hint="give one user id a line")
    return users


def _load_model(folder: RunFolder, protocol: str) -> dict[str, npt.NDArray[Any]]:
    if protocol not in SCORE_KINDS:
        raise InputError(
            f"the model in {folder.path} is of protocol {protocol!r}, which is not known here",
            hint="it was kept by another version; query it with that one",
        )
    return folder.load_model()


def _make_scorer(folder: RunFolder, protocol: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Scorer:
    try:
        return scorer_for(protocol, arrays)
    except KeyError as error:
        raise InputError(f"the model in {folder.path} has no array {error}", hint=_RUN_AGAIN) from error


def _scorer_of(
    folder: RunFolder, scorer: Scorer, arrays: Mapping[str, npt.NDArray[Any]], newcomers: PartyTable
) -> HistoryScorer:
    if not isinstance(scorer, HistoryScorer):
        raise InputError(
            f"run {folder.path.name} has a vector for each of its own users and nothing for others: only a "
            "history tower scores users that it has not seen",
            hint='ask a run with protocol = "feddmf" and recipe = "default"',
        )
    try:
        return scorer_of_new_users(arrays, newcomers.interactions)
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


def _groups(attributes: Sequence[Attribute]) -> list[list[int]]:
    """Return the places of attributes of the same owners and kind."""
    places: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for place, attribute in enumerate(attributes):
        places.setdefault((attribute.owners, attribute.kind), []).append(place)
    return list(places.values())
