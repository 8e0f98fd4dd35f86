"""Whom an audience is for: users who have all of some attributes, any of others, and none of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError

__all__ = ["Criteria"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Criteria:
    """Keys of attributes by what is wanted of them.

    all: each of them; any: one of them at least, where there is one; none: not one of them. InputError where
    no attribute is wanted, or one is named twice.
    """

    all: tuple[str, ...] = field(default=())
    any: tuple[str, ...] = field(default=())
    none: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.all and not self.any:
            raise InputError(
                "an audience needs an attribute that its users have, not only some that they lack",
                hint="name one that they should have",
            )
        twice = next((key for key in self.keys if self.keys.count(key) > 1), None)
        if twice is not None:
            raise InputError(f"{twice!r} is named twice", hint="name each attribute once")

    @classmethod
    def of(cls, key: str) -> Criteria:
        """Return the criteria of an audience for one attribute."""
        return cls(all=(key,))

    @classmethod
    def naming(
        cls, all_: Sequence[str] | None, any_: Sequence[str] | None, none: Sequence[str] | None
    ) -> Criteria:
        """Return criteria from lists in which a key may stand twice, and which need not be there."""
        return cls(*(tuple(dict.fromkeys(keys or ())) for keys in (all_, any_, none)))

    @property
    def keys(self) -> tuple[str, ...]:
        """Every attribute that is named, in the order all, any, none: the order of `combine`'s columns."""
        return (*self.all, *self.any, *self.none)

    @property
    def single(self) -> bool:
        """Whether one attribute is wanted and nothing else, so that no two have to be combined."""
        return len(self.keys) == 1

    def combine(self, probabilities: npt.NDArray[np.floating]) -> Floats:
        """Return the probability that users meet the criteria, from those of the attributes, [users].

        probabilities: in the order of `keys`, [users, attributes].
        """
        return self.meet(list(np.asarray(probabilities).T))

    def meet(self, columns: Sequence[npt.NDArray[np.floating]]) -> Floats:
        """Return the same from probabilities of each attribute, in the order of `keys`, arrays of one shape.

        Attributes are taken to be independent given the user: what makes people alike is in their vectors, on
        which each probability depends.
        """
        if self.single:
            return columns[0].astype(np.float32, copy=False)
        ends = len(self.all), len(self.all) + len(self.any)
        factors = list(columns[: ends[0]])
        if self.any:
            # Added up from below: of probabilities near 0 nothing is lost.
            factors.append(reduce(lambda one, other: one + other * (1 - one), columns[ends[0] : ends[1]]))
        factors += [1 - each for each in columns[ends[1] :]]
        found: Floats = reduce(np.multiply, factors).astype(np.float32, copy=False)
        return found

    def describe(self, names: Sequence[str] | None = None) -> str:
        """Return the criteria as a person would say them; names: of `keys`, in that order."""
        shown = dict(zip(self.keys, names or self.keys, strict=True))
        parts = [shown[key] for key in self.all]
        if self.any:
            either = " or ".join(shown[key] for key in self.any)
            parts.append(f"({either})" if parts and len(self.any) > 1 else either)
        parts += [f"not {shown[key]}" for key in self.none]
        return " and ".join(parts)
