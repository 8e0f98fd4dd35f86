"""What a full disk refused is tried again, for as long as there is time and somebody waits."""

from __future__ import annotations

import asyncio
import logging

import pytest

from feddmf.errors import LocalResourceError
from feddmf_party.room import with_room


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
            raise LocalResourceError("cannot write x: No space left on device", hint="free space")
        return "written"


def test_what_was_refused_is_written_once_there_is_room(caplog: pytest.LogCaptureFixture) -> None:
    """Each refusal is said, with what to do."""
    disk = Disk(2)
    with caplog.at_level(logging.WARNING):
        assert asyncio.run(with_room(disk.write, limit_s=60, again_s=0)) == "written"
    assert disk.asked == 3
    assert caplog.text.count("cannot write x: No space left on device; free space; trying again") == 2


def test_the_limit_and_the_end_of_the_wait_end_it() -> None:
    """Without time left, and where nobody waits any more, the refusal is raised at once."""
    disk = Disk(9)
    with pytest.raises(LocalResourceError, match="No space left"):
        asyncio.run(with_room(disk.write, limit_s=0))
    with pytest.raises(LocalResourceError, match="No space left"):
        asyncio.run(with_room(disk.write, limit_s=60, given_up=lambda: True))
    assert disk.asked == 2
