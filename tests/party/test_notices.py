"""What a party's people are told before it hurts: certificate, node, peers' terms."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.locks import only_one
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import load_identity
from feddmf_party.notices import notices_of, notices_of_terms
from feddmf_party.terms import Terms, Withdrawal
from support.authority import EnrolledFederation

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def home(enrolled: EnrolledFederation, tmp_path: Path) -> PartyFolder:
    """Return a copy of acme's folder."""
    return PartyFolder(shutil.copytree(enrolled.parties["acme"], tmp_path / "acme"))


def at_ms(moment: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return int(moment.timestamp() * 1_000)


def test_nothing_is_told_where_all_is_well(home: PartyFolder) -> None:
    """A node at work, and a certificate that lasts."""
    with only_one(home.lock, doing="testing"):
        assert notices_of(home) == ()
    (notice,) = notices_of(home)
    assert (notice.urgent, "feddmf party start" in notice.to_do) == (False, True)


def test_a_certificate_is_told_before_and_behind_its_end(home: PartyFolder) -> None:
    """Two weeks before as something to look after; from its end on as what keeps the party out."""
    end = load_identity(home.path).valid_until
    with only_one(home.lock, doing="testing"):
        (soon,) = notices_of(home, end - timedelta(days=13))
        (ended,) = notices_of(home, end + timedelta(days=1))
        assert notices_of(home, end - timedelta(days=15)) == ()
    assert (soon.urgent, f"{end:%Y-%m-%d}" in soon.text) == (False, True)
    assert (ended.urgent, "takes part in no run" in ended.to_do) == (True, True)


def test_a_party_that_has_not_enrolled_is_told_so_alone(tmp_path: Path) -> None:
    """That no node works is no news then."""
    (notice,) = notices_of(PartyFolder(tmp_path))
    assert (notice.urgent, "feddmf party enroll" in notice.to_do) == (True, True)


def test_ends_and_withdrawals_of_peers_are_told() -> None:
    """What has ended is urgent, what ends soon is not, and what lasts is no news."""
    terms = Terms(
        {"ago": at_ms(NOW), "far": at_ms(NOW + timedelta(days=14)), "near": at_ms(NOW + timedelta(days=1))},
        (Withdrawal(1, "r", "bolt", ("pen", "cup"), "a mistake"), Withdrawal(2, "r", "cargo", (), "")),
    )
    found = notices_of_terms(terms, NOW)
    assert [each.urgent for each in found] == [True, False, False, False]
    assert [each.text for each in found] == [
        "What ago published could be used until 2026-05-01: it answers no more",
        "What near published may be used until 2026-05-02",
        "bolt took back 2 of its attributes: a mistake",
        "cargo took back everything that it had published",
    ]
