"""Processes of one party: what is told is heard, sums are everybody's, and an interruption is told too."""

from __future__ import annotations

import ctypes
import threading
import time

import numpy as np
import pytest

from feddmf.errors import ConfigError, ConnectError
from feddmf.ranks import STOP, Abandoned, Ranks, Stopped, gathered
from support.ranks import on_ranks


def test_what_the_first_tells_all_others_hear() -> None:
    """Messages come whole and in order."""

    def work(ranks: Ranks) -> object:
        if ranks.is_first:
            ranks.tell({"do": "sit", "names": ["ä", "b"]})
            ranks.tell({})
            return None
        return ranks.hear(), ranks.hear()

    heard = ({"do": "sit", "names": ["ä", "b"]}, {})
    assert on_ranks(3, work) == [None, heard, heard]


def test_arrays_are_shared_summed_and_averaged_in_place() -> None:
    """Of rank r's array full of r all take the first, the sum and the mean."""

    def work(ranks: Ranks) -> list[list[float]]:
        shared, summed, mean = (np.full((1, 2), ranks.rank, dtype=np.float32) for _ in range(3))
        ranks.share([shared])
        ranks.total([summed])
        ranks.mean([mean])
        return [array.ravel().tolist() for array in (shared, summed, mean)]

    assert on_ranks(3, work) == [[[0, 0], [3, 3], [1, 1]]] * 3


def test_everybody_gets_everybodys_message() -> None:
    """Messages of different lengths come back by rank."""

    def work(ranks: Ranks) -> object:
        return ranks.gather({"problem": "é" * ranks.rank})

    assert on_ranks(3, work) == [[{"problem": ""}, {"problem": "é"}, {"problem": "éé"}]] * 3


def test_a_caller_that_is_interrupted_leaves_and_the_others_are_told() -> None:
    """The work ends where all know of it, and what is told next is heard by all."""

    class InterruptedHereError(BaseException):
        pass

    def go_on_for_ever(ranks: Ranks, stopped: Stopped) -> None:
        while True:
            ranks.go_on(stopped=stopped())
            time.sleep(0.001)

    def first(ranks: Ranks) -> str:
        caller = threading.get_ident()
        after = threading.Timer(
            0.05,
            lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(caller), ctypes.py_object(InterruptedHereError)
            ),
        )
        after.start()
        with pytest.raises(InterruptedHereError):
            ranks.together(lambda stopped: go_on_for_ever(ranks, stopped))
        ranks.together(lambda _: ranks.tell(STOP))
        return "interrupted"

    def work(ranks: Ranks) -> object:
        if ranks.is_first:
            return first(ranks)
        with pytest.raises(Abandoned):
            go_on_for_ever(ranks, lambda: False)
        return ranks.hear()

    assert on_ranks(2, work) == ["interrupted", STOP]


def test_a_process_that_is_gone_is_an_error_that_says_so() -> None:
    """Whoever waits for it stops waiting."""

    def work(ranks: Ranks) -> None:
        if ranks.is_first:
            ranks._group.abort()
            return
        with pytest.raises(ConnectError, match="another process of this party cannot be reached"):
            ranks.hear()

    on_ranks(2, work)


def test_without_torchrun_or_with_one_process_there_are_no_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process is what it is without torchrun."""
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with gathered(every=1) as ranks:
        assert ranks is None
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    with gathered(every=1) as ranks:
        assert ranks is None


def test_a_part_of_what_torchrun_sets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A WORLD_SIZE that something else has left names what is missing."""
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="RANK, MASTER_ADDR, MASTER_PORT is not set"), gathered(every=1):
        pass
