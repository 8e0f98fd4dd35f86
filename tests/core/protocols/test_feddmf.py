"""The coordinator's half of FedDMF: what it asks for, what it answers, what it refuses to publish."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from feddmf import alignment, blocks
from feddmf.errors import Misconduct, RunFailed
from feddmf.payload import NOTHING, Axis, Payload, ReleaseKind
from feddmf.protocols.base import Dropout, Outcome
from feddmf.protocols.feddmf import FedDMF, FedDMFState
from feddmf.protocols.registry import protocol_for
from support.runs import SmallRun, small_run

LOSS = np.array([[0.25]], dtype=np.float32)
# Two rows each.
SAME, OTHER, AWAY = [[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2, [[-1.0, 1.0]] * 2


def two_parties(probe_share: float = 0.0, **enforcement: object) -> SmallRun:
    """Return a run of two parties with vectors of length 2."""
    return small_run(
        2,
        shared=4,
        own=1,
        each=2,
        model={"embedding_dim": 2},
        alignment={"beta": 8.0, "margin": 0.5, "probe_share": probe_share},
        enforcement=enforcement,
    )


def combine(
    run: SmallRun,
    vectors: dict[str, list[list[float]]],
    *,
    phase: str = "align",
    state: FedDMFState | None = None,
) -> Outcome:
    """Combine one round of contributions."""
    protocol = FedDMF()
    state = state or protocol.init(run.plan, run.rows)
    payloads = {
        party: Payload({"vectors": np.array(rows, dtype=np.float32), "loss": LOSS})
        for party, rows in vectors.items()
    }
    return protocol.combine(state, phase, 0, payloads)


def test_it_asks_for_vectors_of_matched_items_and_a_loss() -> None:
    """Phases, kinds and axes are those that a party's policy can allow by name."""
    run = two_parties()
    align, close = FedDMF().phases(run.plan)
    assert (align.name, align.rounds) == ("align", run.plan.settings.rounds)
    assert (close.name, close.rounds, close.reply) == ("close", 1, NOTHING)
    assert align.contribution == close.contribution
    assert [(spec.name, spec.kind, spec.axis, spec.columns) for spec in align.contribution.arrays] == [
        ("vectors", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, 2),
        ("loss", ReleaseKind.LOSS_SCALAR, Axis.ONE, 1),
    ]
    published = FedDMF().publication(run.plan).arrays
    assert [(spec.kind, spec.axis) for spec in published] == [
        (ReleaseKind.ATTRIBUTE_VECTOR, Axis.OFFERED_ITEMS)
    ]


def test_a_round_answers_each_party_with_its_peers_directions() -> None:
    """Targets are unit vectors of the peer, and the figures are those of eq. 4."""
    run = two_parties()
    outcome = combine(
        run,
        {
            "acme": [[2, 0], [0, 3], [1, 0], [3, 4]],
            "bolt": [[5, 0], [0, 1], [0, 9], [1, 0]],  # cosines 1, 1, 0, 0.6
        },
    )
    assert not outcome.done
    for party, targets in (
        ("acme", [[1, 0], [0, 1], [0, 1], [1, 0]]),
        ("bolt", [[1, 0], [0, 1], [1, 0], [0.6, 0.8]]),
    ):
        reply = outcome.reply(party)
        np.testing.assert_allclose(reply["vectors"], targets, atol=1e-7)
        assert reply["pairs"].tolist() == [[4]]
        FedDMF().phases(run.plan)[0].reply.check(reply, run.rows.sizes(party))
    figures = outcome.diagnostics
    assert figures["cosine"] == pytest.approx(2.6 / 4)
    assert figures["loss_emb"] == pytest.approx(8.0 * (0.5 + 0.5 + 1 + 0.5) / 4)
    assert figures["probe_cosine"] is None
    assert figures["parties"]["acme"] == {
        "loss": 0.25,
        "cosine": pytest.approx(2.6 / 4),
        "response": None,
        "rounds_not_following": 0,
    }


