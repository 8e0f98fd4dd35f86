"""Signatures hold for one key, one message and one use, and in one form."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from feddmf.identity import make_key
from feddmf.ledger import Head
from feddmf.signing import Countersigned, Domain, from_text, is_signed, sign, to_text

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
KEY = make_key()


def test_a_signature_is_for_one_use_one_message_and_one_key() -> None:
    """The same bytes signed for another use, other bytes, another key: none holds."""
    signature = sign(KEY, Domain.LEDGER, b"message")
    assert is_signed(KEY.public_key(), Domain.LEDGER, b"message", signature)
    assert not is_signed(KEY.public_key(), Domain.COUNTERSIGNATURES, b"message", signature)
    assert not is_signed(KEY.public_key(), Domain.LEDGER, b"massage", signature)
    assert not is_signed(make_key().public_key(), Domain.LEDGER, b"message", signature)


def test_no_domain_begins_another() -> None:
    """What is signed for one use can never be read as something signed for another."""
    values = [domain.value for domain in Domain]
    assert not any(a != b and b.startswith(a) for a in values for b in values)


def test_the_other_form_of_a_signature_does_not_hold() -> None:
    """(r, n - s) is valid mathematics, and would let anybody edit a signature unseen."""
    for _ in range(8):
        r, s = decode_dss_signature(sign(KEY, Domain.LEDGER, b"m"))
        assert s <= ORDER // 2
        assert not is_signed(KEY.public_key(), Domain.LEDGER, b"m", encode_dss_signature(r, ORDER - s))


@given(st.binary(max_size=80))
def test_bytes_that_are_no_signature_do_not_hold(signature: bytes) -> None:
    """Whatever stands where a signature should be is told, and never raises."""
    assert not is_signed(KEY.public_key(), Domain.LEDGER, b"m", signature)


def test_what_is_countersigned_is_told_apart() -> None:
    """Federation, party, length, hash and time are all in what is signed, none running into the next."""
    head = Head(1, "a" * 64)
    said = [
        Countersigned("fed", "acme", head, 1),
        Countersigned("fedacme", "", head, 1),
        Countersigned("fed", "acm", head, 1),
        Countersigned("fed", "acme", Head(2, "a" * 64), 1),
        Countersigned("fed", "acme", Head(1, "b" * 64), 1),
        Countersigned("fed", "acme", head, 2),
    ]
    assert len({each.to_bytes() for each in said}) == len(said)


@given(st.binary(max_size=20))
def test_bytes_come_back_from_text_in_one_form(data: bytes) -> None:
    """What was written is read; other ways to write the same bytes are not."""
    text = to_text(data)
    assert from_text(text) == data
    for other in (text + "=", text + "\n", " " + text, 5, None):
        with pytest.raises(ValueError, match="not"):
            from_text(other)
