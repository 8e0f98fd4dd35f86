"""The federation's root and the server's certificate: there, belonging together, and in their dates."""

from __future__ import annotations

import stat
from datetime import UTC, datetime

from cryptography import x509

from feddmf.checkup import Checkup
from feddmf.cli.tables import utc
from feddmf.errors import InputError
from feddmf.files import read_bytes
from feddmf.identity import decode_certificate
from feddmf_coordinator.server.credentials import server_certificate
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["check_authority", "check_certificate"]

_RESTORE = "restore the file from a backup; `feddmf coordinator init` made it"
_SHARE_LEFT_TO_NOTE = 0.25


def check_authority(checkup: Checkup, where: CoordinatorFolder) -> None:
    """Look at the root's certificate, and whether its key lies open."""
    root = checkup.look("root", lambda: _root(where))
    if root is None:
        return
    now, end = datetime.now(UTC), root.not_valid_after_utc
    if now >= end or now < root.not_valid_before_utc:
        checkup.problem("root", _out_of_dates("root certificate", root, now, "found the federation anew"))
    elif not where.authority_key.is_file():
        checkup.note(
            "root",
            f"valid until {utc(end)}; its key is not in this folder, so nothing can be approved here",
            hint=f"bring it back to {where.authority_key} when you approve or renew",
        )
    elif stat.S_IMODE(where.authority_key.stat().st_mode) & 0o077:
        error = InputError(
            f"{where.authority_key} can be read by others than its owner",
            hint=f"run: chmod 600 {where.authority_key}",
        )
        checkup.problem("root", error)
    else:
        checkup.ok("root", f"valid until {utc(end)}")
    if where.passphrase_file.exists():
        checkup.note(
            "passphrase",
            "the passphrase of the root's key lies beside the key",
            hint=f"move {where.passphrase_file} to a safe place; --passphrase-file names it",
        )


def check_certificate(checkup: Checkup, where: CoordinatorFolder) -> x509.Certificate | None:
    """Return the server's certificate; None where it cannot be used."""
    now = datetime.now(UTC)
    shown = checkup.look("certificate", lambda: server_certificate(where, now))
    if shown is None:
        return None
    start, end = shown.not_valid_before_utc, shown.not_valid_after_utc
    if now < start:
        checkup.problem(
            "certificate", _out_of_dates("server's certificate", shown, now, "run: feddmf coordinator renew")
        )
        return None
    if end - now <= (end - start) * _SHARE_LEFT_TO_NOTE:
        checkup.note(
            "certificate",
            f"the server's ends on {utc(end)}, and should have been renewed by now",
            hint="run `feddmf coordinator renewals` as a service, or `feddmf coordinator renew` once",
        )
    else:
        checkup.ok("certificate", f"the server's is valid until {utc(end)}")
    return shown


def _root(where: CoordinatorFolder) -> x509.Certificate:
    pem = read_bytes(where.root_certificate, what="the root certificate", hint=_RESTORE)
    return decode_certificate(pem, what=str(where.root_certificate))


def _out_of_dates(what: str, certificate: x509.Certificate, now: datetime, else_: str) -> InputError:
    dates = f"{utc(certificate.not_valid_before_utc)} to {utc(certificate.not_valid_after_utc)}"
    return InputError(
        f"the {what} is valid from {dates}; this machine's clock says {utc(now)}",
        hint=f"set this machine's clock right; if it is, {else_}",
    )
