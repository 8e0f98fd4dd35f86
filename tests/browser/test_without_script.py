"""The main path with scripts switched off: from signing in to a file of customers, and to a submitted run."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from support.consoles import Console, accepted_by_all
from support.looking import signed_in

ITEM = "WHITE HANGING HEART T-LIGHT HOLDER"


def test_from_signing_in_to_a_file_of_customers(browser: Browser, consoles: dict[str, Console]) -> None:
    """By links and forms alone; every figure of a chart is in its table."""
    console = consoles["party"]
    with signed_in(browser, console, None, script=False) as page:
        page.goto("/attributes")
        page.get_by_label("Token").fill(console.tokens["analyst"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Search").fill("hanging heart t-light")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name=ITEM).click()
        page.get_by_role("link", name="Build an audience").click()
        page.get_by_label("The most likely customers, how many").fill("50")
        page.get_by_role("button", name="Update").last.click()
        expect(page.locator("#preview .stat").first).to_contain_text("50")
        figure = page.locator("figure.chart").first
        figure.locator("summary").click()
        assert figure.locator("tbody tr").count() > 10
        page.get_by_label("Save under a name").fill("by-hand")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("button", name="Export 50 customers").click()
        done = page.get_by_role("link", name="Download")
        for _ in range(100):
            if done.count():
                break
            page.wait_for_timeout(100)
            page.reload()
        with page.expect_download() as fetched:
            done.first.click()
        assert len(fetched.value.path().read_text(encoding="utf-8").splitlines()) == 51


def test_why_a_customer_would_want_something(browser: Browser, consoles: dict[str, Console]) -> None:
    """On a page of its own; the id stands in no address."""
    with signed_in(browser, consoles["party"], "analyst", script=False) as page:
        page.goto("/customer")
        page.get_by_label("Customer id").fill("12347")
        page.get_by_role("button", name="Show", exact=True).click()
        page.get_by_role("button", name="Why").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Why")
        expect(page.locator("main table tbody tr").first).to_be_visible()
        assert "12347" not in page.url


def test_a_run_is_submitted_and_stopped(browser: Browser, consoles: dict[str, Console], demo: Path) -> None:
    """From its form, which shows it as a run file first."""
    with signed_in(browser, consoles["operator"], "operator", script=False) as page:
        page.goto("/runs")
        page.get_by_role("link", name="Submit a run").click()
        page.get_by_label("name", exact=True).fill("by hand")
        page.get_by_label("purpose", exact=True).fill("to see whether the form works")
        for party in ("north", "south"):
            page.get_by_role("checkbox", name=party).check()
        page.get_by_role("button", name="Check it, and show it as a run file").click()
        expect(page.locator("#file")).to_contain_text('name = "by hand"')
        accepted_by_all(demo)
        page.get_by_role("button", name="Submit the run").click()
        expect(page).to_have_url(re.compile(r"/runs/by-hand-\d+$"))
        page.get_by_role("button", name="Stop this run").click()
        expect(page.locator("main")).to_contain_text(re.compile("stop", re.IGNORECASE))
