"""Draws have addresses: the same address draws the same numbers, any other draws others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feddmf.randomness import counter_seed, generator

ADDRESSES = st.lists(st.integers(0, 99) | st.text("0123456789:intsr\x1f", max_size=4), max_size=3).map(tuple)


@given(st.integers(0, 2**63 - 1), ADDRESSES, ADDRESSES)
def test_addresses_tell_draws_apart(
    seed: int, left: tuple[str | int, ...], right: tuple[str | int, ...]
) -> None:
    """Two addresses of plain parts have one key exactly when they are the same address."""
    clean = all("\x1f" not in str(part) for part in (*left, *right))
    if clean:
        assert (counter_seed(seed, *left) == counter_seed(seed, *right)) == (left == right)
    assert counter_seed(seed, *left) == counter_seed(seed, *left)


def test_text_and_numbers_are_different_addresses() -> None:
    """The party called "1" and step 1 do not share draws."""
    assert counter_seed(0, "1") != counter_seed(0, 1)
    assert counter_seed(0, "1", 2) != counter_seed(1, "1", 2)


def test_a_generator_starts_anew_each_time() -> None:
    """Asking twice for an address draws the same numbers, and these are pinned for ever."""
    first, again = generator(7, "acme", "samples", 3), generator(7, "acme", "samples", 3)
    drawn = first.integers(1000, size=4).tolist()
    assert drawn == again.integers(1000, size=4).tolist()
    assert drawn == PINNED
    assert drawn != generator(7, "acme", "samples", 4).integers(1000, size=4).tolist()


PINNED = [0, 0, 0, 0]
