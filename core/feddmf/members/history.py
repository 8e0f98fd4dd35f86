"""FedDMF with a history tower at the party: a training that hides items, what they teach, one with all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.members.base import Arrays
from feddmf.members.hidden_items import learn_from_hidden
from feddmf.members.linear_maps import LinearMaps
from feddmf.members.offering import Offer
from feddmf.members.peer_maps import PeerMaps
from feddmf.members.regressions import Regression, UserRegression
from feddmf.members.stage import Stage
from feddmf.members.trainings import products_of, seen_in
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.protocols.feddmf import (
    ALIGN,
    CLOSE,
    LINEAR,
    PILOT,
    QUALITY_COLUMNS,
    REVEAL,
    FedDMF,
    published_columns,
)
from feddmf.ranks import Ranks
from feddmf.user_attributes import UserAttributes, without_items

__all__ = ["HistoryMember"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

# What a peer's reply may hold of its maps.
_MAPS = ("linear", "contexts", "constant")
# Parts of a snapshot.
_STAGE, _TAUGHT, _RECEIVED = "stage.", "taught.", "received."


class HistoryMember:
    """One party of a run with histories. Raises InputError for a table without a pair, or of too few users.

    attributes: which of the party's items are user attributes. They are in no history and no training; their
    vectors are fitted at the end, on the users' vectors as they are then. ranks: the processes that train
    together, of which this is the first; None where it is alone.
    """

    def __init__(
        self,
        items: PartyItems,
        data: Interactions,
        offered: Sequence[str],
        attributes: UserAttributes | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self._items, self._party, self._ranks = items, items.view.party, ranks
        self._settings = items.plan.settings
        self._peers = tuple(party for party in items.plan.roster if party != self._party)
        self._offered = items.codes(tuple(offered))
        self._attributes = attributes
        self._is_product = products_of(data.items, attributes)
        self._table = data
        self._data = without_items(data, np.flatnonzero(~self._is_product))
        if not self._data.pairs:
            raise InputError(
                f"{self._party} has no pair to train on: none of its users has any of its items",
                hint="take part with a table of interactions with items of the catalogue",
            )
        phases = FedDMF().phases(items.plan)
        self._schedule = [(phase.name, number) for phase in phases for number in range(phase.rounds)]
        # Users and items of the run are checked here, before anybody trains.
        self._maps = self._linear_maps(ALIGN)
        self._stage = self._begin(PILOT if self._schedule[0][0] in {PILOT, REVEAL} else ALIGN)
        self._taught: dict[str, npt.NDArray[Any]] = {}
        self._received: dict[str, npt.NDArray[Any]] = {}

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Take in the last reply, train up to this exchange, and return what it asks for."""
        if reply is not None:
            self._take_in(*self._schedule[self._schedule.index((phase, number)) - 1], reply)
        if phase in {ALIGN, LINEAR, CLOSE} and self._stage.name == PILOT:
            self._stage = self._begin(ALIGN)
        if phase in {REVEAL, LINEAR} and self._settings.alignment.method == "once":
            self._stage.finish_alone()
        if phase == REVEAL:
            return self._reveal()
        if phase == LINEAR:
            linear = {"linear": self._final.contexts} if self._settings.linear_columns else {}
            return Payload(linear | self._tower_map())
        upload = self._stage.upload()
        # Whatever is not aligned is nobody's business.
        return Payload({"loss": upload["loss"]}) if self._settings.alignment.method == "once" else upload

    def publications(self) -> Payload:
        """Return the published form of the offered items and user attributes, and what is said of each."""
        vectors = np.zeros((len(self._offered), published_columns(self._items.plan)), dtype=np.float32)
        quality = np.zeros((len(self._offered), QUALITY_COLUMNS), dtype=np.float32)
        is_product = self._is_product[self._offered]
        vectors[is_product] = self._published(self._offered_products, self._final.items.targets)
        if self._final.attributes is not None:
            vectors[~is_product] = self._final.attributes.rows(self._settings.linear_columns)
            quality[~is_product] = self._final.attributes.quality()
        return Payload({"vectors": vectors, "quality": quality})

    def figures(self) -> Mapping[str, float]:
        """Return the training loss, the mean cosine to the last targets, and items without support."""
        cosine = self._stage.cosine
        below = int(np.count_nonzero(~self._maps.supported[self._offered_products]))
        found = {"loss": self._stage.loss, "below_support": below}
        return found | ({} if math.isnan(cosine) else {"cosine": cosine})

    def model_arrays(self) -> Arrays:
        """Return all that predictions need, and what hidden items taught; see `HistoryScorer`."""
        vectors, _ = self._stage.users
        arrays: dict[str, npt.NDArray[Any]] = {
            "user_vectors": vectors,
            "activity": _activity(self._data),
            "contexts": self._stage.table("contexts"),
            "vectors": self._stage.table("vectors"),
            "histories.starts": self._data.indptr,
            "histories.items": self._data.indices,
            "constant": self._stage.model.constant.detach().numpy(),
            "products": np.flatnonzero(self._is_product),
        }
        for peer, maps in self._peer_maps(self._received, self._stage).items():
            placed = maps.place(self._data, vectors, self._stage.table("vectors"))
            arrays[f"linear.{peer}"] = placed.sums
            arrays[f"map.{peer}.items"] = maps.codes
            arrays[f"map.{peer}.linear"] = maps.linear
            if maps.contexts is not None and maps.constant is not None:
                arrays[f"user_vectors.{peer}"] = placed.vectors
                arrays[f"map.{peer}.contexts"] = maps.contexts
                arrays[f"map.{peer}.constant"] = maps.constant
        return arrays | self._taught

    def snapshot(self) -> Arrays:
        """Return everything that `restore` needs to go on, bit for bit."""
        return {
            "is_pilot": np.array(self._stage.name == PILOT),
            **_prefixed(_STAGE, self._stage.snapshot()),
            **_prefixed(_TAUGHT, self._taught),
            **_prefixed(_RECEIVED, self._received),
        }

    def restore(self, snapshot: Arrays) -> None:
        """Go on from `snapshot`."""
        self.__dict__.pop("_final", None)
        self._stage = self._begin(PILOT if snapshot["is_pilot"] else ALIGN)
        self._stage.restore(_with_prefix(_STAGE, snapshot))
        self._taught = _with_prefix(_TAUGHT, snapshot)
        self._received = _with_prefix(_RECEIVED, snapshot)

    @property
    def _offered_products(self) -> Codes:
        return self._offered[self._is_product[self._offered]]

    @property
    def _spare(self) -> int:
        """Linear columns that are for user attributes; half of them at most."""
        attributes = len(self._offered) - len(self._offered_products)
        return min(attributes, self._settings.linear_columns // 2)

    def _begin(self, name: str) -> Stage:
        """Return a training from the start; in the pilot nothing of the hidden items is in it."""
        seen = seen_in(name, self._items, self._is_product)
        return Stage(self._items, self._data_in(seen), seen, name, self._ranks)

    def _data_in(self, seen: npt.NDArray[np.bool_]) -> Interactions:
        return without_items(self._data, np.flatnonzero(self._is_product & ~seen))

    def _linear_maps(self, name: str) -> LinearMaps:
        """Return what fits the linear part, in the pilot of what is there alone."""
        return LinearMaps(self._regression(name), self._settings.linear_columns)

    def _regression(self, name: str) -> Regression:
        data = self._stage.data if name == PILOT else self._data
        return UserRegression(data, self._settings.transfer, party=self._party)

    def _take_in(self, phase: str, number: int, reply: Payload) -> None:
        """Do what the reply to `phase` asks for."""
        if phase in {PILOT, ALIGN}:
            self._stage.follow(reply, number)
        elif phase == REVEAL:
            self._taught = self._learn(reply)
        else:
            self._received = {name: np.array(array) for name, array in reply.items()}

    def _learn(self, reply: Payload) -> dict[str, npt.NDArray[Any]]:
        """Fit heads on what peers say of the hidden items."""
        stage = self._stage
        taught: dict[str, npt.NDArray[Any]] = {}
        own_vectors, activity = stage.users[0], _activity(stage.data)
        blocks = np.split(reply["vectors"], len(self._peers), axis=1)
        maps = self._peer_maps(reply, stage)
        hidden = self._items.codes(self._items.hidden)
        for peer, block in zip(self._peers, blocks, strict=True):
            rows = self._items.rows_shared_with(peer, self._items.hidden)
            # A user attribute that a peer offers as well is no item, and its head no item's.
            rows = rows[self._is_product[hidden[rows]]]
            if not len(rows) or peer not in maps:
                continue
            taught |= learn_from_hidden(
                maps[peer].place(stage.data, own_vectors, stage.table("vectors")),
                block[rows],
                hidden[rows],
                self._data,
                activity,
                peer=peer,
                seed=self._settings.seed,
                threads=self._settings.training.threads,
            )
        return taught

    def _reveal(self) -> Payload:
        """Return what the party would publish of the items that peers hide, and its maps for each peer."""
        vectors = np.zeros((len(self._items.revealed), published_columns(self._items.plan)), dtype=np.float32)
        maps, linear = self._linear_maps(PILOT), []
        rows_of = {key: row for row, key in enumerate(self._items.revealed)}
        for peer in self._peers:
            keys = self._items.hidden_by(peer)
            asked = self._items.codes(keys)
            # What is asked may be offered as well, to somebody who does not sell it.
            others = np.setdiff1d(self._offered_products, asked)
            fitted = maps.fit(self._stage.codes, np.concatenate([asked, others]), spare=self._spare)
            linear.append(fitted.contexts)
            places = np.array([rows_of[key] for key in keys], dtype=np.int64)
            vectors[places] = self._published(asked, fitted.targets[: len(asked)])
        tower = {name: np.tile(array, (1, len(self._peers))) for name, array in self._tower_map().items()}
        told = {"vectors": vectors}
        if self._settings.linear_columns:
            told["linear"] = np.concatenate(linear, axis=1)
        return Payload(told | tower)

    @cached_property
    def _final(self) -> Offer:
        """What the party offers, fitted once all training is done."""
        labelled = self._labelled()
        if labelled is None or self._attributes is None:
            return Offer(self._maps.fit(self._items.matched_codes, self._offered_products), None)
        # It needs a library that takes a second to load.
        from feddmf.attribute_vectors import fit_attribute_vectors

        labels, known = labelled
        supported = without_items(self._data, np.flatnonzero(~self._maps.supported))
        fitted = fit_attribute_vectors(
            self._stage.users[0],
            _activity(self._data),
            supported.columns(self._items.matched_codes),
            labels,
            known,
            seed=self._settings.seed,
            min_users=self._attributes.min_users,
            columns=self._spare,
        )
        products = self._maps.fit(self._items.matched_codes, self._offered_products, spare=self._spare)
        return Offer(products, fitted)

    def _labelled(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]] | None:
        """Return who has which offered user attribute, and of whom that is known, [users, offered] each."""
        codes = self._offered[~self._is_product[self._offered]]
        if self._attributes is None or not len(codes):
            return None
        place = {code: column for column, code in enumerate(self._attributes.codes.tolist())}
        asked = [place[code] for code in codes.tolist()]
        return self._attributes.labels(self._table)[:, asked], self._attributes.known[:, asked]

    def _tower_map(self) -> dict[str, Floats]:
        """Return what takes a peer's users into this tower, where towers are not aligned."""
        if self._settings.alignment.method != "once":
            return {}
        constant = self._stage.model.constant.detach().numpy()
        return {"contexts": self._stage.rows("contexts", self._stage.codes), "constant": constant[None]}

    def _published(self, codes: Codes, targets: Floats) -> Floats:
        """Return rows as items are published: item vectors, no intercept or weight, linear targets."""
        of_attributes = np.zeros((len(codes), 2), dtype=np.float32)
        return np.concatenate([self._stage.rows("vectors", codes), of_attributes, targets], axis=1)

    def _peer_maps(self, received: Mapping[str, Floats], stage: Stage) -> dict[str, PeerMaps]:
        """Return the peers' maps by the items that both sell; a peer that shares none is left out."""
        found = {}
        for place, peer in enumerate(self._peers):
            # The party believes nothing: only rows that both sell count, whatever the others hold.
            rows = self._items.rows_shared_with(peer, stage.keys)
            if not len(rows):
                continue
            blocks = {
                name: _block(received[name], place, len(self._peers)) for name in _MAPS if name in received
            }
            found[peer] = PeerMaps(
                stage.codes[rows],
                blocks["linear"][rows] if "linear" in blocks else np.zeros((len(rows), 0), dtype=np.float32),
                blocks["contexts"][rows] if "contexts" in blocks else None,
                blocks["constant"][0] if "constant" in blocks else None,
            )
        return found


def _activity(data: Interactions) -> Floats:
    return np.log1p(data.user_counts()).astype(np.float32)


def _block(array: npt.NDArray[Any], place: int, blocks: int) -> npt.NDArray[Any]:
    width = array.shape[1] // blocks
    return array[:, place * width : (place + 1) * width]


def _prefixed(prefix: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    return {prefix + name: array for name, array in arrays.items()}


def _with_prefix(prefix: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): each for name, each in arrays.items() if name.startswith(prefix)}
