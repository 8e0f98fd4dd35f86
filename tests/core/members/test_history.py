"""A member with a history tower: nothing of what it hides is in the pilot, and it learns from just that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.history_scoring import HistoryScorer
from feddmf.history_vectors import history_vectors
from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.history import HistoryMember
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.protocols.registry import protocol_for
from feddmf.simulation import simulate
from feddmf.user_attributes import UserAttributes
from support.runs import SIXTEEN, SmallRun, small_run, subset_catalogue

SECTIONS: dict[str, Any] = {
    "recipe": "default",
    "model": {"embedding_dim": 6},
    "training": {"epochs": 8, "batch_size": 30},
    "alignment": {"hidden_share": 0.25, "probe_share": 0.1, "max_rounds": 4},
    "linear_rank": 5,
    "enforcement": {"probe_floor": -1, "not_following": "report"},
}


def a_run(parties: int = 2, **sections: Any) -> SmallRun:
    """Return a run with enough in it for a head: 60 shared items and 80 users a party."""
    merged = {**SECTIONS, **sections}
    return small_run(parties, **{"shared": 60, "own": 12, "users": 80, "each": 14} | merged)


class Recorder:
    """Wraps a member and keeps what it contributes, by phase and round."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self.sent: dict[tuple[str, int], Payload] = {}

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Keep and return the member's contribution."""
        payload = self._member.contribute(phase, number, reply)
        self.sent[phase, number] = payload
        return payload

    def __getattr__(self, name: str) -> Any:
        return getattr(self._member, name)


def play(run: SmallRun) -> dict[str, Recorder]:
    """Take recording members through a run."""
    members = {party: Recorder(member) for party, member in run.members().items()}
    simulate(run.plan, run.rows, members)
    return members


def with_other_cells(table: Interactions, codes: np.ndarray) -> Interactions:
    """Return the table with every cell of these items turned round."""
    dense = np.zeros((table.users, table.items), dtype=np.bool_)
    dense[table.rows(), table.indices] = True
    dense[:, codes] = ~dense[:, codes]
    users, items = np.nonzero(dense)
    return Interactions.from_pairs(users, items, shape=dense.shape)


def changed(run: SmallRun, party: str, table: Interactions) -> SmallRun:
    """Return the run with another table of one party."""
    return replace(run, tables={**run.tables, party: table})


@pytest.mark.parametrize("method", ["tie", "cosine", "once"])
def test_hidden_cells_reach_nothing_before_they_are_measured(method: str) -> None:
    """Whatever its users have of what it hides, all that a party sends up to the reveal is the same bytes."""
    run = a_run(alignment={**SECTIONS["alignment"], "method": method})
    items = run.items["acme"]
    hidden = items.codes(items.hidden)
    assert len(hidden) > 5
    other = changed(run, "acme", with_other_cells(run.tables["acme"], hidden))
    sent, again = play(run)["acme"].sent, play(other)["acme"].sent
    pilot = [place for place in sent if place[0] in {"pilot", "reveal"}]
    assert len(pilot) == (1 if method == "once" else 5)
    assert all(sent[place].sha256() == again[place].sha256() for place in pilot)
    # The training after it has everything in it.
    assert sent["close", 0].sha256() != again["close", 0].sha256()


def test_what_it_is_told_of_hidden_items_is_not_aligned_with_its_own() -> None:
    """The rows that a party uploads in the pilot are of items that nobody hides."""
    run = a_run(3)
    for party, member in play(run).items():
        items = run.items[party]
        somewhere = {key for each in run.items.values() for key in each.hidden}
        assert not set(items.pilot_matched) & somewhere
        assert len(member.sent["pilot", 0]["vectors"]) == len(items.pilot_matched)
        assert len(member.sent["align", 0]["vectors"]) == len(items.matched)


def test_what_is_hidden_and_offered_has_its_linear_part() -> None:
    """Among three an item that one hides may be offered by another to the third; it is told of as well."""
    run = a_run(3, catalogue=subset_catalogue(SIXTEEN[:3], shared=60, own=6))
    members: dict[str, Member] = {
        party: HistoryMember(items, run.tables[party], items.askable) for party, items in run.items.items()
    }
    recorders = {party: Recorder(member) for party, member in members.items()}
    simulate(run.plan, run.rows, recorders)
    both = 0
    for party, items in run.items.items():
        offered = [row for row, key in enumerate(items.revealed) if key in set(items.askable)]
        counts = run.tables[party].item_counts()[items.codes(items.revealed)]
        told = recorders[party].sent["reveal", 0]["vectors"]
        both += len(offered)
        assert told[[row for row in offered if counts[row] > 5], 8:].any(axis=1).all()
    assert both > 5


