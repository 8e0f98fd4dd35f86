"""How long the party goes on trying, and what it makes of the wire's answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import grpc
import pytest

from feddmf.errors import ConnectError, FedDMFError, InputError, PayloadError, Refused, RunFailed
from feddmf.payload import EMPTY, NOTHING
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import encode
from feddmf.wire.framing import PUBLISH
from feddmf_party.client import connection, offers, outage, publications
from feddmf_party.client.answers import Stranger
from feddmf_party.client.federation import FederationClient
from feddmf_party.client.line import Line
from feddmf_party.expiry import LATEST_MS
from feddmf_party.settings import NodeSettings
from feddmf_party.terms import Withdrawal
from support.authority import EnrolledFederation

UNAVAILABLE, LATE = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED


@dataclass
class _Clock:
    """A time that passes by sleeping alone."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """The client's clock and its pauses."""
    made = _Clock()
    monkeypatch.setattr(outage.time, "monotonic", made.monotonic)
    monkeypatch.setattr(connection.asyncio, "sleep", made.sleep)
    monkeypatch.setattr(outage.random, "uniform", lambda _, high: high)
    return made


@pytest.fixture
def client(enrolled: EnrolledFederation) -> FederationClient:
    """A client of acme that gives up after a minute."""
    return FederationClient(enrolled.parties["acme"], NodeSettings(reconnect_s=60))


def _error(code: grpc.StatusCode, details: str = "gone") -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


def _call(client: FederationClient, once: Callable[[], str]) -> str:
    async def call() -> str:
        return once()

    return asyncio.run(client._call(call))


