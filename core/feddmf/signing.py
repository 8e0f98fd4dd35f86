"""Signatures over ledgers and their heads: ECDSA on P-256 with SHA-256 (FIPS 186-5), DER.

Every message begins with the domain it is signed for, so that nothing signed for one use holds for another.
Of the two signatures that are valid with one nonce, (r, s) and (r, n - s), only that of the lower s counts:
else anybody could change a signature to another that holds.
"""

from __future__ import annotations

import base64
import binascii
import enum
import functools
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.errors import InputError
from feddmf.identity import PeerName, decode_certificate, peer_name, verify_issued_by
from feddmf.ledger import Head

__all__ = [
    "LATEST_MS",
    "Countersigned",
    "Domain",
    "Signatory",
    "Signer",
    "from_text",
    "is_signed",
    "sign",
    "signatory_of",
    "to_text",
]

# The order of P-256's base point (SP 800-186, 3.2.1.3).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# Milliseconds since 1970, long after any certificate, and within what datetime can say.
LATEST_MS = 1 << 47
_ALGORITHM = ec.ECDSA(hashes.SHA256())


class Domain(enum.Enum):
    """What a signature is for; the first bytes of what is signed."""

    LEDGER = b"feddmf ledger v1\0"
    COUNTERSIGNATURES = b"feddmf countersignatures v1\0"
    RECEIPTS = b"feddmf receipts v1\0"
    COUNTERSIGNATURE = b"feddmf countersignature v1\0"


@dataclass(frozen=True)
class Signer:
    """A key, and the certificate that says whose it is."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @functools.cached_property
    def certificate_der(self) -> bytes:
        """The certificate as it travels."""
        return self.certificate.public_bytes(Encoding.DER)

    @functools.cached_property
    def certificate_text(self) -> str:
        """The certificate, DER, as ledgers hold it."""
        return to_text(self.certificate_der)


@dataclass(frozen=True)
class Signatory:
    """Whose signatures can be checked: a certificate that the federation's root has signed, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePublicKey

    def holds_at(self, time: datetime) -> bool:
        """Tell whether the certificate is valid at a time."""
        return self.certificate.not_valid_before_utc <= time <= self.certificate.not_valid_after_utc


@dataclass(frozen=True)
class Countersigned:
    """What the coordinator countersigns: that it was told of a head of a party's ledger, and when."""

    federation: str
    party: str
    head: Head
    at_ms: int

    @property
    def at(self) -> datetime:
        """When it signed, by its own clock."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC)

    def to_bytes(self) -> bytes:
        """Return what is signed of it. Names hold no zero byte, so that none can run into the next."""
        names = b"\0".join((self.federation.encode(), self.party.encode(), b""))
        return names + self.head.to_bytes() + struct.pack(">Q", self.at_ms)


def sign(key: ec.EllipticCurvePrivateKey, domain: Domain, message: bytes) -> bytes:
    """Return the signature, DER, over `message` for one use."""
    r, s = decode_dss_signature(key.sign(domain.value + message, _ALGORITHM))
    return encode_dss_signature(r, min(s, _ORDER - s))


def is_signed(key: ec.EllipticCurvePublicKey, domain: Domain, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` is the one of `key` over `message` for this use, in its one form."""
    try:
        r, s = decode_dss_signature(signature)
        if s > _ORDER // 2 or encode_dss_signature(r, s) != signature:
            return False
        key.verify(signature, domain.value + message, _ALGORITHM)
    except (ValueError, InvalidSignature):
        return False
    return True


def signatory_of(der: bytes, name: PeerName, root: x509.Certificate, *, what: str) -> Signatory:
    """Return who signs by the certificate in `der`; InputError unless `root` says it is `name`, on P-256."""
    certificate = decode_certificate(der, what=what)
    hint = "the file was changed, or belongs to another federation; restore it from a backup"
    if not verify_issued_by(certificate, root):
        raise InputError(f"{what} holds a certificate that the federation's root did not sign", hint=hint)
    if peer_name(certificate) != name:
        raise InputError(f"{what} holds the certificate of somebody else", hint=hint)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError(f"{what} holds a certificate of another kind of key than EC P-256", hint=hint)
    return Signatory(certificate, key)


def to_text(data: bytes) -> str:
    """Return bytes as records hold them: base64."""
    return base64.b64encode(data).decode()


def from_text(text: object) -> bytes:
    """Return the bytes of base64 text in its one form; ValueError for anything else."""
    if not isinstance(text, str):
        raise ValueError("not text")  # noqa: TRY004  (one error for whatever a record may hold)
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if to_text(data) != text:
        raise ValueError("not base64 in its one form")
    return data
