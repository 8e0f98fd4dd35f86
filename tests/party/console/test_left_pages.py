"""What left, for auditors: the ledger in words, its proof, the budget, questions; status for engineers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from feddmf_party.ledger_file import LedgerFile
from feddmf_party.tokens import Role
from support.authority import EnrolledFederation
from support.party_api import Api, make_home, opened

if TYPE_CHECKING:
    from conftest import Browser

JOIN = {"event": "join", "run": "r-1", "parties": ["acme", "bolt"], "purpose": "shoes"}
SENT = {"event": "release", "run": "r-1", "phase": "align", "bytes": 1024, "sha256": "aa",
        "arrays": [{"kind": "item_vectors", "shape": [9, 4]}]}  # fmt: skip


@pytest.fixture
def api(tmp_path: Path, enrolled: EnrolledFederation) -> Iterator[Api]:
    """Return the server of a party that has enrolled, joined a run and sent something thirty times."""
    home = make_home(tmp_path / "acme")
    shutil.copytree(enrolled.parties["acme"] / "identity", home.path / "identity")
    ledger = LedgerFile(home.ledger)
    ledger.append({"event": "offer", "count": 5})
    for record in (JOIN, *({**SENT, "round": number} for number in range(30))):
        ledger.append(record)
    with opened(home) as found:
        yield found


@pytest.fixture
def auditor(browse: Callable[[Role], Browser]) -> Browser:
    """Return the browser of an auditor."""
    return browse(Role.AUDITOR)


def test_the_ledger_is_told_in_words_and_the_last_first(auditor: Browser) -> None:
    """What, to whom, when, in which run, how many vectors and bytes; page by page."""
    page = auditor.get("/left")
    assert "Left 31 times" in page.text
    assert "30.0 KiB" in page.text
    assert "Sent vectors of items align 30 coordinator r-1 9 1.0 KiB" in page.text
    assert "align 5 " not in page.text
    (later,) = [link for link in page.links if "page=2" in link]
    second = auditor.get(later)
    assert "align 5 " in second.text
    assert "Joined the run: shoes nobody: nothing left r-1" in second.text
    assert second.text.index("Joined the run") < second.text.index("Offered 5 items")
    assert "Offered" not in auditor.get("/left", run="r-1", page=2).text
    assert "Nothing has left" in auditor.get("/left", run="none").text


def test_no_user_is_named_and_the_budget_is(auditor: Browser) -> None:
    """What is left of it for life."""
    assert "Privacy budget left 10.00 epsilon, of 10.00 for life; 0.00 spent" in auditor.get("/left").text


def test_the_proof_is_that_of_the_audit(auditor: Browser, api: Api) -> None:
    """A page by itself, or a part; a record that was changed is named."""
    for live in (False, True):
        page = auditor.post("/left/verify", {}, live=live)
        assert ("<html" in page.source) != live
        assert LedgerFile(api.home.ledger).head in page.text
    content = api.home.ledger.read_text()
    api.home.ledger.write_text(content.replace('"bytes": 1024', '"bytes": 1', 1))
    page = auditor.post("/left/verify", {})
    assert "It does not hold" in page.text or "feddmf audit compare" in page.text
    assert "It holds" not in page.text


def test_a_ledger_that_cannot_be_read_says_what_to_do(auditor: Browser, api: Api) -> None:
    """And is no defect."""
    api.home.ledger.write_text("nonsense\n")
    page = auditor.get("/left")
    assert page.status == 200
    assert "restore the ledger from a backup" in page.text


def test_questions_are_listed_by_who_asked(api: Api, browse: Callable[[Role], Browser]) -> None:
    """The last first, with what was refused; the list of questions is no question itself."""
    auditor = browse(Role.AUDITOR)
    assert "Nothing was asked yet" in auditor.get("/asked").text
    analyst = browse(Role.ANALYST)
    for number in range(30):
        analyst.get("/attributes", search=f"p{number}")
    analyst.get("/left")
    page = auditor.get("/asked")
    assert "refused: PolicyError" in page.text
    assert "Page 1 of 2" in page.text
    assert page.text.index("30 20") < page.text.index("29 20")
    assert "0 20" in auditor.get("/asked", page=2).text
    assert auditor.get("/asked", page=9).status == 200
    lines = api.home.query_log.read_text().splitlines()
    api.home.query_log.write_text("\n".join(lines[1:]) + "\n")
    assert "somebody changed the log" in auditor.get("/asked").text


def test_an_engineer_sees_where_the_party_stands(api: Api, browse: Callable[[Role], Browser]) -> None:
    """What is wrong first; nothing where nothing is."""
    engineer = browse(Role.ENGINEER)
    page = engineer.get("/status")
    assert "Nothing in the folder is wrong" in page.text
    assert "acme in testfed" in page.text
    assert "Ledger records 33" in page.text
    (api.home.path / "identity" / "certificate.pem").unlink()
    page = engineer.get("/status")
    assert "acme has no certificate yet" in page.text
    assert "Nothing in the folder is wrong" not in page.text