def test_a_coordinator_that_is_away_is_tried_for_the_set_time(
    client: FederationClient, clock: _Clock
) -> None:
    """With pauses that grow to five seconds, and a minute in all."""
    began = time.monotonic()

    def once() -> str:
        raise _error(UNAVAILABLE, "Connection refused\nmore")

    with pytest.raises(ConnectError, match=r"cannot be reached \(Connection refused\), tried for 5\d s"):
        _call(client, once)
    assert clock.slept[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert max(clock.slept) == 5.0
    assert 55 <= clock.now - began <= 60


def test_it_goes_on_where_the_coordinator_comes_back(client: FederationClient, clock: _Clock) -> None:
    """Whoever calls does not notice."""
    answers = [_error(UNAVAILABLE), _error(LATE), _error(grpc.StatusCode.CANCELLED), None]

    def once() -> str:
        error = answers.pop(0)
        if error is not None:
            raise error
        return "here"

    assert _call(client, once) == "here"
    assert len(clock.slept) == 3


def test_a_long_wait_does_not_count_as_being_away(client: FederationClient, clock: _Clock) -> None:
    """An exchange waits an hour for the others; the connection tears; the minute begins then."""
    waits = [3_600.0, 0.0, 3_600.0, 0.0, 0.0]

    def once() -> str:
        if not waits:
            return "here"
        wait = waits.pop(0)
        clock.now += wait
        # Meanwhile beats were answered.
        client._heard = clock.now - 2 if wait else client._heard
        raise _error(UNAVAILABLE)

    assert _call(client, once) == "here"
    assert clock.slept == [0.2, 0.4, 0.2, 0.4, 0.8]


def test_a_network_that_swallows_everything_is_given_up(client: FederationClient, clock: _Clock) -> None:
    """Where calls just take all their time, that time counts."""

    def once() -> str:
        clock.now += 30
        raise _error(LATE, "Deadline Exceeded")

    with pytest.raises(ConnectError, match=r"Deadline Exceeded\), tried for 60 s"):
        _call(client, once)


@pytest.mark.parametrize(
    ("code", "details", "kind", "message"),
    [
        (grpc.StatusCode.ABORTED, "bolt is missing\nstart it", RunFailed, "bolt is missing"),
        (grpc.StatusCode.FAILED_PRECONDITION, "no such\nlook", InputError, "the coordinator says: no such"),
        (grpc.StatusCode.UNAUTHENTICATED, "refused", Refused, "whose own files are in order"),
        (grpc.StatusCode.PERMISSION_DENIED, "", Refused, "whose own files are in order"),
        (UNAVAILABLE, "Ssl: CERTIFICATE_VERIFY_FAILED", Stranger, "has no certificate from the root"),
        (grpc.StatusCode.UNKNOWN, "an internal error", ConnectError, "answers unknown: an internal error"),
        (grpc.StatusCode.UNIMPLEMENTED, "", ConnectError, "answers unimplemented"),
    ],
)
def test_an_answer_becomes_an_error_of_its_kind(
    client: FederationClient, code: grpc.StatusCode, details: str, kind: type[FedDMFError], message: str
) -> None:
    """And is not asked for again; what the coordinator advises comes along."""
    tries = []

    def once() -> str:
        tries.append(1)
        raise _error(code, details)

    with pytest.raises(kind) as caught:
        _call(client, once)
    assert type(caught.value) is kind
    assert message in caught.value.message
    assert caught.value.hint or not details
    assert len(tries) == 1


def _items(*items: tuple[str, str]) -> bytes:
    offered = [pb.OfferedItem(key=key, label=label) for key, label in items]
    return pb.PublishPart(items=pb.OfferedItems(items=offered)).SerializeToString()


class _Stream:
    """A stream of the parts of a publication, and how many of them were read."""

    def __init__(self, *parts: object) -> None:
        self._parts = parts
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[object]:
        for part in self._parts:
            self.read += 1
            yield part

    def cancel(self) -> None:
        """End the call."""


class _AnsweringLine:
    """A line whose every call is answered with a stream."""

    def __init__(self, stream: _Stream) -> None:
        self.stub = SimpleNamespace(
            GetPublication=lambda *_, **__: stream, ListWithdrawals=lambda *_, **__: stream
        )

    async def carry(self, call: Callable[[], Awaitable[object]]) -> object:
        """Make a call."""
        return await call()

    def heard(self) -> None:
        """Note an answer."""


def _fetched(client: FederationClient, stream: _Stream) -> tuple[tuple[tuple[str, str], ...], int]:
    client._line = cast("Line", _AnsweringLine(stream))
    items, _, until_ms = asyncio.run(client.publication("r-1", "bolt", NOTHING, limit_s=1))
    return items, until_ms


def _publication(client: FederationClient, stream: _Stream) -> tuple[tuple[str, str], ...]:
    return _fetched(client, stream)[0]


ADDRESS = pb.PublishPart(address=pb.PublicationAddress(run="r-1")).SerializeToString()
HEADER = tuple(encode(EMPTY, NOTHING, PUBLISH))


def test_a_publication_comes_in_parts(client: FederationClient) -> None:
    """Its items in order; one part without any is of a peer that offers none."""
    stream = _Stream(ADDRESS, _items(("a", "A" * 200)), _items(("b", "B")), *HEADER)
    assert _publication(client, stream) == (("a", "A" * 200), ("b", "B"))
    assert _publication(client, _Stream(ADDRESS, _items(), *HEADER)) == ()


@pytest.mark.parametrize(
    ("parts", "read", "message"),
    [
        ((_items(("a", "A" * 201)), *HEADER), 1, "bolt offers an item with an overlong name"),
        ((_items(("a" * 201, "A")), *HEADER), 1, "bolt offers an item with an overlong name"),
        ((_items(("a", "A"), ("b", "B"), ("c", "C")), *HEADER), 1, "bolt offers over 2 items"),
        ((ADDRESS, _items(("a", "A")), _items(), _items(), *HEADER), 4, "name no item"),
        ((ADDRESS, ADDRESS, ADDRESS, *HEADER), 3, "name no item"),
        ((*HEADER, _items(), *HEADER), 2, "after its vectors"),
        ((PUBLISH.chunk(memoryview(b"")), *HEADER), 1, "no header has declared"),
    ],
)
def test_a_publication_is_bounded_as_it_comes(
    client: FederationClient,
    monkeypatch: pytest.MonkeyPatch,
    parts: tuple[bytes, ...],
    read: int,
    message: str,
) -> None:
    """What cannot be is refused with the part that brings it, not when all is there."""
    monkeypatch.setattr(publications, "LONGEST_OFFER", 2)
    stream = _Stream(*parts)
    with pytest.raises(PayloadError, match=message) as caught:
        _publication(client, stream)
    assert caught.value.hint
    assert stream.read == read


@pytest.mark.parametrize(
    ("told", "kept"), [(0, 0), (1_795_219_200_000, 1_795_219_200_000), (2**64 - 1, LATEST_MS)]
)
def test_when_a_publication_ends_comes_with_it(client: FederationClient, told: int, kept: int) -> None:
    """A time that cannot be written as a date is the last one that can."""
    address = pb.PublicationAddress(run="r-1", party="bolt", expires_ms=told)
    stream = _Stream(pb.PublishPart(address=address).SerializeToString(), _items(), *HEADER)
    assert _fetched(client, stream) == ((), kept)


def _withdrawals(client: FederationClient, *parts: pb.Withdrawal) -> tuple[Withdrawal, ...]:
    client._line = cast("Line", _AnsweringLine(_Stream(*parts)))
    return asyncio.run(client.withdrawals())


def test_withdrawals_are_bounded_as_they_come(
    client: FederationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many, how long their keys; an overlong reason is cut, a time without a date is the last one."""
    monkeypatch.setattr(offers, "LONGEST_OFFER", 4)
    part = pb.Withdrawal(run="r-1", party="bolt", keys=["a"], reason="x" * 501, at_ms=2**64 - 1)
    expected = Withdrawal(LATEST_MS, "r-1", "bolt", ("a",), "x" * 500)
    assert _withdrawals(client, part, part) == (expected, expected)
    for parts in ((part, part, part), (pb.Withdrawal(keys=["a" * 201]),)):
        with pytest.raises(PayloadError, match="over a million items, or overlong"):
            _withdrawals(client, *parts)
