"""The processes that train one party together, as torchrun starts them, and what they tell each other.

Rank 0 leads: it tells, the others hear. Messages are JSON, arrays are shared and averaged in place, by
torch.distributed's gloo; nothing is pickled. A process that ends ends the others' waits.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from feddmf.errors import ConfigError, ConnectError
from feddmf.interactions import Interactions

if TYPE_CHECKING:
    # A second to load, and needed only where there are several processes.
    import torch
    import torch.distributed as dist
    from torch._C._distributed_c10d import Store

__all__ = ["STOP", "Abandoned", "Ranks", "gathered", "users_of_rank"]

Result = TypeVar("Result")
Number = TypeVar("Number", bound=np.number[Any])
Message = Mapping[str, Any]
Stopped = Callable[[], bool]

# The others hear nothing for as long as no run begins; torchrun ends all where one has ended.
_PATIENCE = timedelta(days=365)
# torchrun has started all of them before it says where they meet.
_GATHERING = timedelta(minutes=10)
# Where rank 0 says at which port its own store is, and how long one try to reach it takes.
_MEET, _TRY = "feddmf/meet", timedelta(seconds=2)
# How long it takes at most to see that a caller has been interrupted.
_LOOK_S = 0.1
_STARTED_BY = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
STOP: Message = {"do": "stop"}
"""After it nobody hears anything."""


class Abandoned(Exception):  # noqa: N818  (reads as what happened)
    """What all were doing together is not gone on with; nobody has failed."""


class Ranks:
    """This process's place among those of one party.

    rank, size: its number, and how many there are; every: steps of a training between two averages, as rank 0
    has it.
    """

    def __init__(self, group: dist.ProcessGroup, *, every: int) -> None:
        self._group = group
        self.rank, self.size, self.every = group.rank(), group.size(), every
        # One thread speaks to the others, so that all hear in the order in which this process spoke.
        self._speaker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feddmf-ranks")

    @property
    def is_first(self) -> bool:
        """Whether this process leads."""
        return self.rank == 0

    def together(self, work: Callable[[Stopped], Result]) -> Result:
        """Return what `work` returns on the thread that speaks to the others.

        A caller that is interrupted leaves at once, and `work` is told so when it asks. It comes to an end of
        which the others know before anything else is told to them.
        """
        stopped = threading.Event()
        try:
            future = self._speaker.submit(work, stopped.is_set)
            while not wait([future], _LOOK_S).done:
                pass
        except BaseException:
            stopped.set()
            raise
        return future.result()

    def tell(self, message: Message) -> None:
        """Tell the others, who `hear`."""
        content = np.frombuffer(json.dumps(message).encode(), dtype=np.uint8).copy()
        self.share([np.array([len(content)])])
        self.share([content])

    def hear(self) -> dict[str, Any]:
        """Return what rank 0 tells next."""
        length = np.zeros(1, dtype=np.int64)
        self.share([length])
        content = np.zeros(int(length[0]), dtype=np.uint8)
        self.share([content])
        heard: dict[str, Any] = json.loads(content.tobytes())
        return heard

    def gather(self, message: Message) -> list[dict[str, Any]]:
        """Return everybody's message by rank, to everybody."""
        content = np.frombuffer(json.dumps(message).encode(), dtype=np.uint8)
        return [json.loads(each.tobytes()) for each in self.collect(content)]

    def collect(self, array: npt.NDArray[Number]) -> list[npt.NDArray[Number]]:
        """Return everybody's array by rank, to everybody; they are one-dimensional, of different lengths."""
        lengths = np.zeros(self.size, dtype=np.int64)
        lengths[self.rank] = len(array)
        self.total([lengths])
        # Each writes its own row, and zeros change nothing.
        rows = np.zeros((self.size, int(lengths.max())), dtype=array.dtype)
        rows[self.rank, : len(array)] = array
        self.total([rows])
        return [row[:length] for row, length in zip(rows, lengths, strict=True)]

    def share(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        """Write rank 0's arrays over everybody's, of the same shapes and types."""
        self._all(lambda tensor: self._group.broadcast(tensor, 0), arrays)

    def total(self, arrays: Sequence[npt.NDArray[Any]]) -> None:
        """Write the sums over all ranks over everybody's arrays; all get the same bits."""
        self._all(self._group.allreduce, arrays)

    def mean(self, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        """Write the means over all ranks over everybody's arrays; all get the same bits."""
        self.total(arrays)
        for array in arrays:
            np.divide(array, self.size, out=array)

    def go_on(self, *, stopped: bool = False) -> None:
        """Raise Abandoned at everybody where rank 0 was `stopped`."""
        flag = np.array([stopped], dtype=np.uint8)
        self.share([flag])
        if flag[0]:
            raise Abandoned

    def close(self) -> None:
        """Let the others go, and be unreachable from here on."""
        if self.is_first:
            with suppress(ConnectError):
                self.together(lambda _: self.tell(STOP))
        self._speaker.shutdown()

    def _all(self, send: Callable[[torch.Tensor], dist.Work], arrays: Sequence[npt.NDArray[Any]]) -> None:
        """Have arrays sent, all at once, and wait for all of them."""
        import torch

        with _lost_is_an_error():
            under_way = [send(torch.from_numpy(array.reshape(-1))) for array in arrays]
            for work in under_way:
                work.wait()


def users_of_rank(data: Interactions, ranks: Ranks) -> Interactions:
    """Return the users of this rank: those whose code leaves its number, divided by how many there are."""
    return data.of_users(np.arange(ranks.rank, data.users, ranks.size))


@contextmanager
def gathered(*, every: int = 1) -> Iterator[Ranks | None]:
    """Yield this process's place among those that torchrun has started; None where it is alone.

    every: see `Ranks`. At the end rank 0 tells the others to stop. Raises ConfigError where the environment
    has a part of what torchrun sets, and ConnectError where the others cannot be reached.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield None
        return
    missing = [name for name in _STARTED_BY if name not in os.environ]
    if missing:
        raise ConfigError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, and {', '.join(missing)} is not set",
            hint="start several processes by torchrun, or unset WORLD_SIZE",
        )
    import torch.distributed as dist
    from torch.distributed import rendezvous  # type: ignore[attr-defined]  # documented as public

    with _lost_is_an_error(), _mortal():
        known, rank, size = next(rendezvous("env://", timeout=_GATHERING))
        store = _fresh_store(known, rank, size)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    try:
        ranks = Ranks(_world(), every=every)
        try:
            yield ranks
        finally:
            ranks.close()
    finally:
        dist.destroy_process_group()


def _world() -> dist.ProcessGroup:
    import torch.distributed as dist

    world = dist.group.WORLD
    if world is None:
        raise ConnectError("torch.distributed has made no group", hint="start all processes by torchrun")
    return world


def _fresh_store(known: Store, rank: int, size: int) -> Store:
    """Return a store of rank 0's own, where nothing is left of processes that were here before these.

    torchrun keeps the store `known` when it starts processes again, with addresses of those that are gone.
    """
    from torch.distributed import DistError, TCPStore  # type: ignore[attr-defined]  # documented as public

    host = os.environ["MASTER_ADDR"]
    if rank == 0:
        own = TCPStore(host, 0, size, is_master=True, wait_for_workers=False, timeout=_PATIENCE)
        known.set(_MEET, str(own.port))
        return own
    while True:
        port = int(known.get(_MEET))
        with suppress(DistError):
            # Nobody is there any more where the port is an earlier rank 0's.
            TCPStore(host, port, size, is_master=False, wait_for_workers=False, timeout=_TRY)
            return TCPStore(host, port, size, is_master=False, wait_for_workers=False, timeout=_PATIENCE)
        time.sleep(_LOOK_S)


@contextmanager
def _mortal() -> Iterator[None]:
    """End at a signal at once: what waits for other processes would not see a handler's."""
    handlers = {name: signal.signal(name, signal.SIG_DFL) for name in (signal.SIGTERM, signal.SIGINT)}
    yield
    for name, handler in handlers.items():
        signal.signal(name, handler)


@contextmanager
def _lost_is_an_error() -> Iterator[None]:
    """Turn what gloo raises where another process is gone into an error that says so."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ConnectError(
            f"another process of this party cannot be reached: {reason}",
            hint="torchrun ends all where one has ended; see what the first to end has said",
        ) from error
