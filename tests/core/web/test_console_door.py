"""The door for people: sessions, forms of other sites, refusals as pages."""

from __future__ import annotations

import asyncio
import html
import logging
import threading
from typing import TYPE_CHECKING

import pytest

from feddmf.errors import LocalResourceError
from feddmf.web import gate, sessions
from feddmf.web.assets import asset_path
from feddmf.web.sign_in import _own_path

if TYPE_CHECKING:
    from conftest import Browser, Holder


def test_nobody_sees_a_page_before_signing_in(browser: Browser) -> None:
    """Known paths and others answer alike; the way back is to the page that was open."""
    for path in ("/", "/nothing"):
        found = browser.send("GET", f"{path}?q=1")
        assert (found.status_code, found.content) == (303, b"")
        assert found.headers["Location"] == f"/sign-in?next=%2F{path[1:]}%3Fq%3D1"
    there = {"Referer": "http://localhost:8480/page?q=1", "Sec-Fetch-Site": "same-origin"}
    sent = browser.send("POST", "/act", data={"what": "yes"}, headers=there)
    assert sent.headers["Location"] == "/sign-in?next=%2Fpage%3Fq%3D1"
    for page, way in (({}, "%2F"), ({"HX-Current-URL": "http://localhost:8480/page?q=1"}, "%2Fpage%3Fq%3D1")):
        live = browser.send("GET", "/part", headers={"HX-Request": "true", **page})
        assert (live.status_code, live.headers["HX-Redirect"]) == (401, f"/sign-in?next={way}")


def test_a_token_opens_the_pages_until_signing_out(browser: Browser) -> None:
    """The cookie is of this server, of this port, and no script reads it; the token is not in it."""
    found = browser.sign_in(next="/?a=b")
    assert (found.status_code, found.headers["Location"]) == (303, "/?a=b")
    cookie = found.headers["Set-Cookie"]
    assert cookie.startswith("feddmf-8480=")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    assert "key" not in cookie
    page = browser.send("GET", "/")
    assert page.status_code == 200
    assert "none &lt;i&gt;" in page.text
    assert "acme &lt;b&gt;" in page.text
    assert '<a href="/" aria-current="page">Home</a>' in page.text
    assert "/secret" not in page.text
    assert browser.send("GET", "/sign-in").headers["Location"] == "/"
    assert browser.send("POST", "/sign-out").headers["Location"] == "/sign-in"
    assert browser.send("GET", "/").status_code == 303


def test_a_session_over_tls_stays_there(browser: Browser) -> None:
    """The cookie is sent over TLS alone, and the browser is told to use nothing else."""
    browser.base = "https://localhost:8480"
    found = browser.sign_in()
    assert found.headers["Set-Cookie"].startswith("__Host-feddmf-8480=")
    assert "Secure" in found.headers["Set-Cookie"].split("; ")
    assert found.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert browser.send("GET", "/").status_code == 200


@pytest.mark.parametrize("token", ["", "key", "key of ann key of ann", "\N{SNOWMAN}"])
def test_another_token_opens_nothing(browser: Browser, token: str) -> None:
    """And is not sent back."""
    found = browser.sign_in(token)
    assert found.status_code == 401
    assert "That token is nobody" in html.unescape(found.text)
    assert "Set-Cookie" not in found.headers
    assert browser.send("GET", "/").status_code == 303


def test_who_guesses_is_slowed_down(browser: Browser) -> None:
    """Before anything is looked up for them; who has a token comes in as often as they like."""
    assert [browser.sign_in().status_code for _ in range(31)] == [303] * 31
    assert [browser.sign_in("guess").status_code for _ in range(30)] == [401] * 30
    browser.cookies.clear()
    looked_up = len(browser.keys.looked_up)
    assert browser.sign_in("guess").status_code == 429
    assert len(browser.keys.looked_up) == looked_up


def test_a_token_that_is_revoked_ends_its_sessions(browser: Browser) -> None:
    """At the next request."""
    browser.sign_in()
    del browser.keys.tokens["key of ann"]
    assert browser.send("GET", "/").status_code == 303


def test_a_look_up_that_takes_long_is_in_nobodys_way(browser: Browser) -> None:
    """Another is served meanwhile; styles are looked up for nobody."""
    browser.sign_in()
    begun, over, waited = threading.Event(), threading.Event(), list[bool]()
    holder = browser.keys.tokens["key of ann"]

    def slow(_token: str) -> Holder:
        begun.set()
        waited.append(over.wait(5))
        return holder

    async def both() -> None:
        browser.keys.holder = slow  # type: ignore[method-assign]
        first = asyncio.create_task(browser.sent("GET", "/"))
        await asyncio.to_thread(begun.wait, 5)
        assert (await browser.sent("GET", asset_path("static/app.css"))).status_code == 200
        over.set()
        assert (await first).status_code == 200

    asyncio.run(both())
    assert waited == [True]


