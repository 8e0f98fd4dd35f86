"""The gate before every route: who is let in, how often, by which name, how much; what leaves with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from feddmf.web import gate
from feddmf.web.limits import RateLimit
from feddmf_party import tokens
from feddmf_party.tokens import Role, TokenFile

if TYPE_CHECKING:
    from conftest import Api

PREDICTIONS = "/v1/predictions"
RUNS = "/v1/runs"
GUESS = "feddmf_guess"


def bearer(*values: str) -> list[tuple[str, str]]:
    """Return headers, one Authorization a value."""
    return [("Authorization", value) for value in values]


@pytest.mark.parametrize("path", [RUNS, "/openapi.json", "/v1/nothing", "/v1"])
def test_nothing_is_told_without_a_token(api: Api, path: str) -> None:
    """Known paths and others answer alike."""
    told = api.fails(401, "GET", path, token=None)
    assert (told["kind"], told["exit_code"], told["error"]) == ("Refused", 2, "no valid token")


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/nothing"])
def test_pages_are_shown_to_nobody_who_has_not_signed_in(api: Api, path: str) -> None:
    """Neither with a token in the header: that is for programs."""
    for token in (None, api.tokens[Role.ANALYST]):
        response = api.send("GET", path, token=token)
        assert (response.status_code, response.content) == (303, b"")
        assert response.headers["Location"].startswith("/sign-in?next=")


def test_every_way_to_fail_looks_the_same(api: Api) -> None:
    """Absent, of another scheme, unknown, cut, in the address, a cookie or a second header."""
    good = api.tokens[Role.ANALYST]
    answers = [
        api.send("GET", path, headers=httpx.Headers(bearer(*values) + extra))
        for path, values, extra in [
            (RUNS, (), []),
            (RUNS, (f"Basic {good}",), []),
            (RUNS, (good,), []),
            (RUNS, ("Bearer",), []),
            (RUNS, (f"Bearer {good[:-1]}",), []),
            (RUNS, (f"Bearer {good}", f"Bearer {good}"), []),
            (f"{RUNS}?access_token={good}", (), []),
            (RUNS, (), [("Cookie", f"token={good}")]),
        ]
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert api.send("GET", RUNS, headers=httpx.Headers(bearer(f"bearer {good}"))).status_code == 200


def test_an_expired_token_opens_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its end on."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Later:  # type: ignore[override]
            del tz
            return cls.fromtimestamp((datetime.now(UTC) + timedelta(days=1, seconds=1)).timestamp(), UTC)

    api.get(RUNS)
    monkeypatch.setattr(tokens, "datetime", Later)
    api.fails(401, "GET", RUNS)


def test_a_revoked_token_is_refused_at_the_next_request(api: Api) -> None:
    """The server that runs is asked by nobody to read again."""
    api.get(RUNS)
    TokenFile(api.home.tokens).revoke("analyst")
    api.fails(401, "GET", RUNS)
    api.get(RUNS, Role.AUDITOR)


def test_damaged_tokens_let_nobody_in(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Who asks learns nothing of the folder; the log names the file."""
    api.home.tokens.write_text("[")
    told = api.fails(500, "GET", RUNS)
    assert str(api.home.path) not in str(told)
    assert "tokens.json does not list tokens" in caplog.text


@pytest.mark.parametrize(
    ("policy", "statuses"),
    [
        ('roles = ["auditor"]', {Role.AUDITOR: 200, Role.ANALYST: 403, Role.ENGINEER: 403}),
        ('names = ["analyst", "bob"]', {Role.AUDITOR: 403, Role.ANALYST: 200, Role.ENGINEER: 403}),
        ("per_minute = 0", dict.fromkeys(Role, 500)),
    ],
)
def test_the_policy_says_who_is_let_in(api: Api, policy: str, statuses: dict[Role, int]) -> None:
    """By role and by name, as the file stands at that moment; where it says nonsense, nobody."""
    api.home.policy_file.write_text(f"[queries]\n{policy}\n")
    assert {role: api.send("GET", RUNS, token=api.tokens[role]).status_code for role in Role} == statuses


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8480", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8480", 200),
        ("rebound.example", 421),
        ("localhost.example:8480", 421),
        ("", 421),
        ("[::2]", 421),
        ("[", 421),
    ],
)
def test_only_known_names_are_answered_to(api: Api, host: str, status: int) -> None:
    """A page whose own name points to this machine gets nothing, with a token or without."""
    for token in (api.tokens[Role.ANALYST], None):
        expected = status if token or status == 421 else 401
        assert api.send("GET", RUNS, token=token, headers={"Host": host}).status_code == expected


