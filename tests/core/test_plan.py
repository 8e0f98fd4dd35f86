"""What the coordinator derives from the whole catalogue is what each party derives from its own view."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from feddmf.catalogue.table import Catalogue
from feddmf.errors import CatalogueError
from feddmf.payload import Axis
from feddmf.plan import PartyItems, Plan, matched_rows
from support.catalogues import catalogues
from support.runs import run_settings

CATALOGUE = Catalogue(
    version=1,
    labels=dict.fromkeys("abcdef", ""),
    columns={
        "acme": {key: key.upper() for key in "abcd"},
        "bolt": {key: key.upper() for key in "bcde"},
        "cargo": {key: key.upper() for key in "cf"},
    },
)


def make_plan(
    catalogue: Catalogue, parties: tuple[str, ...], *, probe_share: float = 0.0, hidden_share: float = 0.0
) -> Plan:
    """Return a plan of `parties` over `catalogue`."""
    shares = {"probe_share": probe_share, "hidden_share": hidden_share}
    settings = run_settings(parties, recipe="default", alignment=shares)
    return Plan(run="r-1", catalogue=catalogue.digest(), settings=settings)


def items_of(catalogue: Catalogue, plan: Plan) -> dict[str, PartyItems]:
    """Return what each party of a plan derives."""
    return {party: PartyItems(plan, catalogue.view(party)) for party in plan.roster}


def test_a_party_finds_its_items() -> None:
    """Aligned, exclusive, codes, peers and sizes follow from the view and the roster alone."""
    plan = make_plan(CATALOGUE, ("bolt", "acme"))
    items = PartyItems(plan, CATALOGUE.view("acme"))
    assert plan.roster == ("acme", "bolt")
    assert items.aligned == items.matched == ("b", "c", "d")
    assert items.exclusive == items.askable == ("a",)
    assert items.matched_codes.tolist() == [1, 2, 3]
    assert items.codes(("d", "a")).tolist() == [3, 0]
    assert items.peer_counts.tolist() == [1, 1, 1]
    sizes = items.sizes(offered=5)
    assert [sizes[axis] for axis in (Axis.MATCHED_ITEMS, Axis.ALIGNED_ITEMS, Axis.OFFERED_ITEMS)] == [3, 3, 5]


def test_peers_outside_the_run_do_not_count() -> None:
    """The item that all three sell has two peers in a run of three, and one in a run of two."""
    three = PartyItems(make_plan(CATALOGUE, ("acme", "bolt", "cargo")), CATALOGUE.view("acme"))
    assert three.peer_counts.tolist() == [1, 2, 1]
    assert three.askable == ("a", "b", "d")


def test_the_coordinator_finds_the_same_rows() -> None:
    """Rows of each party point into one list of all aligned keys, sorted."""
    rows = matched_rows(CATALOGUE, make_plan(CATALOGUE, ("acme", "bolt", "cargo")))
    assert (rows.n_aligned, rows.n_probes) == (3, 0)
    assert {party: index.tolist() for party, index in rows.aligned.items()} == {
        "acme": [0, 1, 2],
        "bolt": [0, 1, 2],
        "cargo": [1],
    }
    sizes = rows.sizes("cargo")
    assert (sizes[Axis.MATCHED_ITEMS], sizes[Axis.ALIGNED_ITEMS]) == (1, 1)


def test_a_party_with_nothing_to_align_is_named() -> None:
    """A run in which a party shares nothing is refused, by the coordinator and by that party alike."""
    plan = make_plan(CATALOGUE, ("acme", "cargo"), probe_share=0.0)
    lonely = Catalogue(1, CATALOGUE.labels, {**CATALOGUE.columns, "cargo": {"f": "F"}})
    for derive in (
        lambda: matched_rows(lonely, plan),
        lambda: PartyItems(plan, lonely.view("cargo")).aligned,
    ):
        with pytest.raises(CatalogueError, match="sells no item that another party of run r-1 sells"):
            derive()


@given(catalogues(), st.sampled_from([0.0, 0.05, 0.5]), st.data())
def test_both_sides_agree(catalogue: Catalogue, probe_share: float, data: st.DataObject) -> None:
    """For any catalogue and roster the rows of both sides name the same keys in the same order."""
    roster = data.draw(st.lists(st.sampled_from(catalogue.parties), min_size=2, unique=True))
    plan = make_plan(catalogue, tuple(roster), probe_share=probe_share)
    items = items_of(catalogue, plan)
    try:
        parts = {party: (each.aligned, each.matched[len(each.aligned) :]) for party, each in items.items()}
    except CatalogueError:
        with pytest.raises(CatalogueError):
            matched_rows(catalogue, plan)
        return
    rows = matched_rows(catalogue, plan)
    all_aligned = sorted({key for aligned, _ in parts.values() for key in aligned})
    all_probes = sorted({key for _, probes in parts.values() for key in probes})
    assert (rows.n_aligned, rows.n_probes) == (len(all_aligned), len(all_probes))
    for party, (aligned, probes) in parts.items():
        assert tuple(all_aligned[row] for row in rows.aligned[party]) == aligned
        assert tuple(all_probes[row] for row in rows.probes[party]) == probes
        sizes = items[party].sizes(0)
        assert rows.sizes(party) == {axis: sizes[axis] for axis in rows.sizes(party)}


@given(catalogues(), st.sampled_from([0.0, 0.5]))
def test_a_partys_items_are_split_whole(catalogue: Catalogue, probe_share: float) -> None:
    """Each item of a party is aligned, probe or exclusive, exactly one of them; peers are counted."""
    plan = make_plan(catalogue, catalogue.parties, probe_share=probe_share)
    for party, items in items_of(catalogue, plan).items():
        assume(items.view.matched(plan.roster))
        try:
            matched = items.matched
        except CatalogueError:
            assume(False)
        assert sorted([*matched, *items.exclusive]) == sorted(catalogue.columns[party])
        owners = [len(set(plan.roster) & set(catalogue.sellers[key])) for key in items.aligned]
        assert items.peer_counts.tolist() == [number - 1 for number in owners]
        assert min(owners) >= 2
        assert [items.view.keys[code] for code in items.matched_codes] == [*matched]


@given(catalogues(), st.sampled_from([0.0, 0.3]), st.sampled_from([0.1, 0.25]))
def test_hidden_items_are_each_partys_own(
    catalogue: Catalogue, probe_share: float, hidden_share: float
) -> None:
    """What one party hides, every other that sells it tells of, and nobody else hides; both sides agree."""
    plan = make_plan(catalogue, catalogue.parties, probe_share=probe_share, hidden_share=hidden_share)
    items = items_of(catalogue, plan)
    try:
        rows = matched_rows(catalogue, plan)
    except CatalogueError:
        assume(False)
    for party, own in items.items():
        hidden = set(own.hidden)
        assert hidden <= set(own.aligned)
        somewhere = {key for each in items.values() for key in each.hidden}
        assert set(own.pilot_aligned) == set(own.aligned) - somewhere
        for peer, other in items.items():
            if peer != party:
                assert set(other.hidden_by(party)) == hidden & set(other.view.keys)
                assert not hidden & set(other.hidden)
        assert [rows.keys[row] for row in rows.hidden[party]] == [*own.hidden]
        assert [rows.keys[row] for row in rows.revealed[party]] == [*own.revealed]
        owners = [len(set(plan.roster) & set(catalogue.sellers[key])) for key in own.pilot_aligned]
        assert own.pilot_peer_counts.tolist() == [number - 1 for number in owners]


def test_about_the_share_is_hidden() -> None:
    """Of many items that two sell each hides its share; where many sell them the shares are cut to a half."""
    keys = {f"k{number}": f"l{number}" for number in range(4000)}
    for parties, expected in ((("acme", "bolt"), 0.1), (tuple(f"p{n:02}" for n in range(10)), 0.05)):
        catalogue = Catalogue(1, dict.fromkeys(keys, "x"), dict.fromkeys(parties, keys))
        plan = make_plan(catalogue, parties, hidden_share=0.1)
        hidden = [len(each.hidden) / len(keys) for each in items_of(catalogue, plan).values()]
        assert np.allclose(hidden, expected, atol=0.02)


def test_a_plan_survives_json() -> None:
    """The document that announces a run is the plan."""
    plan = make_plan(CATALOGUE, ("acme", "bolt"))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert np.array_equal(
        PartyItems(plan, CATALOGUE.view("acme")).matched_codes,
        PartyItems(Plan.model_validate_json(plan.model_dump_json()), CATALOGUE.view("acme")).matched_codes,
    )
