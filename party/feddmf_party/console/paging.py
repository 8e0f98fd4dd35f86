"""Long lists page by page: where one is, and how far they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query

__all__ = ["Page", "PageNumber", "Paging"]

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Page:
    """One page of a list, counted from 1; rows: how many stand on each."""

    number: int
    rows: int = 25

    @property
    def offset(self) -> int:
        """How many rows stand before it."""
        return (self.number - 1) * self.rows


@dataclass(frozen=True)
class Paging:
    """Where a page stands in its list; path and asked: the address that it has, without its number."""

    page: Page
    total: int
    path: str
    asked: dict[str, str]

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // self.page.rows))

    @property
    def earlier(self) -> str | None:
        """The address of the page before; None on the first."""
        return None if self.page.number <= 1 else self._address(min(self.page.number - 1, self.pages))

    @property
    def later(self) -> str | None:
        """The address of the next page; None on the last."""
        return None if self.page.number >= self.pages else self._address(self.page.number + 1)

    def _address(self, number: int) -> str:
        said = {name: value for name, value in self.asked.items() if value}
        return f"{self.path}?{urlencode({**said, 'page': number})}"
