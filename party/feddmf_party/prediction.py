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
from feddmf.scoring import Scorer
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
    vector: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Block:
    """Some users' probabilities: user ids [users], float32 [users, attributes]."""

    users: npt.NDArray[np.object_]
    probabilities: npt.NDArray[np.float32]


class Predictor:
    """Scores the users of one finished run."""

    def __init__(self, folder: RunFolder) -> None:
        self.run = folder.path.name
        self._scorer = _load_scorer(folder)
        self._user_ids = folder.load_user_ids()
        self._peers = folder.load_peers()
        n_vectors = len(self._scorer.user_vectors)
        if self.users != n_vectors:
            raise InputError(
                f"{folder.path} has {self.users} users and {n_vectors} user vectors", hint=_RUN_AGAIN
            )
        dim = self._scorer.item_weight.shape[1]
        for peer in self._peers:
            if peer.vectors.shape[1] != dim:
                raise InputError(
                    f"{peer.party}'s vectors in {folder.path} have {peer.vectors.shape[1]} numbers, "
                    f"the model takes {dim}",
                    hint=_RUN_AGAIN,
                )

    @property
    def users(self) -> int:
        """Number of users that can be scored."""
        return len(self._user_ids)

    def attributes(self) -> tuple[Attribute, ...]:
        """Return everything that peers published, by peer and key."""
        return tuple(_attribute(peer, row) for peer in self._peers for row in range(len(peer.keys)))

    def attribute(self, key: str, *, owner: str | None = None) -> Attribute:
        """Return one attribute; CatalogueError where nobody (or not `owner`) published it."""
        found = [
            _attribute(peer, peer.keys.index(key))
            for peer in self._peers
            if key in peer.keys and owner in {None, peer.party}
        ]
        if len(found) == 1:
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

    def predict(self, attributes: Sequence[Attribute], users: Sequence[str] | None = None) -> Iterator[Block]:
        """Yield probabilities block by block, for all users or the named ones, in their order.

        DataError names the first user that this party does not know; InputError where no attribute is named.
        """
        if not attributes:
            raise InputError("no attribute is named", hint="list them: feddmf attributes list")
        codes = np.arange(self.users) if users is None else self._codes(users)
        vectors = np.stack([attribute.vector for attribute in attributes])  # [attributes, dim]
        step = max(1, _BLOCK_CELLS // len(attributes))
        for start in range(0, len(codes), step):
            block = codes[start : start + step]
            probabilities = self._scorer.probabilities(self._scorer.project_users(block), vectors)
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


def _load_scorer(folder: RunFolder) -> Scorer:
    try:
        return Scorer.from_arrays(folder.load_model())
    except KeyError as error:
        raise InputError(f"the model in {folder.path} has no array {error}", hint=_RUN_AGAIN) from error


def _attribute(peer: PeerItems, row: int) -> Attribute:
    return Attribute(peer.keys[row], peer.labels[row], peer.party, peer.vectors[row])
