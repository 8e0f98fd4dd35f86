"""The documentation site: it builds strictly, links lead somewhere, nothing is asked for from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from support.pages import PAGES, ROOT, plain

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


class Read(HTMLParser):
    """What a page refers to, what it loads by itself, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses and names."""
        found = {name: value for name, value in attrs if value}
        self.names |= {found[name] for name in ("id", "name") if name in found}
        address = found.get("href") or found.get("src")
        if address:
            (self.links if tag == "a" else self.loads).add(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@cache
def read(page: Path) -> Read:
    """Return what a page of the site has."""
    return Read(page.read_text(encoding="utf-8"))


def test_every_page_for_people_is_in_the_site(site: Path) -> None:
    """Each Markdown page of docs/ and examples/, but for the parts of which others are made."""
    built = {page.relative_to(site).as_posix() for page in site.rglob("*.html")}
    for page in PAGES:
        path = page.relative_to(ROOT)
        if path.name in {"performance_notes.md", "quality_notes.md"} or path == Path("README.md"):
            continue
        within = path.relative_to("docs") if path.parts[0] == "docs" else path
        name = within.with_suffix(".html")
        assert (name.with_name("index.html") if path.name == "README.md" else name).as_posix() in built


def test_links_of_the_site_lead_somewhere(site: Path) -> None:
    """To a file that is there, and to a heading that is in it; those of the files that are shown too."""
    lost = []
    for page in site.rglob("*.html"):
        if page.name == "404.html":
            continue
        for link in read(page).links | read(page).loads:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            known = target.is_file() and (
                not parts.fragment
                or target.suffix != ".html"
                or unquote(parts.fragment) in read(target).names
            )
            if not known:
                lost.append(f"{page.relative_to(site)}: {link}")
    assert lost == []


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """No script, style, picture or font, neither by a page nor by a style sheet."""
    for page in site.rglob("*.html"):
        assert {each for each in read(page).loads if urlsplit(each).netloc} == set(), page
    for sheet in site.rglob("*.css"):
        named = re.findall(r"url\(\s*[\"']?((?:https?:)?//[^)\"']+)", sheet.read_text(encoding="utf-8"))
        assert named == [], sheet


def slugs(page: Path) -> set[str]:
    """Return the anchors of a Markdown page's headings, as code hosts and the site make them."""
    titles = re.findall(r"^#+ (.+)$", plain(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_the_repository_lead_somewhere(page: Path) -> None:
    """As files: a page is read where the code is, too. Parts are linked from where they are used."""
    lost = []
    for link in LINK.findall(plain(page)):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        known = target.exists() and target.is_relative_to(ROOT)
        if not known or (anchor and target.suffix == ".md" and anchor not in slugs(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.skipif(not Path("/usr/bin/chromium").exists(), reason="no chromium on this machine")
def test_the_search_works_from_a_folder_and_asks_nobody(site: Path) -> None:
    """Without a server: a word of a page finds it, no request leaves, and nothing is complained of."""
    script = f"""
from playwright.sync_api import sync_playwright
with sync_playwright() as started:
    browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    page = browser.new_page(viewport={{"width": 1440, "height": 900}})
    asked, said = [], []
    page.on("request", lambda each: asked.append(each.url))
    page.on("console", lambda each: said.append(each.text) if each.type == "error" else None)
    page.goto("file://{site}/index.html")
    page.fill("input[name=query]", "quorum")
    page.wait_for_selector(".md-search-result__item a")
    found = page.get_attribute(".md-search-result__item a", "href")
    print(found)
    assert all(each.startswith(("file:", "data:", "blob:", "about:")) for each in asked), asked
    assert said == [], said
"""
    made = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=90
    )
    assert made.returncode == 0, made.stderr
    assert "protocols.html" in made.stdout
