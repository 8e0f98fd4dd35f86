"""The overview: the last run, its peers, what changed, what ends, what came to nothing; no run at all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from feddmf.errors import DataError, PolicyError
from feddmf_party.folder import PartyFolder
from feddmf_party.run_ends import DECLINED, note_end
from feddmf_party.run_folder import RunFolder
from feddmf_party.terms import keep_until
from feddmf_party.tokens import Role
from support.party_api import Api, opened

if TYPE_CHECKING:
    from conftest import Browser


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Api]:
    """Return the server of a folder in which no run has finished."""
    home = PartyFolder(tmp_path / "empty")
    home.create()
    with opened(home) as found:
        yield found


def test_without_a_run_it_says_what_to_do(empty: Api, browse: Callable[[Role], Browser]) -> None:
    """And so do the pages that ask a run: none of them is a defect."""
    browser = type(browse(Role.ANALYST))(empty, Role.ANALYST)
    page = browser.get("/")
    assert "No finished run yet" in page.text
    assert "feddmf party start" in page.text
    for path in ("/attributes", "/audiences/new"):
        assert browser.get(path).status == 404
    assert "No audience saved yet" in browser.get("/audiences").text


def test_it_tells_of_the_last_run(api: Api, analyst: Browser) -> None:
    """Which it is, how many it knows, and how good each peer is, with the reasons."""
    page = analyst.get("/")
    quality = api.get("/v1/quality")
    assert "Last run r-1" in page.text
    assert "Customers 4" in page.text
    for peer in quality["peers"]:
        figures = peer["items"]["roc_auc"]
        assert peer["peer"] in page.text
        assert f"{figures['value']:.3f} {figures['lower']:.3f} to {figures['upper']:.3f}" in page.text
        assert all(reason in page.text for reason in peer["items"]["reasons"])
    assert "/attributes?run=plain" in page.links


def test_rounds_are_drawn_with_a_table(api: Api, analyst: Browser) -> None:
    """A chart of a phase that is long enough, and the same numbers to read."""
    folder = RunFolder(api.home.runs / "r-1")
    assert "Agreement by round" not in analyst.get("/").text
    for number in range(1, 5):
        cosine = {"cosine": number / 8} if number > 1 else {}
        folder.add_round({"phase": "align", "number": number, "figures": {"loss": 1.0, **cosine}})
    page = analyst.get("/")
    assert "data-chart='" in page.source
    chart = json.loads(page.source.partition("data-chart='")[2].partition("'")[0])
    assert chart["series"] == [{"name": "Training", "values": [0.25, 0.375, 0.5]}]
    assert "Round Training 2 0.250 3 0.375 4 0.500" in page.text


def test_what_changed_is_a_page_and_a_part(analyst: Browser) -> None:
    """The same figures in both; without an earlier run it says so."""
    page = analyst.get("/changes")
    part = analyst.get("/changes", live=True)
    assert "Since plain : 1 came, 0 went, 3 changed, 0 are" in page.text
    assert part.text in page.text
    assert "<html" not in part.source
    assert "no earlier run" in analyst.get("/changes", run="plain").text


def test_runs_that_came_to_nothing_say_why(api: Api, browse: Callable[[Role], Browser]) -> None:
    """To every role, since nothing of a row of a table is kept; the API and the status tell the same."""
    note_end(api.home.ended, "r-2", DECLINED, PolicyError("too many items", hint="allow them"))
    note_end(api.home.ended, "r-3", DECLINED, DataError("row 7: 'secret-id'", hint="mend row 7"))
    for role in Role:
        text = browse(role).get("/").text
        assert "r-2 declined" in text
        assert "too many items To do: allow them" in text
        assert "r-3 declined" in text
        assert "secret-id" not in text
    ended = api.get("/v1/runs")["ended"]
    assert [(each["run"], each["what"], each["kind"]) for each in ended] == [
        ("r-3", "declined", "DataError"),
        ("r-2", "declined", "PolicyError"),
    ]
    assert api.get("/v1/status", Role.ENGINEER)["ended"] == ended


def test_ends_of_peers_are_told(api: Api, analyst: Browser) -> None:
    """Before, as something to look after; behind, as what answers no more."""
    now = int(time.time() * 1000)
    keep_until(api.home.runs / "r-1", {"bolt": now + 86_400_000, "cargo": now - 1})
    (api.home.runs / "r-1" / "withdrawn.json").write_text("[]")
    text = analyst.get("/").text
    assert "What bolt published may be used until" in text
    assert "What cargo published could be used until" in text


def test_roles_see_of_a_run_what_they_may_ask(browse: Callable[[Role], Browser]) -> None:
    """An auditor no quality, an engineer no link to what analysts ask."""
    assert "ROC-AUC" not in browse(Role.AUDITOR).get("/").text
    engineer = browse(Role.ENGINEER).get("/")
    assert "ROC-AUC" in engineer.text
    assert not [link for link in engineer.links if link.startswith("/attributes")]


def test_a_damaged_run_is_told_beside_the_rest(api: Api, browse: Callable[[Role], Browser]) -> None:
    """To every role: what ended, the other runs, and what else is known of the run stand all the same."""
    note_end(api.home.ended, "r-2", DECLINED, PolicyError("too many items", hint="allow them"))
    model = api.home.runs / "r-1" / "model.safetensors"
    model.write_bytes(b"nonsense")
    for role in Role:
        page = browse(role).get("/")
        assert page.status == 200
        assert "model.safetensors" in page.text
        assert "To do:" in page.text
        assert "Last run r-1" in page.text
        assert "Protocol feddmf" in page.text
        assert "Other finished runs plain" in page.text
        assert "too many items" in page.text
        assert "ROC-AUC" not in page.text


def test_a_run_without_its_end_is_told_beside_the_rest(api: Api, analyst: Browser) -> None:
    """It may be the last or not: nobody can tell."""
    (api.home.runs / "plain" / "run.json").write_text("{")
    page = analyst.get("/")
    assert page.status == 200
    assert "run.json" in page.text
    assert "Last run r-1" in page.text


def test_a_chart_of_many_rounds_is_thinned(api: Api, analyst: Browser) -> None:
    """The page draws some, the API tells some more, both the last; and how many there are in all."""
    rounds = [{"phase": "align", "number": number, "figures": {"cosine": 0.5}} for number in range(1, 2_502)]
    text = "".join(json.dumps(each) + "\n" for each in rounds)
    (api.home.runs / "r-1" / "rounds.jsonl").write_text(text)
    source = analyst.get("/").source
    chart = json.loads(source.partition("data-chart='")[2].partition("'")[0])
    drawn = chart["x"]["values"]
    assert (100 < len(drawn) <= 200, drawn[-1]) == (True, 2_501)
    told = api.get("/v1/runs/r-1")
    assert (500 < len(told["rounds"]) <= 1_000, told["rounds_in_all"]) == (True, 2_501)
    assert told["rounds"][-1]["number"] == 2_501
