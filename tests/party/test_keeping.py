"""Replies are written beside the training, and on disk before the next contribution is sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import LocalResourceError
from feddmf.members.base import Reply
from feddmf.payload import Payload
from feddmf_party.checkpoints import Checkpoints
from feddmf_party.keeping import Keeping

REPLY = Reply(Payload({"a": np.ones((2, 2), np.float32)}))


def begun(tmp_path: Path) -> Checkpoints:
    """Return the checkpoints of a run that has begun."""
    kept = Checkpoints(tmp_path / "run-1", every_s=3600)
    kept.begin("same")
    return kept


def full(_position: int, _reply: Reply) -> None:
    """Be a disk that takes no reply."""
    raise LocalResourceError("the disk is full")


def test_a_reply_is_on_disk_when_it_is_done(tmp_path: Path) -> None:
    """One after the other; with nothing under way there is nothing to wait for."""
    kept = begun(tmp_path)

    async def main() -> list[bool]:
        async with Keeping(kept) as keeping:
            await keeping.done()
            found = []
            for position in range(2):
                keeping.begin(position, REPLY)
                await keeping.done()
                found.append(kept.has_reply(position))
            return found

    assert asyncio.run(main()) == [True, True]


@pytest.mark.parametrize("leaves", [None, asyncio.CancelledError, ValueError])
def test_the_last_reply_is_seen_through(tmp_path: Path, leaves: type[BaseException] | None) -> None:
    """However the training ends: what removes the folder comes after it."""
    kept = begun(tmp_path)

    async def main() -> None:
        async with Keeping(kept) as keeping:
            keeping.begin(0, REPLY)
            if leaves is not None:
                raise leaves

    if leaves is None:
        asyncio.run(main())
    else:
        with pytest.raises(leaves):
            asyncio.run(main())
    assert kept.has_reply(0)


@pytest.mark.parametrize("waits", [True, False])
def test_a_disk_that_refuses_is_heard_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """Before the next contribution is sent, and at the end."""
    kept = begun(tmp_path)
    monkeypatch.setattr(kept, "keep_reply", full)

    async def main() -> None:
        async with Keeping(kept) as keeping:
            keeping.begin(0, REPLY)
            if waits:
                await keeping.done()

    with pytest.raises(LocalResourceError, match="full"):
        asyncio.run(main())
