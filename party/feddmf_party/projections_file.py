"""The users' half of a first layer beside a model with an id tower, so that a query reads what it needs.

It follows from the model: float32 [users, hidden], written block by block at the end of a run, and mapped,
not read, when the run is queried.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from feddmf.errors import InputError
from feddmf.files import replacing
from feddmf.projections import Projection

__all__ = ["map_projections", "save_projections"]

Floats = npt.NDArray[np.float32]

_NAME = "projected"
_PRIVATE = 0o600
# Bytes written at once: what is written in large parts lies in large pages of memory, and is read faster.
_AT_ONCE = 1 << 25
# A safetensors file begins with the length of its header, which blanks may fill; rows that begin with a page
# share no line of a cache.
_LENGTH, _PAGE = 8, 4096
# Rows that are held against the model, and how far they may be off: a product depends on its block.
_CHECKED = 64
_TOLERANCE = 1e-4


def save_projections(path: Path, projection: Projection) -> None:
    """Write the projections of all users to `path`; LocalResourceError where the disk refuses."""
    users, hidden = projection.shape
    told = {_NAME: {"dtype": "F32", "shape": [users, hidden], "data_offsets": [0, 4 * users * hidden]}}
    header = json.dumps(told).encode()
    header += b" " * (-(_LENGTH + len(header)) % _PAGE)
    with replacing(path, mode=_PRIVATE) as beside, beside.open("wb", buffering=_AT_ONCE) as file:
        file.write(len(header).to_bytes(_LENGTH, "little") + header)
        for block in projection.blocks():
            file.write(np.ascontiguousarray(block, dtype="<f4").data)


def map_projections(path: Path, projection: Projection, *, hint: str) -> Floats | None:
    """Return the projections in `path`, float32 [users, hidden], not to be written to; None without a file.

    InputError, with `hint`, for a file that is torn, or is of another model by some of its rows.
    """
    if not path.exists():
        return None
    shape = projection.shape
    try:
        with safe_open(path, framework="numpy") as file:
            told = file.get_slice(_NAME)
            fits = told.get_dtype() == "F32" and tuple(told.get_shape()) == shape
        with path.open("rb") as opened:
            start = _LENGTH + int.from_bytes(opened.read(_LENGTH), "little")
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read {path}: {error}", hint=hint) from error
    if fits and all(shape):
        # Private, so that kernels need no variant for arrays that cannot be written to.
        mapped: Floats = np.asarray(np.memmap(path, dtype="<f4", mode="c", offset=start, shape=shape))
        rows = np.unique(np.linspace(0, shape[0] - 1, _CHECKED).astype(np.int64))
        expected, found = projection.of(rows), mapped[rows]
        if np.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            return mapped
    elif fits:
        return np.empty(shape, dtype=np.float32)
    raise InputError(f"{path} is not of the model beside it", hint=hint)
