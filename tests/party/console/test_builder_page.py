"""The audience builder: the same numbers as everywhere, all of it in an address that names nobody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from starlette.datastructures import QueryParams

from feddmf.errors import InputError
from feddmf_party.console.drafts import Draft
from feddmf_party.run_folder import RunFolder
from support.cli import Cli
from support.finished import keep_peer
from support.party_api import USERS, Api

if TYPE_CHECKING:
    from conftest import Browser

SEVERAL = {"all": "pen", "any": ["cup", "gold=yes"], "none": "ink/blue"}


def shown(interval: dict[str, Any]) -> str:
    """Return an interval as a table has it."""
    value, lower, upper = (interval[end] for end in ("value", "lower", "upper"))
    return f"{value:.3f}" if lower is None else f"{value:.3f} {lower:.3f} to {upper:.3f}"


ONE_WAYS = ({"all": "pen", "size": "3"}, ["--attribute=pen", "--top=3"], {"attribute": "pen", "size": 3})
SEVERAL_WAYS = (
    {**SEVERAL, "size": "2"},
    ["--attribute=pen", "--any=cup", "--any=gold=yes", "--not=ink/blue", "--top=2"],
    {"criteria": {"all": ["pen"], "any": ["cup", "gold=yes"], "none": ["ink/blue"]}, "size": 2},
)


@pytest.mark.parametrize("ways", [ONE_WAYS, SEVERAL_WAYS])
def test_a_preview_is_that_of_api_and_command_line(
    api: Api, analyst: Browser, capsys: pytest.CaptureFixture[str], ways: tuple[Any, Any, Any]
) -> None:
    """All three give the same figures, for one attribute and for several."""
    asked, command, body = ways
    by_api = api.post("/v1/audience/preview", {**body, "anyway": True})
    folder = ("--folder", api.home.path)
    by_command = Cli(capsys).data("query", "audience", *command, "--preview", "--anyway", *folder)
    page = analyst.get("/audiences/preview", **asked, anyway="true", live=True)
    for name in ("size", "users", "above", "base_rate", "curve", "histogram"):
        assert by_command[name] == by_api[name], name
    assert by_command["expected"] == by_api["expected"]
    assert by_command["popularity"] == by_api["popularity"]
    for of in ("expected", "popularity"):
        for figure in ("precision", "recall"):
            assert shown(by_api[of][figure]) in page.text, (of, figure)
    assert f"Customers {by_api['size']}" in page.text
    assert f"{100 * by_api['above']:.2f} %" in page.text


def test_it_is_built_by_links_and_buttons_alone(analyst: Browser) -> None:
    """Search, add, remove: each is a form that carries all that was chosen so far."""
    page = analyst.get("/audiences/new")
    assert "No audience yet" in page.text
    page = analyst.get("/audiences/new", find="CUP")
    assert 'name="all" value="cup"' in page.source
    page = analyst.get("/audiences/new", **SEVERAL, find="pen")
    assert [pair for pair in page.hidden if pair[0] in {"all", "any", "none"}][:4] == [
        ("all", "pen"), ("any", "cup"), ("any", "gold=yes"), ("none", "ink/blue"),
    ]  # fmt: skip
    assert "chosen" in page.text
    page = analyst.get("/audiences/new", **SEVERAL, remove="cup")
    assert ("any", "cup") not in page.hidden
    assert ("any", "gold=yes") in page.hidden


def test_a_probability_begins_where_the_size_has_cut(api: Api, analyst: Browser) -> None:
    """Whoever changes what cuts sees the same place of the ranking."""
    above = api.post("/v1/audience/preview", {"attribute": "pen", "size": 2, "anyway": True})["above"]
    page = analyst.get("/audiences/new", all="pen", size="2", cut="percent", anyway="true")
    assert (
        f'name="percent" type="number" min="0" max="100" step="any" value="{100 * above:.4g}"' in page.source
    )


def test_a_live_preview_keeps_the_address_of_the_page(analyst: Browser) -> None:
    """So that a reload, a bookmark and the way back show what was last looked at."""
    page = analyst.get("/audiences/preview", all="pen", size="2", live=True)
    kept = urlsplit(page.headers["hx-replace-url"])
    assert (kept.path, parse_qs(kept.query)) == (
        "/audiences/new", {"all": ["pen"], "cut": ["size"], "size": ["2"]},
    )  # fmt: skip
    assert "<html" not in page.source


def test_nobody_is_named_before_it_is_asked_for(api: Api, analyst: Browser) -> None:
    """And then by a form, with the users of the API, in a page or in a part of one."""
    before = analyst.get("/audiences/new", all="pen", size="3", anyway="true")
    assert not any(user in before.text.split() for user in USERS)
    fields = [*[pair for pair in before.hidden if pair[0] in {"all", "cut", "count"}], ("anyway", "true")]
    told = api.post("/v1/audience", {"attribute": "pen", "size": 3, "anyway": True})["users"]
    for live in (False, True):
        page = analyst.post("/audiences/users", fields, live=live)
        assert ("<html" in page.source) != live
        for row in told:
            assert f"{row['rank']} {row['user']} {100 * row['score']:.2f} %" in page.text
    assert api.queries()[-1]["rows"] == 3
    assert not any(user in page.path for user in USERS)


def test_a_refusal_stands_in_the_place_of_the_preview(analyst: Browser) -> None:
    """With what was chosen beside it, and a hint that the page can follow."""
    page = analyst.get("/audiences/new", all=["pen", "cup"], cut="threshold")
    assert page.status == 200
    assert "To do:" in page.text
    assert "--size" not in page.text
    page = analyst.get("/audiences/new", all="pen", cut="percent", percent="no")
    assert "'no' is no probability" in page.text
    page = analyst.get("/audiences/new", all="nothing-like-it")
    assert "cannot be asked for" in page.text
    assert "Remove" in page.text


def test_an_audience_of_nobody_says_so(analyst: Browser) -> None:
    """Where nobody is that likely."""
    page = analyst.get(
        "/audiences/preview", all="pen", cut="percent", percent="100", anyway="true", live=True
    )
    assert "Nobody is that likely" in page.text


def test_a_run_without_measurement_says_that_too(analyst: Browser) -> None:
    """Numbers in order, and no word of what to expect."""
    page = analyst.get("/audiences/new", all="pen", run="plain", size="2")
    assert "Nothing says what to expect of this audience" in page.text
    assert "Expected precision" not in page.text


def test_a_percentage_is_the_probability_that_was_typed() -> None:
    """To the last bit: 1.1 % is what `--above 0.011` is."""
    draft = Draft.of(QueryParams([("all", "pen"), ("cut", "size"), ("cut", "percent"), ("percent", "1.1 %")]))
    assert draft.question().above == 0.011
    assert Draft.of(QueryParams(draft.fields)) == draft


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([("cut", "luck")], "cannot be cut"),
        ([("size", "-3")], "no number of customers"),
        ([("size", "many")], "no number of customers"),
        ([("cut", "percent"), ("percent", "101")], "no probability"),
        ([("cut", "percent"), ("percent", "nan")], "no probability"),
        ([("all", f"k{number}") for number in range(21)], "all"),
    ],
)
def test_what_cannot_be_understood_is_named(fields: list[tuple[str, str]], message: str) -> None:
    """And never a defect."""
    with pytest.raises(InputError, match=message):
        Draft.of(QueryParams([("all", "pen"), *fields])).question()


@pytest.mark.parametrize("percent", ["1e2000000", "1e-2000000", "sNaN", "nan", "inf", "1e5"])
def test_a_number_beyond_all_bounds_is_told(percent: str) -> None:
    """As one that is no probability; next to nothing is nothing."""
    draft = Draft.of(QueryParams([("all", "pen"), ("cut", "percent"), ("percent", percent)]))
    if percent == "1e-2000000":
        assert draft.question().above == 0
    else:
        with pytest.raises(InputError, match="is no probability"):
            draft.question()


def test_scores_that_are_no_probabilities_are_shown_as_what_they_are(api: Api, analyst: Browser) -> None:
    """No percent, no share of all customers, nothing that combines them or cuts by a probability."""
    preferences = RunFolder(api.home.runs / "fcf")
    factors = np.array([[1.5], [0.5], [-0.25], [1.0]])
    preferences.save_model({"user_factors": factors, "item_factors": np.ones((1, 1))}, list(USERS))
    keep_peer(preferences, "bolt", {"pen": 1.0, "cup": 0.5})
    preferences.finish({"run": "fcf", "plan": {"settings": {"protocol": "fcf"}}})

    told = api.post("/v1/audience/preview", {"attribute": "pen", "size": 1, "run": "fcf"})
    assert (told["score_kind"], told["base_rate"]) == ("preference", None)
    assert sum(bar["users"] for bar in told["histogram"]) == len(USERS)
    page = analyst.get("/audiences/new", all="pen", size="1", run="fcf")
    preview = page.text.partition("Customers 1 ")[2]
    assert f"Cut at {told['above']:.3f} the score of the last customer" in preview
    assert "Scores are in order; they are no probabilities." in preview
    assert "%" not in preview.partition("Cut at")[2]
    assert not re.findall(r'name="cut" value="(percent|threshold)"', page.source)

    page = analyst.get("/audiences/new", all=["pen", "cup"], run="fcf")
    assert "run fcf cannot combine attributes: its scores are no probabilities" in page.text
    several = {"criteria": {"all": ["pen", "cup"]}, "run": "fcf"}
    for path in ("/v1/audience", "/v1/audience/preview"):
        assert "no probabilities" in api.fails(400, "POST", path, json=several)["error"]


def test_a_share_of_all_customers_is_told_of_what_was_measured(api: Api) -> None:
    """Probabilities that were held against nothing are in order, and add up to nothing."""
    for run, known in (("r-1", True), ("plain", False)):
        told = api.post("/v1/audience/preview", {"attribute": "pen", "run": run, "anyway": True})
        assert (told["base_rate"] is not None) == known
