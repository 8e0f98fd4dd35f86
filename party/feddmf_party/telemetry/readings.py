"""What is read when somebody looks: the ledger's length, what private runs cost, certificate and disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from feddmf.chain_file import ChainFile
from feddmf.files import read_bytes
from feddmf.identity import decode_certificate
from feddmf.privacy.terms import Terms
from feddmf.signing import Domain
from feddmf.telemetry.meters import Look, Reading
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.privacy_budget import charges_in, spent_by
from feddmf_party.telemetry import metrics

__all__ = ["looks"]


def looks(folder: PartyFolder) -> tuple[Look, ...]:
    """Return what reads the figures of a party's folder."""
    ledger = _Ledger(folder)

    def from_disk() -> Iterator[Reading]:
        yield Reading(metrics.DISK_FREE, shutil.disk_usage(folder.path).free)

    def from_certificate() -> Iterator[Reading]:
        path = IdentityFiles(folder.path).certificate
        end = decode_certificate(read_bytes(path, what="the certificate", hint=""), what=str(path))
        yield Reading(metrics.CERTIFICATE_END, end.not_valid_after_utc.timestamp())

    return ledger.read, from_disk, from_certificate


class _Ledger:
    """Follows a ledger as it grows, so that no look reads it whole but the first."""

    def __init__(self, folder: PartyFolder) -> None:
        self._folder = folder
        self._file: ChainFile | None = None
        self._terms: list[Terms] = []
        self._spent = 0.0
        self._counted = 0

    def read(self) -> Iterator[Reading]:
        """Yield the ledger's length, and the epsilon that is spent and left."""
        if self._file is None:
            # It is only read here, and so needs no key.
            self._terms = []
            self._file = ChainFile(self._folder.ledger, Domain.LEDGER, lambda: None, self._visit)
        else:
            self._file.refresh()
        if len(self._terms) > self._counted:
            self._spent, self._counted = spent_by(self._terms).epsilon, len(self._terms)
        yield Reading(metrics.LEDGER_RECORDS, len(self._file))
        yield Reading(metrics.SPENT_EPSILON, self._spent)
        left = self._folder.policy().privacy.lifetime_epsilon - self._spent
        yield Reading(metrics.BUDGET_EPSILON, max(0.0, left))

    def _visit(self, record: Mapping[str, Any]) -> None:
        self._terms += [charge.terms for charge in charges_in([record])]
