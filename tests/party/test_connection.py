"""Which of the coordinator's addresses a party talks to, how long it tries, and what it believes there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest

from feddmf.errors import ConfigError, ConnectError, InputError, Refused, RunFailed
from feddmf.payload import ArraySpec, Axis, Payload, PayloadSchema, ReleaseKind
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.framing import EXCHANGE
from feddmf_party.client import connection, outage
from feddmf_party.client.answers import Away
from feddmf_party.client.federation import FederationClient
from feddmf_party.client.line import Line
from feddmf_party.client.outage import Outage
from feddmf_party.client.transfers import Upload
from feddmf_party.egress import Cleared
from feddmf_party.folder import PartyFolder
from feddmf_party.settings import NodeSettings
from support.authority import EnrolledFederation

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def _error(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


DEAD = _error(UNAVAILABLE, "Connection refused")
STRANGER = _error(UNAVAILABLE, "Ssl handshake failed: CERTIFICATE_VERIFY_FAILED")


@dataclass
class _World:
    """What is at each address: the federation that it serves, or an error; and which calls went there."""

    at: dict[str, str | Exception]
    version: int = 3
    calls: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, address: str, method: str) -> str:
        self.calls.append((address, method))
        there = self.at[address]
        if isinstance(there, Exception):
            raise there
        return there


def _lines(world: _World) -> type[Line]:
    class _Line(Line):
        def __init__(self, _identity: object, _options: object, address: str) -> None:
            self.address, self.greeted = address, False
            self._lost = float("-inf")
            self._calls, self._retired, self._closing = 0, False, None
            self._channel: Any = SimpleNamespace(close=self._closed)
            self.stub = SimpleNamespace(Hello=self._hello, Beat=self._beat)

        async def _closed(self, grace: float | None = None) -> None:
            pass

        async def _hello(self, request: pb.HelloRequest, **_: object) -> pb.HelloReply:
            assert (request.protocol_version, request.newest_version) == (2, 3)
            federation = world.answer(self.address, "Hello")
            return pb.HelloReply(protocol_version=world.version, federation=federation)

        async def _beat(self, _: pb.BeatRequest, **__: object) -> pb.BeatReply:
            world.answer(self.address, "Beat")
            return pb.BeatReply(waiting_run="r-1")

    return _Line


@pytest.fixture
def home(enrolled: EnrolledFederation) -> str:
    """The address that acme was enrolled with."""
    return enrolled.address


Talk = Callable[..., list[str]]


@pytest.fixture
def talk(enrolled: EnrolledFederation, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Let acme beat so often; return where each beat was answered."""
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    def talk(world: _World, addresses: tuple[str, ...], *happens: Callable[[], None]) -> list[str]:
        monkeypatch.setattr(connection, "Line", _lines(world))
        monkeypatch.setattr(outage.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(connection.asyncio, "sleep", sleep)

        async def main() -> list[str]:
            answered = []
            settings = NodeSettings(reconnect_s=30)
            async with FederationClient(enrolled.parties["acme"], settings, addresses) as client:
                for happen in (lambda: None, *happens):
                    happen()
                    await client.beat("")
                    answered.append(client.address)
                    now[0] += 1
            return answered

        return asyncio.run(main())

    return talk


def test_an_address_where_nobody_answers_is_left_for_the_next(
    talk: Talk, home: str, enrolled: EnrolledFederation, caplog: pytest.LogCaptureFixture
) -> None:
    """Greeted before anything else is said there; the log has which one, and why."""
    world = _World({home: DEAD, "b:1": DEAD, "c:1": enrolled.settings.federation})
    with caplog.at_level(logging.INFO):
        assert talk(world, ("b:1", "c:1")) == ["c:1"]
    assert world.calls == [(home, "Hello"), ("b:1", "Hello"), ("c:1", "Hello"), ("c:1", "Beat")]
    assert f"trying the coordinator at b:1, for at {home}: Connection refused" in caplog.text
    assert "connected to the coordinator at c:1, wire version 3" in caplog.text


def test_a_party_stays_where_it_was_answered(talk: Talk, home: str, enrolled: EnrolledFederation) -> None:
    """A torn call is tried at the same address first; the others follow once it fails again."""
    name = enrolled.settings.federation
    world = _World({home: name, "b:1": name})
    torn = _error(UNAVAILABLE, "Socket closed")

    def tear_once() -> None:
        real = world.answer

        def once(address: str, method: str) -> str:
            world.answer = real  # type: ignore[method-assign]
            raise torn

        world.answer = once  # type: ignore[method-assign,assignment]

    def die() -> None:
        world.at[home] = DEAD

    def swap() -> None:
        world.at.update({home: name, "b:1": DEAD})

    assert talk(world, ("b:1",), tear_once, die, swap) == [home, home, "b:1", home]


@pytest.mark.parametrize("there", [STRANGER, "another federation"], ids=["root", "name"])
def test_what_serves_another_federation_is_told_nothing_and_left(
    talk: Talk, home: str, enrolled: EnrolledFederation, there: str | Exception
) -> None:
    """Whether its certificate comes from another root or its greeting names another federation."""
    world = _World({home: there, "b:1": enrolled.settings.federation})
    assert talk(world, ("b:1",)) == ["b:1"]
    assert (home, "Beat") not in world.calls


def test_where_no_address_serves_the_federation_each_was_tried(talk: Talk, home: str) -> None:
    """The error names all of them; it takes as long as a coordinator that is away."""
    world = _World({home: DEAD, "b:1": STRANGER, "c:1": "another federation"})
    with pytest.raises(ConnectError, match=f"{home} and b:1 and c:1 cannot be reached"):
        talk(world, ("b:1", "c:1"))
    assert {address for address, _ in world.calls} == {home, "b:1", "c:1"}
    assert {method for _, method in world.calls} == {"Hello"}


def test_a_refusal_is_not_taken_elsewhere(talk: Talk, home: str, enrolled: EnrolledFederation) -> None:
    """Who refuses this party's certificate is the right coordinator."""
    world = _World({home: _error(grpc.StatusCode.UNAUTHENTICATED, "refused"), "b:1": "x"})
    with pytest.raises(Refused):
        talk(world, ("b:1",))
    assert world.calls == [(home, "Hello")]


def test_a_version_that_this_party_does_not_speak_is_not_guessed_at(
    talk: Talk, home: str, enrolled: EnrolledFederation
) -> None:
    """The run fails with who must upgrade."""
    world = _World({home: enrolled.settings.federation, "b:1": DEAD}, version=4)
    with pytest.raises(RunFailed, match="wire version 4") as caught:
        talk(world, ("b:1",))
    assert caught.value.hint == "upgrade the party"


def test_an_only_address_that_serves_another_federation_is_an_error(
    enrolled: EnrolledFederation, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, with what to do."""
    monkeypatch.setattr(connection, "Line", _lines(_World({home: "another"})))

    async def main() -> None:
        async with FederationClient(enrolled.parties["acme"], NodeSettings()) as client:
            await client.hello()

    with pytest.raises(InputError, match="serves federation another") as caught:
        asyncio.run(main())
    assert "enrol" in caught.value.hint


@pytest.mark.parametrize(
    "address", ["nowhere", ":1", "host:", "host:0", "host:65536", "host:x", "http://host:80", "::1:5"]
)
def test_addresses_are_host_and_port(tmp_path: Path, address: str) -> None:
    """Anything else is named when the settings are read."""
    data = '[data]\npath = "x.csv"\n[coordinator]\naddresses = '
    (tmp_path / "party.toml").write_text(f'{data}["[::1]:5", "b.example:70"]\n')
    assert PartyFolder(tmp_path).settings().coordinator.addresses == ("[::1]:5", "b.example:70")
    (tmp_path / "party.toml").write_text(f'{data}["{address}"]\n')
    with pytest.raises(ConfigError, match="host:port"):
        PartyFolder(tmp_path).settings()


def test_progress_is_not_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that are cut every second are tried for as long as bytes arrive, and then for the set time."""
    now = [0.0]
    monkeypatch.setattr(outage.time, "monotonic", lambda: now[0])
    cut = Outage(10.0)
    for second in range(100):
        now[0] = float(second)
        assert cut.note(Away("cut"), began=now[0] - 0.5, heard=0.0, progress=second + 1)
    left = [cut.note(Away("cut"), began=now[0], heard=0.0, progress=100) for now[0] in (105.0, 108.0, 110.0)]
    assert left == [True, True, False]


def test_time_that_a_call_took_without_bringing_anything_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not where it brought some."""
    monkeypatch.setattr(outage.time, "monotonic", lambda: 30.0)
    late = Away("too late", late=True)
    assert not Outage(10.0).note(late, began=0.0, heard=0.0, progress=0)
    assert Outage(10.0).note(late, began=0.0, heard=0.0, progress=1)


SCHEMA = PayloadSchema((ArraySpec("v", ReleaseKind.ITEM_VECTORS, Axis.MATCHED_ITEMS, 50_000),))


@pytest.mark.parametrize(("held", "start"), [(0, 0), (1 << 20, 1 << 20), ((1 << 20) + 1, 0), (2**64 - 1, 0)])
def test_an_offset_is_believed_of_what_was_sent_alone(held: int, start: int) -> None:
    """A coordinator that says it holds more is sent everything."""
    payload = Payload({"v": np.zeros((10, 50_000), np.float32)})
    upload = Upload(Cleared("r-1", "align", 0, SCHEMA, payload, 1), SCHEMA, EXCHANGE)
    stream = upload.parts()
    header = EXCHANGE.open(next(stream))
    assert (header.start, upload.sent) == (0, 0)
    next(stream)
    assert upload.sent == 1 << 20
    upload.go_on(held)
    header, *rest = (EXCHANGE.open(raw) for raw in upload.parts())
    assert header.start == start
    assert sum(len(part) for part in rest) == upload.nbytes - start
    assert max(len(part) for part in rest) == 1 << 17
