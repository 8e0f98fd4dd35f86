"""Saved audiences as pages, and files of their customers: asked for, watched, fetched, removed."""

from __future__ import annotations

import csv
import io
import re
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from support.party_api import USERS, Api

if TYPE_CHECKING:
    from conftest import Browser, Page

PEN = [("all", "pen"), ("cut", "size"), ("size", "3"), ("anyway", "true")]


def exported(analyst: Browser, name: str) -> Page:
    """Return the part of a page that shows exports, once none is under way."""
    for _ in range(200):
        page = analyst.get("/audiences/exports", audience=name, live=True)
        if page.status == 286:
            return page
        assert page.status == 200
        time.sleep(0.05)
    raise AssertionError(page.text)


def test_an_audience_goes_from_the_builder_to_a_file_and_away(api: Api, analyst: Browser) -> None:
    """By forms and links alone; the file is that of the API, and nothing is left at the end."""
    saved = analyst.post("/audiences", [*PEN, ("name", "best-pens")])
    assert (saved.status, saved.path) == (200, "/audiences/saved/best-pens")
    assert "Customers who have PEN" in saved.text
    told = api.get("/v1/audiences/best-pens")
    assert (told["cut"], told["created_by"], told["anyway"]) == (
        {"size": 3, "above": None, "threshold": False}, "analyst", True,
    )  # fmt: skip
    (builder,) = [link for link in saved.links if link.startswith("/audiences/new")]
    assert analyst.get(builder).hidden[0] == ("all", "pen")

    begun = analyst.post("/audiences/saved/best-pens/exports", {"format": "csv"})
    assert begun.path == "/audiences/saved/best-pens"
    part = exported(analyst, "best-pens")
    (link,) = [each for each in part.links if each.endswith("/file")]
    file = analyst.get(link)
    assert "best-pens.csv" in file.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(file.source)))
    asked = api.post("/v1/audience", {"attribute": "pen", "size": 3, "anyway": True})["users"]
    assert [row["user"] for row in rows] == [row["user"] for row in asked]

    assert "best-pens" in analyst.get("/audiences").text
    export = link.removesuffix("/file")
    assert analyst.post(f"{export}/remove", {"audience": "best-pens"}).path == "/audiences/saved/best-pens"
    assert "No file yet" in analyst.get("/audiences/saved/best-pens").text
    assert analyst.post("/audiences/saved/best-pens/remove", {}).path == "/audiences"
    assert "No audience saved yet" in analyst.get("/audiences").text
    assert not list(api.home.exports.glob("*.csv"))


def test_an_audience_of_one_owner_opens_with_that_owner(api: Api, analyst: Browser) -> None:
    """As it was saved: what the builder asks then is of the same users, until all owners are asked."""
    asked = {"attribute": "pen", "size": 2, "owner": "cargo", "anyway": True}
    api.post("/v1/audiences", {"name": "cargo-pens", **asked})
    page = analyst.get("/audiences/saved/cargo-pens")
    assert "only as cargo published it" in page.text
    (link,) = [each for each in page.links if each.startswith("/audiences/new")]
    built = analyst.get(link)
    assert ("owner", "cargo") in built.hidden
    assert "Only as cargo published it" in built.text
    fields = [*PEN[:1], ("owner", "cargo"), ("anyway", "true"), ("count", "2")]
    users = analyst.post("/audiences/users", fields).text
    told = api.post("/v1/audience", asked)["users"]
    assert told != api.post("/v1/audience", {**asked, "owner": None})["users"]
    for row in told:
        assert f"{row['rank']} {row['user']} {100 * row['score']:.2f} %" in users
    (every,) = [each for each in built.links if each.startswith("/audiences/new?")]
    assert not [name for name, _ in analyst.get(every).hidden if name == "owner"]


