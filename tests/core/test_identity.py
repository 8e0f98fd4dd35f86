from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from feddmf import identity
from feddmf.errors import InputError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _certificate(*uris: str, common_name: str = "acme", hours: int = 1) -> x509.Certificate:
    key = identity.make_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(hours=hours))
    )
    if uris:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256())


@given(
    federation=st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True),
    party=st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True),
)
def test_names_survive_their_uri(federation: str, party: str) -> None:
    """What a URI is made of is what it is parsed into."""
    assert identity.parse_uri(identity.party_uri(federation, party)) == identity.PeerName(federation, party)
    assert identity.parse_uri(identity.coordinator_uri(federation)) == identity.PeerName(federation, None)


@pytest.mark.parametrize(
    "uri",
    [
        "feddmf://fed/party/",
        "feddmf://fed/party/Acme",
        "feddmf://fed/party/acme/more",
        "feddmf://fed/party/acme\n",
        "feddmf://fed/coordinator/",
        "https://fed/party/acme",
        "feddmf:///party/acme",
    ],
)
def test_other_uris_name_nobody(uri: str) -> None:
    """A URI of another form is an error, not a guess."""
    with pytest.raises(InputError, match="names neither"):
        identity.parse_uri(uri)


@pytest.mark.parametrize("name", ["acme", "a", "shop-2", "a" * 32])
def test_party_ids_that_are_allowed(name: str) -> None:
    """A letter, then letters, digits and hyphens, 32 in all."""
    assert identity.check_party(name) == name


@pytest.mark.parametrize("name", ["", "Acme", "2shop", "-a", "a" * 33, "a_b", "a b", "acme\n", "ämter"])
def test_party_ids_that_are_not_allowed(name: str) -> None:
    """Anything else is an error that shows what an id looks like."""
    with pytest.raises(InputError, match="party's id") as caught:
        identity.check_party(name)
    assert "lower-case" in caught.value.hint


def test_the_party_is_read_from_the_uri_and_never_from_the_common_name() -> None:
    """A common name that claims another party changes nothing."""
    certificate = _certificate("feddmf://fed/party/bolt", common_name="acme")
    assert identity.party_of(certificate, "fed") == "bolt"


def test_a_certificate_without_a_uri_names_nobody() -> None:
    """The common name is no substitute."""
    with pytest.raises(InputError, match="no readable name"):
        identity.party_of(_certificate(common_name="acme"), "fed")


def test_two_uris_name_nobody() -> None:
    """A certificate with two names is refused instead of read by its first."""
    with pytest.raises(InputError, match="2 names"):
        identity.party_of(_certificate("feddmf://fed/party/a", "feddmf://fed/party/b"), "fed")


def test_a_party_of_another_federation_is_nobody_here() -> None:
    """The federation in the name must be the one that is asked about."""
    with pytest.raises(InputError, match="federation other"):
        identity.party_of(_certificate("feddmf://other/party/acme"), "fed")


def test_a_coordinator_is_no_party() -> None:
    """The server's own certificate cannot be used to call."""
    with pytest.raises(InputError, match="coordinator's"):
        identity.party_of(_certificate("feddmf://fed/coordinator"), "fed")


def test_fingerprints_are_the_sha256_in_readable_pairs() -> None:
    """32 pairs, upper case, colons between."""
    certificate = _certificate("feddmf://fed/party/acme")
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    shown = identity.certificate_fingerprint(certificate)
    assert shown.replace(":", "").lower() == digest
    assert len(shown) == 95


def test_fingerprints_are_compared_however_they_are_typed() -> None:
    """Case, colons, blanks and the name of the hash do not matter; a digit does."""
    shown = identity.key_fingerprint(identity.make_key().public_key())
    assert identity.same_fingerprint(shown, "sha256:" + shown.lower().replace(":", " "))
    other = ("0" if shown[0] != "0" else "1") + shown[1:]
    assert not identity.same_fingerprint(shown, other)


@pytest.mark.parametrize("text", ["", "AB:CD", "G" * 64, "0" * 63])
def test_part_of_a_fingerprint_is_an_error(text: str) -> None:
    """Comparing the first few digits would be no check."""
    with pytest.raises(InputError, match="no SHA-256 fingerprint"):
        identity.same_fingerprint(text, "0" * 64)


