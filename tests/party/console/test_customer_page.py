"""One customer: best attributes and why, by forms, so that no id stands in an address or a log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from support.party_api import Api

if TYPE_CHECKING:
    from conftest import Browser


def test_the_best_attributes_are_those_of_the_api(api: Api, analyst: Browser) -> None:
    """In their order, with the score and the verdict."""
    page = analyst.post("/customer", {"user": " cat ", "top": "3", "anyway": "true"})
    told = api.post("/v1/top-attributes", {"users": ["cat"], "top": 3, "anyway": True})["rows"]
    text = page.text
    for row in told:
        place = text.find(f"{row['label']} {row['owner']} {100 * row['score']:.1f} %")
        assert place >= 0, row
        text = text[place:]
        assert row["verdict"] in text


def test_why_is_that_of_the_api(api: Api, analyst: Browser) -> None:
    """As a page, and as a part of one."""
    asked = {"user": "ann", "attribute": "pen"}
    told = api.post("/v1/why", {**asked, "anyway": True})
    for live in (False, True):
        page = analyst.post("/customer/why", asked, live=live)
        assert ("<html" in page.source) != live
        assert told["why_not"][1:] in page.text


def test_a_customer_stands_in_no_address_and_no_log(
    api: Api, analyst: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor in the query log, which says how many were asked about."""
    with caplog.at_level(logging.DEBUG):
        page = analyst.post("/customer", {"user": "cat"})
        analyst.post("/customer/why", {"user": "cat", "attribute": "pen"})
        analyst.post("/customer", {"user": "cat-unknown"})
    assert not any("cat" in link for link in page.links)
    assert "cat" not in caplog.text
    assert "cat" not in api.home.query_log.read_text()
    assert [(each["question"], each["users"]) for each in api.queries()] == [
        ("top attributes", 1), ("why", 1), ("top attributes", 1),
    ]  # fmt: skip


def test_who_is_not_known_is_told_beside_the_form(analyst: Browser) -> None:
    """With what was typed, to be mended."""
    page = analyst.post("/customer", {"user": "zoe", "top": "7"})
    assert page.status == 422
    assert 'value="zoe"' in page.source
    assert 'value="7"' in page.source
    assert "check the id" in page.text


def test_nobody_asked_about_is_an_empty_state(analyst: Browser) -> None:
    """And an id in an address is not read."""
    page = analyst.get("/customer", user="cat")
    assert "Nobody asked about yet" in page.text
    assert "cat" not in page.text.split()
    assert 'value="cat"' not in page.source
    assert analyst.post("/customer", {"user": ""}).status == 422
