"""The socket with figures and health: what it answers, what it bounds, and where it does not listen."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from feddmf.errors import LocalResourceError
from feddmf.telemetry import listening
from feddmf.telemetry.listening import Check, exposed
from feddmf.telemetry.meters import Meters, Reading
from feddmf.telemetry.metrics import Kind, Metric
from feddmf.telemetry.settings import MetricsSettings
from support.ports import free_ports

LEVEL = Metric("t_level", Kind.GAUGE, "Level.")


async def ask(port: int, request: bytes) -> bytes:
    """Return everything that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def get(port: int, path: str, *headers: str, method: str = "GET") -> tuple[int, str, bytes]:
    """Return status, head and body of a page."""
    head = "\r\n".join((f"{method} {path} HTTP/1.1", "Host: here", *headers, "", ""))
    answer = await ask(port, head.encode())
    top, _, body = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), top.decode(), body


def serving(
    test: Callable[[int], Coroutine[Any, Any, None]],
    meters: Meters | None = None,
    checks: Mapping[str, Check] | None = None,
) -> None:
    """Run a test beside a process that shows its figures."""
    (port,) = free_ports(1)

    async def main() -> None:
        async with exposed(MetricsSettings(port=port), meters or Meters([LEVEL]), checks or {}):
            await test(port)

    asyncio.run(main())


def test_figures_are_shown_in_the_form_that_is_asked_for() -> None:
    """Prometheus' own text, or OpenMetrics."""
    meters = Meters([LEVEL])
    meters.put(LEVEL, 4)

    async def test(port: int) -> None:
        status, head, body = await get(port, "/metrics?x=1")
        assert (status, b"\nt_level 4.0\n" in body) == (200, True)
        assert "text/plain; version=" in head
        assert f"Content-Length: {len(body)}" in head
        _, head, body = await get(port, "/metrics", "Accept: application/openmetrics-text; version=1.0.0")
        assert "application/openmetrics-text" in head
        assert body.endswith(b"# EOF\n")
        status, _, body = await get(port, "/metrics", method="HEAD")
        assert (status, body) == (200, b"")

    serving(test, meters)


def test_ready_is_the_outcome_of_all_checks(caplog: pytest.LogCaptureFixture) -> None:
    """One that fails makes it 503; which one is told, what is wrong stands in the log alone.

    The process is well all the same: it must not be started again for what it needs.
    """
    trouble: list[str] = []

    def check() -> None:
        if trouble:
            raise LocalResourceError("the secret file is gone")

    async def test(port: int) -> None:
        status, _, body = await get(port, "/readyz")
        assert (status, json.loads(body)) == (200, {"status": "ok", "checks": {"disk": "ok", "rest": "ok"}})
        trouble.append("x")
        status, _, body = await get(port, "/readyz")
        assert (status, json.loads(body)["checks"]) == (503, {"disk": "failing", "rest": "ok"})
        assert b"secret" not in body
        status, _, body = await get(port, "/healthz")
        assert (status, json.loads(body)) == (200, {"status": "ok"})

    serving(test, checks={"disk": check, "rest": lambda: None})
    assert "the secret file is gone" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/metrics/", 404), ("POST", "/metrics", 405), ("DELETE", "/healthz", 405)],
)
def test_there_is_nothing_else(method: str, path: str, status: int) -> None:
    """Three pages, to be read."""

    async def test(port: int) -> None:
        assert (await get(port, path, method=method))[0] == status

    serving(test)


@pytest.mark.parametrize(
    "request_", [b"GET /metrics HTTP/1.1\r\n" + b"x" * 40_000, b"\r\n\r\n", b"\xff\xfe\r\n\r\n"]
)
def test_nonsense_harms_nobody(request_: bytes) -> None:
    """Too long a head is cut off, an empty or odd one finds no page; the next caller is served."""

    async def test(port: int) -> None:
        assert b"200" not in (await ask(port, request_))[:20]
        assert (await get(port, "/healthz"))[0] == 200

    serving(test)


def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no more than so many are heard at once."""
    monkeypatch.setattr(listening, "_HEAD_S", 0.2)
    monkeypatch.setattr(listening, "_MOST_CONNECTIONS", 2)

    async def test(port: int) -> None:
        silent = [asyncio.create_task(ask(port, b"GET /me")) for _ in range(3)]
        async with asyncio.timeout(5):
            assert await asyncio.gather(*silent) == [b""] * 3
        assert (await get(port, "/healthz"))[0] == 200

    serving(test)


def test_a_look_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop goes on meanwhile, and the caller is told."""
    monkeypatch.setattr(listening, "_ANSWER_S", 0.2)
    over = threading.Event()

    def hang() -> list[Reading]:
        over.wait(20)
        return []

    meters = Meters([LEVEL])
    meters.look(hang)

    async def test(port: int) -> None:
        asked = asyncio.create_task(get(port, "/metrics"))
        try:
            await asyncio.sleep(0.05)
            assert (await get(port, "/healthz"))[0] == 200
            assert (await asked)[0] == 503
        finally:
            over.set()

    serving(test, meters)


def test_a_port_that_is_taken_is_named() -> None:
    """With what to do."""

    async def test(port: int) -> None:
        with pytest.raises(LocalResourceError, match=f"port {port}") as caught:
            async with exposed(MetricsSettings(port=port), Meters([LEVEL]), {}):
                pass
        assert "[metrics]" in caught.value.hint

    serving(test)


def test_without_a_port_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is how a process starts unless told otherwise; and what it would listen on is loopback."""

    async def listen(*_: object, **__: object) -> None:
        raise AssertionError("somebody listens")

    monkeypatch.setattr(asyncio, "start_server", listen)

    async def main() -> None:
        async with exposed(MetricsSettings(), Meters([LEVEL]), {}):
            pass

    asyncio.run(main())
    assert MetricsSettings().listen == "127.0.0.1"
