"""What a party knows, as integer codes."""

from __future__ import annotations

from dataclasses import dataclass

from feddmf.interactions import Interactions
from feddmf.user_attributes import UserAttributes

__all__ = ["PartyTable"]


@dataclass(frozen=True, eq=False)
class PartyTable:
    """What a party knows: `interactions` [users, items], and the id behind each user code.

    `rows_read` = `rows_kept` + `rows_filtered` (by value or time) + `rows_unknown` (item not in the
    catalogue) counts rows of the interactions table, before duplicates merge. `attribute_rows` counts rows
    of the attribute table, `attributes_kept` and `attributes_unknown` its cells that are not empty.
    attributes: which of the items are user attributes; None without an attribute table. users_forgotten: how
    many users of the tables are left out because the party has forgotten them; their rows are counted. kept:
    whether the table was read before and kept, and not read now.
    """

    interactions: Interactions
    user_ids: tuple[str, ...]
    rows_read: int
    rows_kept: int
    rows_unknown: int
    rows_filtered: int
    attribute_rows: int = 0
    attributes_kept: int = 0
    attributes_unknown: int = 0
    users_forgotten: int = 0
    attributes: UserAttributes | None = None
    kept: bool = False
