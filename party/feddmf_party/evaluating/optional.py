"""Packages that only some baselines and references need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from feddmf.errors import InputError

__all__ = ["require"]


def require(*modules: str, what: str) -> tuple[Any, ...]:
    """Import optional packages for `what`; InputError says how to install what is missing."""
    try:
        return tuple(import_module(module) for module in modules)
    except ModuleNotFoundError as error:
        missing = (error.name or modules[0]).partition(".")[0]
        raise InputError(
            f"this installation lacks {missing}, which {what} needs",
            hint="pip install 'feddmf[evaluate]'",
        ) from error
