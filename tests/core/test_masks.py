"""Pairwise masks: they cancel in the sum to the bit, and nothing shows through one contribution."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feddmf.errors import Misconduct, RunFailed
from feddmf.masks import KEY_WORDS, PairwiseMasks, from_fixed, to_fixed

NAMES = ("acme", "bolt", "cargo", "delta", "echo", "fox")
CONTEXT = ("run-1", "digest")
Rows = dict[str, npt.NDArray[np.int64]]


def seated(*parties: str, context: tuple[str, ...] = CONTEXT) -> dict[str, PairwiseMasks]:
    """Return the masks of parties with fixed keys that have agreed."""
    masks = {party: PairwiseMasks(party, bytes([NAMES.index(party) + 1]) * 32) for party in parties}
    publics = {party: each.public for party, each in masks.items()}
    for each in masks.values():
        each.agree(publics, context)
    return masks


def whole(rows: int, *peers: str) -> Rows:
    """Return all `rows` as shared with each of `peers`."""
    return {peer: np.arange(rows) for peer in peers}


@st.composite
def overlaps(draw: st.DrawFn) -> list[tuple[str, ...]]:
    """Draw the parties that sell each of some items; some parties may sell nothing with anybody."""
    parties = NAMES[: draw(st.integers(2, 6))]
    owners = st.lists(st.sampled_from(parties), unique=True).map(lambda each: tuple(sorted(each)))
    return [parties, *draw(st.lists(owners, max_size=8))]


@settings(max_examples=60, deadline=None)
@given(overlaps(), st.integers(1, 3), st.integers(0, 2**32))
def test_masks_cancel_in_the_sum_to_the_bit(owners: list[tuple[str, ...]], columns: int, seed: int) -> None:
    """For any overlap of 2 to 6 parties each item's total is the sum modulo 2^64 of what its owners gave."""
    parties, generator = owners[0], np.random.default_rng(seed)
    plain = np.zeros((len(owners), columns), np.uint64)
    total = plain.copy()
    for party, masks in seated(*parties).items():
        own = [item for item, who in enumerate(owners) if party in who]
        rows = {
            peer: np.array([row for row, item in enumerate(own) if peer in owners[item]], np.int64)
            for peer in parties
            if peer != party
        }
        values = generator.integers(0, 2**64, size=(len(own), columns), dtype=np.uint64)
        plain[own] += values
        total[own] += masks.hide(values, "average/0/vectors", rows)
    assert total.tobytes() == plain.tobytes()


def test_a_contribution_looks_like_noise() -> None:
    """Whatever the values, each of the eight bytes of the hidden ones is uniform and none follows them."""
    masks = seated("acme", "bolt", "cargo")["acme"]
    rows = whole(4096, "bolt", "cargo")
    ramp = np.linspace(-4, 4, 4096)[:, None]
    for values in (np.zeros((4096, 1)), ramp):
        hidden = masks.hide(to_fixed(values, 3), "average/0/vectors", rows)
        for place in hidden.view(np.uint8).reshape(-1, 8).T:
            counts = np.bincount(place, minlength=256)
            # Chi-square with 255 degrees of freedom: mean 255, standard deviation 22.6.
            assert ((counts - 16) ** 2 / 16).sum() < 255 + 5 * 22.6
        shown = hidden.ravel().astype(np.float64)
        assert abs(np.corrcoef(shown, ramp.ravel())[0, 1]) < 5 / 64


def test_no_stream_comes_twice() -> None:
    """Each address, each pair and each context has masks of its own, and the same address the same again."""
    nothing = np.zeros((50, 2), np.uint64)
    pair = seated("acme", "bolt")
    first = pair["acme"].hide(nothing, "average/0/vectors", whole(50, "bolt"))
    again = pair["acme"].hide(nothing, "average/0/vectors", whole(50, "bolt"))
    opposite = pair["bolt"].hide(nothing, "average/0/vectors", whole(50, "acme"))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() == (-opposite).tobytes()
    others = [
        pair["acme"].hide(nothing, "average/1/vectors", whole(50, "bolt")),
        pair["acme"].hide(nothing, "average/0/layers", whole(50, "bolt")),
        seated("acme", "cargo")["acme"].hide(nothing, "average/0/vectors", whole(50, "cargo")),
        seated("acme", "bolt", context=("run-2", "digest"))["acme"].hide(
            nothing, "average/0/vectors", whole(50, "bolt")
        ),
        seated("acme", "bolt", "cargo")["acme"].hide(
            nothing, "average/0/vectors", {**whole(50, "bolt"), **whole(0, "cargo")}
        ),
    ]
    for left, right in itertools.combinations([first, *others], 2):
        assert not (left == right).any()


def test_rows_that_no_peer_has_are_not_touched() -> None:
    """Masks lie on the rows that both have, and on no other."""
    values = np.arange(6, dtype=np.uint64).reshape(3, 2)
    rows = {"bolt": np.array([2]), "cargo": np.empty(0, np.int64)}
    hidden = seated("acme", "bolt", "cargo")["acme"].hide(values, "a", rows)
    assert hidden[:2].tolist() == values[:2].tolist()
    assert (hidden[2] != values[2]).all()
    assert values[2].tolist() == [4, 5]


