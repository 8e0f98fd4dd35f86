"""Lists of texts that a person writes: in whole, or with a star for any text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feddmf_party.patterns import outside

TEXT = st.text("ab.*\n", max_size=6)


def test_a_star_stands_for_any_text_and_nothing_else_for_more_than_itself() -> None:
    """Also for none, and for line ends; dots and brackets are what they look like."""
    texts = ("pen", "pen-1", "a.b", "axb", "[x]", "two\nlines", "")
    assert outside(texts, ("pen*", "a.b", "[x]", "two*es")) == ("axb", "")
    assert outside(texts, ("*",)) == ()
    assert outside(texts, ()) == texts
    assert outside(("ab", "ba"), ("*b*", "b**c")) == ()
    assert outside(("", "a"), ("",)) == ("a",)


@given(st.lists(TEXT), st.lists(TEXT.filter(lambda text: "*" not in text)))
def test_without_stars_a_list_is_a_list(texts: list[str], patterns: list[str]) -> None:
    """What is not in it is outside, in order."""
    assert outside(texts, tuple(patterns)) == tuple(text for text in texts if text not in patterns)


@given(st.text("ab", max_size=5), st.text("ab", max_size=5), st.text("ab", max_size=5))
def test_what_begins_and_ends_alike_is_inside(first: str, middle: str, last: str) -> None:
    """Whatever stands between."""
    assert outside([first + middle + last], (f"{first}*{last}",)) == ()
