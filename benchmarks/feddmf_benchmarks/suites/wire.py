"""A table of vectors over the wire, against numpy.save over plain gRPC: throughput, and processor time."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from functools import partial

import numpy as np
import numpy.typing as npt

from feddmf.payload import Encoding
from feddmf_benchmarks.contender import Contender, Running, Work
from feddmf_benchmarks.limits import copy_bytes_per_s
from feddmf_benchmarks.row import Row, Scale

__all__ = ["made_up", "rows", "rows_of"]

Table = npt.NDArray[np.float32]

_COLUMNS = 32
_ROWS = {Scale.SMALL: 50_000, Scale.USUAL: 1_000_000, Scale.FULL: 1_000_000}
_GB = 1e9
_PLAIN = "numpy.save over plain gRPC"


def rows(scale: Scale) -> list[Row]:
    """Return the rows of the suite."""
    return rows_of(_ROWS[scale])


def rows_of(table_rows: int, *, turns: int = 5) -> list[Row]:
    """Measure tables [table_rows, 32] up alone, and up and down; the ends are two processes on loopback."""
    limit = copy_bytes_per_s()
    found = []
    for back in (False, True):
        way = "up and down" if back else "up"
        size = f"[{table_rows:,}, {_COLUMNS}] {way}"
        contenders = [
            *(
                Contender(f"mutual TLS, {each}, {size}", partial(_ours, table_rows, each, back=back))
                for each in (Encoding if back else [Encoding.FLOAT32])
            ),
            Contender(f"{_PLAIN}, {size}", partial(_plain, table_rows, back=back)),
        ]
        travelled = table_rows * _COLUMNS * 4 * (2 if back else 1)
        found += _compared(contenders, travelled, limit, turns)
    return found


def made_up(table_rows: int) -> Table:
    """Return a table of float32."""
    return np.random.default_rng(0).standard_normal((table_rows, _COLUMNS), dtype=np.float32)


def _compared(contenders: list[Contender], nbytes: int, limit: float, turns: int) -> list[Row]:
    """Return a row of throughput and one of processor time for each; the last one is the baseline.

    nbytes: of the float32 numbers, however they travel. A turn tells the processor time of both ends.
    """
    speeds: dict[str, list[float]] = {each.name: [] for each in contenders}
    costs: dict[str, list[float]] = {each.name: [] for each in contenders}
    peaks = dict.fromkeys(speeds, 0.0)
    with ExitStack() as stack:
        running = [stack.enter_context(Running(contender)) for contender in contenders]
        for _ in range(turns):
            for each in running:
                processor_s, seconds, peaks[each.name] = each.once()
                speeds[each.name].append(nbytes / _GB / seconds)
                costs[each.name].append(processor_s / (nbytes / _GB))
    speed = {name: statistics.median(of) for name, of in speeds.items()}
    cost = {name: statistics.median(of) for name, of in costs.items()}
    last = contenders[-1].name
    made = []
    for name, peak in peaks.items():
        against = "" if name == last else last
        faster, cheaper = (
            (None, None) if name == last else (speed[name] / speed[last], cost[last] / cost[name])
        )
        made.append(
            Row(name, against, faster, speed[name], "GB/s of float32", speed[name] * _GB / limit, peak)
        )
        made.append(
            Row(f"{name}: processors", against, cheaper, cost[name], "CPU-s/GB of float32", None, peak)
        )
    return made


def _ours(table_rows: int, encoding: Encoding, *, back: bool) -> Work:
    from feddmf.encodings import rounded
    from feddmf_benchmarks.our_wire import Ends, OurClient

    table = made_up(table_rows)
    client = OurClient(Ends.make(table_rows, _COLUMNS, encoding))
    client.send(rounded(table, encoding, "v"), back=back)

    def work() -> float:
        before = client.server.processor_s()
        # A party rounds what it has computed before each exchange.
        client.send(rounded(table, encoding, "v"), back=back)
        return client.server.processor_s() - before

    return work


def _plain(table_rows: int, *, back: bool) -> Work:
    from feddmf_benchmarks.baselines.numpy_grpc import NumpyClient

    table = made_up(table_rows)
    client = NumpyClient()
    client.send(table, back=back)

    def work() -> float:
        before = client.server.processor_s()
        client.send(table, back=back)
        return client.server.processor_s() - before

    return work