def test_evidence_holds_the_truth_of_hidden_items() -> None:
    """Scores and truth are of the party's own users and the items that it hides."""
    run = a_run()
    arrays = play(run)["acme"].model_arrays()
    items = run.items["acme"]
    codes = items.codes(items.hidden)
    assert arrays["hidden.bolt.items"].tolist() == codes.tolist()
    dense = np.zeros((run.tables["acme"].users, run.tables["acme"].items), dtype=np.uint8)
    dense[run.tables["acme"].rows(), run.tables["acme"].indices] = 1
    assert np.array_equal(arrays["hidden.bolt.truth"], dense[arrays["hidden.bolt.users"]][:, codes])
    scores = arrays["hidden.bolt.scores"]
    assert scores.shape == arrays["hidden.bolt.truth"].shape
    assert ((scores >= 0) & (scores <= 1)).all()
    assert HistoryScorer.from_arrays(arrays).head("bolt") is not None


def test_kept_vectors_are_those_of_the_kept_contexts() -> None:
    """What queries compute for a user who came later is what training gave a user with the same items."""
    run = a_run()
    arrays = play(run)["acme"].model_arrays()
    table = run.tables["acme"]
    found = history_vectors(table, np.arange(table.items), arrays["contexts"], arrays["constant"])
    np.testing.assert_allclose(found, arrays["user_vectors"], atol=1e-6)
    np.testing.assert_allclose(arrays["activity"], np.log1p(table.user_counts()), rtol=1e-6)


def test_without_hidden_items_nothing_is_measured() -> None:
    """There is no pilot then, no head and no evidence; scores are still in 0..1."""
    run = a_run(alignment={**SECTIONS["alignment"], "hidden_share": 0.0})
    names = [phase.name for phase in protocol_for("feddmf").phases(run.plan)]
    assert names == ["align", "linear", "close"]
    members = play(run)
    arrays = members["acme"].model_arrays()
    assert not [name for name in arrays if name.startswith(("hidden.", "head."))]
    scorer = HistoryScorer.from_arrays(arrays)
    scores = scorer.score(np.arange(4), "bolt", members["bolt"].publications()["vectors"])
    assert scores.shape == (4, 12)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_items_without_support_have_no_linear_part() -> None:
    """An offered item that a single user has is published without a linear target; figures count it."""
    run = a_run()
    items: PartyItems = run.items["bolt"]
    table = run.tables["bolt"]
    lone = items.codes(items.exclusive[:1])[0]
    dense = np.zeros((table.users, table.items), dtype=np.bool_)
    dense[table.rows(), table.indices] = True
    dense[:, lone] = np.arange(table.users) == 0
    users, codes = np.nonzero(dense)
    run = changed(run, "bolt", Interactions.from_pairs(users, codes, shape=dense.shape))
    member = play(run)["bolt"]
    vectors = member.publications()["vectors"]
    assert not vectors[0, 6:].any()
    assert vectors[0, :6].any()
    assert vectors[1:, 8:].any(axis=1).all()
    assert member.figures()["below_support"] == 1


def test_user_attributes_are_in_no_training() -> None:
    """Whoever has an attribute, all that is sent before the offer is the same; its row is not an item's."""
    run = a_run()
    items = run.items["bolt"]
    code = items.codes(items.exclusive[-1:])
    known = np.ones((run.tables["bolt"].users, 1), dtype=np.bool_)
    attributes = UserAttributes(code, ("country",), known)

    def sent(table: Interactions) -> tuple[dict[tuple[str, int], Payload], Payload]:
        members = {party: Recorder(member) for party, member in run.members().items()}
        bolt = Recorder(HistoryMember(items, table, items.exclusive, attributes))
        members["bolt"] = bolt
        simulate(run.plan, run.rows, members)
        return bolt.sent, bolt.publications()

    first, published = sent(run.tables["bolt"])
    second, other = sent(with_other_cells(run.tables["bolt"], code))
    for place in first:
        if place[0] != "linear":
            assert first[place].sha256() == second[place].sha256(), place
    assert published["quality"][:-1].tolist() == [[0, 0, 0]] * 11
    assert published["quality"][-1, 0] == 1
    assert np.array_equal(published["vectors"][:-1, :8], other["vectors"][:-1, :8])
    assert not np.array_equal(published["vectors"][-1], other["vectors"][-1])


def test_a_table_without_a_pair_is_refused() -> None:
    """Whoever has nothing to train on is told before the run."""
    run = a_run()
    nothing = Interactions.from_pairs(
        np.array([], int), np.array([], int), shape=(9, run.tables["acme"].items)
    )
    with pytest.raises(InputError, match="acme has no pair to train on"):
        HistoryMember(run.items["acme"], nothing, ())
