"""Named arrays in one safetensors file, private to the party; whole or absent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, load_file, save

from feddmf.errors import InputError
from feddmf.files import write_bytes

__all__ = ["load_arrays", "packed", "save_arrays", "unpacked"]

_PRIVATE = 0o600


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write `arrays` to `path`; LocalResourceError where the disk refuses."""
    write_bytes(path, packed(arrays), mode=_PRIVATE)


def packed(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the bytes of a file of `arrays`."""
    # safetensors takes an array's memory as it lies, and raises no OSError from a full disk by itself.
    whole: bytes = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    return whole


def unpacked(whole: bytes, path: Path, *, hint: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a file's bytes; InputError, with `hint`, where they are none."""
    try:
        arrays: dict[str, npt.NDArray[Any]] = load(whole)
    except SafetensorError as error:
        raise InputError(f"cannot read {path}: {error}", hint=hint) from error
    return arrays


def load_arrays(path: Path, *, hint: str) -> dict[str, npt.NDArray[Any]]:
    """Read what `save_arrays` wrote; InputError, with `hint`, for a file that is missing or torn."""
    try:
        arrays: dict[str, npt.NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read {path}: {error}", hint=hint) from error
    return arrays
