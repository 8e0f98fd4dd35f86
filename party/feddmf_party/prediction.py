"""Predictions at home: this party's users against the vectors that its peers published."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf.errors import CatalogueError, DataError, InputError
from feddmf.files import read_text
from feddmf.scoring import SCORE_KINDS, Scorer, scorer_for
from feddmf_party.run_folder import PeerItems, RunFolder

__all__ = ["Attribute", "Block", "Predictor", "read_users"]

# Rows of output made at once when many users are scored for many attributes.
_BLOCK_CELLS = 1 << 20
_RUN_AGAIN = "a file was changed or is of another run; take part in a run again"


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute that can be asked for: who published it, under which label, with which vector."""

    key: str
    label: str
    owner: str
    vector: npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Block:
    """Some users' scores, by the predictor's `score_kind`: user ids [users], float32 [users, attributes]."""

    users: npt.NDArray[np.object_]
    probabilities: npt.NDArray[np.float32]


class Predictor:
    """Scores the users of one finished run."""

    def __init__(self, folder: RunFolder) -> None:
        self.run = folder.path.name
        protocol = folder.protocol()
        self._scorer = _load_scorer(folder, protocol)
        self.score_kind = SCORE_KINDS[protocol]
        self._user_ids = folder.load_user_ids()
        self._peers = folder.load_peers()
        if self.users != self._scorer.users:
            raise InputError(
                f"{folder.path} has {self.users} users and {self._scorer.users} user vectors", hint=_RUN_AGAIN
            )
        lengths = {peer.party: self._scorer.vector_length(peer.party) for peer in self._peers}
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
        """Return everything that peers published and the model can score, by peer and key."""
        peers = (peer for peer in self._peers if peer.party not in self._strangers)
        return tuple(_attribute(peer, row) for peer in peers for row in range(len(peer.keys)))

    def attribute(self, key: str, *, owner: str | None = None) -> Attribute:
        """Return one attribute; CatalogueError where nobody (or not `owner`) published it.

        InputError where several did, or a peer whose items the model cannot score.
        """
        found = [
            _attribute(peer, peer.keys.index(key))
            for peer in self._peers
            if key in peer.keys and owner in {None, peer.party}
        ]
        if len(found) == 1:
            self._check_known(found[0].owner)
            return found[0]
        if found:
            owners = ", ".join(attribute.owner for attribute in found)
            raise InputError(f"attribute {key!r} has several owners: {owners}", hint="name one with --owner")
        known = [other for peer in self._peers if owner in {None, peer.party} for other in peer.keys]
        near = difflib.get_close_matches(key, known, n=1)
        raise CatalogueError(
            f"{owner or 'no peer'} published {'no' if owner else 'an'} attribute {key!r} in run {self.run}",
            hint=f"did you mean {near[0]!r}?" if near else "list them: feddmf attributes list",
        )

    def _check_known(self, owner: str) -> None:
        if owner in self._strangers:
            raise InputError(
                f"this party shared no item with {owner} in run {self.run}, "
                f"so the run says nothing of what its users are to {owner}'s attributes",
                hint="publish a catalogue in which the two share items, or run another protocol",
            )

    def predict(self, attributes: Sequence[Attribute], users: Sequence[str] | None = None) -> Iterator[Block]:
        """Yield scores block by block, for all users or the named ones, in their order.

        DataError names the first user that this party does not know; InputError where no attribute is named.
        """
        if not attributes:
            raise InputError("no attribute is named", hint="list them: feddmf attributes list")
        codes = np.arange(self.users) if users is None else self._codes(users)
        by_owner = _by_owner(attributes)
        step = max(1, _BLOCK_CELLS // len(attributes))
        for start in range(0, len(codes), step):
            block = codes[start : start + step]
            probabilities = np.empty((len(block), len(attributes)), dtype=np.float32)
            for owner, (places, vectors) in by_owner.items():
                projected = self._scorer.project(block, owner)
                probabilities[:, places] = self._scorer.probabilities(projected, vectors)
            yield Block(self._user_ids[block], probabilities)

    def audience(self, attribute: Attribute, size: int) -> Block:
        """Return the `size` users most likely to have the attribute, best first; ties by user id."""
        blocks = list(self.predict([attribute]))
        scores = np.concatenate([block.probabilities[:, 0] for block in blocks])
        # User ids are sorted, so a stable sort breaks ties by id.
        order = np.argsort(-scores, kind="stable")[:size]
        return Block(self._user_ids[order], scores[order, None])

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


def _load_scorer(folder: RunFolder, protocol: str) -> Scorer:
    if protocol not in SCORE_KINDS:
        raise InputError(
            f"the model in {folder.path} is of protocol {protocol!r}, which is not known here",
            hint="it was kept by another version; query it with that one",
        )
    try:
        return scorer_for(protocol, folder.load_model())
    except KeyError as error:
        raise InputError(f"the model in {folder.path} has no array {error}", hint=_RUN_AGAIN) from error


def _by_owner(attributes: Sequence[Attribute]) -> dict[str, tuple[list[int], npt.NDArray[np.floating]]]:
    """Return for each owner the places of its attributes and their vectors, [places, dim]."""
    places: dict[str, list[int]] = {}
    for place, attribute in enumerate(attributes):
        places.setdefault(attribute.owner, []).append(place)
    return {
        owner: (each, np.stack([attributes[place].vector for place in each]))
        for owner, each in places.items()
    }


def _attribute(peer: PeerItems, row: int) -> Attribute:
    return Attribute(peer.keys[row], peer.labels[row], peer.party, peer.vectors[row])
