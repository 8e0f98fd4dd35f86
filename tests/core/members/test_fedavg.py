"""The party's half of federated averaging: what it shares, what it takes in, what stays its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.members.fedavg import FedAvgMember
from feddmf.members.registry import member_for
from feddmf.payload import Payload
from feddmf.protocols.fedavg import layer_numbers
from feddmf.protocols.registry import protocol_for
from support.runs import SmallRun, small_run

LAYERS = ("user_weight", "item_weight", "bias", "out_weight", "out_bias")


def make_run(**fedavg: Any) -> SmallRun:
    """Return a run of two parties with six averages."""
    training = {"epochs": 2, "batch_size": 64, "negatives": 3}
    settings = {"syncs_per_epoch": 3, **fedavg}
    return small_run(2, shared=20, own=3, protocol="fedavg", training=training, fedavg=settings)


RUN = make_run()


def make_member(run: SmallRun = RUN, party: str = "acme") -> FedAvgMember:
    """Return a fresh member."""
    return FedAvgMember(run.items[party], run.tables[party], run.items[party].exclusive)


def average_of(value: float, run: SmallRun = RUN) -> Payload:
    """Return a reply in which every number of rows and layers differs from every other."""
    model, rows = run.plan.settings.model, len(run.items["acme"].matched)
    vectors = value + np.arange(rows * model.embedding_dim, dtype=np.float32) / 1e4
    layers = value - np.arange(layer_numbers(model), dtype=np.float32)[None] / 1e4
    return Payload({"vectors": vectors.reshape(rows, -1), "layers": layers})


def arrays(member: FedAvgMember) -> dict[str, Any]:
    """Return copies of a member's arrays."""
    return {name: array.copy() for name, array in member.model_arrays().items()}


def test_what_it_gives_fits_the_schema() -> None:
    """The rows of its matched items, all layers in one row, and the loss of the steps before."""
    member, items = make_member(), RUN.items["acme"]
    payload = member.contribute("average", 0, None)
    average, close = protocol_for("fedavg").phases(RUN.plan)
    average.contribution.check(payload, items.sizes(0))
    found = arrays(member)
    assert payload["vectors"].tobytes() == found["items"][items.matched_codes].tobytes()
    assert payload["layers"].tobytes() == b"".join(found[name].tobytes() for name in LAYERS)
    assert payload["loss"][0, 0] == np.float32(member.figures()["loss"]) > 0
    close.contribution.check(member.contribute("close", 0, average_of(0.1)), items.sizes(0))


def test_all_parties_start_alike_but_for_their_users() -> None:
    """Shared items and layers start with the same bytes at both, whatever else each sells."""
    starts = {party: arrays(make_member(party=party)) for party in ("acme", "bolt")}
    rows = {party: start["items"][RUN.items[party].matched_codes] for party, start in starts.items()}
    assert rows["acme"].tobytes() == rows["bolt"].tobytes()
    for name in LAYERS:
        assert starts["acme"][name].tobytes() == starts["bolt"][name].tobytes()
    assert not (starts["acme"]["tower.vectors"] == starts["bolt"]["tower.vectors"]).any()


def test_an_average_overwrites_what_is_shared_and_nothing_else() -> None:
    """At the close nothing is trained: rows and layers are the average, users and own items as before."""
    member, items = make_member(), RUN.items["acme"]
    member.contribute("average", 0, None)
    before, reply = arrays(member), average_of(0.25)
    payload = member.contribute("close", 0, reply)
    after = arrays(member)
    assert after["items"][items.matched_codes].tobytes() == reply["vectors"].tobytes()
    assert b"".join(after[name].tobytes() for name in LAYERS) == reply["layers"].tobytes()
    own = items.codes(items.exclusive)
    assert after["items"][own].tobytes() == before["items"][own].tobytes()
    assert after["tower.vectors"].tobytes() == before["tower.vectors"].tobytes()
    assert payload["loss"][0, 0] == np.float32(member.figures()["loss"]) > 0


