"""Audit pages: the operators' log, checked; parties' ledgers; both sides held against each other."""

from __future__ import annotations

from sqlalchemy import update

from feddmf_coordinator.store.operators import log
from support.operator_console import Browser


def test_what_operators_did_is_shown_and_checked(browser: Browser) -> None:
    """With the hash of the last record; a changed record is said first."""
    text = browser.page("/audit")
    assert "The operator log is whole" in text
    assert "init" in text
    assert "No party has told one yet" in text
    with browser.office.database.begin() as connection:
        changed = '{"number": 1, "hash": "00"}'
        connection.execute(update(log).where(log.c.number == 1).values(record=changed))
    assert "operator log: " in browser.page("/audit?every=true")


def test_this_sides_ledger_is_checked_to_its_end(browser: Browser) -> None:
    """Chain and signatures."""
    text = browser.page("/audit/ledger")
    assert "It holds: chain and signatures" in text
    browser.federation.folder.ledger.write_text("no record\n")
    assert "is not a ledger record" in browser.page("/audit/ledger")
    assert "holds a line that is no record" in browser.page("/audit")


def test_what_is_no_export_is_refused(browser: Browser) -> None:
    """With what to do."""
    text = browser.post("/audit/compare", status=422, files={"file": ("export", b"hello\n")})
    assert "is no export of `feddmf audit export`" in text
