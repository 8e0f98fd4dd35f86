"""The consoles by the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from support.consoles import Console
from support.looking import signed_in, visit, walk

PAGES = (
    ("party", "analyst", "/"),
    ("party", "analyst", "/audiences/new?all=85123A&size=100"),
    ("party", "auditor", "/left"),
    ("operator", "operator", "/parties"),
    ("operator", "operator", "/runs/new"),
)


@pytest.fixture(params=PAGES, ids=lambda each: f"{each[0]} {each[2]}")
def page(request: pytest.FixtureRequest, browser: Browser, consoles: dict[str, Console]) -> Page:
    """A page in which nothing has been touched."""
    console, role, path = request.param
    with signed_in(browser, consoles[console], role) as page:
        visit(page, path)
        yield page


def test_the_first_stop_is_the_way_past_the_head(page: Page) -> None:
    """It is out of sight until it is come to, and leads into the content."""
    skip = page.get_by_role("link", name="Skip to the content")
    assert skip.bounding_box()["x"] < 0
    page.keyboard.press("Tab")
    assert skip.evaluate("each => each === document.activeElement")
    assert skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_every_stop_is_seen_and_they_come_in_the_order_of_reading(page: Page) -> None:
    """Each is marked while it is the one; none is skipped, and none leads back."""
    stops = walk(page)
    assert len(stops) > 5
    assert [each["what"] for each in stops if not (each["marked"] and each["seen"])] == []
    places = [each["at"] for each in stops]
    assert places == sorted(places)
    wanted = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
    within = page.locator(wanted).locator("visible=true")
    assert len(stops) == within.count()


def test_signing_in_takes_no_mouse(browser: Browser, consoles: dict[str, Console]) -> None:
    """The field has the focus, the Enter key sends it, and so does the way out."""
    console = consoles["party"]
    with signed_in(browser, console, None) as page:
        visit(page, "/sign-in")
        page.keyboard.type(console.tokens["analyst"])
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Overview").wait_for()
        page.get_by_role("button", name="Sign out").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Sign in").wait_for()


def test_a_wrong_token_is_said_aloud(browser: Browser, consoles: dict[str, Console]) -> None:
    """By a message that screen readers speak, with what to do."""
    with signed_in(browser, consoles["party"], None) as page:
        visit(page, "/sign-in")
        page.get_by_label("Token").fill("feddmf_" + 43 * "a")
        page.keyboard.press("Enter")
        said = page.get_by_role("alert")
        said.wait_for()
        assert "To do:" in said.inner_text()
        assert page.get_by_label("Token").input_value() == ""


def test_the_theme_is_kept(browser: Browser, consoles: dict[str, Console]) -> None:
    """Whoever chose one finds it again on the next page."""
    with signed_in(browser, consoles["party"], "analyst") as page:
        visit(page, "/")
        page.get_by_role("button", name="Switch to dark colours").click()
        shade = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        visit(page, "/")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == shade
        page.get_by_role("button", name="Switch to light colours").click()
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != shade
