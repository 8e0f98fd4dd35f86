"""DeepMF for ratings: vectors of user and film, fused with their features, through layers 256-128-1; torch.

The first layer over the concatenation [user; film] splits into a user half and a film half, as in core's
DeepMF, so that scoring every cell costs one projection for each user and film and one addition a cell.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from feddmf_party.ratings.learning import Dropout, Net, linear_start, table_start
from feddmf_party.ratings.table import Ratings

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
        people = {name: category for name, category in ratings.people.items() if name in groups}
        self.user_codes = {name: torch.from_numpy(category.codes) for name, category in people.items()}
        self.item_codes = {"decade": torch.from_numpy(ratings.decades.codes)} if "decade" in groups else {}
        self.users = nn.ParameterDict(
            {
                name: table_start((len(category.names), _FEATURE_DIM), _START, seed, name)
                for name, category in people.items()
            }
        )
        self.items = nn.ParameterDict(
            {
                name: table_start((len(ratings.decades.names), _FEATURE_DIM), _START, seed, name)
                for name in self.item_codes
            }
        )
        if "user" in groups:
            self.user_codes["user"] = torch.arange(ratings.user_count)
            self.users["user"] = table_start((ratings.user_count, _ID_DIM), _START, seed, "user", place)
        if "film" in groups:
            self.item_codes["film"] = torch.arange(ratings.item_count)
            self.items["film"] = table_start((ratings.item_count, _ID_DIM), _START, seed, "film")
        self.genres = torch.from_numpy(ratings.genres) if "genres" in groups else None
        self._add_layers(ratings, seed)

    def _add_layers(self, ratings: Ratings, seed: int) -> None:
        wide, narrow = _HIDDEN
        genre_dim = 0
        if self.genres is not None and ratings.genre_names:
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


def _looked_up(
    tables: nn.ParameterDict, codes: dict[str, Tensor], batch: Tensor, known: Tensor | None
) -> list[Tensor]:
    """Return the rows of each table for a batch, [batch, dim] each; id vectors of new ones are 0."""
    parts = []
    for name, table in tables.items():
        rows = nn.functional.embedding(codes[name][batch], table)
        parts.append(rows if known is None or name not in _IDS else rows * known)
    return parts
