"""The histories of a batch of users, cut from the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.interactions import Interactions

__all__ = ["DeviceTable", "History", "histories"]

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class History:
    """items: int64 [pairs], user by user; starts: int64 [users + 1], where each history begins in them."""

    items: Codes
    starts: Codes

    @property
    def lengths(self) -> Codes:
        """Number of items of each user, int64 [users]."""
        return np.diff(self.starts)


def histories(data: Interactions, users: Codes) -> History:
    """Return the histories of the user codes `users`; nothing else of the table is read."""
    firsts, ends = data.indptr[users], data.indptr[users + 1]
    starts = np.zeros(len(users) + 1, dtype=np.int64)
    np.cumsum(ends - firsts, out=starts[1:])
    parts = [data.indices[first:end] for first, end in zip(firsts.tolist(), ends.tolist(), strict=True)]
    return History(np.concatenate([data.indices[:0], *parts]).astype(np.int64), starts)


class DeviceTable:
    """A table whose histories are cut on a device, to which its indices go once."""

    def __init__(self, data: Interactions, device: torch.device) -> None:
        self._data = data
        self._device = device
        self._indices = torch.tensor(data.indices, device=device)

    def histories(self, users: Codes) -> tuple[Tensor, Tensor, Tensor]:
        """Return rows among `users` and items, int64 [pairs] each, and starts [users], all on the device."""
        firsts = self._data.indptr[users]
        lengths = self._data.indptr[users + 1] - firsts
        ends = np.cumsum(lengths)
        pairs = int(ends[-1]) if len(ends) else 0
        # One copy takes them all there.
        told = torch.from_numpy(np.stack([lengths, ends - lengths, firsts])).to(self._device)
        rows = torch.repeat_interleave(told[0], output_size=pairs)
        places = torch.arange(pairs, device=self._device) + (told[2] - told[1])[rows]
        return rows, self._indices[places].long(), told[1]
