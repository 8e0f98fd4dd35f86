"""Who is who: EC P-256 keys, requests, fingerprints, and the names that certificates carry.

Certificates are X.509 (RFC 5280), requests PKCS #10 (RFC 2986). A name is a URI in the subject
alternative name, `feddmf://FEDERATION/party/NAME` or `feddmf://FEDERATION/coordinator`; the common
name is for people and is never read.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from feddmf.errors import InputError

__all__ = [
    "FEDERATION_PATTERN",
    "PARTY_PATTERN",
    "PeerName",
    "certificate_fingerprint",
    "check_party",
    "coordinator_uri",
    "decode_certificate",
    "decode_key",
    "encode_certificate",
    "encode_key",
    "key_fingerprint",
    "make_key",
    "make_request",
    "parse_fingerprint",
    "parse_uri",
    "party_of",
    "party_uri",
    "peer_name",
    "read_request",
    "same_fingerprint",
    "verify_issued_by",
]

PARTY_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
FEDERATION_PATTERN = r"^[a-z][a-z0-9-]{0,62}$"
_URI = re.compile(r"feddmf://([a-z][a-z0-9-]{0,62})/(?:party/([a-z][a-z0-9-]{0,31})|coordinator)")
_PEM_MARK = b"-----BEGIN "
# What the library says of bytes that it cannot read, in whichever part of a certificate or request.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True)
class PeerName:
    """Whom a certificate names: a party of a federation, or its coordinator (`party` is None)."""

    federation: str
    party: str | None


def check_party(name: str) -> str:
    """Return `name` if it can be a party's id; InputError says what one looks like."""
    if re.fullmatch(PARTY_PATTERN, name):
        return name
    raise InputError(
        f"{name!r} cannot be a party's id",
        hint="take 1 to 32 lower-case letters, digits and hyphens, a letter first: acme, shop-2",
    )


def party_uri(federation: str, party: str) -> str:
    """Return the name that a party's certificate carries."""
    return f"feddmf://{federation}/party/{party}"


def coordinator_uri(federation: str) -> str:
    """Return the name that the coordinator's server certificate carries."""
    return f"feddmf://{federation}/coordinator"


def parse_uri(uri: str) -> PeerName:
    """Return whom `uri` names; InputError where it is none of the two forms."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise InputError(f"{uri!r} names neither a party nor a coordinator", hint="enrol again")
    return PeerName(match[1], match[2])


def peer_name(certificate: x509.Certificate) -> PeerName:
    """Return whom `certificate` names; InputError unless it carries exactly one name of ours."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *_UNREADABLE) as error:
        raise InputError("the certificate carries no readable name", hint="enrol again") from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise InputError(f"the certificate carries {len(uris)} names instead of one", hint="enrol again")
    return parse_uri(uris[0])


def party_of(certificate: x509.Certificate, federation: str) -> str:
    """Return the party that `certificate` names within `federation`; InputError for anybody else."""
    name = peer_name(certificate)
    if name.federation != federation:
        raise InputError(
            f"the certificate is for the federation {name.federation}, not {federation}",
            hint="use the identity that was made for this federation",
        )
    if name.party is None:
        raise InputError("the certificate is a coordinator's, not a party's", hint="enrol as a party")
    return name.party


def make_key() -> ec.EllipticCurvePrivateKey:
    """Make a key on P-256 from the operating system's randomness."""
    return ec.generate_private_key(ec.SECP256R1())


def encode_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return `key` as unencrypted PKCS #8 PEM; whoever writes it does so with mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def decode_key(pem: bytes, *, what: str) -> ec.EllipticCurvePrivateKey:
    """Return the key in `pem`; InputError naming `what` unless it is an unencrypted P-256 key."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{what} holds no readable key", hint="restore the file, or remove it and enrol again"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError(f"{what} holds another kind of key than EC P-256", hint="remove it and enrol again")
    return key


def make_request(key: ec.EllipticCurvePrivateKey, party: str) -> x509.CertificateSigningRequest:
    """Return a request for a certificate for `key`; the name in it is for people and not believed."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, party)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())


def read_request(der: bytes) -> tuple[x509.CertificateSigningRequest, ec.EllipticCurvePublicKey]:
    """Return the request in `der` and its key; InputError unless it is self-signed by a P-256 key."""
    hint = "make the request with `feddmf party enroll`"
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        valid = request.is_signature_valid
    except _UNREADABLE as error:
        raise InputError("the certificate request cannot be read", hint=hint) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError("the certificate request is for another kind of key than EC P-256", hint=hint)
    if not valid:
        raise InputError("the certificate request is not signed by its own key", hint=hint)
    return request, key


def encode_certificate(certificate: x509.Certificate) -> bytes:
    """Return `certificate` as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def decode_certificate(data: bytes, *, what: str) -> x509.Certificate:
    """Return the certificate in `data`, PEM or DER; InputError naming `what` where there is none."""
    load = x509.load_pem_x509_certificate if _PEM_MARK in data else x509.load_der_x509_certificate
    try:
        return load(data)
    except _UNREADABLE as error:
        raise InputError(
            f"{what} holds no readable certificate", hint="get the file again from where it came"
        ) from error


def verify_issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    """Tell whether `root` itself signed `certificate`, by name and by signature."""
    try:
        certificate.verify_directly_issued_by(root)
    except _UNREADABLE:
        return False
    return True


def certificate_fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the certificate's DER, as people read it out: `AB:CD:...`, 32 pairs."""
    return _readable(certificate.fingerprint(hashes.SHA256()))


def key_fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of the key's SubjectPublicKeyInfo, as people read it out."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _readable(hashlib.sha256(spki).digest())


def parse_fingerprint(text: str) -> str:
    """Return `text`, however it was typed, in the form `AB:CD:...`; InputError unless it is whole."""
    digits = re.sub(r"[\s:.-]", "", text).upper().removeprefix("SHA256")
    if not re.fullmatch(r"[0-9A-F]{64}", digits):
        raise InputError(
            f"{text!r} is no SHA-256 fingerprint", hint="give all 32 pairs of hexadecimal digits: AB:CD:..."
        )
    return _readable(bytes.fromhex(digits))


def same_fingerprint(first: str, second: str) -> bool:
    """Compare two fingerprints, however typed; InputError where one is not whole."""
    return hmac.compare_digest(parse_fingerprint(first), parse_fingerprint(second))


def _readable(digest: bytes) -> str:
    return digest.hex(":").upper()
