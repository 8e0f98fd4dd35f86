"""How kernels are compiled: at their first call, kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled", "compiled_in_order", "inlined", "inlined_in_order"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Products and sums may contract to one instruction, and sums be split among the lanes of a vector: their
# order is then that of the compiled code, always the same. Not-a-number stays, so that divergence shows.
_FLAGS = frozenset({"contract", "reassoc", "nsz"})


def compiled(function: _Function) -> _Function:
    """Compile a pure function of arrays and numbers."""
    return _compile(function)


def compiled_in_order(function: _Function) -> _Function:
    """Compile a pure function whose sums are taken in the order that is written; they may contract."""
    return _compile(function, fastmath={"contract"})


def inlined(function: _Function) -> _Function:
    """Compile a small function for use within others: calls cost nothing, however many arrays they take."""
    return _compile(function, forceinline=True)


def inlined_in_order(function: _Function) -> _Function:
    """Compile as `inlined` and `compiled_in_order` do."""
    return _compile(function, forceinline=True, fastmath={"contract"})


def _compile(function: _Function, **options: Any) -> _Function:
    common: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(_FLAGS), **options}
    try:
        made = numba.njit(cache=True, **common)(function)
    except RuntimeError:  # neither the package's folder nor a home folder can be written
        made = numba.njit(**common)(function)
    return cast("_Function", made)
