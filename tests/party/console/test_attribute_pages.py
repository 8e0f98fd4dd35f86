"""Attributes as pages: searched, paged, and one of them with all that backs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from feddmf.client.rows import listed_row
from feddmf_party.answering import Backing
from feddmf_party.console.paging import Page, Paging
from feddmf_party.ledger_file import LedgerFile
from support.cli import Cli
from support.party_api import Api

if TYPE_CHECKING:
    from conftest import Browser


def test_the_list_is_that_of_the_api(api: Api, analyst: Browser) -> None:
    """Each attribute with owner, verdict and interval; each name leads to its page."""
    page = analyst.get("/attributes")
    told = api.get("/v1/attributes")
    assert f"{told['total']} attributes" in page.text
    for each in told["attributes"]:
        assert each["key"] in page.text
        assert each["verdict"] in page.text
        best = next(one["roc_auc"] for one in each["evidence"] if one["roc_auc"])
        assert f"{best['value']:.3f} {best['lower']:.3f} to {best['upper']:.3f}" in page.text
    paths = [link for link in page.links if link.startswith("/attributes/one")]
    assert len(paths) == told["total"]
    assert all(analyst.get(path).status == 200 for path in paths)


def test_it_is_searched_and_narrowed(analyst: Browser) -> None:
    """By part of a label, by owner, by run; what fits nothing says so."""
    assert "1 attribute of run r-1" in analyst.get("/attributes", search="INK").text
    assert "2 attributes" in analyst.get("/attributes", owner="cargo").text
    assert "of run plain" in analyst.get("/attributes", run="plain").text
    assert "Nothing fits" in analyst.get("/attributes", search="zzz").text
    assert analyst.get("/attributes", run="none").status == 404


def test_the_interval_is_of_the_owner_whose_verdict_it_is(
    api: Api, analyst: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of the first that has one."""
    monkeypatch.setattr(Backing, "best", property(lambda self: self.trusts[-1]))
    (told,) = [each for each in api.get("/v1/attributes")["attributes"] if each["key"] == "pen"]
    first, last = (each["roc_auc"]["value"] for each in told["evidence"])
    assert (told["best"], f"{first:.3f}" == f"{last:.3f}") == ("cargo", False)
    shown = analyst.get("/attributes", search="pen").text
    assert f"{last:.3f}" in shown
    assert f"{first:.3f}" not in shown
    assert listed_row(told)["roc_auc"] == last


def test_a_search_fills_a_frame_that_stays(analyst: Browser) -> None:
    """With rows or with why there are none; whoever goes back gets the whole page."""
    page = analyst.get("/attributes")
    form = page.source.partition('<form method="get"')[2].partition(">")[0]
    assert 'hx-target="#rows"' in form
    assert "hx-select" not in form
    assert "hx-swap" not in form
    part = analyst.get("/attributes", search="INK", live=True)
    assert "1 attribute of run r-1" in part.text
    assert "<form" not in part.source
    assert 'id="rows"' not in part.source
    refused = analyst.get("/attributes", run="none", live=True)
    assert (refused.status, "<html" in refused.source) == (404, False)
    back = analyst.get("/attributes", search="INK", live=True, back=True)
    assert "<html" in back.source


def test_every_look_is_in_the_query_log(api: Api, analyst: Browser) -> None:
    """As the API's own questions are: under the holder's name, with how many rows."""
    analyst.get("/attributes", search="cup")
    analyst.get("/attributes/one", key="cup")
    first, second = api.queries()
    assert (first["who"], first["question"], first["rows"]) == ("analyst", "attributes", 1)
    assert (second["question"], second["attributes"], second["run"]) == ("attributes", ["cup"], "r-1")


def test_quality_is_that_of_api_and_command_line(
    api: Api, analyst: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    """One attribute's figures, to every digit that the page shows."""
    page = analyst.get("/attributes/one", key="cup")
    by_command = Cli(capsys).data("quality", "report", "--peer", "bolt", "--folder", api.home.path)["peers"][
        0
    ]
    by_api = api.get("/v1/quality", peer="bolt")["peers"][0]
    assert by_api["items"] == by_command["items"]
    figures = by_command["items"]["figures"]
    interval = figures["roc_auc"]
    assert f"{interval['value']:.3f} {interval['lower']:.3f} to {interval['upper']:.3f}" in page.text
    for row in figures["audiences"]:
        lift = row["lift"]
        assert f"{lift['value']:.1f} {lift['lower']:.1f} to {lift['upper']:.1f}" in page.text
    for group in by_command["items"]["groups"]:
        assert f"{group['average_precision']['value']:.3f}" in page.text
    assert f"{100 * figures['threshold']:.1f} %" in page.text


def test_one_attribute_has_its_calibration_and_where_it_comes_from(api: Api, analyst: Browser) -> None:
    """Down to the record of the ledger by which the party's own vectors left."""
    record = {"event": "release", "run": "r-1", "phase": "publish", "round": 0, "bytes": 64,
              "sha256": "ab" * 32, "arrays": [{"shape": [3, 4]}]}  # fmt: skip
    number = LedgerFile(api.home.ledger).append(record)
    page = analyst.get("/attributes/one", key="ink/blue")
    assert page.source.count("data-chart=") == 2
    assert "Perfect" in page.text
    assert f"record {number} of its ledger" in page.text
    assert "ab" * 32 in page.text
    assert "/audiences/new?all=ink%2Fblue" in page.links


def test_a_user_attribute_says_who_measured_it(analyst: Browser) -> None:
    """Its owner, on its own users: nothing here was held against anything."""
    page = analyst.get("/attributes/one", key="gold=yes")
    assert "measured by the owner on its own users" in page.text
    assert "user attribute of bolt" in page.text
    assert "data-chart" not in page.source


def test_what_is_not_there_is_a_page_that_helps(analyst: Browser) -> None:
    """With the nearest name."""
    page = analyst.get("/attributes/one", key="penn")
    assert (page.status, "did you mean 'pen'?" in page.text) == (404, True)
    assert analyst.get("/attributes/one").status == 422


def test_a_broken_ledger_is_told_beside_the_attribute(api: Api, analyst: Browser) -> None:
    """The figures stand all the same."""
    api.home.ledger.write_text("nonsense\n")
    page = analyst.get("/attributes/one", key="pen")
    assert page.status == 200
    assert "not in its ledger" in page.text
    assert "tell whoever audits" in page.text


@pytest.mark.parametrize(
    ("number", "total", "earlier", "later"),
    [(1, 0, None, None), (1, 25, None, None), (1, 26, None, "2"), (2, 26, "1", None), (9, 26, "2", None)],
)
def test_pages_lead_to_their_neighbours(
    number: int, total: int, earlier: str | None, later: str | None
) -> None:
    """With what was searched for; behind the last one back to it."""
    paging = Paging(Page(number), total, "/x", {"search": "a b", "owner": ""})
    for address, expected in ((paging.earlier, earlier), (paging.later, later)):
        assert address == (None if expected is None else f"/x?search=a+b&page={expected}")
