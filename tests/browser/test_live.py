"""What moves without a new page: the builder's figures, its search, files that are being written."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from support.consoles import Console
from support.looking import drawn, signed_in, visit

TOLD = "() => location.pathname.includes('saved') || document.querySelector('#saved-told *')"
BUILT = "/audiences/new?all=85123A&size=100"


def test_figures_follow_the_cut(browser: Browser, consoles: dict[str, Console]) -> None:
    """The slider and the number are one value, the address follows, and the charts are drawn again."""
    with signed_in(browser, consoles["party"], "analyst") as page:
        visit(page, BUILT)
        stats = page.locator("#preview .stat dd")
        before = stats.nth(1).inner_text()
        page.get_by_label("Number of customers", exact=True).and_(page.locator("input")).fill("200")
        expect(stats.first).to_contain_text("200")
        expect(page.get_by_label("The most likely customers, how many")).to_have_value("200")
        expect(page).to_have_url(re.compile("size=200"))
        assert stats.nth(1).inner_text() != before
        drawn(page)
        figures = page.locator("#preview .stat dd").all_inner_texts()
        page.reload()
        assert page.locator("#preview .stat dd").all_inner_texts() == figures


def test_attributes_are_found_as_one_types(browser: Browser, consoles: dict[str, Console]) -> None:
    """And one that is added stands in the audience."""
    with signed_in(browser, consoles["party"], "analyst") as page:
        visit(page, BUILT)
        page.get_by_placeholder("part of a name or key").press_sequentially("parasol")
        found = page.locator("#found")
        expect(found).to_contain_text("PARASOL")
        found.get_by_role("button").first.click()
        expect(page.get_by_role("button", name=re.compile("^Remove "))).to_have_count(2)


def test_a_file_is_done_without_a_new_page(browser: Browser, consoles: dict[str, Console]) -> None:
    """It is looked after in the background; then it can be fetched, and removed after a question."""
    with signed_in(browser, consoles["party"], "analyst") as page:
        visit(page, BUILT)
        page.get_by_label("Save under a name").fill("live-100")
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**/audiences/saved/live-100")
        page.get_by_label("Format").select_option("parquet")
        page.get_by_role("button", name="Export 100 customers").click()
        with page.expect_download() as fetched:
            page.get_by_role("link", name="Download").click()
        assert fetched.value.path().read_bytes().startswith(b"PAR1")
        page.on("dialog", lambda question: question.accept())
        page.get_by_role("button", name="Remove the audience and its files").click()
        page.wait_for_url("**/audiences")
        assert page.get_by_role("link", name="live-100").count() == 0


def test_a_refusal_stands_in_the_page(browser: Browser, consoles: dict[str, Console]) -> None:
    """A name that is taken already is said where one typed it, and what to do."""
    with signed_in(browser, consoles["party"], "analyst") as page:
        for _ in range(2):
            visit(page, BUILT)
            page.get_by_label("Save under a name").fill("twice")
            page.get_by_role("button", name="Save", exact=True).click()
            page.wait_for_function(TOLD)
        expect(page.locator("#saved-told")).to_contain_text("To do:")


def test_a_session_that_has_ended_leads_to_the_way_in(browser: Browser, consoles: dict[str, Console]) -> None:
    """Also where only a part of the page was asked for."""
    with signed_in(browser, consoles["party"], "analyst") as page:
        visit(page, BUILT)
        page.context.clear_cookies()
        page.get_by_label("The most likely customers, how many").fill("300")
        page.get_by_role("heading", name="Sign in").wait_for()
