"""Ratings by integer codes, with what is known of users and films as features."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError, InputError
from feddmf_party.datasets.film_ratings import Film, FilmRatings, Person

__all__ = ["Category", "Ratings"]

Codes = npt.NDArray[np.int64]

_UNKNOWN = "unknown"
_NO_ONE = Person(_UNKNOWN, _UNKNOWN, _UNKNOWN)
_DECADE = 10


@dataclass(frozen=True, eq=False)
class Category:
    """One of `names` for each user or film; codes: int64 [things]."""

    names: tuple[str, ...]
    codes: Codes

    @classmethod
    def of(cls, values: Sequence[str]) -> Category:
        """Code the names of `values`, one for each thing, in sorted order."""
        names, codes = np.unique(np.array(values, dtype=np.str_), return_inverse=True)
        return cls(tuple(names.tolist()), codes.astype(np.int64))


@dataclass(frozen=True, eq=False)
class Ratings:
    """Who rated what, how and when; a part of a table keeps the codes of the whole.

    users, items: int64 [ratings]; values: float64 [ratings], within `scale`; times: int64 [ratings], epoch
    seconds. user_ids: str [users]; item_ids: str [items], those that were rated. people: age, gender and
    occupation of the users, empty where nothing is told of them; decades: of the films; genres: float32
    [items, genres], 0 or 1, with their `genre_names`; titles: [items].
    """

    name: str
    users: Codes
    items: Codes
    values: npt.NDArray[np.float64]
    times: Codes
    scale: tuple[float, float]
    user_ids: npt.NDArray[np.str_]
    item_ids: npt.NDArray[np.str_]
    people: Mapping[str, Category]
    decades: Category
    genres: npt.NDArray[np.float32]
    genre_names: tuple[str, ...]
    titles: tuple[str, ...]

    @classmethod
    def of(cls, source: FilmRatings) -> Ratings:
        """Code the ratings of `source`; DataError where there are none."""
        if not len(source.values):
            raise DataError(f"{source.name} has no ratings", hint="get its files anew")
        user_ids, users = np.unique(source.users, return_inverse=True)
        item_ids, items = np.unique(source.films, return_inverse=True)
        films = [source.catalogue.get(item, Film(item, None, ())) for item in item_ids.tolist()]
        genre_names = tuple(sorted({genre for film in films for genre in film.genres}))
        return cls(
            name=source.name,
            users=users.astype(np.int64),
            items=items.astype(np.int64),
            values=source.values,
            times=source.times,
            scale=source.scale,
            user_ids=user_ids,
            item_ids=item_ids,
            people=_people(source, user_ids),
            decades=Category.of([_decade(film) for film in films]),
            genres=np.array(
                [[genre in film.genres for genre in genre_names] for film in films], dtype=np.float32
            ),
            genre_names=genre_names,
            titles=tuple(film.title for film in films),
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def user_count(self) -> int:
        """Number of users that have a code."""
        return len(self.user_ids)

    @property
    def item_count(self) -> int:
        """Number of films that have a code."""
        return len(self.item_ids)

    @property
    def mean(self) -> float:
        """The mean rating."""
        return float(self.values.mean())

    def where(self, rows: npt.NDArray[np.bool_]) -> Ratings:
        """Return the part with the ratings marked in `rows`, bool [ratings]."""
        return dataclasses.replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            values=self.values[rows],
            times=self.times[rows],
        )

    def of_users(self, chosen: Codes) -> Ratings:
        """Return what the users `chosen`, sorted codes, rated; they alone have codes then, films theirs."""
        rows = np.isin(self.users, chosen)
        part = self.where(rows)
        people = {
            name: Category(category.names, category.codes[chosen]) for name, category in self.people.items()
        }
        return dataclasses.replace(
            part,
            users=np.searchsorted(chosen, part.users).astype(np.int64),
            user_ids=self.user_ids[chosen],
            people=people,
        )

    def dense(self) -> npt.NDArray[np.bool_]:
        """Return which cells are rated, bool [users, items]."""
        block = np.zeros((self.user_count, self.item_count), dtype=np.bool_)
        block[self.users, self.items] = True
        return block

    def user_code(self, user: str) -> int:
        """Return the code of a user id; InputError where there is no such user."""
        at = int(np.searchsorted(self.user_ids, user))
        if at == len(self.user_ids) or self.user_ids[at] != user:
            few = ", ".join(self.user_ids[:3].tolist())
            raise InputError(
                f"{self.name} has no user {user!r:.60}",
                hint=f"its {self.user_count} users have ids such as {few}",
            )
        return at


def _people(source: FilmRatings, user_ids: npt.NDArray[np.str_]) -> dict[str, Category]:
    if not source.people:
        return {}
    people = [source.people.get(user, _NO_ONE) for user in user_ids.tolist()]
    return {
        field.name: Category.of([getattr(person, field.name) for person in people])
        for field in dataclasses.fields(Person)
    }


def _decade(film: Film) -> str:
    return _UNKNOWN if film.year is None else f"{film.year // _DECADE * _DECADE}s"