def test_strangers_are_not_told_why_tokens_cannot_be_checked(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """The log is, with what to do; neither a session nor a token that is shown gets more."""
    browser.sign_in()

    def locked(_token: str) -> Holder:
        raise LocalResourceError("cannot use /secret/place: locked", hint="wait")

    browser.keys.holder = locked  # type: ignore[method-assign]
    for found in (browser.send("GET", "/"), browser.sign_in("guess")):
        assert found.status_code == 500
        assert "tokens cannot be checked" in found.text
        assert "secret" not in found.text
    assert "cannot use /secret/place: locked; to do: wait" in caplog.text


def test_nothing_keeps_anybody_from_signing_out(browser: Browser) -> None:
    """Neither a pace or policy that lets them in no more, nor tokens that cannot be read."""
    browser.sign_in()
    browser.keys.tokens["key of ann"] = browser.keys.tokens["key of bob"]
    assert browser.send("GET", "/").status_code == 403
    browser.keys.holder = None  # type: ignore[assignment, method-assign]
    assert browser.send("POST", "/sign-out").headers["Location"] == "/sign-in"
    assert browser.send("GET", "/").headers["Location"].startswith("/sign-in")


def test_sessions_end_by_themselves(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour after the last page, and twelve after the first."""
    now = [0.0]
    monkeypatch.setattr(browser.door.sessions, "_clock", lambda: now[0])
    browser.sign_in()
    for hour in range(1, 13):
        now[0] = 3_600.0 * hour
        assert browser.send("GET", "/").status_code == 200
    now[0] += 1
    assert browser.send("GET", "/").status_code == 303
    browser.sign_in()
    now[0] += 3_601
    assert browser.send("GET", "/").status_code == 303


def test_sessions_are_so_many(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ends where there are too many."""
    monkeypatch.setattr(sessions, "_MOST", 2)
    browser.sign_in()
    first = browser.cookies
    for _ in range(2):
        browser.cookies = type(first)()
        browser.sign_in()
    assert browser.send("GET", "/").status_code == 200
    browser.cookies = first
    assert browser.send("GET", "/").status_code == 303


def test_who_is_not_let_in_is_told_so(browser: Browser) -> None:
    """As a page, with what to do."""
    found = browser.sign_in("key of bob")
    assert found.status_code == 403
    assert "bob is banned" in found.text
    assert "ask somebody else" in found.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8480"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
    ],
)
def test_forms_of_other_sites_are_refused(browser: Browser, headers: dict[str, str]) -> None:
    """Another port of this machine is another site; so is whoever does not say where a form stands."""
    browser.sign_in()
    found = browser.send("POST", "/act", data={"what": "yes"}, headers=headers)
    assert found.status_code == 403
    assert "this came from another site" in found.text
    assert browser.keys.refused == [("ann", "this came from another site")]


def test_own_forms_are_taken(browser: Browser) -> None:
    """By what browsers say of them, one way or the other."""
    browser.sign_in()
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost:8480"}):
        assert browser.send("POST", "/act", data={"what": "yes"}, headers=headers).text == "yes"


def test_errors_are_pages_and_parts_of_live_ones(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """With what to do; a defect says nothing but that it is one, and the log where."""
    browser.sign_in()
    bad = browser.send("POST", "/act", data={"what": "bad"})
    assert bad.status_code == 400
    assert "that is bad" in bad.text
    assert "<html" in bad.text
    part = browser.send(
        "POST", "/act", data={"what": "bad"}, headers={"Sec-Fetch-Site": "same-origin", "HX-Request": "true"}
    )
    assert part.status_code == 400
    assert "do better" in part.text
    assert "<html" not in part.text
    long = browser.send("POST", "/act", data={"what": "long"})
    assert (long.status_code, "long" in long.text) == (422, False)
    assert "what: String should have at most 3 characters" in long.text
    bug = browser.send("POST", "/act", data={"what": "bug"})
    assert (bug.status_code, "internal error" in bug.text) == (500, True)
    assert "a defect of ours: ValueError" in caplog.text
    assert browser.send("GET", "/nothing").status_code == 404


def test_bodies_have_a_size(browser: Browser) -> None:
    """The door's own."""
    browser.sign_in()
    assert browser.send("POST", "/act", content=b"x" * 1_001).status_code == 413


def test_pages_leave_with_headers_that_keep_them_private(browser: Browser) -> None:
    """No script but ours, no frame, no copy kept; styles may be kept for good."""
    browser.sign_in()
    for path in ("/", "/sign-in", "/nothing"):
        headers = browser.send("GET", path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ("/audiences?name=a", "/audiences?name=a"),
        ("", "/"),
        ("audiences", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: a=b", "/"),
    ],
)
def test_the_way_back_is_to_this_server(wanted: str, taken: str) -> None:
    """And to no other."""
    assert _own_path(wanted) == taken


def test_the_log_has_no_token(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """Neither one that was shown nor what a cookie holds."""
    caplog.set_level(logging.DEBUG)
    browser.sign_in()
    browser.sign_in("key of somebody")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("feddmf.")]
    assert any("ann signs in" in line for line in lines)
    assert any("a token that is nobody's" in line for line in lines)
    secret = next(iter(browser.cookies.jar)).value
    assert secret
    assert not [line for line in lines if "key of" in line or secret in line]
    assert gate.__name__ in {record.name for record in caplog.records}
