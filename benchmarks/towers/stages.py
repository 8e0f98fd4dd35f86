"""Two parties of a split data set, in the pilot and after it: what trains, and which cells are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.catalogue.draws import hidden_at
from feddmf.interactions import Interactions
from feddmf.runfile import RunSettings
from feddmf.user_attributes import dense_labels, without_items
from feddmf_party.evaluating.federation import Company, Federation

__all__ = ["Side", "final", "pilot"]

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Side:
    """One of two parties in one stage.

    data: its interactions without those of items that it hides; seen: bool [items], all but these; aligned:
    codes of the items that both train on, in the order of their keys; own: those that it alone sells; asked:
    codes at the peer of the items whose cells are measured; truth: bool [users, asked].
    """

    name: str
    company: Company
    data: Interactions
    seen: npt.NDArray[np.bool_]
    aligned: Codes
    own: Codes
    asked: Codes
    truth: npt.NDArray[np.bool_]


def pilot(federation: Federation, settings: RunSettings) -> tuple[Side, Side]:
    """Return the sides of the pilot; asked is what a side hides."""
    sellers, digest = tuple(sorted(federation.companies)), federation.catalogue.digest()
    hides = np.array(
        [
            hidden_at(key, sellers, digest=digest, share=settings.hidden_share) or ""
            for key in federation.matched.tolist()
        ]
    )
    here, there = (
        (company, federation.matched[hides == company.party]) for company in federation.companies.values()
    )
    aligned = federation.matched[hides == ""]
    return _pilot_side(*here, aligned, there[0]), _pilot_side(*there, aligned, here[0])


def final(federation: Federation) -> tuple[Side, Side]:
    """Return the sides after the pilot; asked is what only the peer sells."""
    here, there = federation.companies.values()
    return _side(here, federation.matched, there), _side(there, federation.matched, here)


def _pilot_side(
    company: Company, hidden: npt.NDArray[np.str_], aligned: npt.NDArray[np.str_], peer: Company
) -> Side:
    codes = _codes(hidden, company)
    seen = np.ones(company.data.items, dtype=np.bool_)
    seen[codes] = False
    return Side(
        name="pilot",
        company=company,
        data=without_items(company.data, codes),
        seen=seen,
        aligned=_codes(aligned, company),
        own=_codes(company.own, company),
        asked=_codes(hidden, peer),
        truth=dense_labels(company.data, codes),
    )


def _side(company: Company, aligned: npt.NDArray[np.str_], peer: Company) -> Side:
    return Side(
        name="final",
        company=company,
        data=company.data,
        seen=np.ones(company.data.items, dtype=np.bool_),
        aligned=_codes(aligned, company),
        own=_codes(company.own, company),
        asked=_codes(company.asked, peer),
        truth=company.truth,
    )


def _codes(keys: npt.NDArray[np.str_], company: Company) -> Codes:
    return np.searchsorted(company.keys, keys).astype(np.int64)
