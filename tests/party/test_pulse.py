"""Signs of life, and which run an answer to one of them is about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from feddmf.errors import ConnectError
from feddmf.wire import federation_pb2 as pb
from feddmf_party.client.federation import FederationClient
from feddmf_party.pulse import Pulse

Answer = Callable[[str], pb.BeatReply]


class _Client:
    """Answers each beat as it is told, and keeps what was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def beat(self, run: str) -> pb.BeatReply:
        self.asked.append(run)
        await asyncio.sleep(0)
        return self.answer(run)


def _beating(
    answer: Answer, work: Callable[[Pulse, _Client], Awaitable[None]], every_s: float = 0.01
) -> None:
    async def main() -> None:
        client, pulse = _Client(answer), Pulse(every_s)
        beats = asyncio.create_task(pulse.beat(cast("FederationClient", client)))
        async with asyncio.timeout(10):
            await work(pulse, client)
        beats.cancel()
        await asyncio.gather(beats, return_exceptions=True)

    asyncio.run(main())


def test_the_end_of_one_run_is_not_taken_for_the_end_of_the_next() -> None:
    """The last answer about the run before says finished; the next run is as yet unheard of."""

    def answer(run: str) -> pb.BeatReply:
        return pb.BeatReply(waiting_run="second", state=pb.FINISHED if run == "first" else pb.RUNNING)

    async def work(pulse: Pulse, _: _Client) -> None:
        with pulse.within("first", 20):
            while not pulse.finished:
                await pulse.next()
        assert not pulse.finished
        with pulse.within("second", 20):
            assert not pulse.finished
            assert not pulse.begun
            await pulse.next()
            while not pulse.begun:
                await pulse.next()
            assert not pulse.finished

    _beating(answer, work)


@pytest.mark.parametrize(
    ("state", "begun", "finished", "failure"),
    [
        (pb.RUN_STATE_UNSPECIFIED, False, False, None),
        (pb.GATHERING, False, False, None),
        (pb.RUNNING, True, False, None),
        (pb.PUBLISHING, True, False, None),
        (pb.FINISHED, True, True, None),
        (pb.FAILED, False, False, "why"),
        (pb.STOPPED, False, False, "why"),
    ],
)
def test_what_an_answer_says_of_the_run(
    state: pb.RunState, *, begun: bool, finished: bool, failure: str | None
) -> None:
    """Each state of the wire, and a reason where the run has ended without being finished."""

    async def work(pulse: Pulse, _: _Client) -> None:
        with pulse.within("run", 20):
            for _ in range(3):
                await pulse.next()
            assert (pulse.begun, pulse.finished, pulse.failure) == (begun, finished, failure)

    _beating(lambda _: pb.BeatReply(state=state, reason="why"), work)


def test_a_run_hurries_the_pulse() -> None:
    """A node that beats once a minute beats at once when it joins, and more often than it would be missed."""

    async def work(pulse: Pulse, client: _Client) -> None:
        await pulse.next()
        assert client.asked == [""]
        with pulse.within("run", 0.04):
            for _ in range(5):
                await pulse.next()
        assert client.asked[:6] == ["", *["run"] * 5]

    _beating(lambda _: pb.BeatReply(), work, every_s=60)


def test_a_hurried_pulse_beats_at_once() -> None:
    """Whoever has just joined asks how the run stands, and does not wait for the next beat."""

    async def work(pulse: Pulse, client: _Client) -> None:
        await pulse.next()
        with pulse.within("run", 240):
            await pulse.next()
            pulse.hurry()
            await pulse.next()
        assert client.asked == ["", "run", "run"]

    _beating(lambda _: pb.BeatReply(), work, every_s=60)


def test_a_coordinator_that_stays_away_ends_the_pulse() -> None:
    """With the error of the call."""

    def away(_: str) -> pb.BeatReply:
        raise ConnectError("away")

    async def main() -> None:
        with pytest.raises(ConnectError, match="away"):
            await Pulse(1).beat(cast("FederationClient", _Client(away)))

    asyncio.run(main())
