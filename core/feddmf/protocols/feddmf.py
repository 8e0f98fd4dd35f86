"""FedDMF at the coordinator: it receives matched vectors, measures eq. 4, and replies with targets.

Phases of a tower of user ids: `align` exchanges vectors for targets; `close` takes the final vectors and
decides whether anything may be published. A history tower has context vectors beside the item vectors, and
more phases: `pilot`, as `align` with hidden items out of it; `reveal`, in which each party is told what its
peers would have published of the items that it hid; `linear`, which exchanges the linear maps.
Source: FedDMF paper, eq. 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from feddmf.alignment import Agreement, agree
from feddmf.errors import RunFailed
from feddmf.payload import ArraySpec, Axis, DType, Encoding, Payload, PayloadSchema, ReleaseKind
from feddmf.plan import MatchedRows, Plan, StageRows
from feddmf.protocols.answers import answer
from feddmf.protocols.base import Arrays, Capabilities, Dropout, Outcome, Phase
from feddmf.protocols.following import Following
from feddmf.protocols.marked import least_response
from feddmf.protocols.relaying import side_by_side
from feddmf.protocols.remembered import following_arrays, restored_following
from feddmf.protocols.tables import TABLES, aligned_rows
from feddmf.runfile import RunSettings

__all__ = [
    "ALIGN",
    "CLOSE",
    "LINEAR",
    "PILOT",
    "QUALITY_COLUMNS",
    "REVEAL",
    "FedDMF",
    "FedDMFState",
    "published_columns",
]

PILOT = "pilot"
REVEAL = "reveal"
ALIGN = "align"
LINEAR = "linear"
CLOSE = "close"

_LOSS = ArraySpec("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1)
# What is said of a tower, and not of an item.
_WHOLE = frozenset({"constant"})

QUALITY_COLUMNS = 3
"""What is said of an offer: 1 for a user attribute or 0, its ROC-AUC, the standard error of that."""


@dataclass(frozen=True, eq=False)
class FedDMFState:
    """What the coordinator remembers between rounds; training: the last one of PILOT and ALIGN, if any."""

    plan: Plan
    rows: MatchedRows
    following: Following
    training: str = ""


def published_columns(plan: Plan) -> int:
    """Return the length of a published vector.

    With a history tower the item vector is followed by what a user attribute has beside: an intercept and a
    weight of the user's activity; and by the linear target.
    """
    settings = plan.settings
    return settings.model.embedding_dim + (2 + settings.linear_columns if settings.has_history else 0)


class FedDMF:
    """Deep matrix factorizations whose matched item vectors are pulled together by their cosine."""

    capabilities = Capabilities(name="feddmf")

    def phases(self, plan: Plan) -> tuple[Phase, ...]:
        """Return the phases in order."""
        settings = plan.settings
        pairwise = settings.alignment.method != "once"
        final = _tables(plan, Axis.MATCHED_ITEMS)
        phases: list[Phase] = []
        if settings.hidden_share:
            if pairwise:
                up, down = _tables(plan, Axis.PILOT_ITEMS), _targets(plan, Axis.PILOT_ALIGNED_ITEMS)
                phases.append(Phase(PILOT, settings.rounds, up, down))
            phases.append(_reveal(plan))
        if pairwise:
            phases.append(Phase(ALIGN, settings.rounds, final, _targets(plan, Axis.ALIGNED_ITEMS)))
        maps = _maps(plan, Axis.MATCHED_ITEMS, 1)
        if settings.has_history and maps:
            peers = len(plan.roster) - 1
            theirs = _maps(plan, Axis.MATCHED_ITEMS, peers)
            phases.append(Phase(LINEAR, 1, PayloadSchema(maps), PayloadSchema(theirs)))
        return (*phases, Phase(CLOSE, 1, final if pairwise else PayloadSchema((_LOSS,))))

    def publication(self, plan: Plan) -> PayloadSchema:
        """Return the schema of the offered items' vectors, with a history of what is said of each beside."""
        kind, axis = ReleaseKind.ATTRIBUTE_VECTOR, Axis.OFFERED_ITEMS
        encoding = Encoding(plan.settings.alignment.encoding)
        vectors = ArraySpec("vectors", kind, axis, published_columns(plan), encoding=encoding)
        if not plan.settings.has_history:
            return PayloadSchema((vectors,))
        quality = ArraySpec("quality", ReleaseKind.QUALITY_SCALAR, axis, QUALITY_COLUMNS)
        return PayloadSchema((vectors, quality))

    def init(self, plan: Plan, rows: MatchedRows) -> FedDMFState:
        """Return the state before the first round."""
        return FedDMFState(plan, rows, _nobody_yet(plan))

    def combine(
        self, state: FedDMFState, phase: str, number: int, contributions: Mapping[str, Payload]
    ) -> Outcome:
        """Measure the alignment and reply with targets, hand on what peers are told, or decide at the end."""
        if phase == REVEAL:
            self._enforce_at_the_end(state)
            return _told(state, contributions)
        if phase == LINEAR:
            rows = {party: state.rows.matched(party) for party in contributions}
            replies = side_by_side(contributions, rows, whole=_WHOLE)
            return Outcome(state, replies, {})
        if state.plan.settings.alignment.method == "once":
            losses = {p: {"loss": float(payload["loss"][0, 0])} for p, payload in contributions.items()}
            return Outcome(state, {}, {"parties": losses}, done=True)
        if phase in {PILOT, ALIGN} and phase != state.training:
            # Another training, from the start.
            state = replace(state, following=_nobody_yet(state.plan), training=phase)
        return self._aligned(state, phase, number, contributions)

    def snapshot(self, state: FedDMFState) -> Arrays:
        """Return which training goes on, and what is known of who follows."""
        training = np.frombuffer(state.training.encode(), np.uint8)
        return {"training": training, **following_arrays(state.following)}

    def restore(self, plan: Plan, rows: MatchedRows, snapshot: Arrays) -> FedDMFState:
        """Return the state that `snapshot` was made of."""
        tied = plan.settings.alignment.method == "tie"
        following = restored_following(_nobody_yet(plan), snapshot, plan.roster, tied=tied)
        return FedDMFState(plan, rows, following, snapshot["training"].tobytes().decode())

    def on_dropout(self, state: FedDMFState, party: str) -> Dropout:  # noqa: ARG002  (the interface's)
        """Abort: a party's vectors cannot be replaced by anybody else's."""
        return Dropout.ABORT

    def _aligned(
        self, state: FedDMFState, phase: str, number: int, contributions: Mapping[str, Payload]
    ) -> Outcome:
        settings, stage = state.plan.settings, state.rows.pilot if phase == PILOT else state.rows
        tables = tuple(name for name in TABLES if name in next(iter(contributions.values())))
        sent = {name: aligned_rows(contributions, name, stage.aligned) for name in tables}
        measured, told = answer(state.plan, stage, (phase, number), sent)
        vectors = {p: [sent[name][p] for name in tables] for p in contributions}
        following, verdicts = state.following.observe(vectors, told)
        probe = _probe(stage, contributions)
        diagnostics = {
            "cosine": measured.cosine,
            "loss_emb": settings.alignment.beta * measured.loss,
            "probe_cosine": None if probe is None else probe.cosine,
            "parties": {
                party: {
                    "loss": float(payload["loss"][0, 0]),
                    "cosine": measured.cosines[party],
                    **asdict(verdicts[party]),
                }
                for party, payload in contributions.items()
            },
        }
        state = replace(state, following=following)
        self._enforce(state, phase, probe)
        if phase == CLOSE:
            return Outcome(state, {}, diagnostics, done=True)
        pairs = np.array([[measured.pairs]], dtype=np.uint64)
        replies = {
            p: Payload({**{name: each.told for name, each in zip(tables, of, strict=True)}, "pairs": pairs})
            for p, of in told.items()
        }
        return Outcome(state, replies, diagnostics)

    def _enforce(self, state: FedDMFState, phase: str, probe: Agreement | None) -> None:
        """Raise Misconduct where a party does not follow, RunFailed where a run ends out of alignment."""
        if _is_enforced(state.plan):
            state.following.enforce()
        if phase == CLOSE:
            self._enforce_at_the_end(state)
            _check_probe(probe, state.plan.settings)

    def _enforce_at_the_end(self, state: FedDMFState) -> None:
        if _is_enforced(state.plan):
            state.following.enforce_at_the_end()


