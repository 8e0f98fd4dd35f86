"""The party's identity: its files under identity/, and what is wrong with them.

The coordinator tells a caller only that it is refused. Whatever can be known about the reason is in
these files: dates, the root, whether key and certificate belong together. `diagnose` reads it out.
"""

from __future__ import annotations

import fcntl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from feddmf.config import Settings, load_toml
from feddmf.errors import InputError, Refused
from feddmf.files import explain_os_error, read_bytes, write_text
from feddmf.identity import (
    decode_certificate,
    decode_key,
    encode_certificate,
    encode_key,
    party_of,
    verify_issued_by,
)

__all__ = [
    "Federation",
    "IdentityFiles",
    "PartyIdentity",
    "diagnose",
    "explain_refusal",
    "load_identity",
    "name_of",
]

_ENROL = "run `feddmf party enroll` with an invitation from the operator"
_INVITE = "ask the operator for a new invitation, and run `feddmf party enroll`"


class Federation(Settings):
    """A whole identity/federation.toml: where this party belongs, written by enrolment."""

    federation: str
    party: str
    enrolment_address: str
    federation_address: str
    invitation_sha256: str = ""  # of the token that was last used to the end


@dataclass(frozen=True)
class IdentityFiles:
    """Where the files of an identity are within a party's folder."""

    folder: Path

    @property
    def key(self) -> Path:
        """The party's key, PEM, readable by its owner alone; made here, and it never leaves."""
        return self.folder / "identity" / "key.pem"

    @property
    def request(self) -> Path:
        """The certificate request for that key, DER; kept so that a repeated enrolment is the same."""
        return self.folder / "identity" / "request.der"

    @property
    def certificate(self) -> Path:
        """The party's certificate, PEM."""
        return self.folder / "identity" / "certificate.pem"

    @property
    def next_key(self) -> Path:
        """The key of a renewal that is under way; it becomes `key` once its certificate is here."""
        return self.folder / "identity" / "next-key.pem"

    @property
    def next_request(self) -> Path:
        """The request of that renewal, DER; repeated as it stands until it is answered."""
        return self.folder / "identity" / "next-request.der"

    @property
    def next_certificate(self) -> Path:
        """The certificate that has come; it is there only while keys are being switched."""
        return self.folder / "identity" / "next-certificate.pem"

    @property
    def root(self) -> Path:
        """The federation's root certificate, PEM, whose fingerprint was checked."""
        return self.folder / "identity" / "root.pem"

    @property
    def federation(self) -> Path:
        """Names and addresses."""
        return self.folder / "identity" / "federation.toml"

    def settle(self) -> None:
        """Put the next key and certificate in place of the old, where both are here; else do nothing.

        The last file that moves is the certificate that has come, so a switch that was interrupted anywhere
        is finished by whoever looks next.
        """
        if not self.next_certificate.exists():
            return
        with explain_os_error(self.certificate), (self.folder / "identity" / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.next_certificate.exists():
                for new, place in ((self.next_key, self.key), (self.next_request, self.request)):
                    if new.exists():
                        new.replace(place)
                self.next_certificate.replace(self.certificate)

    def load_pair(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Return key and certificate, of one moment; InputError where they cannot be read."""
        self.settle()
        key, certificate = self._read_pair()
        if key.public_key() != certificate.public_key():
            # They were switched between the two looks, or do not belong together.
            self.settle()
            key, certificate = self._read_pair()
        return key, certificate

    def _read_pair(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        certificate = decode_certificate(
            _read(self.certificate, "the certificate"), what=str(self.certificate)
        )
        return decode_key(_read(self.key, "the key"), what=str(self.key)), certificate

    def load_federation(self) -> Federation:
        """Read names and addresses; InputError where this folder has not enrolled."""
        if not self.federation.exists():
            raise InputError(f"{self.folder} has no identity yet", hint=_ENROL)
        return load_toml(self.federation, Federation)

    def write_federation(self, federation: Federation) -> None:
        """Write names and addresses; LocalResourceError where the disk refuses."""
        lines = [f'{name} = "{value}"' for name, value in federation.model_dump().items()]
        text = "# Written by `feddmf party enroll`.\n" + "\n".join(lines) + "\n"
        write_text(self.federation, text)


@dataclass(frozen=True)
class PartyIdentity:
    """An identity that can be used now: names, address, and the PEM that TLS takes."""

    federation: str
    party: str
    federation_address: str
    valid_from: datetime
    valid_until: datetime
    root_pem: bytes = field(repr=False)
    certificate_pem: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)


def load_identity(folder: Path, *, now: datetime | None = None) -> PartyIdentity:
    """Return the identity in `folder`; the first thing that is wrong with it is raised.

    Raises InputError for files that are missing or do not fit, Refused for dates that would be refused.
    """
    problems = diagnose(folder, now=now)
    if problems:
        raise problems[0]
    files = IdentityFiles(folder)
    federation = files.load_federation()
    key, certificate = files.load_pair()
    return PartyIdentity(
        federation=federation.federation,
        party=federation.party,
        federation_address=federation.federation_address,
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
        root_pem=_read(files.root, "the root certificate"),
        certificate_pem=encode_certificate(certificate),
        key_pem=encode_key(key),
    )


def diagnose(folder: Path, *, now: datetime | None = None) -> tuple[InputError | Refused, ...]:
    """Return everything that is wrong with the identity in `folder`, worst first; empty where it is fine."""
    files = IdentityFiles(folder)
    try:
        files.settle()
        federation = files.load_federation()
        root = decode_certificate(_read(files.root, "the root certificate"), what=str(files.root))
        decode_key(_read(files.key, "the key"), what=str(files.key))
        if not files.certificate.exists():
            return (_no_certificate(federation),)
        key, certificate = files.load_pair()
    except InputError as error:
        return (error,)
    found: list[InputError | Refused] = []
    if key.public_key() != certificate.public_key():
        found.append(InputError(f"{files.key} is not the key of {files.certificate}", hint=_INVITE))
    if not verify_issued_by(certificate, root):
        found.append(
            InputError(f"{files.certificate} is not signed by the root in {files.root}", hint=_INVITE)
        )
    found += _name_problems(certificate, federation)
    found += _date_problems(certificate, root, now or datetime.now(UTC))
    return tuple(found)


def explain_refusal(folder: Path, address: str, *, now: datetime | None = None) -> Refused:
    """Return the error to raise where the coordinator at `address` refuses the identity in `folder`."""
    problems = diagnose(folder, now=now)
    if problems:
        return Refused(f"the coordinator at {address} refused: {problems[0].message}", hint=problems[0].hint)
    return Refused(
        f"the coordinator at {address} refused this party, whose own files are in order",
        hint="ask the operator, whose log says why; the certificate may have been revoked",
    )


def _no_certificate(federation: Federation) -> InputError:
    return InputError(
        f"{federation.party} has no certificate yet",
        hint="run `feddmf party enroll` again after the operator has approved the request",
    )


def _name_problems(certificate: x509.Certificate, federation: Federation) -> list[InputError | Refused]:
    try:
        party = party_of(certificate, federation.federation)
    except InputError as error:
        return [error]
    if party != federation.party:
        return [InputError(f"the certificate is for {party}, not for {federation.party}", hint=_INVITE)]
    return []


def _date_problems(
    certificate: x509.Certificate, root: x509.Certificate, now: datetime
) -> list[InputError | Refused]:
    clock = f"this machine's clock says {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    found: list[InputError | Refused] = []
    for what, dated in (("certificate", certificate), ("root certificate", root)):
        start, end = dated.not_valid_before_utc, dated.not_valid_after_utc
        if now >= end:
            found.append(
                Refused(
                    f"the {what} ended on {end:%Y-%m-%d %H:%M} UTC; {clock}",
                    hint=f"{_INVITE}, or mend the clock",
                )
            )
        elif now < start:
            found.append(
                Refused(
                    f"the {what} is valid only from {start:%Y-%m-%d %H:%M} UTC; {clock}",
                    hint="mend the clock",
                )
            )
    return found


def name_of(folder: Path) -> str:
    """Return whose folder it is: the party's id, the folder's own name before it has enrolled."""
    try:
        return IdentityFiles(folder).load_federation().party
    except InputError:
        return folder.resolve().name


def _read(path: Path, what: str) -> bytes:
    return read_bytes(path, what=what, hint=_ENROL)
