"""The loop that drives a member through the phases of a run."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from feddmf.errors import RunFailed
from feddmf.members.base import Reply, drive
from feddmf.payload import NOTHING, Payload
from feddmf.protocols.base import Phase

PHASES = (Phase("align", 3, NOTHING), Phase("close", 1, NOTHING))


def number(value: int) -> Payload:
    """Return a payload that says a number."""
    return Payload({"n": np.array([[value]], dtype=np.uint64)})


class Script:
    """A member and an exchange that write down what they are asked."""

    def __init__(self, done_at: int = -1, jumps: dict[int, tuple[str, int]] | None = None) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.done_at = done_at
        self.jumps = jumps or {}

    def contribute(self, phase: str, at: int, reply: Payload | None) -> Payload:
        """Note the call; contribute its place."""
        self.seen.append(("contribute", phase, at, None if reply is None else int(reply["n"][0, 0])))
        return number(len(self.seen))

    async def exchange(self, phase: str, at: int, payload: Payload) -> Reply:
        """Note the call; answer with its place."""
        self.seen.append(("exchange", phase, at, int(payload["n"][0, 0])))
        after = self.jumps.get(len(self.seen))
        return Reply(number(len(self.seen)), done=len(self.seen) == self.done_at, next_round=after)


def play(script: Script, **settings: Any) -> list[tuple[Any, ...]]:
    """Drive a script through PHASES."""
    asyncio.run(drive(script, PHASES, script.exchange, **settings))
    return script.seen


def test_each_contribution_answers_the_last_reply() -> None:
    """Rounds come in order, the first without a reply, and a phase goes on from the one before."""
    assert play(Script()) == [
        ("contribute", "align", 0, None),
        ("exchange", "align", 0, 1),
        ("contribute", "align", 1, 2),
        ("exchange", "align", 1, 3),
        ("contribute", "align", 2, 4),
        ("exchange", "align", 2, 5),
        ("contribute", "close", 0, 6),
        ("exchange", "close", 0, 7),
    ]


def test_a_run_that_is_done_ends_there() -> None:
    """A reply that says done is the last one."""
    assert play(Script(done_at=4))[-1] == ("exchange", "align", 1, 3)


def test_whoever_was_left_behind_goes_on_where_the_others_are() -> None:
    """With the reply that it was given, from the round that it was told of on."""
    assert play(Script(jumps={2: ("align", 2)})) == [
        ("contribute", "align", 0, None),
        ("exchange", "align", 0, 1),
        ("contribute", "align", 2, 2),
        ("exchange", "align", 2, 3),
        ("contribute", "close", 0, 4),
        ("exchange", "close", 0, 5),
    ]


def test_who_comes_back_goes_on_where_its_last_reply_says() -> None:
    """The reply that was kept names a later round than the one after it."""
    kept = Reply(number(9), next_round=("close", 0))
    assert play(Script(), start=1, reply=kept) == [
        ("contribute", "close", 0, 9),
        ("exchange", "close", 0, 1),
    ]
    assert play(Script(), start=3, reply=Reply(number(9)))[0] == ("contribute", "close", 0, 9)


@pytest.mark.parametrize("after", [("align", 0), ("align", 1), ("align", 3), ("open", 0)])
def test_a_round_that_does_not_come_later_is_not_gone_on_with(after: tuple[str, int]) -> None:
    """Nobody sends a round twice, or one that the run does not have, because it is told to."""
    with pytest.raises(RunFailed, match=f"round {after[1]} of '{after[0]}', which does not come later"):
        play(Script(jumps={4: after}))


def test_computing_can_be_handed_to_a_thread() -> None:
    """Through another `compute` the same rounds are driven."""
    assert play(Script(), compute=asyncio.to_thread) == play(Script())
