"""An audience that is being built, as an address or a form has it: no user is named in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlencode

from pydantic import ValidationError

from feddmf.errors import InputError
from feddmf_party.api import bodies
from feddmf_party.questions import USUAL_SIZE

__all__ = ["CUTS", "Draft", "Fields"]

CUTS = ("size", "percent", "threshold")
"""What can cut a ranking: a number of customers, a probability, the threshold that hidden items chose."""
_MOST_TEXT = 1_000


class Fields(Protocol):
    """What was sent, by name; a name may come several times."""

    def getlist(self, key: Any) -> list[Any]:
        """Return all values of a name."""


@dataclass(frozen=True)
class Draft:
    """Which attributes are wanted and where to cut; percent: a probability as people type it.

    owner: the one peer whose word counts; all who published an attribute without.
    """

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    cut: str = CUTS[0]
    size: int | None = None
    percent: str = ""
    run: str = ""
    owner: str = ""
    anyway: bool = False

    @classmethod
    def of(cls, fields: Fields) -> Draft:
        """Read what was sent; InputError names what cannot be understood."""
        removed = set(_texts(fields, "remove"))
        keys = {
            name: tuple(dict.fromkeys(key for key in _texts(fields, name) if key not in removed))
            for name in ("all", "any", "none")
        }
        cut = _last(fields, "cut") or CUTS[0]
        if cut not in CUTS:
            raise InputError(f"an audience cannot be cut by {cut!r}", hint=f"cut it by {', '.join(CUTS)}")
        size = _last(fields, "size")
        if size and not (size.isdecimal() and int(size) > 0):
            raise InputError(f"{size!r} is no number of customers", hint="give a whole number above 0")
        return cls(
            **keys,
            cut=cut,
            size=int(size) if size else None,
            percent=_last(fields, "percent"),
            run=_last(fields, "run"),
            owner=_last(fields, "owner"),
            anyway=bool(_last(fields, "anyway")),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """All attributes that are named."""
        return (*self.all, *self.any, *self.none)

    @property
    def wants(self) -> bool:
        """Whether an attribute is named that the audience is to have."""
        return bool(self.all or self.any)

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Names and values, as a form or an address carries them."""
        keys = [(name, key) for name in ("all", "any", "none") for key in getattr(self, name)]
        cuts = {"size": str(self.size or ""), "percent": self.percent, "run": self.run, "owner": self.owner}
        said = [("cut", self.cut), *cuts.items(), ("anyway", "true" if self.anyway else "")]
        return (*keys, *((name, value) for name, value in said if value))

    @property
    def address(self) -> str:
        """Where it can be built on."""
        return f"/audiences/new?{urlencode(self.fields)}"

    def question(self) -> bodies.AudienceQuestion:
        """Return it as it is asked; InputError for a cut that is none."""
        cut: dict[str, Any] = {"threshold": True}
        if self.cut == "size":
            cut = {"size": self.size or USUAL_SIZE}
        elif self.cut == "percent":
            cut = {"above": self._above()}
        return self._asked(cut)

    def first(self, most: int) -> bodies.AudienceQuestion:
        """Return the question for its first customers alone, `most` of them."""
        return self._asked({"size": most})

    def sized(self, size: int) -> Draft:
        """Return it cut by a number of customers."""
        return replace(self, cut="size", size=size)

    @property
    def of_all_owners(self) -> Draft:
        """The same of everybody who published it."""
        return replace(self, owner="")

    def _asked(self, cut: dict[str, Any]) -> bodies.AudienceQuestion:
        keys = {name: getattr(self, name) for name in ("all", "any", "none")}
        try:
            return bodies.AudienceQuestion(
                criteria=bodies.CriteriaQuestion(**keys),
                run=self.run or None,
                owner=self.owner or None,
                anyway=self.anyway,
                **cut,
            )
        except ValidationError as error:
            raise InputError(_said(error), hint="change it, and try again") from error

    def _above(self) -> float:
        try:
            above = float(Decimal(self.percent.strip().rstrip("%").strip()) / 100)
        except ArithmeticError as error:
            raise InputError(f"{self.percent!r} is no probability", hint="give a percentage") from error
        if not 0 <= above <= 1:
            raise InputError(f"{self.percent} % is no probability", hint="give 0 to 100")
        return above


def _texts(fields: Fields, name: str) -> Iterable[str]:
    return (
        value for value in fields.getlist(name) if isinstance(value, str) and 0 < len(value) <= _MOST_TEXT
    )


def _last(fields: Fields, name: str) -> str:
    return next(iter(reversed(list(_texts(fields, name)))), "").strip()


def _said(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