def test_requests_are_paced_by_token(api: Api) -> None:
    """Of one token so many a minute; others are not in its way."""
    api.home.policy_file.write_text("[queries]\nper_minute = 3\n")
    for _ in range(3):
        api.get(RUNS)
    response = api.send("GET", RUNS, token=api.tokens[Role.ANALYST])
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 20
    api.get(RUNS, Role.AUDITOR)


def test_failures_are_paced_and_are_in_nobodys_way(api: Api) -> None:
    """Who guesses is slowed down; who has a token on the same machine is not."""
    for _ in range(gate._FAILURES_PER_MINUTE):
        api.fails(401, "GET", RUNS, token=GUESS)
    told = api.fails(429, "GET", RUNS, token=GUESS)
    assert told["kind"] == "TimedOut"
    api.get(RUNS)


def test_a_bucket_fills_again() -> None:
    """One request every second at sixty a minute, and never more than a minute's at once."""
    now = [0.0]
    limit = RateLimit(lambda: now[0])
    assert [limit.wait_s("ann", 60) for _ in range(60)] == [0.0] * 60
    assert limit.wait_s("ann", 60) == pytest.approx(1.0)
    assert limit.wait_s("bob", 60) == 0.0
    now[0] = 1.0
    assert limit.wait_s("ann", 60) == 0.0
    assert limit.wait_s("ann", 60) > 0
    now[0] = 1e6
    assert sum(limit.wait_s("ann", 60) == 0 for _ in range(100)) == 60


def test_bodies_have_a_size(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said beforehand or found on the way, more is not read."""
    monkeypatch.setattr(api.door, "max_body", 1_000)
    body = b'{"attributes": ["pen"], "users": ["' + b"x" * 1_000 + b'"]}'

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    for content in (body, parts()):
        told = api.fails(413, "POST", PREDICTIONS, content=content)
        assert told["kind"] == "InputError"


def test_a_slow_sender_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come is given up."""

    async def part() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    monkeypatch.setattr(api.door, "body_s", 0.05)
    told = api.fails(408, "POST", PREDICTIONS, content=part())
    assert told["kind"] == "TimedOut"


@pytest.mark.parametrize(
    ("status", "body"),
    [(422, b""), (422, b"{"), (422, b"[]"), (400, b"\xff"), (400, b'{"attributes": ' + b"[" * 5_000)],
)
def test_bodies_that_are_no_question_are_refused(api: Api, status: int, body: bytes) -> None:
    """Whatever they are; nothing of them is sent back."""
    headers = {"Content-Type": "application/json"}
    told = api.fails(status, "POST", PREDICTIONS, content=body, headers=headers)
    assert "body" in told["error"]


def test_answers_leave_with_headers_that_keep_them_private(api: Api) -> None:
    """Good ones and errors: not cached, not framed, not sniffed, no other page's to read."""
    for token in (api.tokens[Role.ANALYST], None):
        response = api.send("GET", RUNS, token=token, headers={"Origin": "http://evil.example"})
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_the_log_tells_nothing_that_callers_wrote(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """The name of the token, the name of the route, the status; no path, no user, no token."""
    caplog.set_level(logging.DEBUG)
    api.post(PREDICTIONS, {"attributes": ["pen"], "users": ["ann"]})
    api.send("GET", f"{RUNS}/ann?user=ann", token=api.tokens[Role.ANALYST])
    api.send("GET", RUNS, token=GUESS)
    lines = [record.getMessage() for record in caplog.records if record.name == gate.__name__]
    assert [line.rpartition(" in ")[0] for line in lines] == [
        "analyst asks for predictions: 200",
        "analyst asks for run: 404",
        "somebody asks for nothing known: 401",
    ]
    every = "\n".join(record.getMessage() for record in caplog.records if "httpx" not in record.name)
    assert not [secret for secret in (*api.tokens.values(), GUESS, "'ann'") if secret in every]


def test_a_defect_is_an_answer_and_no_traceback(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says where it is, and not what it said."""

    def broken(_: object) -> None:
        raise KeyError("ann")

    monkeypatch.setattr(api.desk, "loaded", broken)
    told = api.fails(500, "POST", PREDICTIONS, json={"attributes": ["pen"]})
    assert (told["kind"], told["exit_code"]) == ("FedDMFError", 5)
    assert "KeyError at " in caplog.text
    assert "'ann'" not in caplog.text
