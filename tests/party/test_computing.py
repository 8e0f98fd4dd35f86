"""The worker's thread: it computes beside the event loop, and ends with whoever waits for it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from feddmf_party.computing import Worker


def test_it_returns_and_raises_what_the_function_does() -> None:
    """With arguments by place and by name; always on the same thread, which is not the loop's."""

    async def main() -> None:
        with Worker() as worker:
            assert await worker.run(divmod, 7, 2) == (3, 1)
            assert await worker.run(int, "11", base=2) == 3
            with pytest.raises(ZeroDivisionError):
                await worker.run(divmod, 7, 0)
            threads = {await worker.run(threading.get_ident) for _ in range(5)}
            assert len(threads) == 1
            assert threading.get_ident() not in threads

    asyncio.run(main())


def test_the_loop_goes_on_while_it_computes() -> None:
    """A function that waits for the loop gets what it waits for."""

    async def main() -> None:
        asked, answered = threading.Event(), threading.Event()

        def ask() -> bool:
            asked.set()
            return answered.wait(10)

        async def answer() -> None:
            while not asked.is_set():  # noqa: ASYNC110  (another thread sets it)
                await asyncio.sleep(0.01)
            answered.set()

        with Worker() as worker:
            assert (await asyncio.gather(worker.run(ask), answer()))[0]

    asyncio.run(main())


def test_a_computation_that_nobody_waits_for_ends() -> None:
    """The function does not end by itself, and a process that waits for its thread would stay for ever."""
    begun, ended = threading.Event(), threading.Event()

    def endless() -> None:
        begun.set()
        try:
            while True:
                sum(range(100))
        finally:
            ended.set()

    async def main() -> None:
        with Worker() as worker:
            task = asyncio.create_task(worker.run(endless))
            while not begun.is_set():  # noqa: ASYNC110  (another thread sets it)
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # The thread is free again, for what is computed next.
            assert await worker.run(ended.is_set)

    asyncio.run(main())


def test_what_has_ended_is_not_interrupted() -> None:
    """A caller that is cancelled late leaves the thread in peace."""

    async def main() -> None:
        with Worker() as worker:
            for _ in range(50):
                task = asyncio.create_task(worker.run(int))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert await worker.run(divmod, 7, 2) == (3, 1)

    asyncio.run(main())
