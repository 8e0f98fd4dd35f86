"""pyarrow, typed as Any: it ships no types, and the half of it that a checker can follow only misleads."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["ArrowError", "csv", "pa", "parquet", "pc"]

pa: Any = import_module("pyarrow")
pc: Any = import_module("pyarrow.compute")
csv: Any = import_module("pyarrow.csv")
parquet: Any = import_module("pyarrow.parquet")

ArrowError: type[Exception] = pa.ArrowException
