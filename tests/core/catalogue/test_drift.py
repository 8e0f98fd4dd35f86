"""What changed from one catalogue version to the next."""

from __future__ import annotations

from hypothesis import given

from feddmf.catalogue.drift import PairDrift, PartyDrift, drift_between
from feddmf.catalogue.table import Catalogue, parse_catalogue
from support.catalogues import catalogues

HEADER = "key,label,local_id:acme,local_id:bolt\n"


def version(number: int, text: str) -> Catalogue:
    """Parse a version."""
    return parse_catalogue(text, version=number, where="items.csv")


def test_what_came_went_and_was_renamed_is_told_for_each_party() -> None:
    """Items, labels, columns, and what each pair has in common."""
    before = version(1, HEADER + "a,A,1,x\nb,B,2,y\nc,C,3,\n")
    after = version(2, HEADER + "a,Aa,1,x\nb,B,22,\nd,D,4,z\n")
    found = drift_between(before, after)
    assert (found.before, found.after, found.items_before, found.items_after) == (1, 2, 3, 3)
    assert (found.added, found.removed, found.relabelled) == (("d",), ("c",), (("a", "A", "Aa"),))
    assert (found.matched, found.unmatched) == (("d",), ("b",))
    assert found.parties == (
        PartyDrift("acme", 3, 3, ("d",), ("c",), (("b", "2", "22"),)),
        PartyDrift("bolt", 2, 2, ("d",), ("b",), ()),
    )
    assert found.pairs == (PairDrift("acme", "bolt", 2, 2, ("d",), ("b",)),)
    assert found.as_dict()["parties"][0]["renamed"] == [{"key": "b", "before": "2", "after": "22"}]
    assert not found.is_empty


def test_a_party_that_joins_has_had_no_column() -> None:
    """A column without items is not the same as none."""
    before = version(1, HEADER + "a,A,1,x\n")
    after = version(2, "key,label,local_id:acme,local_id:bolt,local_id:cone\na,A,1,x,\n")
    found = drift_between(before, after)
    assert [(each.party, each.before, each.after) for each in found.parties] == [
        ("acme", 1, 1),
        ("bolt", 1, 1),
        ("cone", None, 0),
    ]
    assert not found.is_empty


@given(catalogues(), catalogues())
def test_the_way_back_is_the_same_way(one: Catalogue, other: Catalogue) -> None:
    """What came on the way there goes on the way back; nothing changes from a version to itself."""
    there, back = drift_between(one, other), drift_between(other, one)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert (there.matched, there.unmatched) == (back.unmatched, back.matched)
    assert [(each.gained, each.lost) for each in there.pairs] == [
        (each.lost, each.gained) for each in back.pairs
    ]
    assert drift_between(one, one).is_empty