def test_how_far_files_are_is_asked_again_after_a_refusal(
    api: Api, analyst: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame that asks stands around what is put into it, and is told when nothing more will change."""
    analyst.post("/audiences", [*PEN, ("name", "pens")])
    go_on = threading.Event()
    monkeypatch.setattr(api.desk.exporter, "_load", lambda run: go_on.wait(10) and api.desk._questions(run))
    begun = analyst.post("/audiences/saved/pens/exports", {"format": "csv"})
    frame = begun.source.partition('<div id="exports"')[2].partition(">")[0]
    assert 'hx-trigger="every 2s"' in frame
    assert "hx-swap" not in frame
    part = analyst.get("/audiences/exports", audience="pens", live=True)
    assert (part.status, 'id="exports"' in part.source) == (200, False)
    go_on.set()
    assert "hx-get" not in exported(analyst, "pens").source
    assert analyst.get("/audiences/exports", audience="pens").status == 200


def test_a_damaged_file_leaves_the_other_audiences(api: Api, analyst: Browser) -> None:
    """On the page and in the API: with what is wrong, and what to do."""
    analyst.post("/audiences", [*PEN, ("name", "pens")])
    (api.home.audiences / "torn.json").write_text("{")
    page = analyst.get("/audiences")
    assert page.status == 200
    assert "/audiences/saved/pens" in page.links
    assert "torn.json is no saved audience" in page.text
    assert "To do: restore it from a backup" in page.text
    told = api.get("/v1/audiences")
    assert [each["name"] for each in told["audiences"]] == ["pens"]
    assert [sorted(each) for each in told["damaged"]] == [["error", "hint"]]


@pytest.mark.parametrize("name", ["Füße ∑", "a\r\nSet-Cookie: b=c", "../../x"])
def test_a_live_form_leads_on_whatever_the_name(analyst: Browser, name: str) -> None:
    """An address of this console, in letters that a header may have."""
    analyst.post("/audiences", [*PEN, ("name", "pens")])
    begun = analyst.post("/audiences/saved/pens/exports", {"format": "csv"})
    (export,) = set(re.findall(r'action="(/audiences/exports/\w+)/remove"', begun.source))
    led = analyst.post(f"{export}/remove", {"audience": name}, live=True)
    assert (led.status, led.headers["hx-redirect"]) == (204, f"/audiences/saved/{quote(name, safe='')}")


def test_no_page_of_it_names_a_customer(analyst: Browser) -> None:
    """Nor does an address: they are in the file alone."""
    analyst.post("/audiences", [*PEN, ("name", "pens")])
    for path in ("/audiences", "/audiences/saved/pens"):
        page = analyst.get(path)
        assert not any(user in page.text.split() for user in USERS)


def test_a_name_that_cannot_be_is_told(analyst: Browser) -> None:
    """A live form is told in its own place, and is led to the audience where all is well."""
    for name, message in (
        ("", "needs a name"),
        ("Not So", "cannot be the name"),
        ("../up", "cannot be the name"),
    ):
        page = analyst.post("/audiences", [*PEN, ("name", name)], live=True)
        assert (page.status, message in page.text, "<html" in page.source) == (400, True, False)
    live = analyst.post("/audiences", [*PEN, ("name", "good")], live=True)
    assert (live.status, live.headers["hx-redirect"]) == (204, "/audiences/saved/good")
    assert "saved as 'good' already" in analyst.post("/audiences", [*PEN, ("name", "good")]).text


def test_what_is_not_there_is_a_page(analyst: Browser) -> None:
    """An audience, an export, and a file that nobody asked for."""
    assert analyst.get("/audiences/saved/nobody").status == 404
    assert analyst.get(f"/audiences/exports/{'0' * 16}/file").status == 404
    assert analyst.post(f"/audiences/exports/{'0' * 16}/remove", {}).status == 404
    assert analyst.post("/audiences/saved/nobody/exports", {"format": "csv"}).status == 404


def test_an_audience_of_a_probability_opens_as_it_was_built(api: Api, analyst: Browser) -> None:
    """Percent on the page, a probability underneath."""
    fields = [("all", "pen"), ("cut", "percent"), ("percent", "12.5"), ("anyway", "true"), ("name", "likely")]
    page = analyst.post("/audiences", fields)
    assert api.get("/v1/audiences/likely")["cut"]["above"] == 0.125
    (link,) = [each for each in page.links if each.startswith("/audiences/new")]
    assert "percent=12.5" in link
    assert 'value="12.5"' in analyst.get(link).source


def test_a_saved_audience_stands_when_its_run_is_gone(api: Api, analyst: Browser) -> None:
    """Under the keys that it was saved with."""
    analyst.post("/audiences", [*PEN, ("name", "old")])
    for run in ("r-1", "plain"):
        (api.home.runs / run / "run.json").unlink()
    page = analyst.get("/audiences/saved/old")
    assert (page.status, "Customers who have pen" in page.text) == (200, True)
