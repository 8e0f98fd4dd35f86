"""A server in a process of its own beside a contender, whose processor time counts as well."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from feddmf.errors import RunFailed

__all__ = ["Beside", "answer"]

_START_S = 60.0


class Beside:
    """Runs `serve(pipe, *arguments)`, which ends in `answer`; the server ends with its maker."""

    def __init__(self, serve: Callable[..., None], *arguments: Any) -> None:
        # Who ends first is of no interest to anybody who reads the table.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()
        if not self._pipe.poll(_START_S):
            raise RunFailed("the server of a benchmark does not start", hint="see the lines above")
        self.port = int(self._pipe.recv())

    def processor_s(self) -> float:
        """Return the processor time that this process and the server's have used so far."""
        self._pipe.send(None)
        return float(self._pipe.recv()) + time.process_time()


def answer(pipe: Connection, port: int) -> None:
    """Tell the port, then the processor time as often as it is asked for, until the maker is gone."""
    pipe.send(port)
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        pipe.send(time.process_time())