def test_probes_are_measured_and_never_aligned() -> None:
    """Probe rows change the probe's cosine, and no target."""
    run = two_parties(probe_share=0.5)
    assert (run.rows.n_aligned, run.rows.n_probes) == (2, 2)
    outcomes = [combine(run, {"acme": [*SAME, *SAME], "bolt": [*SAME, *probes]}) for probes in (SAME, OTHER)]
    assert [outcome.diagnostics["probe_cosine"] for outcome in outcomes] == pytest.approx([1, 0])
    first, second = (outcome.reply("acme") for outcome in outcomes)
    assert first["vectors"].shape == (2, 2)
    assert first.sha256() == second.sha256()


def test_vectors_that_do_not_mean_the_same_publish_nothing() -> None:
    """At the close a probe cosine further under the floor than chance allows fails the run."""
    run = two_parties(probe_share=0.5, probe_floor=0.5)
    # Two pairs of two numbers: the standard error is 1/2, and the floor is lowered by two of it to -1/2.
    message = r"the cosine of the 2 probe pairs ended at -0\.707, under the floor of 0\.5"
    with pytest.raises(RunFailed, match=message):
        combine(run, {"acme": [*SAME, *SAME], "bolt": [*SAME, *AWAY]}, phase="close")
    outcome = combine(run, {"acme": [*SAME, *SAME], "bolt": [*SAME, *OTHER]}, phase="close")
    assert outcome.done
    assert len(outcome.reply("acme")) == 0


def rounds_of(run: SmallRun, count: int) -> None:
    """Combine rounds in which acme never moves."""
    state = None
    for number in range(count):
        moved = [[1.0, 0.01 * number]] * 4
        state = combine(run, {"acme": [[0.0, 1.0]] * 4, "bolt": moved}, state=state).state


def test_who_stands_still_ends_the_run() -> None:
    """Under `fail` the party is named once it has not followed for long enough, under `report` it is not."""
    limits = {"warmup_rounds": 1, "follow_rounds": 2}
    rounds_of(two_parties(**limits), 2)
    with pytest.raises(Misconduct, match="acme has not followed"):
        rounds_of(two_parties(**limits), 3)
    rounds_of(two_parties(**limits, not_following="report"), 9)


@pytest.mark.parametrize(("method", "margin"), [("tie", 0.0), ("cosine", 0.0), ("cosine", 0.2)])
def test_a_round_holds_little_beside_what_it_answers(
    method: str, margin: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks, verdicts and targets of four parties are made block by block, in the arrays of the replies."""
    monkeypatch.setattr(alignment, "_BLOCK", 1 << 15)
    monkeypatch.setattr(blocks, "_NUMBERS", 1 << 13)
    run = small_run(
        4, model={"embedding_dim": 32}, alignment={"method": method, "margin": margin, "probe_share": 0.0}
    )
    every = dict.fromkeys(run.plan.roster, np.arange(8_000))
    none = dict.fromkeys(run.plan.roster, np.arange(0))
    rows = replace(run.rows, n_aligned=8_000, n_probes=0, aligned=every, probes=none)
    protocol, state = FedDMF(), FedDMF().init(run.plan, rows)
    for number in range(2):
        random = np.random.default_rng(number)
        sent = {
            party: Payload({"vectors": random.standard_normal((8_000, 32), dtype=np.float32), "loss": LOSS})
            for party in run.plan.roster
        }
        tracemalloc.start()
        outcome = protocol.combine(state, "align", number, sent)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        told = sum(reply.nbytes for reply in outcome.replies.values())
        assert told == 4 * (8_000 * 32 * 4 + 8)
        assert told <= peak < 1.35 * told
        state = outcome.state


def test_a_lost_party_ends_the_run() -> None:
    """Nobody's vectors can stand in for another's."""
    run = two_parties()
    protocol = protocol_for("feddmf")
    assert protocol.on_dropout(protocol.init(run.plan, run.rows), "acme") is Dropout.ABORT
    assert protocol.capabilities.name == "feddmf"
