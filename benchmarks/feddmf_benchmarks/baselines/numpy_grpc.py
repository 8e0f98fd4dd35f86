"""A table over plain gRPC as it is usually written: numpy.save into bytes, 1 MiB at a time, no TLS."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

# Before grpc: it settles which TLS this process speaks.
import feddmf.wire  # noqa: F401  # isort: skip
import grpc
import numpy as np
import numpy.typing as npt

from feddmf_benchmarks.beside import Beside, answer

__all__ = ["NumpyClient"]

Table = npt.NDArray[np.float32]

_CHUNK = 1 << 20
_LIMIT = (("grpc.max_receive_message_length", _CHUNK + 1024),)
_METHODS = ("Echo", "Take")


class NumpyClient:
    """Sends a table to a server of its own and takes what comes back."""

    def __init__(self) -> None:
        self.server = Beside(_serve)
        channel = grpc.insecure_channel(f"localhost:{self.server.port}", options=_LIMIT)
        self._calls: dict[str, Any] = {name: channel.stream_stream(f"/tables/{name}") for name in _METHODS}

    def send(self, table: Table, *, back: bool) -> Table:
        """Return the table that the server sends `back`, else one of no rows."""
        return _joined(self._calls["Echo" if back else "Take"](_chunks(table)))


def _chunks(table: Table) -> Iterator[bytes]:
    file = io.BytesIO()
    np.save(file, table)
    data = file.getvalue()
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


def _joined(chunks: Iterator[bytes]) -> Table:
    table: Table = np.load(io.BytesIO(b"".join(chunks)))
    return table


def _echo(chunks: Iterator[bytes], context: Any) -> Iterator[bytes]:  # noqa: ARG001  (grpc's signature)
    yield from _chunks(_joined(chunks))


def _take(chunks: Iterator[bytes], context: Any) -> Iterator[bytes]:  # noqa: ARG001  (grpc's signature)
    yield from _chunks(_joined(chunks)[:0])


def _serve(pipe: Connection) -> None:
    server = grpc.server(ThreadPoolExecutor(4), options=_LIMIT)
    handlers: dict[str, Any] = {
        name: grpc.stream_stream_rpc_method_handler(call)
        for name, call in zip(_METHODS, (_echo, _take), strict=True)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tables", handlers),))
    port = server.add_insecure_port("localhost:0")
    server.start()
    answer(pipe, port)
    server.stop(None)
