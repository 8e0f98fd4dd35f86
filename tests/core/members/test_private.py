"""Members of private runs: all that leaves follows from one release, and nothing is there before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from feddmf.errors import ConfigError, InputError
from feddmf.history_vectors import history_vectors
from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.item_release import ItemRelease, draw_once, released_codes
from feddmf.members.private_history import PrivateHistoryMember
from feddmf.members.registry import member_for
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.privacy.mechanism import GramRelease
from feddmf.simulation import simulate
from feddmf.user_attributes import UserAttributes
from support.runs import SmallRun, small_run, taste_table

HISTORY: dict[str, Any] = {
    "recipe": "default",
    "model": {"embedding_dim": 6},
    "training": {"epochs": 8, "batch_size": 30},
    "alignment": {"hidden_share": 0.25, "probe_share": 0.1, "max_rounds": 4},
    "linear_rank": 5,
}
TRANSFER: dict[str, Any] = {"protocol": "transfer", "transfer": {"rank": 4}}
BOTH = pytest.mark.parametrize("sections", [HISTORY, TRANSFER], ids=["feddmf", "transfer"])

Source = Callable[[], GramRelease]


class Silent:
    """Noise of nothing, so that 80 users teach something."""

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> np.ndarray:  # noqa: ARG002  (a Noise)
        """Return zeros."""
        return np.zeros(shape)


class Recorder:
    """Wraps a member and keeps the digest of all that it gives away, by phase and round."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.sent: dict[tuple[str, int], bytes] = {}

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Keep and return the member's contribution."""
        payload = self.member.contribute(phase, number, reply)
        self.sent[phase, number] = payload.sha256()
        return payload

    def __getattr__(self, name: str) -> Any:
        return getattr(self.member, name)


def a_run(sections: dict[str, Any], parties: int = 2, epsilon: float = 15.0) -> SmallRun:
    """Return a private run of parties with 60 shared items and 80 users each."""
    privacy = {"privacy": {"mode": "gram", "epsilon": epsilon}}
    return small_run(parties, **{"shared": 60, "own": 12, "users": 80, "each": 14} | sections | privacy)


def source_of(run: SmallRun, party: str) -> Source:
    """Return what gives a noiseless release of a party's table."""
    items = run.items[party]
    return draw_once(items, run.tables[party], items.exclusive, Silent())


def recorded(
    run: SmallRun, tables: dict[str, Interactions], sources: dict[str, Source]
) -> dict[str, Recorder]:
    """Take members with these tables and releases through a run."""
    members = {
        party: Recorder(member_for(items, tables[party], items.exclusive, release=sources[party]))
        for party, items in run.items.items()
    }
    simulate(run.plan, run.rows, members)
    return members


@BOTH
def test_with_the_release_fixed_other_users_change_no_byte(sections: dict[str, Any]) -> None:
    """Of no round and no publication; what stays at home is about the new users."""
    run = a_run(sections)
    sources = {party: source_of(run, party) for party in run.plan.roster}
    others = {
        party: taste_table(items.view.keys, 55, 9, np.random.default_rng(77))
        for party, items in run.items.items()
    }
    first, second = recorded(run, dict(run.tables), sources), recorded(run, others, sources)
    for party in run.plan.roster:
        assert len(first[party].sent) == (11 if sections is HISTORY else 2)
        assert first[party].sent == second[party].sent
        assert first[party].publications().sha256() == second[party].publications().sha256()
        own, again = first[party].model_arrays(), second[party].model_arrays()
        assert any(own[name].shape != again[name].shape for name in own)


@BOTH
def test_other_users_change_what_leaves_where_the_release_is_theirs(sections: dict[str, Any]) -> None:
    """So that the test above can fail: what leaves does say something of the users, by the release."""
    run = a_run(sections)
    tables = {
        party: taste_table(items.view.keys, 80, 14, np.random.default_rng(77))
        for party, items in run.items.items()
    }
    other = {p: draw_once(items, tables[p], items.exclusive, Silent()) for p, items in run.items.items()}
    first = recorded(run, dict(run.tables), {party: source_of(run, party) for party in run.plan.roster})
    second = recorded(run, tables, other)
    start = next(iter(first["acme"].sent))
    assert first["acme"].sent[start] != second["acme"].sent[start]


@BOTH
def test_nothing_is_made_before_the_release_is_there(sections: dict[str, Any]) -> None:
    """A source that fails leaves a member that gives nothing, whatever is asked of it."""
    run = a_run(sections)

    def broken() -> GramRelease:
        raise InputError("the disk is full", hint="free some of it")

    items = run.items["acme"]
    member = member_for(items, run.tables["acme"], items.exclusive, release=broken)
    phase = "pilot" if sections is HISTORY else "contexts"
    asked: list[Callable[[], object]] = [
        lambda: member.contribute(phase, 0, None),
        member.publications,
        member.figures,
        member.model_arrays,
        member.snapshot,
    ]
    for each in asked:
        with pytest.raises(InputError, match="the disk is full"):
            each()


def test_a_private_run_without_a_release_has_no_member() -> None:
    """Whoever forgets to hand one in gets no member that works without."""
    run = a_run(HISTORY)
    with pytest.raises(ConfigError, match="run small-1 is private, and nothing releases"):
        member_for(run.items["acme"], run.tables["acme"], ())