def test_keys_and_certificates_survive_pem() -> None:
    """What was encoded is what is decoded."""
    key = identity.make_key()
    assert identity.decode_key(identity.encode_key(key), what="key").public_key() == key.public_key()
    certificate = _certificate("feddmf://fed/party/acme")
    assert identity.decode_certificate(identity.encode_certificate(certificate), what="x") == certificate
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert identity.decode_certificate(der, what="x") == certificate


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        hidden = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        _pem(ec.generate_private_key(ec.SECP384R1())),
        _pem(rsa.generate_private_key(65537, 2048)),
        _pem(identity.make_key(), b"secret"),
    ],
    ids=["empty", "broken", "P-384", "RSA", "encrypted"],
)
def test_other_keys_are_errors_that_name_the_file(pem: bytes) -> None:
    """Only an unencrypted P-256 key is taken, and no raw error comes through."""
    with pytest.raises(InputError, match=r"^here/key\.pem holds"):
        identity.decode_key(pem, what="here/key.pem")


def test_a_broken_certificate_is_an_error_that_names_the_file() -> None:
    """Neither PEM nor DER."""
    for data in (b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(InputError, match=r"^here\.pem holds no readable certificate"):
            identity.decode_certificate(data, what="here.pem")


def test_a_request_is_read_back_with_its_key() -> None:
    """The key in the request is the key that made it."""
    key = identity.make_key()
    der = identity.make_request(key, "acme").public_bytes(serialization.Encoding.DER)
    assert identity.read_request(der)[1] == key.public_key()


def test_a_request_that_was_changed_is_refused() -> None:
    """A request proves that its maker holds the key; a changed one proves nothing."""
    der = bytearray(
        identity.make_request(identity.make_key(), "acme").public_bytes(serialization.Encoding.DER)
    )
    der[der.index(b"acme")] = ord("b")
    with pytest.raises(InputError, match="not signed by its own key"):
        identity.read_request(bytes(der))


def test_a_request_for_another_kind_of_key_is_refused() -> None:
    """TLS 1.2 stays off only as long as every key is EC."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme")])
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    with pytest.raises(InputError, match="another kind of key"):
        identity.read_request(request.public_bytes(serialization.Encoding.DER))


@given(st.binary(max_size=200))
def test_nonsense_is_no_request(data: bytes) -> None:
    """Whatever bytes come, the error is ours."""
    with pytest.raises(InputError, match="certificate request"):
        identity.read_request(data)


def test_a_certificate_is_issued_by_the_root_that_signed_it_alone() -> None:
    """A root of the same name is not the same root."""
    first, second = _certificate(), _certificate()
    assert identity.verify_issued_by(first, first)
    assert not identity.verify_issued_by(first, second)


def test_requests_and_certificates_of_no_known_version_are_errors() -> None:
    """The library says that in its own words; a caller gets ours."""
    key = identity.make_key()
    request = identity.make_request(key, "acme").public_bytes(serialization.Encoding.DER)
    assert request.count(b"\x02\x01\x00") == 1
    with pytest.raises(InputError, match="cannot be read") as caught:
        identity.read_request(request.replace(b"\x02\x01\x00", b"\x02\x01\x3d"))
    assert caught.value.hint
    certificate = _certificate("feddmf://testfed/party/acme").public_bytes(serialization.Encoding.DER)
    version = b"\xa0\x03\x02\x01\x02"
    assert certificate.count(version) == 1
    with pytest.raises(InputError, match="no readable certificate"):
        identity.decode_certificate(certificate.replace(version, b"\xa0\x03\x02\x01\x3d"), what="it")


def test_a_name_of_a_kind_that_no_library_reads_is_an_error() -> None:
    """An EDI party name beside nothing else."""
    whole = _certificate("feddmf://testfed/party/acme").public_bytes(serialization.Encoding.DER)
    uri = b"\x86" + bytes([len("feddmf://testfed/party/acme")])
    assert whole.count(uri) == 1
    certificate = identity.decode_certificate(whole.replace(uri, b"\xa5" + uri[1:]), what="it")
    with pytest.raises(InputError, match="no readable name"):
        identity.peer_name(certificate)
