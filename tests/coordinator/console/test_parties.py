"""The first page: who is in the federation, and what to do for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.ledger import encode_line
from feddmf_coordinator import enrolling
from feddmf_coordinator.members import overview_of_parties
from feddmf_coordinator.store.sightings import Sighting, put_sightings
from support.authority import make_federation
from support.operator_console import Browser, opened


def serving(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the console find that a coordinator serves."""
    monkeypatch.setattr(browser.office, "is_serving", lambda: True)


def test_parties_are_shown_as_the_command_shows_them(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here or away, their catalogue, software and ledger; the live part says the same."""
    now = datetime.now(UTC)
    with browser.office.database.begin() as connection:
        put_sightings(connection, [Sighting("acme", now, now, "0.0.7")])
    receipt = {"event": "receipt", "party": "acme", "length": 1_234, "head": "ab" * 32, "at_ms": 0}
    browser.federation.folder.ledger.write_bytes(encode_line(receipt))
    serving(browser, monkeypatch)
    text = browser.page("/parties")
    for words in ("acme enrolled here since", "version 1 0.0.7 1,234", "bolt enrolled away never heard"):
        assert words in text
    assert "bolt has not been heard from yet" in text
    assert "ask bolt to run feddmf doctor" in text
    assert "Parties 2 1 there now" in text
    part = browser.page("/live/parties")
    assert part in text
    assert "1,234" in browser.page("/parties/acme")
    with browser.office.database.read() as connection:
        ledgers = browser.office.ledgers.look()
        found = overview_of_parties(connection, ledgers, serving=True, now=now)
    assert [each.ledger and each.ledger.length for each in found] == [1_234, None]


def test_a_damaged_ledger_takes_nothing_else_away(browser: Browser) -> None:
    """It is said beside the rest."""
    browser.federation.folder.ledger.write_text("no record\n")
    for path in ("/parties", "/live/parties", "/parties/acme"):
        text = browser.page(path)
        assert "holds a line that is no record" in text
        assert "acme" in text


def test_a_coordinator_that_does_not_serve_is_said_first(browser: Browser) -> None:
    """Who is there cannot be known then."""
    text = browser.page("/parties")
    assert "No coordinator serves here" in text
    assert f"feddmf coordinator start --folder {browser.federation.folder.path}" in text
    assert "acme enrolled not known" in text


def test_who_waits_for_approval_is_told_with_the_command(browser: Browser) -> None:
    """The root's key is opened at the shell, never here."""
    enrolling.invite(browser.federation.folder, "cone")
    text = browser.page("/parties")
    assert "cone is invited until" in text
    commands = browser.page("/parties/cone")
    assert "feddmf coordinator approve cone --fingerprint" in commands
    assert "It was in no run yet." in commands


def test_certificates_that_have_ended_say_what_to_do(tmp_path: Path) -> None:
    """A party's, and the server's own."""
    old = make_federation(tmp_path, ("acme", "bolt"), now=datetime.now(UTC) - timedelta(days=400))
    for browser in opened(old):
        text = browser.sign_in().page("/parties")
        assert "the server's certificate ended on" in text
        assert "feddmf coordinator renew" in text
        assert "the certificate of acme ended on" in text
        assert "invite it again: feddmf coordinator invite acme" in text
        assert "acme certificate ended" in text


def test_an_empty_federation_says_how_to_begin(empty: Browser) -> None:
    """No catalogue and no run yet."""
    assert "Catalogue none yet" in empty.page("/parties")
    assert "No catalogue yet" in empty.page("/catalogue")
    assert "No run yet" in empty.page("/runs")
    assert "feddmf run submit FILE.toml" in empty.page("/runs")
