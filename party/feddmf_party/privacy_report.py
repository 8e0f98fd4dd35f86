"""What private runs have cost so far, run by run, from the ledger: for people, programs and the API."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.privacy_budget import Charge, Spent, charges_in, release_of, spent_by

__all__ = ["PrivacyReport", "SpentOnRun", "privacy_report"]


@dataclass(frozen=True)
class SpentOnRun:
    """One charge; together: epsilon of it and all before it; released: whether its release was drawn."""

    record: int
    at: str
    run: str
    epsilon: float
    delta: float
    sigma: float
    together: float
    released: bool
    override_by: str

    @classmethod
    def of(cls, charge: Charge, together: Spent, *, released: bool) -> SpentOnRun:
        """Return what is said of `charge`."""
        terms = charge.terms
        return cls(
            record=charge.number,
            at=charge.at,
            run=charge.run,
            epsilon=terms.epsilon,
            delta=terms.delta,
            sigma=terms.sigma,
            together=together.epsilon,
            released=released,
            override_by=charge.override_by,
        )


@dataclass(frozen=True)
class PrivacyReport:
    """epsilon: of all charges together, at `delta`; lifetime: most that the policy allows; left: of that."""

    epsilon: float
    delta: float
    lifetime: float
    left: float
    runs: tuple[SpentOnRun, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return {**asdict(self), "runs": [asdict(run) for run in self.runs]}


def privacy_report(folder: Path) -> PrivacyReport:
    """Return the charges in the ledger of the party's `folder`; InputError where the ledger is broken.

    What is left is not to be shared out by subtraction: epsilons of several runs do not add up.
    """
    where = PartyFolder(folder)
    records = list(LedgerFile(where.ledger).records())
    charges = charges_in(records)
    terms = [charge.terms for charge in charges]
    runs = tuple(
        SpentOnRun.of(
            charge,
            spent_by(terms[: place + 1]),
            released=release_of(records, charge.run) is not None,
        )
        for place, charge in enumerate(charges)
    )
    lifetime, spent = where.policy().privacy.lifetime_epsilon, spent_by(terms)
    return PrivacyReport(spent.epsilon, spent.delta, lifetime, max(lifetime - spent.epsilon, 0.0), runs)
