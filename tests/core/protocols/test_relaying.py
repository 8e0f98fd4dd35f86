"""What peers say of items stands side by side, each row about the item that it is asked for."""

from __future__ import annotations

import numpy as np

from feddmf.payload import Payload
from feddmf.protocols.relaying import side_by_side


def table(*rows: float) -> np.ndarray:
    """Return a table of one column."""
    return np.array(rows, dtype=np.float32)[:, None]


def test_peers_stand_in_sorted_order_and_are_zero_where_they_say_nothing() -> None:
    """Each party gets one column a peer; its rows may be in any order."""
    contributions = {
        "b": Payload({"v": table(20, 21, 22)}),
        "a": Payload({"v": table(12, 10)}),
        "c": Payload({"v": table()}),
    }
    rows = {"a": np.array([2, 0]), "b": np.array([0, 1, 2]), "c": np.array([], dtype=np.int64)}
    told = side_by_side(contributions, rows)
    assert told["a"]["v"].tolist() == [[22, 0], [20, 0]]
    assert told["b"]["v"].tolist() == [[10, 0], [0, 0], [12, 0]]
    assert told["c"]["v"].shape == (0, 2)


def test_other_rows_may_be_asked_for_by_one_party_alone() -> None:
    """`at` says which items a reply is about, `only` for whom, `whole` what is no table over items."""
    contributions = {
        party: Payload({"v": table(*of), "constant": np.array([[of[0]]], np.float32)})
        for party, of in {"a": (1.0, 2.0), "b": (3.0, 4.0)}.items()
    }
    rows = {"a": np.array([0, 1]), "b": np.array([1, 2])}
    told = side_by_side(
        contributions, rows, at={"a": np.array([2]), "b": np.array([0])}, only="a", whole={"constant"}
    )
    assert list(told) == ["a"]
    assert told["a"]["v"].tolist() == [[4]]
    assert told["a"]["constant"].tolist() == [[3]]
