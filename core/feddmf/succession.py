"""A request for the next certificate: signed by its own key, and by that of the certificate it follows.

A certificate request (PKCS #10, RFC 2986) proves that its sender has the new key. The attribute that is added
here proves that the sender has the old one too, so that whoever signs believes no database and no server
in between: only the holder of a certificate can have made the request that follows it.
"""

from __future__ import annotations

import base64
import binascii

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from feddmf.errors import InputError
from feddmf.identity import certificate_fingerprint, read_request

__all__ = ["check_succession", "make_succession"]

# An arc that needs no registration: a random UUID (ITU-T X.667).
_OID = x509.ObjectIdentifier("2.25.181932740925601243905162319083453621009")
_MARK = b"feddmf certificate succession 1\0"
_HINT = "the party's node makes the request; nobody else can"


def make_succession(
    key: ec.EllipticCurvePrivateKey,
    old_key: ec.EllipticCurvePrivateKey,
    old: x509.Certificate,
    party: str,
) -> bytes:
    """Return the request, DER, for a certificate for `key` that follows `old`, whose key is `old_key`."""
    signature = old_key.sign(_statement(key.public_key(), old), ec.ECDSA(hashes.SHA256()))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, party)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return (
        builder.add_attribute(_OID, base64.b64encode(signature))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def check_succession(request_der: bytes, old: x509.Certificate) -> ec.EllipticCurvePublicKey:
    """Return the key of a request that follows `old`; InputError unless the holder of `old` made it."""
    request, key = read_request(request_der)
    old_key = old.public_key()
    if not isinstance(old_key, ec.EllipticCurvePublicKey):
        raise InputError("the certificate is for another kind of key than EC P-256", hint=_HINT)
    if old_key == key:
        raise InputError("the request is for the key that the certificate has already", hint=_HINT)
    try:
        signature = base64.b64decode(request.attributes.get_attribute_for_oid(_OID).value, validate=True)
        old_key.verify(signature, _statement(key, old), ec.ECDSA(hashes.SHA256()))
    except (x509.AttributeNotFound, binascii.Error, ValueError, InvalidSignature) as error:
        raise InputError(
            "the request is not signed by the certificate that it follows", hint=_HINT
        ) from error
    return key


def _statement(key: ec.EllipticCurvePublicKey, old: x509.Certificate) -> bytes:
    new = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _MARK + certificate_fingerprint(old).encode() + b"\0" + new
