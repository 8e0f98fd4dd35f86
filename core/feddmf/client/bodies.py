"""What is asked, as the query API takes it: parts of the bodies of questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["about", "cut", "wanted"]

Json = dict[str, Any]


def wanted(attribute: str | None, all_: Sequence[str], any_: Sequence[str], none: Sequence[str]) -> Json:
    """Return who is wanted, as the query API takes it."""
    if attribute is not None and not (all_ or any_ or none):
        return {"attribute": attribute}
    first = [] if attribute is None else [attribute]
    return {"criteria": {"all": [*first, *all_], "any": list(any_), "none": list(none)}}


def cut(size: int | None, above: float | None, *, threshold: bool) -> Json:
    """Return where a ranking is cut, as the query API takes it."""
    said: Json = {"size": size, "above": above, "threshold": threshold or None}
    return {name: each for name, each in said.items() if each is not None}


def about(run: str | None, owner: str | None, *, anyway: bool) -> Json:
    """Return what every question says."""
    return {"run": run, "owner": owner, "anyway": anyway}
