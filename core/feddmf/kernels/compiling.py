"""How kernels are compiled: at their first call, kept on disk where there is a place for it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, InTreeCacheLocator

__all__ = ["compiled", "compiled_in_order", "inlined", "inlined_in_order"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Products and sums may contract to one instruction, and sums be split among the lanes of a vector: their
# order is then that of the compiled code, always the same. Not-a-number stays, so that divergence shows.
_FLAGS = frozenset({"contract", "reassoc", "nsz"})
# Folders of other versions that are left, for those that run beside this one.
_MOST_OTHERS = 7
_PACKAGE = Path(__file__).parent


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
    made: Any = numba.njit(**common)(function)
    # Nothing is compiled where numba is told not to.
    if hasattr(made, "enable_caching") and _folder() is not None:
        # Without a place for this function it is compiled in each process.
        with contextlib.suppress(RuntimeError):
            made._cache = _Kept(function)  # type: ignore[no-untyped-call]  # noqa: SLF001  (as numba)
    return cast("_Function", made)


class _Locator(InTreeCacheLocator):
    """Places code in the folder of these very kernels."""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        super().__init__(function, source)  # type: ignore[no-untyped-call]
        within = self.get_suitable_cache_subpath(source)  # type: ignore[no-untyped-call]
        self._cache_path = str(Path(str(_folder()), within))


class _Code(CompileResultCacheImpl):
    _locator_classes: list[type[object]] = [_Locator]  # noqa: RUF012  (as numba has it)


class _Kept(FunctionCache):
    """Compiled code on disk; where it cannot be read or written, the process goes on without."""

    _impl_class = _Code

    @contextlib.contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        # Also what is torn in whatever way: code can always be compiled.
        with contextlib.suppress(Exception):
            yield


@cache
def _folder() -> Path | None:
    """Return where code is kept, None where nothing can be written.

    It is named after all that goes into the code: numba itself looks at the file of a function alone, and
    not at those of the functions that it calls.
    """
    digest = _digest(_PACKAGE)
    for base in _places(vars(config).get("CACHE_DIR", ""), os.environ):
        folder = base / digest
        try:
            fresh = not folder.is_dir()
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            if fresh:
                _tidy(base, folder)
            return folder
    return None


def _digest(package: Path) -> str:
    """Return what names the kernels in `package` and their compiler."""
    found = hashlib.sha256(numba.__version__.encode())
    for path in sorted(package.glob("*.py")):
        found.update(hashlib.sha256(path.name.encode()).digest() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:20]


def _places(chosen: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield folders for compiled code, best first: numba's where one is `chosen`, else the user's, ours."""
    if chosen:
        yield Path(chosen) / "feddmf-kernels"
        return
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path(environ.get("HOME", "/nonexistent")) / ".cache"
    yield base / "feddmf" / "kernels"
    yield _PACKAGE / "__pycache__" / "kernels"


def _tidy(base: Path, folder: Path) -> None:
    """Remove all folders in `base` but `folder` and the newest."""
    with contextlib.suppress(OSError):
        others = [each for each in base.iterdir() if each.is_dir() and each != folder]
        others.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        for each in others[_MOST_OTHERS:]:
            shutil.rmtree(each, ignore_errors=True)