def test_parties_that_were_told_different_keys_do_not_cancel() -> None:
    """One changed key among all, or one more party, and every pair's masks differ, not only that one's."""
    masks = seated("acme", "bolt", "cargo")
    publics = {party: each.public for party, each in masks.items()}
    zero, rows = np.zeros((50, 1), np.uint64), whole(50, "bolt", "cargo", "delta")
    against = masks["bolt"].hide(zero, "a", whole(50, "acme") | whole(0, "cargo"))
    told = [
        {**publics, "cargo": PairwiseMasks("cargo").public},
        {**publics, "delta": PairwiseMasks("delta").public},
        {party: publics[party] for party in ("acme", "bolt")},
    ]
    for each in told:
        masks["acme"].agree(each, CONTEXT)
        only_bolt = {**dict.fromkeys(rows, np.empty(0, np.int64)), "bolt": rows["bolt"]}
        total = masks["acme"].hide(zero, "a", only_bolt) + against
        assert (total != 0).all()


def test_a_peer_that_sends_another_ones_key_uncovers_nobody() -> None:
    """With a copied key two streams could cancel at the party between them; each pair has its own."""
    parties = ("acme", "bolt", "cargo")
    masks = seated(*parties)
    publics = {party: each.public for party, each in masks.items()}
    publics["cargo"] = publics["acme"]
    masks["bolt"].agree(publics, CONTEXT)
    hidden = masks["bolt"].hide(np.zeros((50, 1), np.uint64), "a", whole(50, "acme", "cargo"))
    assert (hidden != 0).all()


def test_ones_own_key_must_come_back_as_it_was_sent() -> None:
    """A coordinator that has changed it, or left it out, is noticed before anything is sent."""
    masks = PairwiseMasks("acme")
    peer = PairwiseMasks("bolt").public
    changed = masks.public.copy()
    changed[0, 3] ^= 1
    for publics in ({"acme": changed, "bolt": peer}, {"bolt": peer}):
        with pytest.raises(RunFailed, match="another public key for acme than it sent"):
            masks.agree(publics, CONTEXT)


@pytest.mark.parametrize("word", [(0, 0, 0, 0), (1, 0, 0, 0)], ids=["zero", "a point of low order"])
def test_a_key_that_is_none_names_its_sender(word: tuple[int, ...]) -> None:
    """Under such a key the secret would be the same for everybody."""
    masks = PairwiseMasks("acme")
    publics = {"acme": masks.public, "bolt": np.array([word], np.uint64)}
    with pytest.raises(Misconduct, match="bolt sent something that is no public key") as caught:
        masks.agree(publics, CONTEXT)
    assert caught.value.party == "bolt"


def test_keys_are_random_and_can_be_kept() -> None:
    """Two parties never have one key; from a kept private key the same public key and masks come again."""
    masks, peer = PairwiseMasks("acme"), PairwiseMasks("bolt")
    assert masks.public.shape == (1, KEY_WORDS)
    assert masks.private != peer.private
    publics = {"acme": masks.public, "bolt": peer.public}
    again = PairwiseMasks("acme", masks.private)
    assert again.public.tobytes() == masks.public.tobytes()
    zero = np.zeros((5, 1), np.uint64)
    for each in (masks, again):
        each.agree(publics, CONTEXT)
    hidden = [each.hide(zero, "a", whole(5, "bolt")).tobytes() for each in (masks, again)]
    assert hidden[0] == hidden[1] != zero.tobytes()


@given(
    st.lists(st.floats(-5e5, 5e5), min_size=1, max_size=16),
)
def test_fixed_point_is_exact_to_half_a_step(values: list[float]) -> None:
    """What goes in comes out to 2^-41, and the sum of parties to as many of these."""
    column = np.array(values)[:, None]
    assert np.abs(from_fixed(to_fixed(column, 16)) - column).max() <= 2.0**-41
    total = to_fixed(column, 16).sum(axis=0, dtype=np.uint64)
    # The sum itself is rounded once, when it becomes a float again.
    limit = len(values) * 2.0**-41 + np.spacing(8e6)
    assert abs(from_fixed(total)[0] - sum(values)) <= limit


@pytest.mark.parametrize("value", [2.0**21, -(2.0**21), 1e300, np.inf, -np.inf, np.nan])
def test_what_could_overflow_in_the_sum_is_refused(value: float) -> None:
    """Four parties may add up to less than 2^23 each way, which is what 64 bits hold at 40 of fraction."""
    with pytest.raises(RunFailed, match="is too large to be masked among 4 parties"):
        to_fixed(np.array([[0.0, value]]), 4)


def test_the_largest_values_that_fit_add_up() -> None:
    """Just under the limit nothing wraps."""
    value = np.array([[np.nextafter(2.0**21, 0)]])
    total = sum((to_fixed(value, 4) for _ in range(4)), np.zeros((1, 1), np.uint64))
    assert from_fixed(total)[0, 0] == pytest.approx(4 * value[0, 0], abs=1e-9)