def _is_enforced(plan: Plan) -> bool:
    """Tell whether a party that does not follow ends the run."""
    alignment = plan.settings.alignment
    pulls = alignment.method == "tie" or (alignment.method == "cosine" and alignment.beta > 0)
    return pulls and plan.settings.enforcement.not_following == "fail"


def _nobody_yet(plan: Plan) -> Following:
    """Return the state in which nobody has been told anything."""
    settings = plan.settings
    floor = settings.enforcement.follow_floor
    if settings.alignment.method == "tie" and settings.has_history:
        floor = least_response(floor, settings.training.max_steps / settings.rounds)
    return Following(settings.enforcement, floor)


def _tables(plan: Plan, axis: Axis) -> PayloadSchema:
    """Return the schema of an upload: the tables of matched vectors and the loss."""
    return PayloadSchema((*_table_specs(plan, axis), _LOSS))


def _targets(plan: Plan, axis: Axis) -> PayloadSchema:
    """Return the schema of a reply: a target for each row of the tables, and the number of pairs."""
    pairs = ArraySpec("pairs", ReleaseKind.QUALITY_SCALAR, Axis.ONE, 1, DType.UINT64)
    return PayloadSchema((*_table_specs(plan, axis), pairs))


def _table_specs(plan: Plan, axis: Axis) -> tuple[ArraySpec, ...]:
    dim = plan.settings.model.embedding_dim
    encoding = Encoding(plan.settings.alignment.encoding)
    vectors = ArraySpec("vectors", ReleaseKind.ITEM_VECTORS, axis, dim, encoding=encoding)
    if not plan.settings.has_history:
        return (vectors,)
    return (ArraySpec("contexts", ReleaseKind.CONTEXT_VECTORS, axis, dim, encoding=encoding), vectors)


