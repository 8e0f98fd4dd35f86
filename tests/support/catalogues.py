"""Random catalogues, small enough to be read when a test fails."""

from __future__ import annotations

from hypothesis import strategies as st

from feddmf.catalogue.table import Catalogue
from support.runs import PARTIES

__all__ = ["catalogues", "keys"]

TEXT = st.text("abcXYZ019 -_,;\"'\\\n\x7fäß漢\U0001f600", min_size=1, max_size=6).filter(
    lambda text: text == text.strip()
)


def keys(*, min_size: int = 1, max_size: int = 10) -> st.SearchStrategy[list[str]]:
    """Return a strategy for distinct item keys."""
    return st.lists(TEXT, min_size=min_size, max_size=max_size, unique=True)


@st.composite
def catalogues(draw: st.DrawFn, *, max_parties: int = 5) -> Catalogue:
    """Draw a catalogue of two parties or more in which every item has an owner."""
    parties = PARTIES[: draw(st.integers(2, max_parties))]
    owners = st.lists(st.sampled_from(parties), min_size=1, unique=True)
    columns: dict[str, dict[str, str]] = {party: {} for party in parties}
    labels = {}
    for number, key in enumerate(draw(keys())):
        labels[key] = draw(st.text("ab ü", max_size=3))
        for party in draw(owners):
            columns[party][key] = f"{party}/{number}"
    return Catalogue(version=draw(st.integers(1, 9)), labels=labels, columns=columns)
