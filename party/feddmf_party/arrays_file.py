"""Named arrays in one safetensors file, private to the party; whole or absent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from feddmf.errors import InputError
from feddmf.files import write_bytes

__all__ = ["load_arrays", "save_arrays"]

_PRIVATE = 0o600


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]], *, mode: int = _PRIVATE) -> None:
    """Write `arrays` to `path`; LocalResourceError where the disk refuses."""
    # safetensors takes an array's memory as it lies, and raises no OSError from a full disk by itself.
    whole = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    write_bytes(path, whole, mode=mode)


def load_arrays(path: Path, *, hint: str) -> dict[str, npt.NDArray[Any]]:
    """Read what `save_arrays` wrote; InputError, with `hint`, for a file that is missing or torn."""
    try:
        arrays: dict[str, npt.NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read {path}: {error}", hint=hint) from error
    return arrays
