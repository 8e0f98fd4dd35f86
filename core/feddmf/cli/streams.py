"""The process's streams and its end by a signal: closed, full or gone, they cost no data and no traceback."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

__all__ = ["abandon_stdout", "leave", "prepare_process"]

_STREAMS = 3


def prepare_process() -> None:
    """Make streams and signals of this process safe to work with; called once, before anything is opened."""
    _occupy_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Half characters of a path, or a label that an old terminal does not know, are written out.
            stream.reconfigure(errors="backslashreplace")
    # Servers have handlers of their own.
    signal.signal(signal.SIGTERM, _end)


def leave(code: int) -> NoReturn:
    """Flush and end the process with `code`, at once.

    Readers of tables and gRPC have native threads that the interpreter's own way out may tear down while
    they still run, and then it aborts or hangs, after everything has been said and done. Nothing of ours
    waits for that way out: what must last was fsynced before.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def abandon_stdout() -> None:
    """Send what is still to be written nowhere: its reader has gone, or its disk is full."""
    null = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(io.UnsupportedOperation, ValueError):
        os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _occupy_streams() -> None:
    """Open /dev/null for each closed stream; else a file opened later would get its number, and its noise."""
    for number in _closed():
        os.open(os.devnull, os.O_RDWR)
        if number > 0:
            setattr(sys, ("stdin", "stdout", "stderr")[number], os.fdopen(number, "w", encoding="utf-8"))


def _closed() -> Iterator[int]:
    for number in range(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            yield number


def _end(number: int, _frame: object) -> None:
    """End as Ctrl-C does, so that nothing half-written stays."""
    # In the background of a shell script Ctrl-C is ignored, and must not take this signal with it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise SystemExit(128 + number)
    signal.raise_signal(signal.SIGINT)
