"""The documentation as a site, opened from its folder: nothing is asked of anybody, and it can be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.consoles import Console
from support.looking import barriers, overflowing, signed_in
from support.pages import ROOT

SCREENS = ROOT / "out" / "screens"
PAGES = (
    "index.html",
    "start/analyst.html",
    "concepts/how_it_works.html",
    "concepts/evidence.html",
    "protocols.html",
    "reference.html",
)
# The theme wraps tables as they are shown; browsers let keys scroll such a box, tab stop or not.
THEME = "scrollable-region-focusable"
WINDOWS = ((390, "light"), (820, "dark"), (1440, "light"), (1440, "dark"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """The site, built strictly."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, timeout=120)
    return Console(f"{folder.as_uri()}/", {})


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_whole_and_open_to_all(name: str, browser: Browser, site: Console) -> None:
    """On a phone, a tablet and a screen: nothing sticks out or comes from elsewhere; no serious barrier."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    found = {}
    for width, theme in WINDOWS:
        with signed_in(browser, site, None, width=width, theme=theme) as page:
            page.goto(f"{site.url}{name}")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=SCREENS / f"site-{Path(name).stem}-{width}-{theme}.png", full_page=True)
            found[width, theme] = [*overflowing(page), *barriers(page, allowed=THEME)]
    assert {each: wrong for each, wrong in found.items() if wrong} == {}


def test_the_search_works_from_a_folder(browser: Browser, site: Console) -> None:
    """Without a server, by the script that stands beside the pages."""
    with signed_in(browser, site, None) as page:
        page.goto(f"{site.url}index.html")
        page.get_by_placeholder("Search").fill("probe items")
        page.locator(".md-search-result__item").first.wait_for()
