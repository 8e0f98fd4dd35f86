"""What a contender comes to: scores of each party's users, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from feddmf_party.evaluating.at_home import AtHome
from feddmf_party.evaluating.federation import Company, Federation

__all__ = ["Floats", "OnRound", "Outcome", "Scores"]

Floats = npt.NDArray[np.floating]
# A line about what has just been done, for people.
OnRound = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one party's users for the items of `Company`, [users, asked] and so on.

    own: what it alone sells, cells that it trained on; None where a protocol scores only what peers sell.
    """

    asked: Floats
    validation: Floats
    attributes: Floats
    own: Floats | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """Each party's scores; the exchanges of a run; the bytes that parties sent up, publications included.

    notes: what people must know to read the scores; at_home: by party, what it learned from hidden items.
    """

    scores: Mapping[str, Scores]
    rounds: int = 0
    bytes_sent: int = 0
    notes: tuple[str, ...] = ()
    at_home: Mapping[str, AtHome] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        federation: Federation,
        score: Callable[[Company, npt.NDArray[np.str_]], Floats],
        *,
        rounds: int = 0,
        bytes_sent: int = 0,
        scores_own: bool = True,
        notes: tuple[str, ...] = (),
        at_home: Mapping[str, AtHome] = MappingProxyType({}),
    ) -> Outcome:
        """Ask `score` for each party's blocks, (company, keys) -> [users, keys]."""
        scores = {
            party: Scores(
                asked=score(company, company.asked),
                validation=score(company, company.validation),
                attributes=score(company, company.attributes),
                own=score(company, company.own) if scores_own else None,
            )
            for party, company in federation.companies.items()
        }
        return cls(scores, rounds, bytes_sent, notes, at_home)
