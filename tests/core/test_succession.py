from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.errors import InputError
from feddmf.identity import make_key, make_request
from feddmf.succession import check_succession, make_succession
from feddmf_coordinator.authority import Authority

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORITY = Authority.make("fed", days=10, now=NOW)


def _holder(party: str = "acme") -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = make_key()
    return key, AUTHORITY.issue_party(key.public_key(), "fed", party, days=1, now=NOW)


def test_the_holder_of_a_certificate_asks_for_the_next() -> None:
    """The request proves both keys, and gives the new one."""
    old_key, old = _holder()
    key = make_key()
    assert check_succession(make_succession(key, old_key, old, "acme"), old) == key.public_key()


def test_nobody_else_asks_for_it() -> None:
    """Not with another old key, not for another certificate of the same key, not without saying so."""
    old_key, old = _holder()
    other_key, other = _holder()
    again = AUTHORITY.issue_party(old_key.public_key(), "fed", "acme", days=1, now=NOW)
    for der in (
        make_succession(make_key(), other_key, old, "acme"),
        make_succession(make_key(), other_key, other, "acme"),
        make_succession(make_key(), old_key, again, "acme"),
        make_request(make_key(), "acme").public_bytes(Encoding.DER),
    ):
        with pytest.raises(InputError, match="not signed by the certificate that it follows"):
            check_succession(der, old)


def test_the_next_certificate_is_for_another_key() -> None:
    """A renewal that kept the key would keep whoever has a copy of it."""
    old_key, old = _holder()
    with pytest.raises(InputError, match="has already"):
        check_succession(make_succession(old_key, old_key, old, "acme"), old)


@pytest.mark.parametrize("place", range(0, 340, 17))
def test_a_request_that_was_touched_is_no_request(place: int) -> None:
    """Wherever a byte is changed."""
    old_key, old = _holder()
    der = bytearray(make_succession(make_key(), old_key, old, "acme"))
    der[place % len(der)] ^= 0x55
    with pytest.raises(InputError):
        check_succession(bytes(der), old)
