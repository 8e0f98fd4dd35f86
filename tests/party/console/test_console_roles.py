"""Pages and roles: each page is in the table, and opens to those in it and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute

from feddmf_party.api.roles import PAGES
from feddmf_party.console import routes
from feddmf_party.tokens import Role

if TYPE_CHECKING:
    from conftest import Browser
    from support.party_api import Api

# How each page is asked for, where it is not by its path alone.
PARAMS = {"console_attribute": {"key": "pen"}, "console_best": {"user": "ann"},
          "console_why": {"user": "ann", "attribute": "pen"}, "console_users": {"all": "pen", "count": "2"},
          "console_save": {"name": "mine", "all": "pen"}}  # fmt: skip
# These lead somewhere else, or to what has to be there first.
LEAD = {"console_remove_audience", "console_export", "console_export_file", "console_remove_export"}


def pages() -> dict[str, tuple[str, str]]:
    """Return method and path of every page by its name."""
    every = [route for page in routes._PAGES for route in page.router.routes]
    return {each.name: (min(each.methods), each.path) for each in every if isinstance(each, APIRoute)}


def test_every_page_is_in_the_table() -> None:
    """And there is no name in it that no page has."""
    assert set(pages()) == set(PAGES)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_its_pages_alone(api: Api, browse: Callable[[Role], Browser], role: Role) -> None:
    """Others are refused with a page that says so, and the query log has that."""
    browser = browse(role)
    closed = 0
    for name, (method, path) in pages().items():
        where = path.replace("{name}", "mine").replace("{export}", "0" * 16)
        params = PARAMS.get(name, {})
        page = browser.get(where, **params) if method == "GET" else browser.post(where, params)
        if role not in PAGES[name]:
            closed += 1
            assert page.status == 403, name
            assert "who may not ask for this" in page.text
        elif name not in LEAD:
            assert page.status == 200, (name, page.text)
    refused = [each for each in api.queries() if each["refused"] == "PolicyError"]
    assert len(refused) == closed > 0
    assert all(each["question"].startswith("console ") for each in refused)


@pytest.mark.parametrize("role", list(Role))
def test_the_navigation_shows_what_opens(browse: Callable[[Role], Browser], role: Role) -> None:
    """Every link of it leads to a page that the role may see."""
    browser = browse(role)
    for section in routes._SECTIONS:
        shown = (
            f'href="{section.path}"' in browser.get("/").source.partition("</nav>")[0].partition("<nav")[2]
        )
        assert shown == (browser.get(section.path).status == 200), section


def test_who_has_not_signed_in_is_led_there(api: Api) -> None:
    """With the address to come back to; a live part leads the whole page."""
    for path in ("/", "/attributes?search=pen", "/left"):
        response = api.send("GET", path)
        assert response.status_code == 303
        assert response.headers["location"].startswith("/sign-in?next=")
    live = api.send("GET", "/audiences/preview?all=pen", headers={"HX-Request": "true"})
    assert (live.status_code, live.headers["hx-redirect"]) == (401, "/sign-in?next=%2F")


def test_forms_of_other_sites_are_refused(api: Api, analyst: Browser) -> None:
    """Even with the cookie of somebody who has signed in."""
    cookie = "; ".join(f"{name}={value}" for name, value in analyst.cookies.items())
    headers = {"Cookie": cookie, "Sec-Fetch-Site": "cross-site",
               "Content-Type": "application/x-www-form-urlencoded"}  # fmt: skip
    response = api.send("POST", "/audiences", headers=headers, content="name=theirs&all=pen")
    assert response.status_code == 403
    assert "theirs" not in analyst.get("/audiences").text
