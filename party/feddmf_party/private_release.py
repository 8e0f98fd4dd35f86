"""The one private release of a run: charged, drawn once, durable, in the ledger; then there is a member.

Whoever dies between two of these steps finds the charge in the ledger and makes no second one. A draw whose
digest is not in the ledger yet has left nobody and is drawn anew; one whose digest is there must be in its
file, byte for byte, or the run is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feddmf.errors import RunFailed
from feddmf.files import read_bytes, remove_unfinished, write_bytes
from feddmf.interactions import Interactions
from feddmf.ledger import items_digest
from feddmf.members.item_release import released_codes
from feddmf.privacy.mechanism import GramRelease, check_release, release_gram
from feddmf.privacy.noise import Noise, SystemNoise
from feddmf.privacy.terms import Terms
from feddmf_party.arrays_file import packed, unpacked
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.objections import Objection, decline
from feddmf_party.privacy_budget import (
    CHARGE_EVENT,
    RELEASE_EVENT,
    Charge,
    against_budget,
    charges_in,
    is_restored_since,
    release_of,
)
from feddmf_party.privacy_policy import PrivacyPolicy
from feddmf_party.private_terms import Agreed
from feddmf_party.seat import Place

__all__ = ["PrivateRelease", "kept_release", "planned_release"]

_PRIVATE = 0o600
_AGAIN = "what is spent stays spent; ask the operator to submit the run again, under a new id"


@dataclass(frozen=True, eq=False)
class PrivateRelease:
    """Called, it is a `ReleaseSource` of run `run`.

    keys: the fixed item list; users: how many rows the table has; listed: gives who has which of the items,
    [users, keys]; folder: where releases lie;
    override_by: who let too few users in. noise: the system's but in tests, which no file can bring about.
    """

    run: str
    terms: Terms
    keys: Sequence[str]
    users: int
    listed: Callable[[], Interactions]
    policy: PrivacyPolicy
    folder: Path
    ledger: LedgerFile
    override_by: str = ""
    noise: Noise = SystemNoise()  # noqa: RUF009  (it has no state)

    @property
    def path(self) -> Path:
        """Where the release lies once it is durable."""
        return self.folder / f"{self.run}.safetensors"

    def __call__(self) -> GramRelease:
        """Return the release, the same on every call and in every process.

        Raises PolicyError where the budget does not bear it, InputError where the mechanism refuses it,
        RunFailed where what the ledger holds of the run is not what is there.
        """
        charge = self._charged()
        recorded = release_of(self.ledger.records(), self.run)
        if recorded is not None:
            return self._kept(str(recorded["sha256"]))
        self._check_not_lost()
        drawn = release_gram(self.listed(), self.noise, charge.terms.sigma)
        content = packed(
            {
                "counts": drawn.counts,
                "gram": drawn.gram,
                "sigma": np.array([drawn.sigma]),
                "floor": np.array([drawn.floor]),
            }
        )
        digest = hashlib.sha256(content).hexdigest()
        # A draw that was cut short while it was written has left nobody.
        remove_unfinished(self.folder)
        write_bytes(self.path, content, mode=_PRIVATE)
        self.ledger.append(
            {
                "event": RELEASE_EVENT,
                "run": self.run,
                "charge": charge.number,
                "items": charge.items,
                "floor": drawn.floor,
                "sha256": digest,
            }
        )
        return self._kept(digest)

    def check(self) -> None:
        """Raise as a call would, before anything is charged or drawn.

        So InputError, where the mechanism would refuse so many users or this noise, costs nothing.
        """
        decline(self.run, self.objections())

    def objections(self) -> tuple[Objection, ...]:
        """Return what the budget holds against the run; raises as `check` does for all else."""
        charge = self._charge()
        self._check_not_lost()
        if charge is not None:
            return ()
        check_release(self.users, len(self.keys), self.terms.sigma)
        return against_budget(self.terms, charges_in(self.ledger.records()), self.policy)

    def _check_not_lost(self) -> None:
        """Raise RunFailed where the run may have been charged and released behind a backup gone on from."""
        records = tuple(self.ledger.records())
        if release_of(records, self.run) is None and is_restored_since(records, self.run):
            raise RunFailed(
                f"run {self.run} was joined before this party was restored from a backup: what it released "
                "then may be lost, and it must not release again",
                hint=_AGAIN,
            )

    def _charged(self) -> Charge:
        """Return the run's charge, made now unless it is in the ledger."""
        if self._charge() is None:
            self.check()
            self.ledger.append(
                {
                    "event": CHARGE_EVENT,
                    "run": self.run,
                    "epsilon": self.terms.epsilon,
                    "delta": self.terms.delta,
                    "sigma": self.terms.sigma,
                    "items": items_digest(self.keys),
                    **({"override_by": self.override_by} if self.override_by else {}),
                }
            )
        charge = self._charge()
        assert charge is not None  # noqa: S101  (it has just been appended)
        return charge

    def _charge(self) -> Charge | None:
        found = [each for each in charges_in(self.ledger.records()) if each.run == self.run]
        if not found:
            return None
        if found[0].items != items_digest(self.keys):
            raise RunFailed(
                f"run {self.run} was charged for another list of items: offer or catalogue have changed",
                hint=_AGAIN,
            )
        return found[0]

    def _kept(self, digest: str) -> GramRelease:
        """Read the release from its file, which must be what the ledger says."""
        content = (
            read_bytes(self.path, what="the private release", hint=_AGAIN) if self.path.exists() else b""
        )
        if hashlib.sha256(content).hexdigest() != digest:
            raise RunFailed(
                f"{self.path} is not the private release that the ledger holds of run {self.run}", hint=_AGAIN
            )
        arrays = unpacked(content, self.path, hint=_AGAIN)
        return GramRelease(
            arrays["counts"], arrays["gram"], float(arrays["sigma"][0]), float(arrays["floor"][0])
        )


def kept_release(
    folder: PartyFolder, policy: PrivacyPolicy, ledger: LedgerFile, place: Place, agreed: Agreed
) -> PrivateRelease:
    """Return what gives the release of the run of `place`; raises as `PrivateRelease.check` does."""
    release = planned_release(folder, policy, ledger, place, agreed)
    release.check()
    return release


def planned_release(
    folder: PartyFolder, policy: PrivacyPolicy, ledger: LedgerFile, place: Place, agreed: Agreed
) -> PrivateRelease:
    """Return the same, unchecked."""
    codes = released_codes(place.items, place.offered)
    table = place.table.interactions
    return PrivateRelease(
        run=place.items.plan.run,
        terms=agreed.terms,
        keys=[place.items.view.keys[code] for code in codes.tolist()],
        users=table.users,
        listed=lambda: table.columns(codes),
        policy=policy,
        folder=folder.privacy,
        ledger=ledger,
        override_by=agreed.override_by,
    )
