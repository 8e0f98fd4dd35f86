"""What a figure was measured on, in words."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["describe_machine"]

_LIBRARIES = ("feddmf", "numpy", "torch", "numba", "pyarrow", "grpcio")


def describe_machine() -> dict[str, str]:
    """Return processor, cores, Python and libraries by name."""
    found = {"processor": _processor(), "cores": str(os.cpu_count()), "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
