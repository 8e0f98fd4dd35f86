"""Named arrays in a safetensors file that is mapped into memory: read as it is used, written without a copy.

The format is that of github.com/huggingface/safetensors: a header's length, the header in JSON, raw bytes.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.files import replacing

__all__ = ["map_arrays", "write_arrays"]

Arrays = Mapping[str, npt.NDArray[Any]]

_PRIVATE = 0o600
_ALIGNED = 8
_LONGEST_HEADER = 1 << 20
_METADATA = "__metadata__"
_TYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "F32": np.dtype(np.float32),
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


def write_arrays(path: Path, arrays: Arrays, metadata: Mapping[str, str]) -> None:
    """Write contiguous `arrays` and `metadata` to `path`, whole or not at all, for the owner's eyes alone.

    Raises LocalResourceError where the disk refuses.
    """
    header: dict[str, Any] = {_METADATA: dict(metadata)}
    at = 0
    # The widest come first, so that each lies at a multiple of its size.
    ordered = sorted(arrays.items(), key=lambda each: -each[1].itemsize)
    for name, array in ordered:
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNED)
    with replacing(path, mode=_PRIVATE) as beside, beside.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in ordered:
            file.write(array.reshape(-1).view(np.uint8).data)


def map_arrays(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Return the arrays and the metadata that `write_arrays` wrote; pages are read when they are used.

    The arrays can be written to, which changes them and not the file. Raises OSError for a file that cannot
    be read, ValueError for one that is torn or of another kind.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(_LONGEST_HEADER, size - 8):
            raise ValueError(f"{path} has no header")
        header = json.loads(file.read(length))
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    arrays = {}
    end = 8 + length
    try:
        metadata = header.pop(_METADATA, {})
        for name, entry in sorted(header.items(), key=lambda each: each[1]["data_offsets"]):
            dtype, shape = _TYPES[entry["dtype"]], tuple(entry["shape"])
            start, stop = (8 + length + offset for offset in entry["data_offsets"])
            count = int(np.prod(shape, dtype=np.int64))
            if start != end or stop - start != count * dtype.itemsize or stop > size:
                raise ValueError(f"{path} is torn at {name}")
            arrays[name] = np.frombuffer(memory, dtype, count, start).reshape(shape)
            end = stop
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} has another header: {error}") from error
    if end != size:
        raise ValueError(f"{path} is torn")
    return arrays, metadata
