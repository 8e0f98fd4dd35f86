"""What peers published in a run, as attributes that can be asked for by key."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from feddmf.errors import CatalogueError, InputError
from feddmf.user_attributes import column_of
from feddmf_party.near import nearest
from feddmf_party.run_folder import OwnItems, PeerItems
from feddmf_party.terms import NO_TERMS, Terms

__all__ = ["Attribute", "CrossValidated", "Offered", "Unavailable", "refuse_own"]

# A peer, and the row of what it published.
_Place = tuple[PeerItems, int]


@dataclass(frozen=True)
class CrossValidated:
    """What the owner of a user attribute found for its own users: ROC-AUC, and the standard error of it."""

    roc_auc: float
    standard_error: float

    @classmethod
    def of(cls, peer: PeerItems, row: int) -> CrossValidated | None:
        """Return what a peer says of the user attribute in a row of its publication, None of an item."""
        if peer.quality is None or not peer.quality[row, 0]:
            return None
        _, roc_auc, standard_error = peer.quality[row].tolist()
        return cls(roc_auc, standard_error)

    @property
    def is_fitted(self) -> bool:
        """Whether the owner had enough users to say anything of it."""
        return self.roc_auc > 0


@dataclass(frozen=True, eq=False)
class Attribute:
    """An attribute that can be asked for: who published it, under which label, with which vectors.

    owners: the peers whose scores make the answer, in order; vectors: what each of these published, [dim].
    told: what the one owner of a user attribute says of it, None for an item.
    """

    key: str
    label: str
    owners: tuple[str, ...]
    vectors: tuple[npt.NDArray[np.floating], ...]
    told: CrossValidated | None = None

    @property
    def owner(self) -> str:
        """The owners in one text."""
        return ", ".join(self.owners)

    @property
    def kind(self) -> str:
        """What it is: an item that users have, or an attribute of the users themselves."""
        return "item" if self.told is None else "user attribute"


@dataclass(frozen=True)
class Unavailable:
    """What a peer had published and nobody may ask for any more, and why."""

    key: str
    label: str
    owner: str
    why: str


class Offered:
    """The publications of one run; strangers: peers whose items the run's model cannot score.

    What was withdrawn or has ended by the `terms` cannot be asked for, from that moment on.
    """

    def __init__(
        self,
        run: str,
        peers: Sequence[PeerItems],
        strangers: Collection[str],
        terms: Terms = NO_TERMS,
    ) -> None:
        self._run, self._peers, self._strangers, self._terms = run, peers, strangers, terms
        self._places: dict[str, list[_Place]] = {}
        for peer in peers:
            for row, key in enumerate(peer.keys):
                self._places.setdefault(key, []).append((peer, row))

    def all(self) -> tuple[Attribute, ...]:
        """Return everything that can be asked for, by first owner and key."""
        ended = self._terms.ended(datetime.now(UTC))
        found = (self._usable(each, ended) for each in self._places.values())
        return tuple(_attribute(usable) for usable in found if usable)

    def unavailable(self) -> tuple[Unavailable, ...]:
        """Return what was withdrawn or has ended, by owner and key, and why."""
        now = datetime.now(UTC)
        return tuple(
            Unavailable(key, label, peer.party, why)
            for peer in self._peers
            for key, label in zip(peer.keys, peer.labels, strict=True)
            if (why := self._terms.why_not(peer.party, key, now))
        )

    def find(self, key: str, *, owner: str | None = None) -> Attribute:
        """Return one attribute, of all its owners or of the one named.

        CatalogueError where nobody (or not `owner`) published it, InputError where it cannot be asked for.
        """
        found = [place for place in self._places.get(key, ()) if owner in {None, place[0].party}]
        now = datetime.now(UTC)
        usable = self._usable(found, self._terms.ended(now))
        if usable:
            return _attribute(usable)
        known = [peer.party for peer, _ in found if peer.party not in self._strangers]
        for party in known or [owner or ""]:
            self._terms.refuse(self._run, party, key, now)
        if known:
            raise InputError(
                f"{known[0]} had too few users with and without attribute {key!r} in run {self._run} "
                "to say anything of it",
                hint="ask for another: feddmf attributes list",
            )
        if found:
            stranger = found[0][0].party
            raise InputError(
                f"this party shared no item with {stranger} in run {self._run}, "
                f"so the run says nothing of what its users are to {stranger}'s attributes",
                hint="publish a catalogue in which the two share items, or run another protocol",
            )
        others = [other for peer in self._peers if owner in {None, peer.party} for other in peer.keys]
        near = nearest(key, others)
        raise CatalogueError(
            f"{owner or 'no peer'} published {'no' if owner else 'an'} attribute {key!r} in run {self._run}",
            hint=f"did you mean {near!r}?" if near else "list them: feddmf attributes list",
        )

    def classes(self, attribute: Attribute) -> tuple[Attribute, ...]:
        """Return the user attributes of one owner that stand for one column, `attribute` among them."""
        return tuple(self._classes(attribute.owners[0], column_of(attribute.key)))

    def _classes(self, owner: str, column: str) -> Iterator[Attribute]:
        ended = self._terms.ended(datetime.now(UTC))
        for key, places in self._places.items():
            if column_of(key) == column:
                own = self._usable([place for place in places if place[0].party == owner], ended)
                if own and CrossValidated.of(*own[0]) is not None:
                    yield _attribute(own)

    def _usable(self, places: Sequence[_Place], ended: Collection[str]) -> list[_Place]:
        """Return the places that make an answer: an item at all peers that the model knows, or one fit.

        ended: peers whose publications have ended.
        """
        known = [
            (peer, row)
            for peer, row in places
            if peer.party not in self._strangers
            and peer.party not in ended
            and self._terms.withdrawal(peer.party, peer.keys[row]) is None
        ]
        items = [place for place in known if CrossValidated.of(*place) is None]
        fitted = [place for place in known if (told := CrossValidated.of(*place)) and told.is_fitted]
        # Where owners differ in what it is, no owner's word of itself stands before what hidden items say.
        return items or fitted[:1]


def refuse_own(key: str, own: OwnItems, run: str) -> None:
    """Raise CatalogueError where the party itself has what is asked for, so that nobody predicts it."""
    if key in own.keys:
        local_id = own.local_ids[own.keys.index(key)]
        raise CatalogueError(
            f"{key!r} is this party's own item in run {run}, and no peer predicts it for its users",
            hint=f"look into this party's own table: it tells who has {local_id!r}",
        )


def _attribute(places: Sequence[_Place]) -> Attribute:
    first, row = places[0]
    return Attribute(
        key=first.keys[row],
        label=first.labels[row],
        owners=tuple(peer.party for peer, _ in places),
        vectors=tuple(peer.vectors[at] for peer, at in places),
        told=CrossValidated.of(first, row),
    )
