"""Several ranks in one process, each on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from feddmf.ranks import Ranks

__all__ = ["on_ranks"]

Result = TypeVar("Result")


def on_ranks(size: int, work: Callable[[Ranks], Result], *, every: int = 2) -> list[Result]:
    """Return what `work` returns for each of `size` ranks, which talk to each other; all are closed then."""
    store = dist.HashStore()

    def one(rank: int) -> Result:
        group = dist.ProcessGroup(store, rank, size)
        gloo = dist.ProcessGroupGloo(store, rank, size, timedelta(seconds=20))
        group._register_backend(torch.device("cpu"), dist.ProcessGroup.BackendType.GLOO, gloo)
        ranks = Ranks(group, every=every)
        try:
            return work(ranks)
        finally:
            ranks._speaker.shutdown()

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size)))
