"""Parties that send noise, frozen vectors or nothing sane: named each time, and nothing is published."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from feddmf.errors import RunFailed
from feddmf_coordinator.store.runs import RunState
from support.cheats import Trick, frozen, noise
from support.federation import live, quick_run
from support.hostile import cheat

Floats = npt.NDArray[np.float32]


def stirred(first: Floats, now: Floats, generator: np.random.Generator) -> Floats:
    """Send the first vectors with noise of a thousandth on them."""
    del now
    return first + generator.normal(scale=1e-3, size=first.shape).astype(np.float32)


def not_a_number(first: Floats, now: Floats, generator: np.random.Generator) -> Floats:
    """Send one NaN among honest numbers."""
    del first, generator
    return np.where(np.arange(now.size).reshape(now.shape) == 5, np.float32("nan"), now)


def infinite(first: Floats, now: Floats, generator: np.random.Generator) -> Floats:
    """Send one infinity among honest numbers."""
    del first, generator
    return np.where(np.arange(now.size).reshape(now.shape) == 5, np.float32("inf"), now)


def enormous(first: Floats, now: Floats, generator: np.random.Generator) -> Floats:
    """Send numbers that are finite, and of no use."""
    del first, generator
    return now * np.float32(1e30)


@pytest.mark.parametrize(
    ("trick", "said"),
    [
        (noise, "bolt has not followed its alignment targets for 5 rounds"),
        (frozen, "bolt has not followed its alignment targets for 5 rounds"),
        (stirred, "bolt has not followed its alignment targets for 5 rounds"),
        (not_a_number, "bolt sent array vectors row 0 is not finite"),
        (infinite, "bolt sent array vectors row 0 is not finite"),
        (enormous, "bolt sent array vectors row 0 has norm"),
    ],
)
def test_a_party_that_cheats_is_named_and_nothing_is_published(
    tmp_path: Path, trick: Trick, said: str
) -> None:
    """The honest party is not named, is told, and ends with RunFailed; what it kept is not finished."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            settings = quick_run(
                ("acme", "bolt"), training={"epochs": 5}, enforcement={"not_following": "fail"}
            )
            run = federation.submit(settings)
            async with asyncio.timeout(40):
                honest, dishonest = await asyncio.gather(
                    federation.node("acme"), cheat(federation.folder("bolt"), trick)
                )
            found = await federation.ended(run)
            assert found.state is RunState.FAILED
            assert found.reason.startswith(said)
            assert "acme" not in found.reason
            assert type(honest) is type(dishonest) is RunFailed
            assert honest.message == found.reason
            assert federation.published(run) == {}
            assert not list(federation.enrolled.folder.path.glob("vectors/*"))
            assert not list(federation.folder("acme").glob("runs/*/run.json"))

    asyncio.run(main())
