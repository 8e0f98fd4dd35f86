"""Draws have addresses: the same address draws the same numbers, any other draws others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feddmf.randomness import counter_seed, generator

Address = tuple[str | int, ...]

ADDRESSES: st.SearchStrategy[Address] = st.lists(
    st.integers(0, 20) | st.text("012:intsr", max_size=4), max_size=3
).map(tuple)


@given(st.integers(0, 2**63 - 1), ADDRESSES, ADDRESSES)
def test_addresses_tell_draws_apart(seed: int, left: Address, right: Address) -> None:
    """Two addresses have one key exactly when they are the same address."""
    assert (counter_seed(seed, *left) == counter_seed(seed, *right)) == (left == right)


def test_text_and_numbers_are_different_addresses() -> None:
    """The party called "1" and step 1 do not share draws; nor do two seeds."""
    assert len({counter_seed(0, "1"), counter_seed(0, 1), counter_seed(1, 1), counter_seed(1, "1")}) == 4


def test_the_key_of_an_address_stays_for_ever() -> None:
    """A key is pinned: a change of it would change every run that is to be repeated."""
    assert counter_seed(7, "acme", "samples", 3) == 0xF4E102B402C4C09BF66671EBF952C3FC


def test_a_generator_starts_anew_each_time() -> None:
    """Asking twice for an address draws the same numbers, and another address others."""
    drawn = [generator(7, "acme", "samples", step).integers(2**60, size=4).tolist() for step in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
