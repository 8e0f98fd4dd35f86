"""Steps of the default recipe's history tower by two processes that torchrun has started, against one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import IO

from feddmf.errors import RunFailed
from feddmf_benchmarks.comparing import compare
from feddmf_benchmarks.contender import Contender, Work
from feddmf_benchmarks.row import Row, Scale
from feddmf_benchmarks.suites.history_rows import Size
from feddmf_party.settings import TorchrunSettings

__all__ = ["rows", "rows_of"]

_RANKS = 2
_FILMS, _SHOP = Size(600, 6_000, 95_000, steps=128), Size(4_000, 20_000, 800_000, steps=64)
_SIZES = {
    Scale.SMALL: (replace(_FILMS, steps=32),),
    Scale.USUAL: (_FILMS, _SHOP),
    Scale.FULL: (_FILMS, _SHOP),
}


def rows(scale: Scale) -> list[Row]:
    """Return the users a second of the same training by two processes, and by one."""
    return [row for size in _SIZES[scale] for row in rows_of(size)]


def rows_of(size: Size, *, turns: int = 5) -> list[Row]:
    """Measure two ranks and one on `size`; the limit is two processes that train apart, each all users.

    Memory is that of what starts torchrun, and says nothing.
    """
    names = (
        f"history torchrun, {_RANKS} ranks",
        f"history, {_RANKS} processes apart",
        "history torchrun, 1 rank",
    )
    works = (
        partial(_started, size, (_RANKS,)),
        partial(_started, size, (1,) * _RANKS),
        partial(_started, size, (1,)),
    )
    contenders = [Contender(f"{name}, {size}", work) for name, work in zip(names, works, strict=True)]
    together, apart, one = compare(contenders, unit="users/s", rounds=turns)
    return [replace(together, share_of_limit=together.value / apart.value), apart, one]


def _started(size: Size, groups: Sequence[int]) -> Work:
    """Start torchrun once for each of `groups`, which is its number of processes."""
    pipes = [_start(size, ranks) for ranks in groups]

    def work() -> float:
        for asks, _ in pipes:
            asks.write("\n")
            asks.flush()
        return sum(float(says.readline()) for _, says in pipes)

    return work


def _start(size: Size, ranks: int) -> tuple[IO[str], IO[str]]:
    every = TorchrunSettings().average_every
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)),
            *("-m", "feddmf_benchmarks.ranked_steps", json.dumps(asdict(size)), str(every)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if process.stdin is None or process.stdout is None or process.stdout.readline() != "ready\n":
        raise RunFailed("torchrun did not start the training", hint="see the lines above")
    return process.stdin, process.stdout
