"""Private set intersection: the right items, and nothing of the others in anything that is sent."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.errors import PayloadError
from feddmf.matching import (
    POINTS,
    Blinding,
    HiddenItems,
    Points,
    check_first,
    check_second,
    common_keys,
    matching_domain,
)
from feddmf.payload import Axis, Payload
from support.catalogues import keys

DOMAIN = matching_domain("testfed", ("acme", "bolt"), 1)
# The prime of P-256 and the b of its equation y^2 = x^3 - 3x + b (SP 800-186, 3.2.1.3).
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def rows(points: Points) -> list[bytes]:
    """Return points as bytes."""
    return [row.tobytes() for row in points]


def as_points(*xs: int) -> Points:
    """Return x coordinates as they travel."""
    return np.frombuffer(b"".join(x.to_bytes(32, "big") for x in xs), dtype="<u8").reshape(-1, 4)


def on_curve(x: int) -> bool:
    """Tell whether some point of the curve has this x coordinate."""
    square = (x**3 - 3 * x + B) % P
    return square == 0 or pow(square, (P - 1) // 2, P) == 1


def plain_hash(key: str) -> bytes:
    """Return the x coordinate that a key hashes to, computed by hand."""
    for trial in itertools.count():
        x = hashlib.sha256(DOMAIN + trial.to_bytes(4, "big") + key.encode()).digest()
        if int.from_bytes(x, "big") < P and on_curve(int.from_bytes(x, "big")):
            return x
    raise AssertionError


def matched(
    left: list[str], right: list[str], ours: Blinding, theirs: Blinding
) -> tuple[tuple[str, ...], tuple[str, ...], list[Points]]:
    """Run a matching in the open; return what each side finds, and all that was sent."""
    mine, yours = ours.hide(left, DOMAIN), theirs.hide(right, DOMAIN)
    check_first(yours.points, mine.points)
    check_first(mine.points, yours.points)
    mine_again, yours_again = theirs.hide_again(mine.points), ours.hide_again(yours.points)
    check_second(mine_again, len(left))
    check_second(yours_again, len(right))
    return (
        common_keys(mine.keys, mine_again, yours_again),
        common_keys(yours.keys, yours_again, mine_again),
        [mine.points, yours.points, mine_again, yours_again],
    )


@given(keys(), keys())
def test_both_sides_find_exactly_what_is_common(left: list[str], right: list[str]) -> None:
    """Whatever the keys are: one of them, none in common, all in common, letters of any kind."""
    first, second, _ = matched(left, right, Blinding(), Blinding())
    assert first == second == tuple(sorted(set(left) & set(right)))


@given(keys(), keys())
def test_nothing_that_is_sent_is_an_unblinded_hash(left: list[str], right: list[str]) -> None:
    """No point on the wire is the hash of a key of either, and the hash is what a peer could compute."""
    _, _, sent = matched(left, right, Blinding(), Blinding())
    plain = {plain_hash(key) for key in {*left, *right}}
    assert plain.isdisjoint(row for points in sent for row in rows(points))


def test_the_hash_is_the_one_computed_by_hand() -> None:
    """With the number one a point stays as it was hashed: so the test above looks for what would be there."""
    hidden = Blinding(1).hide(["a", "b", "ü"], DOMAIN)
    assert dict(zip(hidden.keys, rows(hidden.points), strict=True)) == {
        key: plain_hash(key) for key in ("a", "b", "ü")
    }


def test_two_matchings_of_the_same_items_share_no_point() -> None:
    """A fresh number each time: nobody can tell that the items were the same."""
    items = [f"item-{number}" for number in range(20)]
    first, second = (set(rows(Blinding().hide(items, DOMAIN).points)) for _ in range(2))
    assert len(first) == len(second) == 20
    assert first.isdisjoint(second)


@pytest.mark.parametrize(
    "other",
    [
        matching_domain("testfed", ("acme", "bolt"), 2),
        matching_domain("testfed", ("acme", "cargo"), 1),
        matching_domain("otherfed", ("acme", "bolt"), 1),
    ],
)
def test_hashes_belong_to_one_matching(other: bytes) -> None:
    """Another version, pair or federation: other hashes, so that even one number kept would link nothing."""
    blinding = Blinding()
    assert not np.array_equal(blinding.hide(["a"], DOMAIN).points, blinding.hide(["a"], other).points)
    assert matching_domain("testfed", ("bolt", "acme"), 1) == DOMAIN


def test_the_order_says_nothing_of_the_keys() -> None:
    """Points ascend, so whatever order the keys came in, the same bytes leave; keys follow their points."""
    blinding = Blinding()
    items = [f"item-{number}" for number in range(50)]
    forward, back = blinding.hide(items, DOMAIN), blinding.hide(items[::-1], DOMAIN)
    assert rows(forward.points) == rows(back.points) == sorted(rows(forward.points))
    assert forward.keys == back.keys != tuple(items)
    assert sorted(forward.keys) == sorted(items)


def test_a_secret_that_was_kept_gives_the_same_bytes() -> None:
    """So a party that died goes on with what it has sent before."""
    blinding = Blinding()
    again = Blinding(blinding.secret)
    assert np.array_equal(blinding.hide(["a", "b"], DOMAIN).points, again.hide(["a", "b"], DOMAIN).points)
    assert Blinding().secret != blinding.secret


def test_points_fit_their_schema() -> None:
    """Four words an item, of the kind that policies know."""
    points = Blinding().hide(["a", "b", "c"], DOMAIN).points
    POINTS.check(Payload({"points": points}), {Axis.BLINDED_ITEMS: 3})


OFF_CURVE = next(x for x in itertools.count(1) if not on_curve(x))


@pytest.mark.parametrize("x", [OFF_CURVE, P, P + 5, 2**256 - 1])
def test_what_is_not_on_the_curve_is_refused(x: int) -> None:
    """A point of the twist, or a number that is no coordinate, would tell something of the secret."""
    good = Blinding().hide(["a"], DOMAIN).points
    with pytest.raises(PayloadError, match="point 1 of the peer is not on the curve"):
        Blinding().hide_again(np.vstack([good, as_points(x)]))


def hidden(*items: str) -> HiddenItems:
    """Return freshly blinded items."""
    return Blinding().hide(items, DOMAIN)


def test_a_point_twice_or_out_of_order_is_refused() -> None:
    """A point that counted twice would be tested twice, and an order could hold a message."""
    points = hidden("a", "b", "c").points
    for wrong in (points[::-1], points[[0, 1, 1]], points[[1, 0, 2]]):
        with pytest.raises(PayloadError, match="ascending order"):
            check_first(wrong, hidden("x").points)


def test_own_points_that_come_back_are_refused() -> None:
    """Somebody who sends a party's own points back would make all of its items look common."""
    own = hidden("a", "b", "c").points
    with pytest.raises(PayloadError, match="this party's own"):
        check_first(own[1:], own)


def test_an_answer_of_another_length_or_with_a_point_twice_is_refused() -> None:
    """One point back for each that was sent."""
    points = hidden("a", "b", "c").points
    check_second(points[::-1], 3)
    with pytest.raises(PayloadError, match="2 points back for 3"):
        check_second(points[:2], 3)
    with pytest.raises(PayloadError, match="same point back"):
        check_second(points[[0, 1, 1]], 3)


def test_progress_adds_up() -> None:
    """Whoever listens hears of all items, some at a time."""
    for items in (1, 99, 100, 101, 250):
        told: list[int] = []
        Blinding().hide([str(number) for number in range(items)], DOMAIN, told.append)
        assert sum(told) == items
        assert len(told) == -(-items // 100)


@given(st.lists(st.integers(2, P - 1).filter(on_curve), min_size=1, max_size=5, unique=True))
def test_the_order_of_blinding_does_not_matter(xs: list[int]) -> None:
    """Twice blinded, points are equal whoever was first."""
    points, first, second = as_points(*xs), Blinding(), Blinding()
    one_way = second.hide_again(first.hide_again(points))
    assert np.array_equal(one_way, first.hide_again(second.hide_again(points)))
