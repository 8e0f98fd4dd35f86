"""The suite `wire`: both contenders bring back what was sent, and every row is there."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from feddmf.encodings import is_rounded
from feddmf.payload import Encoding
from feddmf_benchmarks import our_wire
from feddmf_benchmarks.suites import wire
from feddmf_benchmarks.suites.wire import made_up, rows_of

TABLE = 40_000  # a little more than one part of 1 MiB in every encoding

ECHO = """
import sys
import numpy as np
from feddmf.encodings import rounded
from feddmf.payload import Encoding
from feddmf_benchmarks.baselines.numpy_grpc import NumpyClient
from feddmf_benchmarks.our_wire import Ends, OurClient
from feddmf_benchmarks.suites.wire import made_up

if __name__ == "__main__":
    encoding, rows = Encoding(sys.argv[2]), int(sys.argv[3])
    table = rounded(made_up(rows), encoding, "v")
    client = NumpyClient() if sys.argv[1] == "plain" else OurClient(Ends.make(rows, 32, encoding))
    assert client.send(table, back=True).tobytes() == table.tobytes()
    assert client.send(table, back=False).shape == (0, 32)
    assert client.server.processor_s() > 0
"""


@pytest.mark.parametrize(
    ("contender", "encoding"), [("plain", "float32"), *(("ours", each.value) for each in Encoding)]
)
def test_a_table_comes_back_as_it_went(contender: str, encoding: str) -> None:
    """Every contender returns the bytes that it sent, and none where none are asked for."""
    done = subprocess.run(
        [sys.executable, "-c", ECHO, contender, encoding, str(TABLE)],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_rounding_is_part_of_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn sends what it has just rounded from one table of float32."""
    sent: list[np.ndarray] = []

    class Client:
        server = SimpleNamespace(processor_s=lambda: 0.0)

        def __init__(self, ends: object) -> None:
            pass

        def send(self, table: np.ndarray, *, back: bool) -> None:
            assert back
            sent.append(table)

    monkeypatch.setattr(our_wire, "OurClient", Client)
    work = wire._ours(100, Encoding.INT8, back=True)
    for _ in range(2):
        work()
    assert len({id(table) for table in sent}) == 3
    assert all(is_rounded(table, Encoding.INT8) for table in sent)
    assert not is_rounded(made_up(100), Encoding.INT8)


def test_every_row_is_there() -> None:
    """Two contenders up, four up and down, each with throughput and processor time."""
    found = rows_of(200, turns=1)
    assert len(found) == 12
    assert [row.unit for row in found] == ["GB/s of float32", "CPU-s/GB of float32"] * 6
    assert all(row.value > 0 and row.peak_mib > 0 for row in found)
    assert [row.ratio is None for row in found] == [False] * 2 + [True] * 2 + [False] * 6 + [True] * 2
