"""Many independent pieces of work, in processes of their own, answered in order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

__all__ = ["share_out"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def share_out(function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    """Yield function(task) for each of `tasks`, in order; both must be importable where `jobs` is over 1."""
    if jobs == 1:
        yield from map(function, tasks)
        return
    # Forked processes would share torch's threads and locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(function, tasks)
