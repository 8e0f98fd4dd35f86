"""Cells of plain text where they stand in the bytes of a file, to be looked up there or made an array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from feddmf.kernels.delimited import copy_cells
from feddmf.kernels.words import BEYOND
from feddmf_party.data.arrow import pa

__all__ = ["Bytes", "Places", "PlainCells"]

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class PlainCells:
    """A column of texts in UTF-8; those of a table are not empty and have no line break.

    text: bytes, with BEYOND more than the last cell needs; starts, ends [rows]: where the cells lie in it.
    """

    text: Bytes
    starts: Places
    ends: Places

    @classmethod
    def of(cls, texts: Any) -> Self:
        """Return the texts of a pyarrow large_string array without nulls."""
        _, bounds, data = texts.buffers()
        ends = np.frombuffer(bounds, np.int64, len(texts) + 1, texts.offset * 8)
        size = int(ends[-1] - ends[0])
        text = np.empty(size + BEYOND, dtype=np.uint8)
        text[:size] = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
        places = (ends - ends[0]).astype(np.int32)
        return cls(text, places[:-1], places[1:])

    def __len__(self) -> int:
        return len(self.starts)

    def where(self, kept: npt.NDArray[np.bool_]) -> Self:
        """Return the cells of the rows that are `kept`, bool [rows]."""
        return type(self)(self.text, self.starts[kept], self.ends[kept])

    def array(self) -> Any:
        """Return the texts as a pyarrow large_string array [rows]; its bytes are not looked at."""
        offsets = np.empty(len(self.starts) + 1, dtype=np.int64)
        out = np.empty(int((self.ends - self.starts).sum(dtype=np.int64)), dtype=np.uint8)
        copy_cells(self.text, self.starts, self.ends, offsets, out)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(out)]
        return pa.Array.from_buffers(pa.large_binary(), len(self.starts), buffers).view(pa.large_string())
