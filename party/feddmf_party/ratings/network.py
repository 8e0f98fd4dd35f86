"""DeepMF for ratings: vectors of user and film, fused with their features, through layers 256-128-1; torch.

The first layer over the concatenation [user; film] splits into a user half and a film half, as in core's
DeepMF, so that scoring every cell costs one projection for each user and film and one addition a cell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from feddmf_party.ratings.learning import Dropout, Net, linear_start, table_start
from feddmf_party.ratings.table import Category, Ratings

__all__ = ["GROUPS", "Known", "RatingNet", "groups_of"]

GROUPS = ("user", "film", "age", "gender", "occupation", "genres", "decade")
"""What the network may be told: which user and film it is, and their features."""

_IDS = frozenset({"user", "film"})
_ID_DIM = 32
_FEATURE_DIM = 8
_GENRE_DIM = 16
_HIDDEN = (256, 128)
_START = 0.1


class Known(NamedTuple):
    """1 where an id vector counts, 0 where user or film is new and only features speak, each [batch, 1]."""

    users: Tensor
    items: Tensor


class RatingNet(Net):
    """The rating of (user, film) cells; `groups` are those of GROUPS that it is told, absent ones ignored.

    private: names of the parameters that stay with the users. All start alike from the same seed, but for the
    user vectors, which also depend on the `place` that has them.
    """

    private: ClassVar[frozenset[str]] = frozenset({"users.user"})

    def __init__(
        self, ratings: Ratings, groups: Collection[str], *, seed: int, place: str = "everybody"
    ) -> None:
        super().__init__()
        self.item_count = ratings.item_count
        self.users, self.user_codes = _side(ratings.people, groups, ("user", ratings.user_count), seed, place)
        self.items, self.item_codes = _side(
            {"decade": ratings.decades}, groups, ("film", ratings.item_count), seed
        )
        told = "genres" in groups and ratings.genre_names
        self.genres = torch.from_numpy(ratings.genres) if told else None
        self._add_layers(ratings, seed)

    def _add_layers(self, ratings: Ratings, seed: int) -> None:
        wide, narrow = _HIDDEN
        genre_dim = 0
        if self.genres is not None:
            genre_dim = _GENRE_DIM
            self.genre_weight = linear_start((genre_dim, len(ratings.genre_names)), seed, "genres")
        from_users = sum(table.shape[1] for table in self.users.values())
        from_items = sum(table.shape[1] for table in self.items.values()) + genre_dim
        fan_in = from_users + from_items
        self.user_weight = linear_start((wide, from_users), seed, "user weight", fan_in=fan_in)
        self.item_weight = linear_start((wide, from_items), seed, "item weight", fan_in=fan_in)
        self.bias = nn.Parameter(torch.zeros(wide))
        self.middle_weight = linear_start((narrow, wide), seed, "middle")
        self.middle_bias = nn.Parameter(torch.zeros(narrow))
        self.out_weight = linear_start((1, narrow), seed, "out")
        # The middle of the scale, which everybody knows, and not the mean rating, which is somebody's data.
        self.out_bias = nn.Parameter(torch.full((1,), sum(ratings.scale) / 2))

    def forward(self, users: Tensor, items: Tensor, drop: Dropout, known: Known | None = None) -> Tensor:
        """Return the ratings of cells by codes [batch]; `drop` is applied after each hidden layer."""
        sides = self.project_users(users, known) + self.project_items(items, known)
        return self.finish(sides, drop)

    def project_users(self, users: Tensor, known: Known | None = None) -> Tensor:
        """Return the user half of the first layer, [batch, 256]."""
        parts = _looked_up(self.users, self.user_codes, users, known and known.users)
        return torch.cat([torch.empty((len(users), 0)), *parts], dim=1) @ self.user_weight.T + self.bias

    def project_items(self, items: Tensor, known: Known | None = None) -> Tensor:
        """Return the film half of the first layer, [batch, 256]."""
        parts = _looked_up(self.items, self.item_codes, items, known and known.items)
        if self.genres is not None:
            parts.append(self.genres[items] @ self.genre_weight.T)
        return torch.cat([torch.empty((len(items), 0)), *parts], dim=1) @ self.item_weight.T

    def finish(self, sides: Tensor, drop: Dropout) -> Tensor:
        """Return ratings, [...], from the sum of both halves, [..., 256]."""
        hidden = drop(torch.relu(sides))
        hidden = drop(torch.relu(nn.functional.linear(hidden, self.middle_weight, self.middle_bias)))
        return nn.functional.linear(hidden, self.out_weight, self.out_bias)[..., 0]


def groups_of(ratings: Ratings) -> tuple[str, ...]:
    """Return those of GROUPS that the ratings have."""
    lacking = {name for name in ("age", "gender", "occupation") if name not in ratings.people}
    lacking |= set() if ratings.genre_names else {"genres"}
    return tuple(name for name in GROUPS if name not in lacking)


def _side(
    categories: Mapping[str, Category],
    groups: Collection[str],
    ids: tuple[str, int],
    seed: int,
    *place: str,
) -> tuple[nn.ParameterDict, dict[str, Tensor]]:
    """Return the tables of one side's groups, and the row of each user or film in each of them.

    ids: the group of the id vectors and their number.
    """
    tables, codes = nn.ParameterDict(), {}
    for name, category in categories.items():
        if name in groups:
            tables[name] = table_start((len(category.names), _FEATURE_DIM), _START, seed, name)
            codes[name] = torch.from_numpy(category.codes)
    name, count = ids
    if name in groups:
        tables[name] = table_start((count, _ID_DIM), _START, seed, name, *place)
        codes[name] = torch.arange(count)
    return tables, codes


def _looked_up(
    tables: nn.ParameterDict, codes: dict[str, Tensor], batch: Tensor, known: Tensor | None
) -> list[Tensor]:
    """Return the rows of each table for a batch, [batch, dim] each; id vectors of new ones are 0."""
    parts = []
    for name, table in tables.items():
        rows = nn.functional.embedding(codes[name][batch], table)
        parts.append(rows if known is None or name not in _IDS else rows * known)
    return parts
