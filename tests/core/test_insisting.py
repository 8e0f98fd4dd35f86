"""What a disk refused is tried again, for as long as there is time and somebody waits."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from feddmf.errors import InputError, LocalResourceError
from feddmf.insisting import insist


class Disk:
    """Refuses the first `refusals` writes."""

    def __init__(self, refusals: int) -> None:
        self.left = refusals
        self.asked = 0

    async def write(self) -> str:
        """Write, or raise."""
        self.asked += 1
        if self.left > 0:
            self.left -= 1
            raise LocalResourceError(f"no room, {self.left} more times")
        return "written"


def test_what_was_refused_is_done_once_there_is_room() -> None:
    """Each refusal is told, in order."""
    disk, told = Disk(2), list[LocalResourceError]()
    assert asyncio.run(insist(disk.write, limit_s=60, refused=told.append, again_s=0)) == "written"
    assert [error.message for error in told] == ["no room, 1 more times", "no room, 0 more times"]


def test_the_last_refusal_is_raised_once_the_time_is_over() -> None:
    """By the clock that is given; what is raised is not told."""
    disk, told, seconds = Disk(9), list[LocalResourceError](), itertools.count(0, 4)
    work = insist(disk.write, limit_s=10, refused=told.append, again_s=0, clock=lambda: float(next(seconds)))
    with pytest.raises(LocalResourceError, match="no room, 6 more"):
        asyncio.run(work)
    assert (disk.asked, len(told)) == (3, 2)


def test_nobody_who_waits_ends_it() -> None:
    """It is not tried again, and neither is what failed for another reason."""
    disk = Disk(9)
    with pytest.raises(LocalResourceError):
        asyncio.run(insist(disk.write, limit_s=60, refused=print, given_up=lambda: True))
    assert disk.asked == 1

    async def wrong() -> None:
        disk.asked += 1
        raise InputError("wrong")

    with pytest.raises(InputError):
        asyncio.run(insist(wrong, limit_s=60, refused=print))
    assert disk.asked == 2
