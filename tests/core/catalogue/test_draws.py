"""Draws of probe items: alike for everybody, of about the share, apart by purpose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.catalogue.draws import is_drawn, split_probes
from support.catalogues import keys

KEYS = tuple(f"item-{number}" for number in range(4000))


def drawn(purpose: str, share: float, digest: str = "d") -> set[str]:
    """Return the keys in a draw."""
    return {key for key in KEYS if is_drawn(key, digest=digest, purpose=purpose, share=share)}


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_a_draw_has_about_its_share(share: float) -> None:
    """Of 4000 keys the draw has the share, within four standard deviations."""
    deviation = (4000 * share * (1 - share)) ** 0.5
    assert abs(len(drawn("probe", share)) - 4000 * share) < 4 * deviation


def test_no_share_and_a_whole_share() -> None:
    """A share of 0 draws nothing, a share of 1 everything."""
    assert drawn("probe", 0.0) == set()
    assert drawn("probe", 1.0) == set(KEYS)


def test_a_larger_share_keeps_the_smaller_draw() -> None:
    """Raising a share adds keys and drops none."""
    assert drawn("probe", 0.05) < drawn("probe", 0.1)


def test_purposes_and_digests_draw_apart() -> None:
    """Another purpose or another catalogue draws other keys: half of the draw is not shared by chance."""
    probe = drawn("probe", 0.1)
    for other in (drawn("hidden", 0.1), drawn("probe", 0.1, digest="e")):
        assert len(probe & other) < len(probe) / 2


def test_a_draw_stays_for_ever() -> None:
    """The draw is pinned by its definition: another version of this code must draw alike."""
    found = [key for key in KEYS[:100] if is_drawn(key, digest="d", purpose="probe", share=0.05)]
    assert found == ["item-0", "item-46", "item-51", "item-83"]


@given(keys(), st.floats(0, 1))
def test_a_split_loses_nothing(items: list[str], share: float) -> None:
    """Aligned and probe keys are disjoint, in order, and all there is."""
    aligned, probes = split_probes(items, digest="d", share=share)
    assert set(aligned) | set(probes) == set(items)
    assert not set(aligned) & set(probes)
    assert [*aligned] == [key for key in items if key in aligned]
    assert [*probes] == [key for key in items if key in probes]


@given(keys(), st.data())
def test_a_key_is_drawn_by_itself(items: list[str], data: st.DataObject) -> None:
    """A party that knows some of the keys draws the same of them as one that knows all."""
    some = data.draw(st.lists(st.sampled_from(items), unique=True))
    probes = split_probes(items, digest="d", share=0.5)[1]
    assert set(split_probes(some, digest="d", share=0.5)[1]) == set(probes) & set(some)
