"""Room for rounds: what fits comes in, what does not waits its turn, and nothing waits for ever."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf_coordinator.server.room import Room


async def taken(room: Room, run: str, nbytes: int) -> asyncio.Task[None]:
    """Ask for room, and let whatever can happen happen."""
    task = asyncio.create_task(room.take(run, nbytes))
    await asyncio.sleep(0)
    return task


def test_a_round_waits_until_there_is_room() -> None:
    """A second round that does not fit beside the first comes in when that leaves."""

    async def main() -> None:
        room = Room(100)
        first, second = await taken(room, "a", 60), await taken(room, "b", 60)
        assert (first.done(), second.done(), room.waits("b"), room.held) == (True, False, True, 60)
        room.leave("a")
        await second
        assert (room.waits("b"), room.held) == (False, 60)

    asyncio.run(main())


def test_all_of_a_round_share_its_room() -> None:
    """Whoever contributes to a round that has room takes none of its own."""

    async def main() -> None:
        room = Room(100)
        for _ in range(3):
            assert (await taken(room, "a", 60)).done()
        assert room.held == 60

    asyncio.run(main())


def test_a_round_larger_than_the_room_is_let_in_alone() -> None:
    """It waits for nobody but those who are in, and nobody comes in beside it."""

    async def main() -> None:
        room = Room(100)
        assert (await taken(room, "a", 500)).done()
        small = await taken(room, "b", 1)
        assert not small.done()
        room.leave("a")
        await small

    asyncio.run(main())


def test_runs_take_turns() -> None:
    """A run whose round is over queues behind those that wait; a small round overtakes no large one."""

    async def main() -> None:
        room = Room(100)
        await room.take("a", 90)
        large, small = await taken(room, "b", 90), await taken(room, "c", 5)
        room.leave("a")
        again = await taken(room, "a", 90)
        assert (large.done(), small.done(), again.done()) == (True, True, False)
        room.leave("b")
        await again

    asyncio.run(main())


def test_a_run_that_ends_while_it_waits_is_told() -> None:
    """Its place is given up, and whoever waits goes on, to hear of the end."""

    async def main() -> None:
        room = Room(100)
        await room.take("a", 90)
        waiting = await taken(room, "b", 90)
        room.leave("b")
        await waiting
        assert not room.waits("b")
        assert room.held == 90

    asyncio.run(main())


def test_what_a_round_leaves_counts_until_the_next_one() -> None:
    """Beside it less comes in; the next round of the same run has it within its own."""

    async def main() -> None:
        room = Room(100)
        await room.take("a", 60)
        room.keep("a", 30)
        assert room.held == 30
        await room.take("b", 60)
        c = await taken(room, "c", 20)
        assert (c.done(), room.held) == (False, 90)
        room.leave("b")
        await c
        await room.take("a", 80)
        assert room.held == 100

    asyncio.run(main())


def test_what_is_left_keeps_nobody_out_where_no_round_is_open() -> None:
    """Nothing but a next round would make room."""

    async def main() -> None:
        room = Room(100)
        for run in "ab":
            await room.take(run, 60)
            room.keep(run, 60)
        assert (await taken(room, "a", 60)).done()
        b = await taken(room, "b", 60)
        assert not b.done()
        room.keep("a", 1)
        await b
        assert room.held == 61

    asyncio.run(main())


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 150)), min_size=1, max_size=30))
def test_every_round_comes_in_at_last(asked: list[tuple[str, int]]) -> None:
    """Whatever is asked for: the room is never over-full but for one alone, and nobody is left waiting."""

    async def main() -> None:
        room = Room(100)
        inside: dict[str, int] = {}

        async def one_round(run: str, nbytes: int, turn: asyncio.Lock) -> None:
            async with turn:
                await room.take(run, nbytes)
                inside[run] = nbytes
                assert sum(inside.values()) <= 100 or len(inside) == 1
                await asyncio.sleep(0)
                del inside[run]
                room.leave(run)

        turns = {run: asyncio.Lock() for run in "abcd"}
        async with asyncio.timeout(5):
            await asyncio.gather(*(one_round(run, nbytes, turns[run]) for run, nbytes in asked))
        assert room.held == 0

    asyncio.run(main())


@pytest.mark.parametrize("run", ["a", "nobody"])
def test_leaving_twice_changes_nothing(run: str) -> None:
    """A run that ends has left already."""
    room = Room(100)
    asyncio.run(room.take("a", 60))
    room.leave("a")
    room.leave(run)
    assert room.held == 0
