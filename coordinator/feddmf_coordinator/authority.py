"""The federation's private certificate authority (RFC 5280): one root, leaves of two kinds.

The root's key lies encrypted (PKCS #8, AES-256); only commands that sign open it, never the server.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from feddmf.errors import InputError
from feddmf.files import read_bytes, write_bytes, write_text
from feddmf.identity import coordinator_uri, decode_certificate, encode_certificate, make_key, party_uri
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["ENVIRONMENT_VARIABLE", "Authority", "make_passphrase", "read_passphrase"]

ENVIRONMENT_VARIABLE = "FEDDMF_CA_PASSPHRASE"
LEAST_PASSPHRASE = 16
# A certificate holds from a little before it was made: the other end's clock may be behind.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Authority:
    """The root certificate and its key, opened."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def make(cls, federation: str, *, days: int, now: datetime) -> Self:
        """Make a new root for `federation`, valid for `days`."""
        key = make_key()
        subject = _subject(f"{federation} root")
        builder = _builder(key.public_key(), subject, subject, now, now + timedelta(days=days))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, folder: CoordinatorFolder, passphrase: bytes) -> Self:
        """Open the authority of `folder`; InputError for a wrong passphrase or a broken file."""
        hint = "bring the root's key back to this place, or name the folder with --folder"
        pem = read_bytes(folder.authority_key, what="the root's key", hint=hint)
        root = read_bytes(folder.root_certificate, what="the root certificate", hint=hint)
        try:
            key = serialization.load_pem_private_key(pem, password=passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InputError(
                f"the passphrase does not open the root's key {folder.authority_key}",
                hint=f"give the right one by --passphrase-file or {ENVIRONMENT_VARIABLE}",
            ) from error
        certificate = decode_certificate(root, what=str(folder.root_certificate))
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise InputError(
                f"{folder.authority_key} is not the key of {folder.root_certificate}",
                hint="restore both files from the same backup",
            )
        return cls(certificate, key)

    def save(self, folder: CoordinatorFolder, passphrase: bytes) -> None:
        """Write the root certificate, and its key encrypted with `passphrase`."""
        encryption = serialization.BestAvailableEncryption(passphrase)
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        write_bytes(folder.authority_key, pem, mode=0o600)
        write_bytes(folder.root_certificate, encode_certificate(self.certificate))

    def issue_server(
        self,
        key: ec.EllipticCurvePublicKey,
        federation: str,
        *,
        hosts: Iterable[str],
        days: int,
        now: datetime,
    ) -> x509.Certificate:
        """Return the coordinator's certificate for `key`, good for TLS servers at `hosts`."""
        names = [_host_name(host) for host in hosts]
        return self._issue(
            key,
            f"{federation} coordinator",
            [*names, x509.UniformResourceIdentifier(coordinator_uri(federation))],
            ExtendedKeyUsageOID.SERVER_AUTH,
            (now, now + timedelta(days=days)),
        )

    def issue_party(
        self, key: ec.EllipticCurvePublicKey, federation: str, party: str, *, days: int, now: datetime
    ) -> x509.Certificate:
        """Return a certificate that names `party`, good for TLS clients. The name is made here alone."""
        return self._issue(
            key,
            party,
            [x509.UniformResourceIdentifier(party_uri(federation, party))],
            ExtendedKeyUsageOID.CLIENT_AUTH,
            (now, now + timedelta(days=days)),
        )

    def _issue(
        self,
        key: ec.EllipticCurvePublicKey,
        common_name: str,
        names: list[x509.GeneralName],
        purpose: x509.ObjectIdentifier,
        validity: tuple[datetime, datetime],
    ) -> x509.Certificate:
        start, end = validity
        end = min(end, self.certificate.not_valid_after_utc)
        if end <= start:
            raise InputError(
                f"the root certificate ended on {end:%Y-%m-%d}",
                hint="make a new federation with `feddmf coordinator init` in another folder",
            )
        builder = _builder(key, _subject(common_name), self.certificate.subject, start, end)
        own_key = self.key.public_key()
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(signs_certificates=False), True),
            (x509.ExtendedKeyUsage([purpose]), False),
            (x509.SubjectAlternativeName(names), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key), False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256())


def read_passphrase(folder: CoordinatorFolder, file: Path | None) -> bytes:
    """Return the passphrase of the root's key: from `file`, else the environment, else `ca/passphrase`.

    Raises InputError where there is none, or one too short to protect a key.
    """
    given = _given_passphrase(file)
    if given is not None:
        return given
    kept = read_bytes(
        folder.passphrase_file,
        what="the passphrase of the root's key,",
        hint=f"give it by --passphrase-file or {ENVIRONMENT_VARIABLE}",
    )
    return _checked(kept, str(folder.passphrase_file))


def make_passphrase(folder: CoordinatorFolder, file: Path | None) -> tuple[bytes, bool]:
    """Return (the passphrase for a new root's key, whether it was generated into `ca/passphrase`)."""
    given = _given_passphrase(file)
    if given is not None:
        return given, False
    made = secrets.token_urlsafe(32)
    write_text(folder.passphrase_file, made + "\n", mode=0o600)
    return made.encode(), True


def _given_passphrase(file: Path | None) -> bytes | None:
    if file is not None:
        hint = "name a file that holds the passphrase"
        return _checked(read_bytes(file, what="the passphrase file", hint=hint), str(file))
    variable = os.environ.get(ENVIRONMENT_VARIABLE)
    return None if variable is None else _checked(variable.encode(), ENVIRONMENT_VARIABLE)


def _checked(passphrase: bytes, where: str) -> bytes:
    stripped = passphrase.strip()
    if len(stripped) < LEAST_PASSPHRASE:
        raise InputError(
            f"the passphrase in {where} has {len(stripped)} characters",
            hint=f"take at least {LEAST_PASSPHRASE}; it alone protects the federation's root",
        )
    return stripped


def _subject(common_name: str) -> x509.Name:
    # A common name holds 64 characters at most (RFC 5280, appendix A.1); it is for people only.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    key: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: x509.Name, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - CLOCK_SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
