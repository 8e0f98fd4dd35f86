"""Styles and scripts: from this server alone, under an address of their content."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from feddmf.web.assets import asset_path

if TYPE_CHECKING:
    from conftest import Browser

TEMPLATES = files("feddmf.web").joinpath("templates")


def test_what_a_page_names_is_there(browser: Browser) -> None:
    """To everybody, for good."""
    page = browser.send("GET", "/sign-in").text
    named = re.findall(r'(?:src|href|data-library)="(/assets/[^"]+)"', page)
    assert len(named) >= 6
    for path in named:
        found = browser.send("GET", path)
        assert found.status_code == 200
        assert "immutable" in found.headers["Cache-Control"]
        assert len(found.content) > 100


def test_nothing_is_fetched_from_elsewhere(browser: Browser) -> None:
    """No page and no style names another server."""
    page = browser.send("GET", "/sign-in").text
    style = browser.send("GET", asset_path("static/app.css")).text
    assert not re.findall(r"https?://|@import|url\(", page + style)


@pytest.mark.parametrize(
    "path", ["0000/static/app.css", "static/app.css", "0/../pages.py", "0/vendor/none.js"]
)
def test_nothing_else_is_there(browser: Browser, path: str) -> None:
    """An old content, another file."""
    assert browser.send("GET", f"/assets/{path}").status_code in {303, 404}


def test_a_misspelt_name_is_a_defect() -> None:
    """Found by whoever writes the template."""
    with pytest.raises(KeyError):
        asset_path("static/none.css")