def test_training_goes_on_from_the_average() -> None:
    """The next contribution is a few steps away from the last average, with the party's own moments."""
    member = make_member()
    member.contribute("average", 0, None)
    before = member.snapshot()
    payload = member.contribute("average", 1, average_of(0.25))
    moved = np.abs(payload["vectors"] - average_of(0.25)["vectors"])
    steps = member._trainer.span(1, 6)
    limit = 3 * (steps[1] - steps[0]) * RUN.plan.settings.training.learning_rate
    assert 0 < moved.max() < limit
    after = member.snapshot()
    assert (int(before["adam.taken"]), int(after["adam.taken"])) == steps
    assert before["adam.items.mean"].any()


def test_what_was_given_does_not_change_afterwards() -> None:
    """Neither training nor an average reaches into a payload that may still be on its way."""
    member = make_member()
    payload = member.contribute("average", 0, None)
    before = payload.sha256()
    member.contribute("average", 1, average_of(0.25))
    assert payload.sha256() == before


def test_all_steps_are_taken_before_the_close() -> None:
    """Over all rounds each step is taken once, in order."""
    member, taken = make_member(), []
    trainer = member._trainer
    train = trainer.train
    trainer.train = lambda first, last, pull: taken.append((first, last)) or train(first, last, pull)
    for number in range(6):
        member.contribute("average", number, average_of(0.1) if number else None)
    member.contribute("close", 0, average_of(0.1))
    assert RUN.plan.settings.rounds == len(taken) == 6
    assert [first for first, _ in taken] == [0, *(last for _, last in taken[:-1])]
    assert taken[-1][1] == trainer.total_steps


def test_a_weight_counts_the_samples_in_millions() -> None:
    """Under weighting by samples everything but the loss is multiplied by it, and it goes along."""
    weighted = make_run(weighting="samples")
    pairs = RUN.tables["acme"].pairs
    plain = make_member().contribute("average", 0, None)
    payload = make_member(weighted).contribute("average", 0, None)
    average, _ = protocol_for("fedavg").phases(weighted.plan)
    average.contribution.check(payload, weighted.items["acme"].sizes(0))
    weight = pairs * 4 / 1e6  # each observed pair with three others
    assert payload["weight"].tolist() == [[weight]]
    assert payload["weights"].tolist() == [[weight]] * 20
    assert payload["loss"].tobytes() == plain["loss"].tobytes()
    for name in ("vectors", "layers"):
        np.testing.assert_allclose(payload[name], plain[name] * weight, rtol=1e-6)


def test_only_offered_items_are_published() -> None:
    """Publications are the vectors of the offered items, in the order of the offer, and nothing else."""
    items = RUN.items["acme"]
    offered = items.exclusive[2:0:-1]
    member = member_for(items, RUN.tables["acme"], offered)
    published = member.publications()
    assert list(published) == ["vectors"]
    assert published["vectors"].tobytes() == member.model_arrays()["items"][items.codes(offered)].tobytes()


def test_a_restored_member_shows_the_same_loss() -> None:
    """The loss is part of a snapshot, and the close of a restored member contributes it."""
    member, fresh = make_member(), make_member()
    member.contribute("average", 0, None)
    fresh.restore(member.snapshot())
    assert fresh.figures() == member.figures()
    assert fresh.contribute("close", 0, average_of(0.1))["loss"][0, 0] > 0


@pytest.mark.parametrize("party", ["acme", "bolt"])
def test_own_items_are_trained_and_stay_at_home(party: str) -> None:
    """Rows of exclusive items move with the training, and no contribution has a row for them."""
    member, items = make_member(party=party), RUN.items[party]
    own = items.codes(items.exclusive)
    before = arrays(member)["items"][own]
    payload = member.contribute("average", 0, None)
    assert (arrays(member)["items"][own] != before).any(axis=1).all()
    assert len(payload["vectors"]) == 20 < len(items.view.keys)


def test_a_table_without_a_pair_is_refused() -> None:
    """There is nothing to train on; the message names the party."""
    items = RUN.items["acme"]
    nothing = Interactions.from_pairs(np.empty(0, int), np.empty(0, int), shape=(5, len(items.view.keys)))
    with pytest.raises(InputError, match="acme has no pair to train on") as caught:
        FedAvgMember(items, nothing, items.exclusive)
    assert "a table" in caught.value.hint
