"""The party's half of FedDMF: when it trains, what it gives, what it keeps."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.errors import InputError, RunFailed
from feddmf.interactions import Interactions
from feddmf.members.feddmf import FedDMFMember
from feddmf.members.registry import member_for
from feddmf.payload import Payload
from feddmf.protocols.registry import protocol_for
from support.runs import SmallRun, small_run

RUN = small_run(
    2, shared=20, own=3, training={"epochs": 2, "batch_size": 64}, alignment={"syncs_per_epoch": 3}
)


def make_member(run: SmallRun = RUN, party: str = "acme") -> FedDMFMember:
    """Return a fresh member."""
    return FedDMFMember(run.items[party], run.tables[party], run.items[party].exclusive)


def reply_to(run: SmallRun = RUN, party: str = "acme") -> Payload:
    """Return targets that pull every aligned row to the first axis."""
    targets = np.zeros((len(run.items[party].aligned), run.plan.settings.model.embedding_dim), np.float32)
    targets[:, 0] = 1
    return Payload({"vectors": targets, "pairs": np.array([[len(targets)]], dtype=np.uint64)})


def test_what_it_gives_fits_the_schema() -> None:
    """A contribution holds the rows of its matched items, aligned first, and the loss so far."""
    member, items = make_member(), RUN.items["acme"]
    payload = member.contribute("align", 0, None)
    protocol_for("feddmf").phases(RUN.plan)[0].contribution.check(payload, items.sizes(0))
    expected = member.model.items.detach().numpy()[items.matched_codes]
    assert payload["vectors"].tobytes() == expected.tobytes()
    assert 0 < len(items.aligned) < len(items.matched) == 20  # there is a probe among them
    assert payload["loss"].tolist() == [[0]]


def test_the_first_exchange_comes_before_training() -> None:
    """What is given first is where the vectors start; training follows the first targets."""
    member = make_member()
    before = member.contribute("align", 0, None).sha256()
    assert make_member().contribute("align", 0, None).sha256() == before
    assert member.contribute("align", 1, reply_to()).sha256() != before


def test_what_was_given_does_not_change_afterwards() -> None:
    """Training on does not reach into a payload that may still be on its way."""
    member = make_member()
    payload = member.contribute("align", 0, None)
    before = payload.sha256()
    member.contribute("align", 1, reply_to())
    assert payload.sha256() == before


def test_all_steps_are_taken_between_first_and_last_exchange() -> None:
    """Over all rounds each step is taken once, in order; the last steps come before the close."""
    member, taken = make_member(), []
    trainer = member._trainer
    train = trainer.train
    trainer.train = lambda first, last, pull: taken.append((first, last)) or train(first, last, pull)
    member.contribute("align", 0, None)
    for number in range(1, 6):
        member.contribute("align", number, reply_to())
    member.contribute("close", 0, reply_to())
    assert RUN.plan.settings.rounds == 6
    assert [first for first, _ in taken] == [0, *(last for _, last in taken[:-1])]
    assert taken[-1][1] == trainer.total_steps


def test_more_exchanges_than_steps_still_train_a_step_each() -> None:
    """With an exchange more often than a step the training goes on, one step an exchange."""
    run = small_run(2, users=2, each=2, training={"epochs": 1}, alignment={"syncs_per_epoch": 7})
    member = make_member(run)
    assert member._trainer.total_steps == 1
    assert [member._trainer.span(number, 7) for number in range(7)] == [(n, n + 1) for n in range(7)]


@pytest.mark.parametrize("pairs", [0, 1])
def test_a_reply_that_counts_too_few_pairs_is_refused(pairs: int) -> None:
    """A coordinator that would make the pull endless, or too strong, ends the run at the party."""
    reply = reply_to()
    member = make_member()
    member.contribute("align", 0, None)
    wrong = Payload({"vectors": reply["vectors"], "pairs": np.array([[pairs]], dtype=np.uint64)})
    with pytest.raises(RunFailed, match=f"counts {pairs} pairs"):
        member.contribute("align", 1, wrong)


def test_probe_items_are_never_pulled() -> None:
    """In a step under other targets every aligned row goes another way, and no probe row by a bit."""
    run = small_run(2, shared=20, own=3, training={"epochs": 1}, alignment={"syncs_per_epoch": 100})
    n_aligned = len(run.items["acme"].aligned)
    assert 0 < n_aligned < len(run.items["acme"].matched)
    ends = []
    for sign in (1, -1):
        member, reply = make_member(run), reply_to(run)
        member.contribute("align", 0, None)
        opposite = Payload(dict(reply) | {"vectors": sign * reply["vectors"]})
        ends.append(member.contribute("align", 1, opposite)["vectors"])
    assert (ends[0][:n_aligned, 0] > ends[1][:n_aligned, 0]).all()
    assert ends[0][n_aligned:].tobytes() == ends[1][n_aligned:].tobytes()


def test_only_offered_items_are_published() -> None:
    """Publications are the vectors of the offered items, in the order of the offer, and nothing else."""
    items = RUN.items["acme"]
    offered = items.exclusive[2:0:-1]
    member = member_for(items, RUN.tables["acme"], offered)
    published = member.publications()
    assert list(published) == ["vectors"]
    expected = member.model_arrays()["items"][items.codes(offered)]
    assert published["vectors"].tobytes() == expected.tobytes()


def test_figures_are_of_the_last_contribution() -> None:
    """At first there is no cosine to show; later it is the mean over the rows that anything pulls."""
    member = make_member()
    member.contribute("align", 0, None)
    assert member.figures() == {"loss": 0.0}
    reply = reply_to()
    targets = reply["vectors"].copy()
    targets[1:] = 0
    payload = member.contribute("align", 1, Payload(dict(reply) | {"vectors": targets}))
    first = payload["vectors"][0]
    figures = member.figures()
    assert figures["cosine"] == pytest.approx(first[0] / np.linalg.norm(first), rel=1e-5)
    assert figures["loss"] == pytest.approx(payload["loss"][0, 0], rel=1e-6)
    assert figures["loss"] > 0


def test_a_restored_member_shows_the_same_loss() -> None:
    """The loss is part of a snapshot: a member that goes on tells its people what it told them before."""
    member, fresh = make_member(), make_member()
    member.contribute("align", 0, None)
    member.contribute("align", 1, reply_to())
    fresh.restore(member.snapshot())
    assert fresh.figures()["loss"] == member.figures()["loss"] > 0


def test_a_table_without_a_pair_is_refused() -> None:
    """There is nothing to train on; the message names the party."""
    items = RUN.items["acme"]
    nothing = Interactions.from_pairs(np.empty(0, int), np.empty(0, int), shape=(5, len(items.view.keys)))
    with pytest.raises(InputError, match="acme has no pair to train on") as caught:
        FedDMFMember(items, nothing, items.exclusive)
    assert "a table" in caught.value.hint
