"""Protocols that only need sums: one way to add contributions up, in the open or under pairwise masks.

A `SumProtocol` declares what each party sends in the open and steps on the totals alone. `Summed` makes a
protocol of it: with masks it puts a `keys` phase first and turns every array into a masked one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from feddmf.masks import KEY_WORDS, from_fixed
from feddmf.payload import ArraySpec, Axis, DType, Payload, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Arrays, Capabilities, Dropout, Outcome, Phase

__all__ = ["KEYS", "Present", "Step", "SumProtocol", "Summed", "Totals", "add_up", "masked"]

KEYS = "keys"
"""The phase in which masked parties tell one another their public keys."""

Floats = npt.NDArray[np.float64]
# By array name: [n_aligned, columns] summed over the parties that sell each item, [1, columns] over all.
Totals = Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Present:
    """Of whom the totals of a round are.

    parties: how many; owners: how many of them sell each item, int64 [n_aligned]. A row of totals that none
    of them sells is zero, and says nothing.
    """

    parties: int
    owners: npt.NDArray[np.int64]

    @property
    def sold(self) -> npt.NDArray[np.bool_]:
        """Which items one of them sells at least, bool [n_aligned]."""
        return self.owners > 0


@dataclass(frozen=True)
class Step:
    """What a round came to; rows: what every party is told of its items, whole: what all are told alike.

    rows: by array name [n_aligned, columns]; whole: by array name [1, columns].
    """

    state: Any
    rows: Mapping[str, npt.NDArray[Any]]
    whole: Mapping[str, npt.NDArray[Any]]
    diagnostics: Mapping[str, Any]
    done: bool = False


class SumProtocol(Protocol):
    """The coordinator's half of a protocol that steps on totals."""

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol can do."""
        ...

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return the phases in the open; contributions over MATCHED_ITEMS or ONE."""
        ...

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return the schema of what each party publishes after the run."""
        ...

    def init(self, plan: Plan, rows: MatchedRows) -> Any:
        """Return the state before the first round."""
        ...

    def step(self, state: Any, phase: str, number: int, totals: Totals, present: Present) -> Step:
        """Take one round's totals in; an item that nobody `present` sells stays as it is.

        Raises RunFailed.
        """
        ...

    def snapshot(self, state: Any) -> Arrays:
        """Return everything that `restore` needs to make `state` again, bit for bit."""
        ...

    def restore(self, plan: Plan, rows: MatchedRows, snapshot: Arrays) -> Any:
        """Return the state that `snapshot` was made of."""
        ...


@dataclass(frozen=True, eq=False)
class _State:
    plan: Plan
    rows: MatchedRows
    phases: Mapping[str, Phase]
    inner: Any


@dataclass(frozen=True)
class Summed:
    """A sum protocol as a whole one."""

    inner: SumProtocol

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol can do."""
        return self.inner.capabilities

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return the inner phases, or with masks a keys phase and the inner ones under masks."""
        inner = self.inner.phases(plan)
        if not plan.settings.masks:
            return inner
        hidden = tuple(replace(phase, contribution=masked(phase.contribution)) for phase in inner)
        return (_keys_phase(len(plan.roster)), *hidden)

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return the inner schema: publications are each party's own."""
        return self.inner.publication(plan)

    def init(self, plan: Plan, rows: MatchedRows) -> _State:
        """Return the state before the first round."""
        return self._around(plan, rows, self.inner.init(plan, rows))

    def combine(
        self, state: _State, phase: str, number: int, contributions: Mapping[str, Payload]
    ) -> Outcome:
        """Relay the keys, or add the contributions up and let the inner protocol step on the totals."""
        if phase == KEYS:
            keys = np.concatenate([payload["public_key"] for payload in contributions.values()], axis=1)
            told = Payload({"public_keys": keys})
            return Outcome(state, dict.fromkeys(contributions, told), {})
        totals = add_up(state.rows, state.phases[phase].contribution, contributions)
        step = self.inner.step(state.inner, phase, number, totals, _present(state.rows, contributions))
        replies = {
            party: Payload({name: each[rows] for name, each in step.rows.items()} | dict(step.whole))
            for party, rows in state.rows.aligned.items()
        }
        return Outcome(replace(state, inner=step.state), replies, step.diagnostics, step.done)

    def snapshot(self, state: _State) -> Arrays:
        """Return the inner snapshot: totals are not remembered."""
        return self.inner.snapshot(state.inner)

    def restore(self, plan: Plan, rows: MatchedRows, snapshot: Arrays) -> _State:
        """Return the state that `snapshot` was made of."""
        return self._around(plan, rows, self.inner.restore(plan, rows, snapshot))

    def on_dropout(self, state: _State, party: str) -> Dropout:  # noqa: ARG002  (the interface's)
        """Abort, unless the run has a quorum: a total without a party is another one, under masks noise."""
        return Dropout.CONTINUE if state.plan.settings.waits.quorum else Dropout.ABORT

    def _around(self, plan: Plan, rows: MatchedRows, inner: Any) -> _State:
        return _State(plan, rows, {phase.name: phase for phase in self.phases(plan)}, inner)


def masked(schema: PayloadSchema) -> PayloadSchema:
    """Return `schema` with every array in fixed point under masks."""
    return PayloadSchema(
        tuple(
            replace(spec, kind=ReleaseKind.MASKED_SUM, dtype=DType.UINT64, hides=spec.kind)
            for spec in schema.arrays
        )
    )


def add_up(rows: MatchedRows, schema: PayloadSchema, contributions: Mapping[str, Payload]) -> Totals:
    """Return the totals of one round; contributions come in sorted party id, and add up in that order."""
    return {spec.name: _total(rows, spec, contributions) for spec in schema.arrays}


def _present(rows: MatchedRows, contributions: Mapping[str, Payload]) -> Present:
    sold = np.concatenate([rows.aligned[party] for party in contributions])
    return Present(len(contributions), np.bincount(sold, minlength=rows.n_aligned))


def _total(rows: MatchedRows, spec: ArraySpec, contributions: Mapping[str, Payload]) -> Floats:
    shape = (rows.n_aligned if spec.axis is Axis.MATCHED_ITEMS else 1, spec.columns)
    if spec.dtype is DType.UINT64:
        words = np.zeros(shape, dtype=np.uint64)
        _add(words, rows, spec, contributions)
        return from_fixed(words)
    total = np.zeros(shape)
    _add(total, rows, spec, contributions)
    return total


def _add(
    total: npt.NDArray[Any], rows: MatchedRows, spec: ArraySpec, contributions: Mapping[str, Payload]
) -> None:
    over_items = spec.axis is Axis.MATCHED_ITEMS
    for party, payload in contributions.items():
        total[rows.aligned[party] if over_items else slice(None)] += payload[spec.name]


def _keys_phase(parties: int) -> Phase:
    def keys(name: str, count: int) -> PayloadSchema:
        spec = ArraySpec(name, ReleaseKind.PUBLIC_KEY, Axis.ONE, KEY_WORDS * count, DType.UINT64)
        return PayloadSchema((spec,))

    return Phase(KEYS, 1, keys("public_key", 1), keys("public_keys", parties))
