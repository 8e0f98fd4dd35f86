"""A party's computing, on a thread beside the event loop; whoever stops waiting for it also ends it."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

__all__ = ["Worker"]

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class _Interrupted(BaseException):
    """Raised in the worker's thread where nobody waits for its result any more."""


class Worker:
    """One thread that computes one thing at a time; a context manager that lets go of it.

    Training goes on for minutes in which the node keeps in touch, and SIGTERM must not wait for it.
    A thread cannot be cancelled, so the interpreter is asked to raise an exception in it: it comes
    between two bytecodes, for a fit loop within one optimiser step.
    """

    def __init__(self) -> None:
        # One thread: the thread pools of torch and OpenMP are made anew for each thread that computes.
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feddmf-compute")
        self._lock = threading.Lock()
        self._computing: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(
        self, function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """Return what `function` returns on the worker's thread; where the caller is cancelled, end it."""

        def compute() -> Result:
            with self._lock:
                self._computing = threading.get_ident()
            try:
                return function(*arguments, **named)
            finally:
                with self._lock:
                    self._computing = None

        future = self._pool.submit(compute)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self._interrupt()
            raise

    def _interrupt(self) -> None:
        with self._lock:
            if self._computing is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._computing), ctypes.py_object(_Interrupted)
                )
