"""Many independent pieces of work, in processes of their own, answered in order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from feddmf.progress import Tally
from feddmf_party.reproduce.experiment import Row, Told

__all__ = ["answers", "work_off"]

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def work_off(
    function: Callable[[Task], Sequence[Row]], tasks: Sequence[Task], jobs: int, told: Told
) -> Iterator[Row]:
    """Yield the rows of function(task) for each of `tasks`, in order, and tell which is done.

    Both must be importable where `jobs` is over 1; what is said of a task is its text.
    """
    tally = Tally(told.progress, len(tasks), "trials")
    for number, (task, rows) in enumerate(zip(tasks, answers(function, tasks, jobs), strict=True), 1):
        told.say(f"{number}/{len(tasks)}  {task}")
        tally.add(1)
        yield from rows


def answers(function: Callable[[Task], Answer], tasks: Iterable[Task], jobs: int) -> Iterator[Answer]:
    """Yield function(task) for each of `tasks`, in order; with `jobs` over 1 both must be importable."""
    if jobs == 1:
        yield from map(function, tasks)
        return
    # Forked processes would share torch's threads and locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(function, tasks)
