"""Predictions at home: this party's users against the vectors that its peers published."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.combining import combine, measured_skills, weigh
from feddmf.errors import CatalogueError, DataError, InputError
from feddmf.files import read_text
from feddmf.scoring import SCORE_KINDS, Scorer, scorer_for
from feddmf_party.run_folder import PeerItems, RunFolder

__all__ = ["Attribute", "Block", "Predictor", "read_users"]

# Rows of output made at once when many users are scored for many attributes.
_BLOCK_CELLS = 1 << 20
_RUN_AGAIN = "a file was changed or is of another run; take part in a run again"

# A peer, and the row of what it published.
_Place = tuple[PeerItems, int]
# Owners, the places of the attributes that these have in common, and each owner's vectors, [places, dim].
_Group = tuple[tuple[str, ...], list[int], list[npt.NDArray[np.floating]]]


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute that can be asked for: who published it, under which label, with which vectors.

    owners: the peers whose scores make the answer, in order; vectors: what each of these published, [dim].
    """

    key: str
    label: str
    owners: tuple[str, ...]
    vectors: tuple[npt.NDArray[np.floating], ...]

    @property
    def owner(self) -> str:
        """The owners in one text."""
        return ", ".join(self.owners)


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
    """Scores the users of one finished run."""

    def __init__(self, folder: RunFolder) -> None:
        self.run = folder.path.name
        protocol = folder.protocol()
        arrays = _load_model(folder, protocol)
        self._scorer = _make_scorer(folder, protocol, arrays)
        self.score_kind = SCORE_KINDS[protocol]
        self._user_ids = folder.load_user_ids()
        self._peers = folder.load_peers()
        self._places = _places(self._peers)
        if self.users != self._scorer.users:
            raise InputError(
                f"{folder.path} has {self.users} users and {self._scorer.users} user vectors", hint=_RUN_AGAIN
            )
        parties = [peer.party for peer in self._peers]
        self._weights = dict(zip(parties, weigh(measured_skills(arrays, parties)), strict=True))
        lengths = {party: self._scorer.vector_length(party) for party in parties}
        self._strangers = {party for party, length in lengths.items() if length is None}
        for peer in self._peers:
            length = lengths[peer.party]
            if length is not None and peer.vectors.shape[1] != length:
                raise InputError(
                    f"{peer.party}'s vectors in {folder.path} have {peer.vectors.shape[1]} numbers, "
                    f"the model takes {length}",
                    hint=_RUN_AGAIN,
                )

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        return len(self._user_ids)

    def attributes(self) -> tuple[Attribute, ...]:
        """Return everything that peers published and the model can score, by first owner and key."""
        known = (self._known(places) for places in self._places.values())
        return tuple(_attribute(places) for places in known if places)

    def attribute(self, key: str, *, owner: str | None = None) -> Attribute:
        """Return one attribute, of all its owners or of the one named.

        CatalogueError where nobody (or not `owner`) published it, InputError where only peers did whose
        items the model cannot score.
        """
        found = [place for place in self._places.get(key, ()) if owner in {None, place[0].party}]
        known = self._known(found)
        if known:
            return _attribute(known)
        if found:
            stranger = found[0][0].party
            raise InputError(
                f"this party shared no item with {stranger} in run {self.run}, "
                f"so the run says nothing of what its users are to {stranger}'s attributes",
                hint="publish a catalogue in which the two share items, or run another protocol",
            )
        others = [other for peer in self._peers if owner in {None, peer.party} for other in peer.keys]
        near = difflib.get_close_matches(key, others, n=1)
        raise CatalogueError(
            f"{owner or 'no peer'} published {'no' if owner else 'an'} attribute {key!r} in run {self.run}",
            hint=f"did you mean {near[0]!r}?" if near else "list them: feddmf attributes list",
        )

    def predict(self, attributes: Sequence[Attribute], users: Sequence[str] | None = None) -> Iterator[Block]:
        """Yield scores block by block, for all users or the named ones, in their order.

        DataError names the first user that this party does not know; InputError where no attribute is named.
        """
        if not attributes:
            raise InputError("no attribute is named", hint="list them: feddmf attributes list")
        codes = np.arange(self.users) if users is None else self._codes(users)
        groups = _by_owners(attributes)
        step = max(1, _BLOCK_CELLS // sum(len(attribute.owners) for attribute in attributes))
        for start in range(0, len(codes), step):
            block = codes[start : start + step]
            probabilities = np.empty((len(block), len(attributes)), dtype=np.float32)
            disagreement = np.zeros_like(probabilities)
            for owners, places, vectors in groups:
                scores = [self._scorer.score(block, *each) for each in zip(owners, vectors, strict=True)]
                if len(owners) == 1:
                    probabilities[:, places] = scores[0]
                    continue
                weights = np.array([self._weights[owner] for owner in owners])
                probabilities[:, places], disagreement[:, places] = combine(np.stack(scores), weights)
            yield Block(self._user_ids[block], probabilities, disagreement)

    def audience(self, attribute: Attribute, size: int) -> Block:
        """Return the `size` users most likely to have the attribute, best first; ties by user id."""
        blocks = list(self.predict([attribute]))
        scores = np.concatenate([block.probabilities for block in blocks])  # [users, 1]
        disagreement = np.concatenate([block.disagreement for block in blocks])
        # User ids are sorted, so a stable sort breaks ties by id.
        order = np.argsort(-scores[:, 0], kind="stable")[:size]
        return Block(self._user_ids[order], scores[order], disagreement[order])

    def _known(self, places: Sequence[_Place]) -> list[_Place]:
        """Return the places at peers whose items the model can score."""
        return [place for place in places if place[0].party not in self._strangers]

    def _codes(self, users: Sequence[str]) -> npt.NDArray[np.int64]:
        index = {user: code for code, user in enumerate(self._user_ids)}
        for user in users:
            if user not in index:
                raise DataError(
                    f"user {user!r} was not in this party's tables when run {self.run} was trained",
                    hint="leave the user out, or take part in a new run",
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


def _places(peers: Sequence[PeerItems]) -> dict[str, list[_Place]]:
    """Return key -> where it stands at each peer that published it."""
    places: dict[str, list[_Place]] = {}
    for peer in peers:
        for row, key in enumerate(peer.keys):
            places.setdefault(key, []).append((peer, row))
    return places


def _by_owners(attributes: Sequence[Attribute]) -> list[_Group]:
    """Return the attributes in groups of the same owners."""
    places: dict[tuple[str, ...], list[int]] = {}
    for place, attribute in enumerate(attributes):
        places.setdefault(attribute.owners, []).append(place)
    return [
        (
            owners,
            each,
            [np.stack(of) for of in zip(*(attributes[place].vectors for place in each), strict=True)],
        )
        for owners, each in places.items()
    ]


def _attribute(places: Sequence[_Place]) -> Attribute:
    first, row = places[0]
    return Attribute(
        key=first.keys[row],
        label=first.labels[row],
        owners=tuple(peer.party for peer, _ in places),
        vectors=tuple(peer.vectors[at] for peer, at in places),
    )
