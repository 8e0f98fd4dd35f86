"""Where a party stands, from its folder's files alone: what is there, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from feddmf.catalogue.view import CatalogueView
from feddmf.errors import FedDMFError, InputError
from feddmf.files import read_bytes
from feddmf.identity import certificate_fingerprint, decode_certificate, decode_key, key_fingerprint
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.data.forgotten import Forgotten, load_forgotten
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles, diagnose
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.offer import check_offer, read_offer
from feddmf_party.run_ends import run_ends

__all__ = ["party_status"]

Found = TypeVar("Found")


class _Looks:
    """Reads one thing after the other; what cannot be used is a problem, and None."""

    def __init__(self) -> None:
        self.problems: list[FedDMFError] = []

    def at(self, read: Callable[[], Found]) -> Found | None:
        """Return what `read` does, None where it cannot be used."""
        try:
            return read()
        except InputError as error:
            self.problems.append(error)
            return None


def party_status(where: PartyFolder) -> dict[str, Any]:
    """Return what `feddmf party status` shows: names, figures (None where a file is broken), problems."""
    looks = _Looks()
    looks.problems += diagnose(where.path)
    files = IdentityFiles(where.path)
    identity = _quietly(files.load_federation)
    until = _quietly(lambda: _certificate_end(files.certificate))
    root = _quietly(lambda: certificate_fingerprint(_certificate(files.root)))
    key = _quietly(lambda: key_fingerprint(_key(files.key).public_key()))
    looks.at(where.settings)
    looks.at(where.policy)
    offer = looks.at(lambda: read_offer(where.offer_file).items)
    ledger = looks.at(lambda: len(LedgerFile(where.ledger)))
    views = AcceptedViews(where.catalogue, identity.party if identity else "")
    versions = views.versions()
    forgotten = looks.at(lambda: load_forgotten(where.forgotten)) or Forgotten()
    runs = sorted(path.parent.name for path in where.runs.glob("*/run.json"))
    latest = looks.at(lambda: views.get().view) if versions and identity else None
    if offer and latest:
        looks.at(lambda: _check(offer, latest, where))
    return {
        "party": identity and identity.party,
        "federation": identity and identity.federation,
        "certificate_until": until and until.isoformat(),
        "root_fingerprint": root,
        "key_fingerprint": key,
        "catalogue_versions": list(versions),
        "offered": None if offer is None else len(offer),
        "ledger_records": ledger,
        "runs": runs,
        "ended": [each.as_dict() for each in run_ends(where.ended)],
        "forgotten": len(forgotten),
        "learned_from_forgotten": [run for run in runs if run in forgotten.trained],
        "problems": [problem.as_dict() for problem in looks.problems],
    }


def _certificate(path: Path) -> x509.Certificate:
    return decode_certificate(read_bytes(path, what="the certificate", hint=""), what=str(path))


def _certificate_end(path: Path) -> datetime:
    return _certificate(path).not_valid_after_utc.astimezone(UTC)


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    return decode_key(read_bytes(path, what="the key", hint=""), what=str(path))


def _check(offer: tuple[str, ...], view: CatalogueView, where: PartyFolder) -> None:
    check_offer(offer, view, where=str(where.offer_file))


def _quietly(read: Callable[[], Found]) -> Found | None:
    """Return what `read` does; what is wrong with it, `diagnose` has said."""
    try:
        return read()
    except InputError:
        return None