@BOTH
def test_a_release_of_other_items_is_not_used(sections: dict[str, Any]) -> None:
    """Its lines would be taken for other items'."""
    run = a_run(sections)
    items = run.items["acme"]
    fewer = draw_once(items, run.tables["acme"], items.exclusive[:-1], Silent())
    member = member_for(items, run.tables["acme"], items.exclusive, release=fewer)
    with pytest.raises(InputError, match="a private release of 71 items where the run has 72"):
        member.contribute("pilot" if sections is HISTORY else "contexts", 0, None)


@BOTH
def test_what_is_restored_goes_on_bit_for_bit(sections: dict[str, Any]) -> None:
    """A member made anew from snapshot and release gives the bytes that the first one gives."""
    run = a_run(sections)
    sources = {party: source_of(run, party) for party in run.plan.roster}
    items = run.items["acme"]

    class Interrupted(Recorder):
        def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
            if self.sent:
                fresh = member_for(items, run.tables["acme"], items.exclusive, release=sources["acme"])
                fresh.restore({name: np.array(each) for name, each in self.member.snapshot().items()})
                self.member = fresh
            return super().contribute(phase, number, reply)

    plain = recorded(run, dict(run.tables), sources)
    peer = Recorder(
        member_for(
            run.items["bolt"], run.tables["bolt"], run.items["bolt"].exclusive, release=sources["bolt"]
        )
    )
    broken = Interrupted(member_for(items, run.tables["acme"], items.exclusive, release=sources["acme"]))
    simulate(run.plan, run.rows, {"acme": broken, "bolt": peer})
    assert broken.sent == plain["acme"].sent
    assert peer.sent == plain["bolt"].sent
    assert broken.publications().sha256() == plain["acme"].publications().sha256()


def test_what_is_hidden_is_in_no_line_of_the_pilot() -> None:
    """The release without the hidden items' lines gives the same pilot, whatever those lines say."""
    run = a_run(HISTORY)
    items = run.items["acme"]
    hidden = np.isin(released_codes(items, items.exclusive), items.codes(items.hidden))
    release = source_of(run, "acme")()
    counts, gram = release.counts.copy(), release.gram.copy()
    counts[hidden], gram[hidden], gram[:, hidden] = 9.0, 5.0, 5.0
    other = GramRelease(counts, gram, release.sigma, release.floor)
    bolt = source_of(run, "bolt")
    first = recorded(run, dict(run.tables), {"acme": lambda: release, "bolt": bolt})
    second = recorded(run, dict(run.tables), {"acme": lambda: other, "bolt": bolt})
    places = [place for place in first["acme"].sent if place[0] in {"pilot", "reveal"}]
    assert len(places) == 5
    assert all(first["acme"].sent[place] == second["acme"].sent[place] for place in places)
    assert first["acme"].sent["align", 0] != second["acme"].sent["align", 0]


def test_kept_vectors_are_those_of_the_kept_contexts() -> None:
    """What queries compute for a user who came later is what the home's tower gives a user of the run."""
    run = a_run(HISTORY)
    members = recorded(run, dict(run.tables), {party: source_of(run, party) for party in run.plan.roster})
    arrays = members["acme"].model_arrays()
    found = history_vectors(run.tables["acme"], arrays["products"], arrays["contexts"], arrays["constant"])
    np.testing.assert_allclose(found, arrays["user_vectors"], atol=1e-5)
    assert np.abs(arrays["constant"]).max() > 0.01


def test_taste_is_learned_from_the_release_alone() -> None:
    """Users are told the items of their own taste that only the peer sells from the others."""
    run = a_run({**HISTORY, "users": 300})
    members = recorded(run, dict(run.tables), {party: source_of(run, party) for party in run.plan.roster})
    published = members["bolt"].publications()["vectors"]
    towers = members["acme"].model_arrays()["user_vectors"] @ published[:, :6].T
    fans_of_even = np.arange(300) % 2 == 0
    codes = run.items["bolt"].codes(run.items["bolt"].exclusive)
    even = codes % 2 == 0
    preference = towers[:, even].mean(axis=1) - towers[:, ~even].mean(axis=1)
    assert (preference[fans_of_even] > np.median(preference)).mean() > 0.9


def test_towers_are_told_of_in_no_private_run() -> None:
    """Nor is one trained alone to be told of, where nobody has checked the run file."""
    run = a_run(HISTORY)
    settings = run.plan.settings
    once = settings.alignment.model_copy(update={"method": "once"})
    plan = run.plan.model_copy(update={"settings": settings.model_copy(update={"alignment": once})})
    items = PartyItems(plan, run.items["acme"].view)
    codes = released_codes(items, items.exclusive)
    release = ItemRelease(codes, source_of(run, "acme")(), 8)
    member = PrivateHistoryMember(items, run.tables["acme"], items.exclusive, release)
    for phase in ("reveal", "linear"):
        with pytest.raises(ConfigError, match=r"cannot train its (pilot|align) stage alone"):
            member.contribute(phase, 0, None)
    with pytest.raises(ConfigError, match="run small-1 is private, and tells no peer of its tower"):
        member._tower_map()


def test_user_attributes_are_not_offered_in_private_runs() -> None:
    """Their vectors would be fitted on users."""
    run = a_run(HISTORY)
    items = run.items["acme"]
    codes = items.codes(items.exclusive[:1])
    attributes = UserAttributes(codes, ("country",), np.ones((80, 1), dtype=np.bool_))
    with pytest.raises(InputError, match="run small-1 is private, and 'acme-000' is a user attribute"):
        member_for(items, run.tables["acme"], items.exclusive, attributes, release=source_of(run, "acme"))
    member = member_for(
        items, run.tables["acme"], items.exclusive[1:], attributes, release=source_of(run, "acme")
    )
    assert member is not None