def _maps(plan: Plan, axis: Axis, blocks: int) -> tuple[ArraySpec, ...]:
    """Return the specs of maps from the items of a user to its place in an owner's space, `blocks` of them.

    The linear one, and where no tables are aligned the tower's with its constant.
    """
    settings, kind = plan.settings, ReleaseKind.CONTEXT_VECTORS
    encoding = Encoding(settings.alignment.encoding)
    specs = []
    if settings.linear_columns:
        specs.append(ArraySpec("linear", kind, axis, settings.linear_columns, encoding=encoding))
    if settings.alignment.method == "once":
        dim = settings.model.embedding_dim
        specs.append(ArraySpec("contexts", kind, axis, dim, encoding=encoding))
        specs.append(ArraySpec("constant", ReleaseKind.SHARED_LAYERS, Axis.ONE, dim))
    return tuple(_blocks(spec, blocks) for spec in specs)


def _reveal(plan: Plan) -> Phase:
    """Return the phase in which a party is told what its peers say of what it hid.

    Up: the published form of the items that peers hid, and the maps that go with it, one block of columns
    a peer. Down: a block of columns a peer.
    """
    peers, columns = len(plan.roster) - 1, published_columns(plan)
    encoding = Encoding(plan.settings.alignment.encoding)
    told = ArraySpec("vectors", ReleaseKind.ITEM_VECTORS, Axis.REVEALED_ITEMS, columns, encoding=encoding)
    theirs = _blocks(replace(told, axis=Axis.HIDDEN_ITEMS), peers)
    maps = _maps(plan, Axis.PILOT_ITEMS, peers)
    return Phase(REVEAL, 1, PayloadSchema((told, *maps)), PayloadSchema((theirs, *maps)))


def _blocks(spec: ArraySpec, blocks: int) -> ArraySpec:
    """Return the spec of `blocks` arrays side by side."""
    return replace(spec, columns=spec.columns * blocks, max_row_norm=spec.max_row_norm * blocks)


def _told(state: FedDMFState, contributions: Mapping[str, Payload]) -> Outcome:
    """Hand each party what its peers say of the items that it hid, and the maps that they made for it."""
    rows, parties = state.rows, tuple(contributions)
    vectors = side_by_side(
        {party: Payload({"vectors": payload["vectors"]}) for party, payload in contributions.items()},
        rows.revealed,
        at=rows.hidden,
    )
    maps: dict[str, dict[str, Any]] = {}
    for party in parties:
        meant = {
            peer: Payload(
                {
                    name: _block(array, _place(party, peer, parties), len(parties) - 1)
                    for name, array in payload.items()
                    if name != "vectors"
                }
            )
            for peer, payload in contributions.items()
        }
        of_pilot = {each: rows.pilot.matched(each) for each in parties}
        maps[party] = dict(side_by_side(meant, of_pilot, only=party, whole=_WHOLE)[party])
    replies = {party: Payload({**vectors[party], **maps[party]}) for party in parties}
    return Outcome(state, replies, {})


def _place(party: str, peer: str, parties: tuple[str, ...]) -> int:
    """Return the place of `party` among the peers of `peer`, sorted; its own is never looked at."""
    others = [each for each in parties if each != peer]
    return others.index(party) if party in others else 0


def _block(array: Any, place: int, blocks: int) -> Any:
    width = array.shape[1] // blocks
    return array[:, place * width : (place + 1) * width]


def _probe(stage: StageRows, contributions: Mapping[str, Payload]) -> Agreement | None:
    """Measure the item vectors of the probes, which nothing pulls together."""
    if not stage.n_probes:
        return None
    vectors = {p: payload["vectors"][len(stage.aligned[p]) :] for p, payload in contributions.items()}
    return agree(vectors, stage.probes, stage.n_probes, 0.0)


def _check_probe(probe: Agreement | None, settings: RunSettings) -> None:
    """Fail a run whose probe cosine is under the floor, by more than chance alone would explain.

    The cosine of two random directions in d dimensions has variance 1/d, so the mean over a handful
    of probe pairs says little; the floor is lowered by two of its standard errors.
    """
    if probe is None or not probe.pairs:
        return
    floor = settings.enforcement.probe_floor
    error = (probe.pairs * settings.model.embedding_dim) ** -0.5
    if probe.cosine < floor - 2 * error:
        raise RunFailed(
            f"the cosine of the {probe.pairs} probe pairs ended at {probe.cosine:.3f}, under the floor "
            f"of {floor:g}: the parties' vectors do not mean the same, and nothing is published",
            hint="train longer, raise alignment.beta or syncs_per_epoch, or share more items",
        )
