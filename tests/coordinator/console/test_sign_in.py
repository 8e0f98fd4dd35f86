"""Who comes into the console: operators with their token, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feddmf_coordinator.store.operators import add_operator, remove_operator
from support.operator_console import Browser

PATHS = (
    "/",
    "/parties",
    "/live/parties",
    "/parties/acme",
    "/catalogue",
    "/runs",
    "/runs/new",
    "/audit",
    "/audit/ledger",
)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_sees_a_page_without_signing_in(outside: Browser, path: str) -> None:
    """They are led to where one does, and back afterwards."""
    response = outside.send("GET", path)
    assert response.status_code == 303
    assert response.headers["location"].startswith("/sign-in?next=%2F")
    live = outside.send("GET", path, headers={"HX-Request": "true"})
    assert live.status_code == 401
    assert live.headers["hx-redirect"].startswith("/sign-in")


def test_an_operators_token_opens_the_console(outside: Browser) -> None:
    """It is not sent to the browser again; a wrong one opens nothing, and says how to get one."""
    text = outside.post("/sign-in", status=401, data={"token": "fdo_wrong"})
    assert "That token is nobody's here" in text
    assert "feddmf coordinator operators add NAME" in text
    response = outside.send("POST", "/sign-in", data={"token": outside.token, "next": "/runs"})
    assert (response.status_code, response.headers["location"]) == (303, "/runs")
    assert outside.token not in str(response.headers)
    assert "operator operator Sign out" in outside.page("/runs")
    assert outside.token not in outside.send("GET", "/audit").text
    outside.post("/sign-out")
    assert outside.send("GET", "/").headers["location"].startswith("/sign-in")


def test_a_token_that_is_removed_opens_nothing_from_then_on(browser: Browser) -> None:
    """Not in an hour: at once."""
    now = datetime.now(UTC)
    with browser.office.database.begin() as connection:
        add_operator(connection, "bea", "another token", now=now)
        remove_operator(connection, "operator", now=now)
    for sent in (browser.send("GET", "/"), browser.send("POST", "/runs/unschedule", data={"schedule": "x"})):
        assert sent.headers["location"].startswith("/sign-in")


def test_another_site_cannot_send_a_form(browser: Browser) -> None:
    """Even with the operator's own browser."""
    response = browser.send("POST", "/runs/x/stop", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    assert "this came from another site" in browser.read(response, 403)
    assert ("operator", "run stop") not in browser.did()


def test_pages_may_load_nothing_from_elsewhere(browser: Browser) -> None:
    """Nor keep anything of what they show."""
    headers = browser.send("GET", "/parties").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_a_page_that_is_not_there_says_so(browser: Browser) -> None:
    """With a way back."""
    assert "Back to the overview" in browser.page("/nothing", status=404)
    assert "there is no such party" in browser.page("/parties/zed", status=400)
    assert "there is no run 'zed'" in browser.page("/runs/zed", status=400)
